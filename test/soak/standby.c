/*
 * standby.c - what the checker does with a standby, next to reading there.
 *
 * Replay is stopped and let go again, so that the standby lags while the
 * writing server goes on, and so is its bus worker. And the tables are looked at all the time: what a
 * read from the standby's own memory returns may be as old as
 * cachefront.l1_ttl, but no older.
 *
 * test/soak/standby.c
 */

#include "checker.h"

#define SAMPLES 64
#define SAMPLE_US 100000

/* What a look at a table showed; a row that is not there is 0. */
typedef struct Sample
{
	double		before;			/* elapsed() when it was asked for */
	State		state[NTABLES][KEYS];
} Sample;

static const char *const sample_queries[NTABLES] = {
	"SELECT id, version, 0 FROM t_key",
	"SELECT id, version, grp FROM t_tag",
	"SELECT id, version, 0 FROM t_tab",
	"SELECT id, version, grp FROM t_part",
	"SELECT id, version, 0 FROM neg_version",
	"SELECT 0, gen, 0 FROM v_two LIMIT 1"
};

static void
take_sample(Session *s, Sample *sample)
{
	memset(sample, 0, sizeof(*sample));
	sample->before = elapsed();
	for (int t = 0; t < NTABLES; t++)
	{
		PGresult   *result = checked_result(s, PQexec(s->conn, sample_queries[t]),
											sample_queries[t]);

		for (int i = 0; result != NULL && i < PQntuples(result); i++)
			sample->state[t][get_int(result, i, 0)] =
				state_of(get_int(result, i, 1), get_int(result, i, 2));
		PQclear(result);
	}
}

static void
publish(const Sample *sample)
{
	for (int t = 0; t < NTABLES; t++)
	{
		for (int i = 0; i < KEYS; i++)
			raise_to(&cells[t][i].lagged, sample->state[t][i]);
	}
}

/* A thread: raises the floor of reads that may lag. */
void *
sampler_main(void *arg)
{
	Session    *s = arg;
	Sample	   *samples = calloc(SAMPLES, sizeof(Sample));
	int			taken = 0;
	int			published = 0;

	on_standby = true;
	while (!done)
	{
		take_sample(s, &samples[taken++ % SAMPLES]);
		while (published < taken &&
			   samples[published % SAMPLES].before < elapsed() - LAG_SECONDS)
			publish(&samples[published++ % SAMPLES]);
		usleep(SAMPLE_US);
	}
	free(samples);
	return NULL;
}

/* A thread: makes the standby lag, mostly a little. */
void *
pauser_main(void *arg)
{
	Session    *s = arg;

	on_standby = true;
	while (!done)
	{
		pause_us(s, 300000);
		for (int i = below(s, 12); i >= 0 && !done; i--)
		{
			command(s, "SELECT pg_wal_replay_pause()");
			pause_us(s, one_in(s, 5) ? 800000 : 60000);
			command(s, "SELECT pg_wal_replay_resume()");
			pause_us(s, 200000);
		}
	}
	return NULL;
}

/* False: it has not replayed all that was written within a minute. */
bool
wait_for_replay(PGconn *primary, PGconn *standby)
{
	PGresult   *end = PQexec(primary, "SELECT pg_current_wal_lsn()");
	char		sql[128];
	bool		caught_up = false;

	snprintf(sql, sizeof(sql), "SELECT (pg_last_wal_replay_lsn() >= '%s')::int",
			 PQgetvalue(end, 0, 0));
	PQclear(end);
	for (int i = 0; i < 600 && !caught_up; i++)
	{
		PGresult   *result = PQexec(standby, sql);

		caught_up = PQntuples(result) == 1 && get_int(result, 0, 0) == 1;
		PQclear(result);
		if (!caught_up)
			usleep(100000);
	}
	return caught_up;
}
