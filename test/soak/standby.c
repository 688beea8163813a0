/*
 * standby.c - what the checker does with a standby, next to reading there.
 *
 * Replay is stopped and let go again, so that the standby lags while the
 * writing server goes on, and so is the process that reads its WAL. And the tables
 * are looked at all the time: what they have shown no later read may lack.
 *
 * test/soak/standby.c
 */

#include <ctype.h>
#include <dirent.h>

#include "checker.h"

#define SAMPLE_US 10000

/* What a look at a table showed; a row that is not there is 0. */
typedef struct Sample
{
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
			raise_to(&cells[t][i].shown, sample->state[t][i]);
	}
}

/* A thread: raises the floor of the standby's reads. */
void *
sampler_main(void *arg)
{
	Session    *s = arg;
	Sample		sample;

	on_standby = true;
	while (!done)
	{
		take_sample(s, &sample);
		publish(&sample);
		usleep(SAMPLE_US);
	}
	return NULL;
}

atomic_bool pauser_should_end;
atomic_bool pauser_ended;

/* Is it a child of this process with this in its title? */
static bool
is_child(const char *pid, int64_t of, const char *title)
{
	char		path[300];
	char		text[256] = "";
	int			parent = 0;
	FILE	   *file;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	(void) !fscanf(file, "%*d (%*[^)]) %*c %d", &parent);
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	file = parent == of ? fopen(path, "r") : NULL;
	if (file == NULL)
		return false;
	(void) !fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	return strstr(text, title) != NULL;
}

/* A child of a process, for the server may not let anybody in. 0: there is none. */
pid_t
process_of(int64_t parent, const char *title)
{
	DIR		   *dir = opendir("/proc");
	struct dirent *entry;
	pid_t		found = 0;

	while (dir != NULL && found == 0 && (entry = readdir(dir)) != NULL)
	{
		if (parent > 1 && isdigit((unsigned char) entry->d_name[0]) &&
			is_child(entry->d_name, parent, title))
			found = (pid_t) atoi(entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

/* Of the session's server; 0 if that does not answer. */
int64_t
postmaster_of(Session *s)
{
	return query_int(s->conn, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)");
}

static pid_t
follower_of(Session *s)
{
	pid_t		found = process_of(postmaster_of(s), "cachefront follower");

	if (found == 0)
		report_error("the standby has no follower");
	return found;
}

/*
 * A thread: makes the standby lag, mostly a little, and its reader of the WAL stop
 * for longer.
 */
void *
pauser_main(void *arg)
{
	Session    *s = arg;

	on_standby = true;
	while (!done && !pauser_should_end)
	{
		pid_t		blind = one_in(s, 4) ? 0 : follower_of(s);

		pause_us(s, 300000);
		if (blind != 0)
			kill(blind, SIGSTOP);
		for (int i = below(s, 12); i >= 0 && !done; i--)
		{
			command(s, "SELECT pg_wal_replay_pause()");
			pause_us(s, one_in(s, 5) ? 800000 : 60000);
			command(s, "SELECT pg_wal_replay_resume()");
			pause_us(s, 200000);
		}
		if (blind != 0)
			kill(blind, SIGCONT);
	}
	pauser_ended = true;
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
