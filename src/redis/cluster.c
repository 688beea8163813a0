/*
 * cluster.c - a pipeline to the nodes of a cluster.
 *
 * Each command has one key, and goes to the node that has the key's slot. A run is
 * a few rounds: the commands that are still to do are dealt out to pipelines, one a
 * node, which are sent and answered side by side. What a node answers with
 *
 *	MOVED		is put into the map, for all sessions, and tried there
 *	ASK			is tried there, once, behind ASKING: the slot is on its way
 *	NOSCRIPT	is tried again with the script's text
 *	LOADING, CLUSTERDOWN, TRYAGAIN, READONLY and the like: is a failure of the node
 *
 * A node that fails leaves its commands without a reply; the others' are answered.
 * Its breaker keeps sessions away from it, and it puts the map in doubt: then, at
 * most every quarter of a second, one session asks another node, or a host of the
 * url, for CLUSTER SLOTS before it goes on. So a replica that has taken over is
 * found whether or not a node that we know says MOVED.
 *
 * All of a run, connecting and asking for the map included, is over by its deadline.
 *
 * src/redis/cluster.c
 */
#include "postgres.h"

#include "port/atomics.h"

#include "base/guc.h"
#include "redis/command.h"
#include "redis/map.h"
#include "redis/redis_internal.h"

#define CF_MAX_HOPS 5			/* times that one command may be sent elsewhere */

/* A command on its way. */
typedef struct Part
{
	int			slot;			/* -1: any node will do */
	int			node;			/* where it goes in this round; 0: by the map */
	int			hops;
	bool		todo;
	bool		dealt;			/* to that node, and not looked at since */
	bool		asking;			/* goes behind ASKING */
	bool		as_text;		/* a script that the node does not know */
} Part;

/* A node that is used now. */
typedef struct Visit
{
	CfConn	   *conn;
	CfPipe	   *pipe;
	CfRedisHost host;
	CfBreakerCaller caller;
	CfBreakerPass pass;
	char		name[CF_REDIS_MAX_HOST + 8];
} Visit;

/* A pipeline while it runs. */
static struct
{
	Part	   *parts;			/* by command */
	int			parts_size;
	CfPipe		pipes[CF_MAP_NODES];	/* by node */
	Visit		visits[CF_MAP_NODES];	/* of this round; all have entered a breaker */
	int			nvisits;
}			deal;

static CfPipe question;

/* ---- outcomes ---- */

static void
note_error(CfOutcome *outcome, const char *node, const char *error)
{
	if (outcome->error[0] != '\0')
		return;
	if (node != NULL)
		snprintf(outcome->error, sizeof(outcome->error), "%s: %s", node, error);
	else
		strlcpy(outcome->error, error, sizeof(outcome->error));
}

/* It gets no reply. */
static void
give_up(CfPipe *pipe, int command)
{
	deal.parts[command].todo = false;
	deal.parts[command].dealt = false;
	if (pipe->replies[command] != NULL)
		freeReplyObject(pipe->replies[command]);
	pipe->replies[command] = NULL;
}

/* Who waits for half of the time in vain was told nothing. */
static bool
was_silent(const CfConn *conn, const CfRun *run)
{
	return conn->timed_out &&
		cf_mono_us() - run->started >= (int64) cf_guc_redis_command_timeout * 500;
}

/* ---- a visit ---- */

static void
describe_visit(Visit *visit, const CfRun *run, int number, const CfRedisHost *host)
{
	visit->host = *host;
	strlcpy(visit->name, cf_map_name(host), sizeof(visit->name));
	visit->conn = cf_conn_get(number);
	visit->pipe = &deal.pipes[number];
	visit->pass = 0;
	visit->caller = (CfBreakerCaller) {
		.breaker = number,
		.settings = cf_handshake_settings_of(host),
		.first = run->patient,
		.node = visit->name,
	};
}

/* Half of what is left, if others are to be connected to as well. */
static bool
connect_visit(Visit *visit, const CfRun *run, bool others)
{
	CfRun		mine = *run;
	int64		now = cf_mono_us();

	if (others)
		mine.deadline = now + (run->deadline - now) / 2;
	if (!cf_handshake_ready(visit->conn, &visit->host, visit->caller.settings, &mine))
		return false;
	visit->conn->deadline = run->deadline;
	return true;
}

