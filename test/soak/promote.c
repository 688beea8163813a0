/*
 * promote.c - the writing server dies, and its standby takes its place.
 *
 * All of the old server is dead before the new one takes a write, for else its
 * sessions would answer from before. Who was in COMMIT does not know how it ended;
 * what was acknowledged is on the standby, which is a synchronous one.
 *
 * test/soak/promote.c
 */
#include "checker.h"

#define WAIT_US 10000

atomic_bool promoted;

/* SIGKILL to the postmaster, then to each of its children. */
static void
kill_server(pid_t postmaster)
{
	pid_t		child;

	/* Stopped, it starts no more of them. */
	kill(postmaster, SIGSTOP);
	while ((child = process_of(postmaster, "postgres")) != 0)
		kill(child, SIGKILL);
	kill(postmaster, SIGKILL);
}

/*
 * Not by a statement that waits for it: replay has the rest of the WAL to go, and may have to
 * wait for that statement's snapshot.
 */
static bool
promote_server(PGconn *standby)
{
	bool		over = false;

	(void) query_int(standby, "SELECT pg_promote(false)::int");
	for (int i = 0; i < WAIT_SECONDS * 100 && !over; i++)
	{
		usleep(WAIT_US);
		over = query_int(standby, "SELECT pg_is_in_recovery()::int") == 0;
	}
	return over;
}

static void
promote(Session *s)
{
	pid_t		postmaster = (pid_t) postmaster_of(s);
	PGconn	   *standby = connect_to_server(true);

	pauser_should_end = true;
	while (!pauser_ended && !done)
		usleep(WAIT_US);
	if (postmaster > 1)
		kill_server(postmaster);
	if (!promote_server(standby))
		report_error("the standby was not promoted");
	promoted = true;
	PQfinish(standby);
	command(s, "SELECT 1");
}

/* A thread. */
void *
promoter_main(void *arg)
{
	Session    *s = arg;

	while (!done && elapsed() < options.promote_at)
		usleep(WAIT_US);
	if (!done)
		promote(s);
	return NULL;
}
