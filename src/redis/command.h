/*
 * command.h - Redis, for those who have something to ask it.
 *
 * One pipeline a session, and one connection, or with a cluster one to each node:
 *
 *		cf_l2_begin();
 *		cf_l2_add(3, (const char *const[]) {"HGET", key, "v"}, lens);
 *		cf_l2_add_script(&script, key, keylen, argc, argv, lens);
 *		if (cf_l2_run(cf_guc_redis_command_timeout, true) == CF_L2_OK)
 *			... cf_l2_reply(0), cf_l2_reply(1) ...
 *
 * Nothing raises an error, so all of it may be called in transaction callbacks;
 * but for cf_l2_run where it is told to be interruptible, and that only for a
 * cancel or the like. Running out of memory is a failure as any other.
 *
 * An error that Redis replies to a command is an ordinary reply, and for the
 * caller to judge, except those that say that this server is of no use now
 * (it is loading, a replica, not the one for the key ...): those are failures.
 *
 * In a cluster each command goes to the node that has its key; each has at most
 * one. If some nodes could not be asked, the status is CF_L2_PARTLY: whoever wants
 * to make use of the other replies finds NULL for what was not answered, and may do
 * so; for all others it is a failure.
 *
 * src/redis/command.h
 */
#ifndef CF_REDIS_COMMAND_H
#define CF_REDIS_COMMAND_H

#include "postgres.h"

#include <hiredis/hiredis.h>

#include "base/compat.h"


typedef enum CfL2Status
{
	CF_L2_OK,					/* there is a reply to each command */
	CF_L2_OFF,					/* cachefront.redis_url is empty */
	CF_L2_OPEN,					/* the breaker is open: not tried */
	CF_L2_CHANGED,				/* another connection than cf_l2_expect: not sent */
	CF_L2_SPENT,				/* the allowance is used up: not tried */
	CF_L2_PARTLY,				/* replies may be NULL: those of nodes of a cluster that failed */
	CF_L2_FAILED				/* see cf_l2_error; commands may have run or not */
} CfL2Status;

#define CF_SHA1_HEX 40

/* A script, of static life: the text is given, the hash is computed when it is first sent. */
typedef struct CfScript
{
	const char *text;
	char		hash[CF_SHA1_HEX + 1];
} CfScript;

extern void cf_l2_register(void);
extern bool cf_l2_configured(void);

/* Empties the pipeline and frees the replies of the last one. */
extern void cf_l2_begin(void);

/*
 * Failures to allocate come out in cf_l2_run. The second word is the key, if there
 * is one; cf_l2_add_keyed says which it is, 0 for a command that has none.
 */
extern void cf_l2_add_keyed(int key, int argc, const char *const *argv, const size_t *lens);
extern void cf_l2_add(int argc, const char *const *argv, const size_t *lens);
extern void cf_l2_add_script(CfScript *script, const char *key, size_t keylen,
							 int argc, const char *const *argv, const size_t *lens);

/*
 * Of a cluster: the last command, which has no key, is for the node with that number.
 * The numbers of nodes that have slots, as far as is known; 0: there is no further one,
 * or it is no cluster.
 */
extern void cf_l2_at_node(int node);
extern int	cf_l2_next_node(int node);

/*
 * The commands were made for this connection (cf_l2_generation) and must not
 * go to another one: what the caller knows of the server may not hold there.
 */
extern void cf_l2_expect(uint64 generation);

/*
 * Connects if need be, sends the pipeline and waits for a reply to each
 * command. An empty pipeline only makes sure that there is a connection.
 *
 * It may take cachefront.redis_connect_timeout to connect and timeout_ms from
 * there on, and one that is not interruptible timeout_ms in all; neither takes
 * longer than the allowance. In a cluster it is timeout_ms in all. Never under an LWLock.
 */
extern CfL2Status cf_l2_run(int timeout_ms, bool interruptible);

/*
 * What somebody waits for has an allowance, in microseconds: all runs from
 * cf_l2_allow to cf_l2_end_allowance together wait for no longer, connecting
 * included. A time-out that uses it up opens the breaker. Who has none, as
 * workers, probes Redis first while the breaker is open. The end of the
 * allowance, which an abort also is, gives what is left of it.
 */
extern void cf_l2_allow(int64 us);
extern int64 cf_l2_end_allowance(void);

/*
 * Is there enough left for so many runs, if each takes as long as the last did?
 * One that there is not enough left for is not tried.
 */
extern pg_nodiscard bool cf_l2_can_afford(int nruns);

#ifdef CF_DEBUG
/*
 * The microseconds that this session was to wait, in all of its time, for answers
 * that did not come. What a busy machine held it up for is not in it: so tests can
 * tell one time-out from two.
 */
extern int64 cf_l2_silent_us(void);
#endif

/* After CF_L2_OK or CF_L2_PARTLY; the replies are valid until the next cf_l2_begin. */
extern int	cf_l2_nreplies(void);
extern const redisReply *cf_l2_reply(int i);

/* Why the last cf_l2_run failed; no secrets in it. */
extern const char *cf_l2_error(void);

/* Did the last cf_l2_run fail because a reply is larger than we take? */
extern bool cf_l2_was_too_large(void);

/*
 * Of the connection: which run of which server it is, and its number in this
 * session, which grows with each new one. "" and 0 if there is none. Of a cluster
 * the number stands for its settings.
 */
extern const char *cf_l2_run_id(void);
extern uint64 cf_l2_generation(void);

/* Closes the connections. */
extern void cf_l2_drop(void);

/* The same, if a run was left in its middle: by the end of the process, say. */
extern void cf_l2_drop_if_busy(void);

/* The largest reply to one command; by default cachefront.l1_max_value + 1 MB. */
extern void cf_l2_set_max_reply(int64 bytes);

/* A transaction failed, and PostgreSQL has turned our idle time-out off. */
extern void cf_l2_at_abort(void);

/*
 * For a worker, for which nobody waits, once a second or so and with an empty
 * pipeline: asks the resolver and the Sentinels where Redis is, and tries what
 * breakers keep the sessions from. May take long, and may throw as cf_l2_run.
 */
extern void cf_l2_upkeep(void);

#endif							/* CF_REDIS_COMMAND_H */
