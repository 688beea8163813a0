/*
 * checker.c - looks for stale reads.
 *
 * Writers change rows whose versions only grow, in random transactions;
 * readers read them through the cache. For each row there are two numbers in
 * memory: "issued", raised before a COMMIT is sent, and "acknowledged", raised
 * after it has returned. What a reader gets must be
 *
 *	- not older than what was acknowledged before the read was sent, nor than
 *	  what the reader saw in the table before ("visible");
 *	- not newer than what was issued when the read had returned;
 *	- even: whoever will roll back writes odd versions;
 *	- at REPEATABLE READ, what the table has in the same snapshot;
 *	- after own writes, what was written.
 *
 * With a standby, other readers read there. They know of no acknowledgement,
 * for the standby lags behind those, and so it holds against what its own
 * tables have shown before (standby.c), and what the statement's snapshot sees.
 *
 * Usage: checker [--host H] [--port P] [--user U] [--dbname D] [--seconds N]
 *		  [--writers N] [--readers N] [--seed N] [--stop] [--crash-every SECONDS]
 *		  [--promote-at SECONDS]
 *		  [--without-rules]
 *		  [--tier] [--standby-host H --standby-port P [--standby-readers N]]
 *		  [--portable cachefront|plain [--simple]]
 * The schema is in schema.sql. --without-rules leaves out what nothing but a rule could
 * invalidate, for a schema without any. --stop ends the run at the first stale read;
 * --tier makes half of the reads such that Redis is asked, and a standby implies it;
 * --crash-every lets the writing server crash so often; --promote-at kills it once, and
 * goes on at the standby, which must be a synchronous one;
 * --portable takes the reads and writes of portable.c only, with --simple by
 * the simple protocol instead of prepared statements.
 * Exit status: 0 nothing found, 1 stale reads or errors, 2 could not run.
 *
 * test/soak/checker.c
 */
#include "checker.h"

const char *const table_names[NTABLES] = {
	"t_key", "t_tag", "t_tab", "t_part", "t_neg", "v_two"
};

Options		options = {
	.host = "/tmp",
	.port = "5432",
	.standby_port = "5432",
	.standby_readers = 3,
	.user = "postgres",
	.dbname = "postgres",
	.seconds = 20,
	.writers = 4,
	.readers = 8,
	.seed = 1,
	.reads = READS_ALL
};
Cell		cells[NTABLES][KEYS];
struct timespec started;
atomic_bool done;
atomic_llong n_checked;
atomic_llong n_stale;
atomic_llong n_standby_checked;
atomic_llong n_standby_stale;
atomic_llong n_stale_reads;
atomic_llong n_errors;
atomic_llong n_commits;
atomic_llong n_rollbacks;
atomic_llong n_retries;
atomic_llong n_retried_by[8];
atomic_llong n_crashes;
atomic_llong n_hits_before;
atomic_llong n_l2_hits_before;

static void *
writer_main(void *arg)
{
	Session    *s = arg;

	while (!done)
	{
		/* What Redis got wrong is soon gone if nobody ever pauses. */
		if (options.tier && (int) (elapsed() * 10) % 10 >= 6)
		{
			usleep(10000);
			if (one_in(s, 80))
				define_something(s);
			continue;
		}
		if (one_in(s, 12) && options.reads == READS_ALL)
			invalidate_something(s);
		else
			write_transaction(s);
		pause_us(s, 12000);
	}
	return NULL;
}

static void *
reader_main(void *arg)
{
	Session    *s = arg;

	while (!done)
	{
		if (options.reads == READS_ALL)
			read_something(s);
		else
			read_portable(s);
	}
	return NULL;
}

static void *
standby_main(void *arg)
{
	Session    *s = arg;

	on_standby = true;
	while (!done)
		read_on_standby(s);
	return NULL;
}

void
prepare_session(Session *s)
{
	if (s->writer)
		prepare_writer(s);
	else if (options.reads == READS_ALL)
		prepare_reader(s);
	else
		prepare_portable_reader(s);
}