/* Its outcome, good or bad. Afterwards the connection is free, or gone. */
static void
end_visit(Visit *visit, const CfRun *run, bool failed, CfOutcome *outcome)
{
	CfConn	   *conn = visit->conn;
	char		error[CF_L2_ERROR_LEN];

	if (!failed)
	{
		cf_breaker_succeed(&visit->caller, visit->pass);
		conn->used_at = cf_mono_us();
		pg_compiler_barrier();
		conn->busy = false;
		return;
	}
	cf_conn_drop(conn);
	note_error(outcome, visit->name, conn->error);
	outcome->timed_out |= conn->timed_out;
	outcome->own_fault |= conn->own_fault;
	outcome->too_large |= conn->too_large;
	if (conn->own_fault)
	{
		cf_breaker_leave(&visit->caller, visit->pass);
		return;
	}
	cf_map_doubt();
	cf_address_doubt();
	if (conn->timed_out)
		cf_breaker_count(CF_L2_TIMEOUTS, 1);
	snprintf(error, sizeof(error), "%s: %s", visit->name, conn->error);
	cf_breaker_fail(&visit->caller, visit->pass, was_silent(conn, run), error);
}

/* An error was thrown: nothing is known of those that are being visited. */
void
cf_cluster_abort(void)
{
	for (int i = 0; i < deal.nvisits; i++)
		cf_breaker_leave(&deal.visits[i].caller, deal.visits[i].pass);
	deal.nvisits = 0;
	cf_conn_drop_all(true);
}

/* ---- the map ---- */

