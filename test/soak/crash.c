/*
 * crash.c - kills sessions of the writing server, so that it starts anew.
 *
 * SIGKILL hits whatever a session is doing, be it a commit that is half done in
 * Redis; the postmaster then restarts all of the server. Who was in COMMIT does
 * not know how it ended: that is issued, and never acknowledged.
 *
 * test/soak/crash.c
 */
#include "checker.h"

static const char victims[] =
"SELECT pid FROM pg_stat_activity WHERE application_name = 'checker'"
" AND state = 'active' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1";
/* Mostly one that is about to settle: there most can go wrong. */
static const char writers[] =
"SELECT pid FROM pg_stat_activity WHERE application_name = 'checker'"
" AND query = 'COMMIT' AND state = 'active' LIMIT 1";

/* The postmaster is gone or busy with a crash, and we count on that. */
bool
is_lost(const Session *s, const char *sqlstate)
{
	return (options.crash_every > 0 || options.promote_at > 0) && !s->standby &&
		(PQstatus(s->conn) == CONNECTION_BAD ||
		 (sqlstate != NULL && strncmp(sqlstate, "57P", 3) == 0));
}

/* Statements that fail meanwhile are prepared in the next attempt. */
void
connect_again(Session *s)
{
	if (s->connecting)
		return;
	s->connecting = true;
	for (int i = 0; i < WAIT_SECONDS * 10; i++)
	{
		PQfinish(s->conn);
		s->conn = try_connect(s->standby);
		s->incomplete = false;
		if (PQstatus(s->conn) == CONNECTION_OK)
			prepare_session(s);
		if (PQstatus(s->conn) == CONNECTION_OK && !s->incomplete)
		{
			s->connecting = false;
			return;
		}
		usleep(100000);
	}
	report_error("session %d: the server does not come back", s->number);
	done = true;
}

/* Its counters go with it. */
static void
note_hits(Session *s)
{
	n_hits_before += query_int(s->conn, "SELECT l1_hits + get_hits FROM cache_stats WHERE cache = '*'");
	n_l2_hits_before += query_int(s->conn, "SELECT l2_hits FROM cache_stats WHERE cache = '*'");
}

static void
crash(Session *s)
{
	int64_t		pid = -1;

	for (int i = 0; i < 2000 && pid <= 0 && !done; i++)
		pid = query_int(s->conn, one_in(s, 20) ? victims : writers);
	if (pid <= 0 || done)
		return;
	note_hits(s);
	if (kill((pid_t) pid, SIGKILL) == 0)
		n_crashes++;
	while (command(s, "SELECT 1"))
		usleep(10000);
}

/* A thread. */
void *
crasher_main(void *arg)
{
	Session    *s = arg;
	double		next = options.crash_every;

	while (!done)
	{
		usleep(20000);
		if (elapsed() < next)
			continue;
		crash(s);
		next = elapsed() + options.crash_every / 2.0 +
			below(s, options.crash_every * 1000) / 1000.0;
	}
	return NULL;
}
