/*
 * session.c - connections of the checker, their statements, and its reports.
 *
 * test/soak/session.c
 */
#include "checker.h"

_Thread_local bool found_stale;
_Thread_local bool on_standby;
static pthread_mutex_t print_mutex = PTHREAD_MUTEX_INITIALIZER;

/* ---- reports ---------------------------------------------------------------- */

double
elapsed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) (now.tv_sec - started.tv_sec) +
		(double) (now.tv_nsec - started.tv_nsec) / 1e9;
}

static void
report(atomic_llong *counter, const char *what, const char *format, va_list args)
{
	if (atomic_fetch_add(counter, 1) >= MAX_SHOWN)
		return;
	pthread_mutex_lock(&print_mutex);
	printf("%8.3f s  %s: ", elapsed(), what);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	pthread_mutex_unlock(&print_mutex);
}

void
report_stale(const char *format, ...)
{
	va_list		args;

	va_start(args, format);
	report(on_standby ? &n_standby_stale : &n_stale,
		   on_standby ? "STALE: standby" : "STALE", format, args);
	va_end(args);
	found_stale = true;
	if (options.stop)
		done = true;
}

void
report_error(const char *format, ...)
{
	va_list		args;

	va_start(args, format);
	report(&n_errors, on_standby ? "ERROR: standby" : "ERROR", format, args);
	va_end(args);
}

/* ---- sessions --------------------------------------------------------------- */

/* xorshift64*: fast, and the same for a given seed. */
static uint32_t
next_random(Session *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return (uint32_t) ((s->random * UINT64_C(2685821657736338717)) >> 32);
}

int
below(Session *s, int n)
{
	return (int) (next_random(s) % (uint32_t) n);
}

bool
one_in(Session *s, int n)
{
	return below(s, n) == 0;
}

void
count_checked(int n)
{
	atomic_fetch_add(on_standby ? &n_standby_checked : &n_checked, n);
}

/* Half of all choices are one of a few rows, so that sessions meet. */
int
pick_id(Session *s)
{
	return one_in(s, 2) ? below(s, 10) : below(s, KEYS);
}

/* Errors that concurrent DDL and row locks bring; the transaction starts anew. */
static bool
is_retryable(const char *sqlstate)
{
	static const char *const states[] = {
		"40P01",				/* deadlock */
		"40001",				/* serialization, row moved to another partition */
		"55P03",				/* lock timeout */
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
	{
		if (sqlstate != NULL && strcmp(sqlstate, states[i]) == 0)
		{
			n_retried_by[i]++;
			return true;
		}
	}
	return false;
}

/* A result with rows or without, or NULL after an error. */
PGresult *
checked_result(Session *s, PGresult *result, const char *sql)
{
	ExecStatusType status = PQresultStatus(result);
	const char *sqlstate;

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return result;
	s->failed = true;
	sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (is_lost(s, sqlstate))
	{
		PQclear(result);
		connect_again(s);
		return NULL;
	}
	if (is_retryable(sqlstate))
		n_retries++;
	else
		report_error("session %d: %s: %s", s->number, sql, PQerrorMessage(s->conn));
	if (PQstatus(s->conn) == CONNECTION_BAD)
		done = true;
	PQclear(result);
	return NULL;
}

bool
command(Session *s, const char *sql)
{
	PGresult   *result = checked_result(s, PQexec(s->conn, sql), sql);

	PQclear(result);
	return result != NULL;
}

/* A statement's text with its parameters as literals: ours need no escapes. */
static PGresult *
run_simple(Session *s, const char *name, const char *const *values)
{
	char		sql[4096];
	char	   *to = sql;
	int			which = 0;

	while (strcmp(s->statement[which].name, name) != 0)
		which++;
	for (const char *from = s->statement[which].sql; *from != '\0'; from++)
	{
		if (from[0] != '$' || from[1] < '1' || from[1] > '3')
			*to++ = *from;
		else
			to += sprintf(to, "'%s'", values[*++from - '1']);
	}
	*to = '\0';
	return checked_result(s, PQexec(s->conn, sql), name);
}

/* Runs a prepared statement with up to three parameters. */
PGresult *
run(Session *s, const char *name, const char *a, const char *b, const char *c)
{
	const char *values[] = {a, b, c};
	int			n = c != NULL ? 3 : b != NULL ? 2 : a != NULL ? 1 : 0;

	if (options.simple)
		return run_simple(s, name, values);
	return checked_result(s, PQexecPrepared(s->conn, name, n, values, NULL, NULL, 0),
						  name);
}

void
prepare(Session *s, const char *name, const char *format, ...)
{
	char		sql[2048];
	va_list		args;
	PGresult   *result;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	if (options.simple)
	{
		Statement  *statement = &s->statement[s->nstatements++];

		snprintf(statement->name, sizeof(statement->name), "%s", name);
		statement->sql = strdup(sql);
		return;
	}
	result = PQprepare(s->conn, name, sql, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && s->connecting)
		s->incomplete = true;
	else if (PQresultStatus(result) != PGRES_COMMAND_OK)
	{
		fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(s->conn));
		exit(2);
	}
	PQclear(result);
}

/* The server tells each session of a crash. */
static void
ignore_notice(void *arg, const char *message)
{
	(void) arg;
	(void) message;
}

/* The status of what it returns may be bad. */
PGconn *
try_connect(bool standby)
{
	const char *names[] = {"host", "port", "user", "dbname", "application_name", NULL};
	const char *values[] = {
		standby || promoted ? options.standby_host : options.host,
		standby || promoted ? options.standby_port : options.port,
		options.user, options.dbname, "checker", NULL
	};
	PGconn	   *conn = PQconnectdbParams(names, values, 0);

	if (options.crash_every > 0 || options.promote_at > 0)
		PQsetNoticeProcessor(conn, ignore_notice, NULL);
	PQclear(PQexec(conn, "SET search_path = soak, public"));
	PQclear(PQexec(conn, "SET client_min_messages = error"));
	PQclear(PQexec(conn, "SET lock_timeout = '5s'"));
	PQclear(PQexec(conn, "SET cachefront.transparent = marked"));
	return conn;
}

PGconn *
connect_to_server(bool standby)
{
	PGconn	   *conn = try_connect(standby);

	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(conn));
		exit(2);
	}
	return conn;
}

void
disconnect(Session *s)
{
	for (int i = 0; i < s->nstatements; i++)
		free(s->statement[i].sql);
	PQfinish(s->conn);
}

int64_t
get_int(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? -1 :
		strtoll(PQgetvalue(result, row, column), NULL, 10);
}

/* A number of a JSON object that row_to_json made; -1 if it is not there. */
int64_t
json_int(const char *json, const char *name)
{
	char		pattern[32];
	const char *at;

	snprintf(pattern, sizeof(pattern), "\"%s\":", name);
	at = strstr(json, pattern);
	return at == NULL ? -1 : strtoll(at + strlen(pattern), NULL, 10);
}

void
ids_to_text(const int *ids, int n, char *text)
{
	text += sprintf(text, "{");
	for (int i = 0; i < n; i++)
		text += sprintf(text, "%s%d", i > 0 ? "," : "", ids[i]);
	sprintf(text, "}");
}

void
raise_to(_Atomic State *target, State state)
{
	State		old = atomic_load(target);

	while (state > old && !atomic_compare_exchange_weak(target, &old, state))
		;
}

void
pause_us(Session *s, int at_most)
{
	usleep((useconds_t) below(s, at_most));
}