static void
start_session(Session *s, int number, bool writer, bool standby)
{
	s->conn = connect_to_server(standby);
	s->number = number;
	s->writer = writer;
	s->standby = standby;
	s->lane = -1;
	s->random = (options.seed * 1000 + (uint64_t) number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	prepare_session(s);
}

/* FOR SHARE, for no cache answers that. Nobody holds or awaits a lock yet. */
static void
read_initial_states(PGconn *conn)
{
	static const char *const queries[NTABLES] = {
		"SELECT id, version, 0 FROM t_key FOR SHARE",
		"SELECT id, version, grp FROM t_tag FOR SHARE",
		"SELECT id, version, 0 FROM t_tab FOR SHARE",
		"SELECT id, version, grp FROM t_part FOR SHARE",
		"SELECT id, version, 0 FROM neg_version FOR SHARE",
		"SELECT 0, gen, 0 FROM v_two LIMIT 1 FOR SHARE"
	};

	for (int t = 0; t < NTABLES; t++)
	{
		PGresult   *result = PQexec(conn, queries[t]);

		if (PQresultStatus(result) != PGRES_TUPLES_OK)
		{
			fprintf(stderr, "%s", PQerrorMessage(conn));
			exit(2);
		}
		for (int i = 0; i < PQntuples(result); i++)
		{
			Cell	   *cell = &cells[t][get_int(result, i, 0)];

			cell->issued = cell->acked = cell->shown =
				state_of(get_int(result, i, 1), get_int(result, i, 2));
		}
		PQclear(result);
	}
}

int64_t
query_int(PGconn *conn, const char *sql)
{
	PGresult   *result = PQexec(conn, sql);
	int64_t		value = PQntuples(result) == 1 ? get_int(result, 0, 0) : -1;

	PQclear(result);
	return value;
}

/* With nobody writing, what is stale stays so. */
static void
check_rest(void)
{
	Session    *s = calloc(1, sizeof(Session));
	long long	before = n_stale_reads;

	start_session(s, -1, false, false);
	if (options.reads == READS_ALL)
		check_at_rest(s);
	else
	{
		check_portable_at_rest(s);
		printf("at rest: %lld stale reads\n", n_stale_reads - before);
	}
	disconnect(s);
	free(s);
}

static bool
parse_reads(const char *value)
{
	if (strcmp(value, "cachefront") == 0)
		options.reads = READS_CACHEFRONT;
	else if (strcmp(value, "plain") == 0)
		options.reads = READS_PLAIN;
	else
		return false;
	return true;
}

static void
parse_options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--stop") == 0)
		{
			options.stop = true;
			continue;
		}
		if (strcmp(argv[i], "--without-rules") == 0)
		{
			options.without_rules = true;
			continue;
		}
		if (strcmp(argv[i], "--tier") == 0)
		{
			options.tier = true;
			continue;
		}
		if (strcmp(argv[i], "--simple") == 0)
		{
			options.simple = true;
			continue;
		}
		i++;
		if (value == NULL)
			;
		else if (strcmp(argv[i - 1], "--host") == 0)
			options.host = value;
		else if (strcmp(argv[i - 1], "--port") == 0)
			options.port = value;
		else if (strcmp(argv[i - 1], "--standby-host") == 0)
		{
			options.standby_host = value;
			options.tier = true;
		}
		else if (strcmp(argv[i - 1], "--standby-port") == 0)
			options.standby_port = value;
		else if (strcmp(argv[i - 1], "--standby-readers") == 0)
			options.standby_readers = atoi(value);
		else if (strcmp(argv[i - 1], "--user") == 0)
			options.user = value;
		else if (strcmp(argv[i - 1], "--dbname") == 0)
			options.dbname = value;
		else if (strcmp(argv[i - 1], "--crash-every") == 0)
			options.crash_every = atoi(value);
		else if (strcmp(argv[i - 1], "--promote-at") == 0)
			options.promote_at = atoi(value);
		else if (strcmp(argv[i - 1], "--seconds") == 0)
			options.seconds = atoi(value);
		else if (strcmp(argv[i - 1], "--writers") == 0)
			options.writers = atoi(value);
		else if (strcmp(argv[i - 1], "--readers") == 0)
			options.readers = atoi(value);
		else if (strcmp(argv[i - 1], "--seed") == 0)
			options.seed = strtoull(value, NULL, 10);
		else if (strcmp(argv[i - 1], "--portable") != 0 || !parse_reads(value))
			value = NULL;
		if (value == NULL)
		{
			fprintf(stderr, "checker: unknown option or no value: %s\n", argv[i - 1]);
			exit(2);
		}
	}
}

/* A session and the thread that it is used in. */
typedef struct Runner
{
	Session		session;
	pthread_t	thread;
	void	   *(*main) (void *);
} Runner;

static void
add_runner(Runner *runners, int *n, bool writer, bool standby, void *(*main) (void *))
{
	Runner	   *runner = &runners[*n];

	start_session(&runner->session, (*n)++, writer, standby);
	runner->main = main;
}

/* Returns how many. What is not a reader or writer comes last. */
static int
start_runners(Runner *runners)
{
	int			n = 0;

	for (int i = 0; i < options.writers; i++)
		add_runner(runners, &n, true, false, writer_main);
	for (int i = 0; i < options.readers; i++)
		add_runner(runners, &n, false, false, reader_main);
	if (options.crash_every > 0)
		add_runner(runners, &n, false, false, crasher_main);
	if (options.standby_host == NULL)
		return n;
	for (int i = 0; i < options.standby_readers; i++)
	{
		add_runner(runners, &n, false, true, standby_main);
		runners[n - 1].session.lane = i;
	}
	add_runner(runners, &n, false, true, sampler_main);
	add_runner(runners, &n, false, true, pauser_main);
	if (options.promote_at > 0)
		add_runner(runners, &n, false, false, promoter_main);
	return n;
}