/* Asks one host for the map. */
static bool
ask_map(Visit *visit, const CfRun *run)
{
	const char *argv[] = {"CLUSTER", "SLOTS"};
	const size_t lens[] = {7, 5};
	CfConn	   *conn = visit->conn;
	const redisReply *reply;

	cf_pipe_reset(&question);
	cf_breaker_count(CF_L2_LOOKUPS, 1);
	if (!cf_pipe_add(&question, 2, argv, lens, 0))
		return cf_conn_fail_own(conn, "out of memory");
	if (!connect_visit(visit, run, true) || !cf_exchange(conn, &question))
		return false;
	cf_refusal_look(&question, false);
	reply = question.replies[0];
	if (reply->type == REDIS_REPLY_ERROR)
		return cf_conn_fail(conn, "Redis refused CLUSTER SLOTS: %.*s",
							(int) strspn(reply->str, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
							reply->str);
	return cf_map_install(reply, &visit->host) ||
		cf_conn_fail(conn, "could not make sense of CLUSTER SLOTS");
}

/* True if it has told the map; false also if its breaker is open. */
static bool
visit_for_map(int number, const CfRedisHost *host, const CfRun *run, CfOutcome *outcome)
{
	Visit	   *visit = &deal.visits[0];
	bool		told;

	describe_visit(visit, run, number, host);
	if (!cf_breaker_enter(&visit->caller, &visit->pass))
		return false;
	deal.nvisits = 1;
	told = ask_map(visit, run);
	deal.nvisits = 0;
	end_visit(visit, run, !told, outcome);
	return told;
}

/* The hosts of the url share a breaker: it is about all of them together. */
static bool
ask_seeds(const CfRun *run, CfOutcome *outcome)
{
	const CfRedisUrl *url = cf_handshake_url();
	Visit	   *visit = &deal.visits[0];
	CfBreakerCaller caller = {
		.breaker = CF_BREAKER_WHOLE,
		.settings = cf_handshake_settings(),
		.first = run->patient,
	};
	CfBreakerPass pass;
	bool		told = false;

	if (url == NULL)
	{
		note_error(outcome, NULL, "cachefront.redis_url is not valid");
		return false;
	}
	if (!cf_breaker_enter(&caller, &pass))
	{
		outcome->denied = true;
		return false;
	}
	for (int i = 0; i < url->nseeds && !told; i++)
	{
		/* The first one is tried in any case, so that there is a reason. */
		if (i > 0 && cf_mono_us() >= run->deadline)
			break;
		describe_visit(visit, run, CF_CONN_WHOLE, &url->seeds[i]);
		visit->caller.breaker = CF_BREAKER_WHOLE;
		visit->pass = pass;
		deal.nvisits = 1;
		told = ask_map(visit, run);
		deal.nvisits = 0;
		if (!told)
		{
			note_error(outcome, visit->name, visit->conn->error);
			outcome->timed_out |= visit->conn->timed_out;
			outcome->own_fault |= visit->conn->own_fault;
		}
		/* Nobody asks it again soon, and it may be one of the nodes. */
		cf_conn_drop(visit->conn);
	}
	if (told)
		cf_breaker_succeed(&caller, pass);
	else if (outcome->own_fault)
		cf_breaker_leave(&caller, pass);
	else
	{
		if (outcome->timed_out)
			cf_breaker_count(CF_L2_TIMEOUTS, 1);
		cf_breaker_fail(&caller, pass, was_silent(visit->conn, run), outcome->error);
	}
	return told;
}

/*
 * Asks nodes that answer, the connected ones first, and the hosts of the url if
 * there are none. That takes half of the time that the run has left.
 */
static void
renew_map(const CfMap *map, const CfRun *run)
{
	CfRun		mine = *run;
	CfOutcome	ignored = {0};
	CfRedisHost hosts[CF_MAP_NODES];
	int64		now = cf_mono_us();

	mine.deadline = now + (run->deadline - now) / 2;
	memcpy(hosts, map->hosts, sizeof(hosts));
	for (int connected = 1; connected >= 0; connected--)
		for (int i = 1; i < CF_MAP_NODES; i++)
		{
			if (hosts[i].name[0] == '\0' || !cf_breaker_is_closed(i) ||
				cf_conn_get(i)->open != connected)
				continue;
			if (visit_for_map(i, &hosts[i], &mine, &ignored) ||
				cf_mono_us() >= mine.deadline)
				return;
		}
	(void) ask_seeds(&mine, &ignored);
}

/* The map, asked for if need be; NULL if there is none. */
static const CfMap *
know_map(const CfRun *run, CfOutcome *outcome)
{
	const CfMap *map = cf_map_get();

	if (map != NULL && cf_map_is_due())
		renew_map(map, run);
	else if (map == NULL && !ask_seeds(run, outcome))
		return NULL;
	return cf_map_get();
}

/* ---- dealing out ---- */

static bool
make_parts(CfPipe *pipe)
{
	Part	   *grown;

	if (pipe->ncommands > deal.parts_size)
	{
		grown = realloc(deal.parts, pipe->ncommands * sizeof(Part));
		if (grown == NULL)
			return false;
		deal.parts = grown;
		deal.parts_size = pipe->ncommands;
	}
	for (int i = 0; i < pipe->ncommands; i++)
	{
		const CfCommand *command = &pipe->commands[i];

		deal.parts[i] = (Part) {
			.slot = command->keylen > 0 ?
				cf_slot_of(pipe->data + command->key, command->keylen) : -1,
			.node = command->node,
			.todo = true,
		};
		pipe->replies[i] = NULL;
	}
	pipe->nreplies = pipe->ncommands;
	return true;
}

/* For what has no key: one that answers, if there is one. */
static int
any_node(const CfMap *map)
{
	int			any = 0;

	for (int i = 1; i < CF_MAP_NODES; i++)
		if (map->hosts[i].name[0] != '\0')
		{
			any = i;
			if (cf_breaker_is_closed(i))
				break;
		}
	return any;
}

/* Where each part goes; nodes gets a mark for each that is gone to. */
static int
route(CfPipe *pipe, const CfMap *map, bool nodes[CF_MAP_NODES], CfOutcome *outcome)
{
	int			nnodes = 0;

	MemSet(nodes, 0, CF_MAP_NODES * sizeof(bool));
	for (int i = 0; i < pipe->ncommands; i++)
	{
		Part	   *part = &deal.parts[i];

		if (!part->todo)
			continue;
		if (part->node == 0)
			part->node = part->slot >= 0 ? map->node[part->slot] : any_node(map);
		if (part->node == 0 || map->hosts[part->node].name[0] == '\0')
		{
			note_error(outcome, NULL, "no node of the cluster has the slot");
			cf_map_doubt();
			give_up(pipe, i);
		}
		else
		{
			part->dealt = true;
			nnodes += !nodes[part->node];
			nodes[part->node] = true;
		}
	}
	return nnodes;
}

/* May the pipeline go to its one node as it is? */
static bool
goes_whole(const CfPipe *pipe)
{
	for (int i = 0; i < pipe->ncommands; i++)
		if (!deal.parts[i].todo || deal.parts[i].asking || deal.parts[i].as_text)
			return false;
	return true;
}

/* A node's share. False: out of memory. */
static bool
copy_share(const CfPipe *pipe, int node)
{
	static const char *const asking[] = {"ASKING"};
	static const size_t asking_len[] = {6};
	CfPipe	   *to = &deal.pipes[node];

	cf_pipe_reset(to);
	for (int i = 0; i < pipe->ncommands; i++)
	{
		const CfCommand *command = &pipe->commands[i];

		if (!deal.parts[i].dealt || deal.parts[i].node != node)
			continue;
		if (deal.parts[i].asking)
			(void) cf_pipe_add(to, 1, asking, asking_len, 0);
		if (deal.parts[i].as_text)
			(void) cf_script_add_text(to, pipe, i);
		else
			(void) cf_pipe_add_formatted(to, pipe->data + command->start,
										 command->end - command->start);
	}
	return !to->broken;
}

/* ---- replies ---- */

/* Sends a part elsewhere; true if it goes there. */
static bool
redirect(Part *part, const Visit *visit, CfRedirect *to)
{
	bool		asked = part->asking;

	cf_breaker_count(CF_L2_REDIRECTS, 1);
	if (to->host.name[0] == '\0')
		strlcpy(to->host.name, visit->host.name, sizeof(to->host.name));
	part->asking = to->kind == CF_REDIRECT_ASK;
	if (part->asking)
		part->node = cf_map_node(&to->host);
	else
		part->node = cf_map_move(to->slot, &to->host);
	/* A slot moves from one node to another, so one ASK is all there is. */
	return part->node != 0 && ++part->hops <= CF_MAX_HOPS && !(asked && part->asking);
}

/*
 * What a reply means for its part. True: it is the answer. False: the part goes on
 * elsewhere, or gets none; *word is why, if that is the node's failure.
 */
static bool
judge(CfPipe *pipe, int command, const Visit *visit, const redisReply *reply,
	  const char **word, CfOutcome *outcome)
{
	Part	   *part = &deal.parts[command];
	CfRedirect	to = {0};

	if (reply->type != REDIS_REPLY_ERROR)
		return true;
	if (cf_redirect_parse(reply->str, &to) != CF_REDIRECT_NONE)
	{
		if (to.kind == CF_REDIRECT_MOVED)
			cf_map_doubt();
		if (!redirect(part, visit, &to))
		{
			note_error(outcome, visit->name, "a slot is sent from node to node");
			give_up(pipe, command);
		}
		return false;
	}
	if (cf_script_is_unknown(reply) && !part->as_text && cf_script_of(command) != NULL)
	{
		part->as_text = true;
		return false;
	}
	if (strncmp(reply->str, "CLUSTERDOWN Hash slot", 21) == 0 && part->slot >= 0)
	{
		/* The node is well; nobody has the slot. */
		note_error(outcome, visit->name, "no node of the cluster has the slot");
		cf_map_forget(part->slot);
		give_up(pipe, command);
		return false;
	}
	*word = cf_refusal_useless(reply);
	if (*word == NULL)
		return true;
	give_up(pipe, command);
	return false;
}

/* Takes the replies of a visit that was answered. False: the node is of no use now. */
static bool
take_replies(CfPipe *pipe, int node, Visit *visit, CfOutcome *outcome)
{
	CfPipe	   *from = visit->pipe;
	const char *trouble = NULL;
	int			next = 0;

	for (int i = 0; i < pipe->ncommands; i++)
	{
		const char *word = NULL;
		redisReply *reply;

		if (!deal.parts[i].dealt || deal.parts[i].node != node)
			continue;
		deal.parts[i].dealt = false;
		if (from != pipe && deal.parts[i].asking)
			next++;
		reply = from->replies[next];
		from->replies[next++] = NULL;
		if (judge(pipe, i, visit, reply, &word, outcome))
		{
			deal.parts[i].todo = false;
			pipe->replies[i] = reply;
			outcome->nreplies++;
		}
		else
			freeReplyObject(reply);
		if (word != NULL)
			trouble = word;
	}
	if (trouble != NULL)
		return cf_conn_fail(visit->conn, "Redis is of no use now: it says %s", trouble);
	return true;
}

static void
give_up_share(CfPipe *pipe, int node)
{
	for (int i = 0; i < pipe->ncommands; i++)
		if (deal.parts[i].dealt && deal.parts[i].node == node)
			give_up(pipe, i);
}

/* ---- a round ---- */

/* The nodes that can be used, connected; the others' shares are given up. */
static void
begin_visits(CfPipe *pipe, const CfMap *map, const bool nodes[CF_MAP_NODES], int nnodes,
			 const CfRun *run, CfOutcome *outcome)
{
	bool		whole = nnodes == 1 && goes_whole(pipe);

	for (int i = 1; i < CF_MAP_NODES; i++)
	{
		Visit	   *visit = &deal.visits[deal.nvisits];
		bool		ready;

		if (!nodes[i])
			continue;
		describe_visit(visit, run, i, &map->hosts[i]);
		if (!cf_breaker_enter(&visit->caller, &visit->pass))
		{
			outcome->denied = true;
			cf_map_doubt();
			give_up_share(pipe, i);
			continue;
		}
		deal.nvisits++;
		ready = connect_visit(visit, run, --nnodes > 0);
		if (whole)
			visit->pipe = pipe;
		else if (ready && !copy_share(pipe, i))
			ready = cf_conn_fail_own(visit->conn, "out of memory");
		if (!ready)
		{
			deal.nvisits--;
			end_visit(visit, run, true, outcome);
			give_up_share(pipe, i);
		}
	}
}

static void
exchange_visits(bool failed[CF_MAP_NODES])
{
	CfConn	   *conns[CF_MAP_NODES];
	CfPipe	   *of[CF_MAP_NODES];

	for (int i = 0; i < deal.nvisits; i++)
	{
		conns[i] = deal.visits[i].conn;
		of[i] = deal.visits[i].pipe;
	}
	if (deal.nvisits == 1)
		failed[0] = !cf_exchange(conns[0], of[0]);
	else
		cf_exchange_all(conns, of, failed, deal.nvisits);
}

/* The pipeline may have fewer replies than commands after an exchange of its own. */
static void
fill_up_replies(CfPipe *pipe)
{
	while (pipe->nreplies < pipe->ncommands)
		pipe->replies[pipe->nreplies++] = NULL;
}

static void
end_visits(CfPipe *pipe, const bool failed[CF_MAP_NODES], const CfRun *run,
		   CfOutcome *outcome)
{
	int			n = deal.nvisits;

	/* Nothing below throws. */
	deal.nvisits = 0;
	for (int i = 0; i < n; i++)
	{
		Visit	   *visit = &deal.visits[i];
		bool		good;

		if (visit->pipe == pipe)
			fill_up_replies(pipe);
		good = !failed[i] && take_replies(pipe, visit->caller.breaker, visit, outcome);
		if (failed[i])
			give_up_share(pipe, visit->caller.breaker);
		end_visit(visit, run, !good, outcome);
		if (visit->pipe != pipe)
			cf_pipe_reset(visit->pipe);
	}
}

/* Is there still something to do? */
static bool
run_round(CfPipe *pipe, const CfRun *run, CfOutcome *outcome)
{
	const CfMap *map = cf_map_get();
	bool		nodes[CF_MAP_NODES];
	bool		failed[CF_MAP_NODES];
	int			nnodes;

	if (map == NULL)
		return false;
	nnodes = route(pipe, map, nodes, outcome);
	begin_visits(pipe, map, nodes, nnodes, run, outcome);
	if (deal.nvisits == 0)
		return false;
	exchange_visits(failed);
	end_visits(pipe, failed, run, outcome);
	for (int i = 0; i < pipe->ncommands; i++)
		if (deal.parts[i].todo)
			return true;
	return false;
}

/*
 * Replies are in the pipeline, NULL for commands that have none. May throw if the
 * run is interruptible; then cf_cluster_abort is due.
 */
void
cf_cluster_run(CfPipe *pipe, const CfRun *run, CfOutcome *outcome)
{
	MemSet(outcome, 0, sizeof(*outcome));
	if (know_map(run, outcome) == NULL || pipe->ncommands == 0)
		return;
	/* Of the nodes on the way to it that did not answer, nothing more. */
	outcome->error[0] = '\0';
	outcome->timed_out = false;
	if (!make_parts(pipe))
	{
		outcome->own_fault = true;
		note_error(outcome, NULL, "out of memory");
		return;
	}
	while (run_round(pipe, run, outcome))
	{
		if (cf_mono_us() < run->deadline)
			continue;
		note_error(outcome, NULL, "Redis did not answer in time");
		outcome->timed_out = true;
		for (int i = 0; i < pipe->ncommands; i++)
			if (deal.parts[i].todo)
				give_up(pipe, i);
		return;
	}
}

/* ---- the worker ---- */

/* For a worker: tries the nodes whose breakers are open, and renews the map. */
void
cf_cluster_upkeep(const CfRun *run)
{
	CfOutcome	outcome = {0};
	CfRedisHost hosts[CF_MAP_NODES];
	const CfMap *map = know_map(run, &outcome);

	if (map == NULL)
		return;
	memcpy(hosts, map->hosts, sizeof(hosts));
	for (int i = 1; i < CF_MAP_NODES; i++)
	{
		CfRun		mine = *run;

		if (hosts[i].name[0] == '\0' || cf_breaker_is_closed(i))
			continue;
		cf_map_doubt();
		mine.started = cf_mono_us();
		mine.deadline = mine.started + (int64) run->timeout_ms * 1000;
		(void) visit_for_map(i, &hosts[i], &mine, &outcome);
	}
}