static void
run_sessions(void)
{
	Runner	   *runners = calloc((size_t) (options.writers + options.readers +
										   options.standby_readers + 4), sizeof(Runner));
	int			n = start_runners(runners);

	for (int i = 0; i < n; i++)
		pthread_create(&runners[i].thread, NULL, runners[i].main, &runners[i].session);
	while (!done && elapsed() < options.seconds)
		usleep(20000);
	done = true;
	for (int i = 0; i < n; i++)
	{
		pthread_join(runners[i].thread, NULL);
		disconnect(&runners[i].session);
	}
	free(runners);
}

/* The same on the standby, once it has caught up; Redis answers all of it. */
static void
check_standby_rest(PGconn *primary)
{
	Session    *s = calloc(1, sizeof(Session));

	start_session(s, -1, false, true);
	s->lane = 0;
	on_standby = true;
	if (!promoted && !wait_for_replay(primary, s->conn))
		report_error("the standby does not catch up");
	for (int i = 0; i < 10 * KEYS; i++)
		read_through_tier(s);
	on_standby = false;
	disconnect(s);
	free(s);
}

static void
print_counts(int64_t hits)
{
	double		seconds = elapsed();

	printf("%.0f s, %.0f reads/s, %.1f %% hits; %lld commits, %lld rollbacks,"
		   " %lld retries (%lld deadlocks, %lld serialization, %lld lock timeouts)\n",
		   seconds, (double) n_checked / seconds, 100.0 * (double) hits / (double) n_checked,
		   (long long) n_commits, (long long) n_rollbacks, (long long) n_retries,
		   (long long) n_retried_by[0], (long long) n_retried_by[1], (long long) n_retried_by[2]);
	if (options.crash_every > 0)
		printf("crashes: %lld\n", (long long) n_crashes);
	if (options.reads != READS_ALL)
		printf("portable: checked %lld reads, %lld stale reads\n", (long long) n_checked,
			   (long long) n_stale_reads);
}

int
main(int argc, char **argv)
{
	static const char *const hits_query =
	"SELECT l1_hits + get_hits FROM cache_stats WHERE cache = '*'";
	static const char *const l2_query = "SELECT l2_hits FROM cache_stats WHERE cache = '*'";
	PGconn	   *conn;
	PGconn	   *standby = NULL;
	int64_t		hits;
	int64_t		l2_hits;
	int64_t		standby_hits = 0;
	struct timespec now;

	parse_options(argc, argv);
	conn = connect_to_server(false);
	if (options.standby_host != NULL)
		standby = connect_to_server(true);
	read_initial_states(conn);
	hits = query_int(conn, hits_query);
	l2_hits = query_int(conn, l2_query);
	if (standby != NULL)
	{
		if (!wait_for_replay(conn, standby))
			return 2;
		standby_hits = query_int(standby, l2_query);
	}
	clock_gettime(CLOCK_MONOTONIC, &started);
	clock_gettime(CLOCK_REALTIME, &now);
	if (options.tier)
		printf("started at %lld.%03ld\n", (long long) now.tv_sec, now.tv_nsec / 1000000);
	run_sessions();
	if (options.promote_at > 0 && !promoted)
		report_error("nothing was promoted");
	if (options.crash_every > 0 || promoted)
	{
		PQfinish(conn);
		conn = connect_to_server(false);
		/* The new server has counted what was read there as a standby's. */
		if (promoted)
			hits = l2_hits = 0;
	}
	hits = query_int(conn, hits_query) - hits + n_hits_before;
	print_counts(hits);
	if (!options.stop || n_stale + n_standby_stale == 0)
	{
		check_rest();
		if (standby != NULL)
			check_standby_rest(conn);
	}
	if (options.tier)
		printf("redis: %lld hits\n", (long long) query_int(conn, l2_query) - l2_hits + n_l2_hits_before);
	if (standby != NULL)
		printf("standby: checked %lld reads, %" PRId64 " redis hits, %lld stale\n",
			   (long long) n_standby_checked, query_int(standby, l2_query) - standby_hits,
			   (long long) n_standby_stale);
	PQfinish(conn);
	PQfinish(standby);
	printf("checked %lld reads, %" PRId64 " hits, %lld stale, %lld errors\n",
		   (long long) n_checked, hits, (long long) n_stale, (long long) n_errors);
	return n_stale + n_standby_stale > 0 || n_errors > 0 ? 1 : 0;
}
