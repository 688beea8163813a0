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
 * Usage: checker [--host H] [--port P] [--user U] [--dbname D] [--seconds N]
 *		  [--writers N] [--readers N] [--seed N] [--stop]
 * The schema is in schema.sql. --stop ends the run at the first stale read.
 * Exit status: 0 nothing found, 1 stale reads or errors, 2 could not run.
 *
 * test/soak/checker.c
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#define KEYS 120				/* rows of a table; see schema.sql */
#define ROWS 16					/* rows of t_tab */
#define GROUPS 8
#define MAX_BATCH 16
#define MAX_WRITES 4096
#define MAX_SHOWN 40

typedef enum Table
{
	T_KEY, T_TAG, T_TAB, T_PART, T_NEG, T_VIEW, NTABLES
} Table;

static const char *const table_names[NTABLES] = {
	"t_key", "t_tag", "t_tab", "t_part", "t_neg", "v_two"
};

/* A version and a group in one number that grows with the version. */
typedef int64_t State;
#define state_of(version, grp) ((State) (version) * 64 + (grp))
#define version_of(state) ((state) / 64)
#define group_of(state) ((int) ((state) % 64))

typedef struct Cell
{
	_Atomic State issued;
	_Atomic State acked;
} Cell;

static Cell cells[NTABLES][KEYS];

static struct
{
	const char *host;
	const char *port;
	const char *user;
	const char *dbname;
	int			seconds;
	int			writers;
	int			readers;
	uint64_t	seed;
	bool		stop;
} options = {"/tmp", "5432", "postgres", "postgres", 20, 4, 8, 1, false};

static atomic_bool done;
static atomic_llong n_checked;
static atomic_llong n_stale;
static atomic_llong n_errors;
static atomic_llong n_commits;
static atomic_llong n_rollbacks;
static atomic_llong n_retries;
static atomic_llong n_retried_by[8];
static pthread_mutex_t print_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct timespec started;

/* What a writer will have written once it commits. */
typedef struct Write
{
	Table		table;
	int			id;
	State		state;
} Write;

typedef struct Session
{
	PGconn	   *conn;
	uint64_t	random;
	int			number;
	bool		writer;
	bool		failed;			/* a statement of the transaction failed */
	bool		poison;			/* what it writes now is rolled back later */
	bool		checks_own;		/* reads its own writes through the cache */
	int			nwrites;
	Write		write[MAX_WRITES];
} Session;

/* ---- reports ---------------------------------------------------------------- */

static double
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

__attribute__((format(printf, 1, 2)))
static void
stale(const char *format, ...)
{
	va_list		args;

	va_start(args, format);
	report(&n_stale, "STALE", format, args);
	va_end(args);
	if (options.stop)
		done = true;
}

__attribute__((format(printf, 1, 2)))
static void
error(const char *format, ...)
{
	va_list		args;

	va_start(args, format);
	report(&n_errors, "ERROR", format, args);
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

static int
below(Session *s, int n)
{
	return (int) (next_random(s) % (uint32_t) n);
}

static bool
one_in(Session *s, int n)
{
	return below(s, n) == 0;
}

/* Half of all choices are one of a few rows, so that sessions meet. */
static int
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
static PGresult *
checked_result(Session *s, PGresult *result, const char *sql)
{
	ExecStatusType status = PQresultStatus(result);
	const char *sqlstate;

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return result;
	s->failed = true;
	sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (is_retryable(sqlstate))
		n_retries++;
	else
		error("session %d: %s: %s", s->number, sql, PQerrorMessage(s->conn));
	if (PQstatus(s->conn) == CONNECTION_BAD)
		done = true;
	PQclear(result);
	return NULL;
}

static bool
command(Session *s, const char *sql)
{
	PGresult   *result = checked_result(s, PQexec(s->conn, sql), sql);

	PQclear(result);
	return result != NULL;
}

/* Runs a prepared statement with up to three parameters. */
static PGresult *
run(Session *s, const char *name, const char *a, const char *b, const char *c)
{
	const char *values[] = {a, b, c};
	int			n = c != NULL ? 3 : b != NULL ? 2 : a != NULL ? 1 : 0;

	return checked_result(s, PQexecPrepared(s->conn, name, n, values, NULL, NULL, 0),
						  name);
}

static void
prepare(Session *s, const char *name, const char *format, ...)
{
	char		sql[2048];
	va_list		args;
	PGresult   *result;

	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	result = PQprepare(s->conn, name, sql, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
	{
		fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(s->conn));
		exit(2);
	}
	PQclear(result);
}

static PGconn *
connect_to_server(void)
{
	const char *names[] = {"host", "port", "user", "dbname", "application_name", NULL};
	const char *values[] = {options.host, options.port, options.user,
	options.dbname, "checker", NULL};
	PGconn	   *conn = PQconnectdbParams(names, values, 0);

	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(conn));
		exit(2);
	}
	PQclear(PQexec(conn, "SET search_path = soak, public"));
	PQclear(PQexec(conn, "SET client_min_messages = warning"));
	PQclear(PQexec(conn, "SET lock_timeout = '5s'"));
	return conn;
}

static int64_t
get_int(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? -1 :
		strtoll(PQgetvalue(result, row, column), NULL, 10);
}

/* A number of a JSON object that row_to_json made; -1 if it is not there. */
static int64_t
json_int(const char *json, const char *name)
{
	char		pattern[32];
	const char *at;

	snprintf(pattern, sizeof(pattern), "\"%s\":", name);
	at = strstr(json, pattern);
	return at == NULL ? -1 : strtoll(at + strlen(pattern), NULL, 10);
}

static void
ids_to_text(const int *ids, int n, char *text)
{
	text += sprintf(text, "{");
	for (int i = 0; i < n; i++)
		text += sprintf(text, "%s%d", i > 0 ? "," : "", ids[i]);
	sprintf(text, "}");
}

static void
raise_to(_Atomic State *target, State state)
{
	State		old = atomic_load(target);

	while (state > old && !atomic_compare_exchange_weak(target, &old, state))
		;
}

/* ---- what a read may return --------------------------------------------------- */

/* The floor and its kind, taken before a read is sent. */
typedef struct Floor
{
	State		state;
	const char *kind;
} Floor;

static Floor
acked_floor(Table table, int id)
{
	Floor		floor = {atomic_load(&cells[table][id].acked), "acknowledged"};

	return floor;
}

static void
raise_floor(Floor *floor, int64_t visible_version)
{
	if (visible_version > version_of(floor->state))
	{
		floor->state = state_of(visible_version, 0);
		floor->kind = "visible";
	}
}

/* One version, read from the cache, of a row that always exists. */
static void
check_version(Session *s, const char *read, Table table, int id, Floor floor,
			  int64_t version)
{
	int64_t		issued = version_of(atomic_load(&cells[table][id].issued));

	if (version < 0)
		stale("session %d, %s, %s row %d: no row, %s was version %" PRId64,
			  s->number, read, table_names[table], id, floor.kind,
			  version_of(floor.state));
	else if (version % 2 != 0)
		stale("session %d, %s, %s row %d: version %" PRId64 " was never committed",
			  s->number, read, table_names[table], id, version);
	else if (version < version_of(floor.state))
		stale("session %d, %s, %s row %d: version %" PRId64 ", but %s was %" PRId64,
			  s->number, read, table_names[table], id, version, floor.kind,
			  version_of(floor.state));
	else if (version > issued)
		stale("session %d, %s, %s row %d: version %" PRId64 " is not committed yet, only %"
			  PRId64, s->number, read, table_names[table], id, version, issued);
}

/* A row that comes and goes; version is -1 where there was none. */
static void
check_negative(Session *s, const char *read, int id, Floor floor, int64_t version)
{
	State		issued = atomic_load(&cells[T_NEG][id].issued);

	if (version >= 0)
		check_version(s, read, T_NEG, id, floor, version);
	else if (issued == floor.state && version_of(issued) / 2 % 2 == 0)
		stale("session %d, %s, t_neg row %d: no row, but %s was %" PRId64,
			  s->number, read, id, floor.kind, version_of(floor.state));
}

/* All rows of a group, as a JSON array of objects with id and version. */
static void
check_list(Session *s, const char *read, Table table, int grp, const Floor *floors,
		   const char *json)
{
	bool		seen[KEYS] = {false};

	for (const char *at = json; (at = strstr(at, "{\"id\":")) != NULL; at++)
	{
		int			id = (int) json_int(at, "id");
		int64_t		version = json_int(at, "version");

		if (id < 0 || id >= KEYS || seen[id])
		{
			stale("session %d, %s, %s group %d: row %d twice or unknown",
				  s->number, read, table_names[table], grp, id);
			return;
		}
		seen[id] = true;
		check_version(s, read, table, id, floors[id], version);
		if (version == version_of(floors[id].state) && grp != group_of(floors[id].state))
			stale("session %d, %s, %s row %d: in group %d at version %" PRId64
				  ", but %s was group %d", s->number, read, table_names[table], id, grp,
				  version, floors[id].kind, group_of(floors[id].state));
	}
	for (int id = 0; id < KEYS; id++)
	{
		if (!seen[id] && group_of(floors[id].state) == grp &&
			atomic_load(&cells[table][id].issued) == floors[id].state)
			stale("session %d, %s, %s row %d: not in group %d, but %s was version %" PRId64,
				  s->number, read, table_names[table], id, grp, floors[id].kind,
				  version_of(floors[id].state));
	}
}

static void
check_rows(Session *s, const char *read, const Floor *floors, const char *json)
{
	int64_t		sum = 0;
	int			n = 0;

	for (const char *at = json; (at = strstr(at, "{\"id\":")) != NULL; at++)
	{
		int			id = (int) json_int(at, "id");

		check_version(s, read, T_TAB, id, floors[id], json_int(at, "version"));
		sum += json_int(at, "amount");
		n++;
	}
	if (n != ROWS || sum != 0)
		stale("session %d, %s, t_tab: %d rows with sum %" PRId64 ", never committed",
			  s->number, read, n, sum);
}

/* ---- writers ------------------------------------------------------------------ */

static void
note_write(Session *s, Table table, int id, State state)
{
	if (s->nwrites == MAX_WRITES)
	{
		error("a transaction has too many writes");
		exit(2);
	}
	s->write[s->nwrites++] = (Write) {table, id, state};
}

/* Takes over id, version and group from what a statement returned. */
static void
note_writes(Session *s, Table table, PGresult *result)
{
	if (result == NULL)
		return;
	for (int i = 0; i < PQntuples(result); i++)
	{
		int64_t		grp = table != T_TAB ? get_int(result, i, 2) : 0;

		note_write(s, table, (int) get_int(result, i, 0),
				   state_of(get_int(result, i, 1), grp));
	}
	PQclear(result);
}

static const char *
poison_text(const Session *s)
{
	return s->poison ? "t" : "f";
}

static void
some_ids(Session *s, int n, char *text)
{
	int			ids[MAX_BATCH];

	for (int i = 0; i < n; i++)
		ids[i] = pick_id(s);
	ids_to_text(ids, n, text);
}

static void
write_update(Session *s)
{
	static const Table tables[] = {T_KEY, T_KEY, T_TAG, T_PART};
	Table		table = tables[below(s, 4)];
	char		name[32];
	char		ids[128];

	snprintf(name, sizeof(name), "update %s", table_names[table]);
	some_ids(s, 1 + below(s, one_in(s, 4) ? 8 : 2), ids);
	note_writes(s, table, run(s, name, ids, poison_text(s), NULL));
}

/* Moves some rows to another tag or partition. */
static void
write_move(Session *s)
{
	Table		table = one_in(s, 2) ? T_TAG : T_PART;
	char		ids[128];
	char		grp[16];

	some_ids(s, 1 + below(s, 3), ids);
	sprintf(grp, "%d", below(s, GROUPS));
	note_writes(s, table, run(s, table == T_TAG ? "move t_tag" : "move t_part", ids,
							  poison_text(s), grp));
}

static void
write_delete_insert(Session *s)
{
	static const Table tables[] = {T_KEY, T_TAG, T_PART};
	Table		table = tables[below(s, 3)];
	char		name[32];
	char		id[16];
	char		version[32];
	char		grp[16];
	PGresult   *result;

	sprintf(id, "%d", pick_id(s));
	snprintf(name, sizeof(name), "delete %s", table_names[table]);
	result = run(s, name, id, NULL, NULL);
	if (result == NULL || PQntuples(result) != 1)
	{
		PQclear(result);
		return;
	}
	sprintf(version, "%" PRId64, s->poison ? get_int(result, 0, 0) | 1 :
			get_int(result, 0, 0) + 2);
	sprintf(grp, "%d", (int) get_int(result, 0, 1));
	PQclear(result);
	snprintf(name, sizeof(name), "insert %s", table_names[table]);
	note_writes(s, table, run(s, name, id, version, grp));
}

/* Keeps the sum of t_tab at zero, but not if it will be rolled back. */
static void
write_transfer(Session *s)
{
	char		from[16];
	char		to[16];

	sprintf(from, "%d", below(s, ROWS));
	sprintf(to, "%d", below(s, ROWS));
	note_writes(s, T_TAB, run(s, "transfer", from, to, poison_text(s)));
}

static void
write_flip(Session *s)
{
	char		id[16];
	int			which = pick_id(s);
	PGresult   *result;

	sprintf(id, "%d", which);
	result = run(s, "flip", id, poison_text(s), NULL);
	if (result != NULL)
		note_write(s, T_NEG, which, state_of(get_int(result, 0, 0), 0));
	PQclear(result);
}

static void
write_refill(Session *s)
{
	static const Table tables[] = {T_KEY, T_TAG, T_TAB, T_PART};
	Table		table = tables[below(s, 4)];

	note_writes(s, table, run(s, "refill", poison_text(s), table_names[table],
							  table == T_TAB ? "amount" : "grp"));
}

/* Definitions; the third changes all rows without firing a trigger. */
static void
write_ddl(Session *s)
{
	char		sql[256];
	State		gen;

	switch (below(s, 4))
	{
		case 0:
			command(s, "ALTER TABLE t_key ADD COLUMN IF NOT EXISTS extra int DEFAULT 1");
			break;
		case 1:
			command(s, "ALTER TABLE t_key DROP COLUMN IF EXISTS extra");
			break;
		case 2:
			snprintf(sql, sizeof(sql), "ALTER TABLE t_tag ALTER version TYPE bigint"
					 " USING next_version(version, '%s')", poison_text(s));
			if (command(s, sql))
				note_writes(s, T_TAG, run(s, "all t_tag", NULL, NULL, NULL));
			break;
		default:
			/* The view's lock serializes those who replace it. */
			if (!command(s, "LOCK TABLE v_two IN ACCESS EXCLUSIVE MODE"))
				break;
			gen = atomic_load(&cells[T_VIEW][0].acked);
			for (int i = 0; i < s->nwrites; i++)
			{
				if (s->write[i].table == T_VIEW && s->write[i].state > gen)
					gen = s->write[i].state;
			}
			gen = state_of(s->poison ? version_of(gen) | 1 : version_of(gen) + 2, 0);
			snprintf(sql, sizeof(sql), "CREATE OR REPLACE VIEW v_two AS"
					 " SELECT k.id, k.version, t.version AS other, %" PRId64
					 "::bigint AS gen FROM t_key k JOIN t_tab t ON t.id = k.id %% %d",
					 version_of(gen), ROWS);
			if (command(s, sql))
				note_write(s, T_VIEW, 0, gen);
	}
}

/* The last state that this transaction gave a row, or -1. */
static State
own_state(const Session *s, Table table, int id)
{
	for (int i = s->nwrites - 1; i >= 0; i--)
	{
		if (s->write[i].table == table && s->write[i].id == id)
			return s->write[i].state;
	}
	return -1;
}

static void
check_own_version(Session *s, Table table, int id, int64_t version)
{
	int64_t		own = version_of(own_state(s, table, id));

	n_checked++;
	if (version != own)
		stale("session %d, own writes, %s row %d: version %" PRId64 ", but wrote %" PRId64,
			  s->number, table_names[table], id, version, own);
}

/* Reads through the cache what it has written last. */
static void
check_own_writes(Session *s)
{
	Write	   *last = &s->write[s->nwrites - 1];
	PGresult   *result;
	char		param[32];
	const char *json;

	if (s->nwrites == 0 || s->failed)
		return;
	sprintf(param, last->table == T_TAB ? "0" : "{%d}", last->id);
	switch (last->table)
	{
		case T_KEY:
			result = run(s, "fetch t_key", param, NULL, NULL);
			break;
		case T_PART:
			result = run(s, "fetch t_part", param, NULL, NULL);
			break;
		case T_TAB:
			result = run(s, "rows t_tab", param, NULL, NULL);
			break;
		case T_TAG:
			sprintf(param, "%d", group_of(own_state(s, T_TAG, last->id)));
			result = run(s, "list t_tag", param, NULL, NULL);
			break;
		default:
			return;
	}
	if (result == NULL)
		return;
	json = PQgetvalue(result, 0, 0);
	if (last->table == T_TAG || last->table == T_TAB)
	{
		char		object[32];

		sprintf(object, "{\"id\":%d,", last->id);
		json = strstr(json, object);
	}
	check_own_version(s, last->table, last->id,
					  json != NULL ? json_int(json, "version") : -1);
	PQclear(result);
}

static void
write_something(Session *s)
{
	int			choice = below(s, 1000);

	if (choice < 400)
		write_update(s);
	else if (choice < 520)
		write_move(s);
	else if (choice < 650)
		write_delete_insert(s);
	else if (choice < 820)
		write_transfer(s);
	else if (choice < 980)
		write_flip(s);
	else if (choice < 985)
		write_refill(s);
	else if (choice < 990)
		write_ddl(s);
	else
		PQclear(run(s, "pad", NULL, NULL, NULL));
	if (s->checks_own && one_in(s, 3))
		check_own_writes(s);
}

/* A savepoint, some writes, and mostly a rollback to it. */
static void
write_in_savepoint(Session *s)
{
	bool		poison = s->poison;
	bool		keep = one_in(s, 3);
	int			nwrites = s->nwrites;

	if (!command(s, "SAVEPOINT a"))
		return;
	s->poison |= !keep;
	write_something(s);
	if (!s->failed && one_in(s, 3))
		write_something(s);
	s->poison = poison;
	if (s->failed)
		return;
	if (keep)
		command(s, "RELEASE a");
	else if (command(s, "ROLLBACK TO a"))
	{
		s->nwrites = nwrites;
		if (s->checks_own)
			check_own_writes(s);
	}
}

static void
pause_us(Session *s, int at_most)
{
	usleep((useconds_t) below(s, at_most));
}

static void
commit(Session *s)
{
	PGresult   *result;

	for (int i = 0; i < s->nwrites; i++)
		raise_to(&cells[s->write[i].table][s->write[i].id].issued, s->write[i].state);
	result = checked_result(s, PQexec(s->conn, "COMMIT"), "COMMIT");
	if (result == NULL)
		return;
	PQclear(result);
	for (int i = 0; i < s->nwrites; i++)
		raise_to(&cells[s->write[i].table][s->write[i].id].acked, s->write[i].state);
	n_commits++;
}

static void
write_transaction(Session *s)
{
	bool		rollback = one_in(s, 6);
	int			n = 1 + below(s, 3);

	s->failed = false;
	s->nwrites = 0;
	s->poison = rollback;
	s->checks_own = one_in(s, 2);
	if (!command(s, "BEGIN"))
		return;
	for (int i = 0; i < n && !s->failed; i++)
	{
		if (one_in(s, 4))
			write_in_savepoint(s);
		else
			write_something(s);
	}
	if (!s->failed && one_in(s, 8))
		pause_us(s, 5000);
	if (s->failed || rollback)
	{
		PQclear(PQexec(s->conn, "ROLLBACK"));
		n_rollbacks++;
	}
	else
		commit(s);
}

/* Statements that change no table and so have no transaction id. */
static void
invalidate_something(Session *s)
{
	char		param[32];

	s->failed = false;
	if (one_in(s, 200))
		command(s, one_in(s, 10) ? "SELECT cache_flush()" :
				"SELECT cache_invalidate_table('t_tag')");
	else
	{
		sprintf(param, "%d", pick_id(s));
		PQclear(run(s, "invalidate", param, NULL, NULL));
	}
}

static void
prepare_fetches(Session *s)
{
	prepare(s, "fetch t_key", "SELECT cache_fetch_row('k:' || i,"
			" 'SELECT version FROM t_key WHERE id = $1', (i)) FROM unnest($1::int[]) i");
	prepare(s, "fetch t_part", "SELECT cache_fetch_row('p:' || i,"
			" 'SELECT version FROM t_part WHERE id = $1', (i)) FROM unnest($1::int[]) i");
	prepare(s, "list t_tag", "SELECT cache_fetch('list:' || $1::int,"
			" 'SELECT id, version FROM t_tag WHERE grp = $1', ($1::int), tags => ARRAY['g:' || $1::int])");
	prepare(s, "rows t_tab", "SELECT cache_fetch('tab:' || $1::int,"
			" 'SELECT id, version, amount FROM t_tab WHERE $1 >= 0', ($1::int))");
}

static void
prepare_writer(Session *s)
{
	static const char *const lists[] = {"t_key", "t_tag", "t_part"};

	prepare_fetches(s);
	for (int i = 0; i < 3; i++)
	{
		char		name[32];
		const char *t = lists[i];

		snprintf(name, sizeof(name), "update %s", t);
		prepare(s, name, "UPDATE %s SET version = next_version(version, $2::bool)"
				" WHERE id = ANY ($1::int[]) RETURNING id, version, grp", t);
		snprintf(name, sizeof(name), "delete %s", t);
		prepare(s, name, "DELETE FROM %s WHERE id = $1::int RETURNING version, grp", t);
		snprintf(name, sizeof(name), "insert %s", t);
		prepare(s, name, "INSERT INTO %s (id, version, grp) VALUES ($1::int, $2::bigint,"
				" $3::int) RETURNING id, version, grp", t);
		snprintf(name, sizeof(name), "move %s", t);
		prepare(s, name, "UPDATE %s SET version = next_version(version, $2::bool), grp = $3::int"
				" WHERE id = ANY ($1::int[]) RETURNING id, version, grp", t);
	}
	prepare(s, "transfer", "UPDATE t_tab SET version = next_version(version, $3::bool),"
			" amount = amount + CASE WHEN $3 THEN 1 WHEN $1::int = $2::int THEN 0"
			" WHEN id = $1 THEN 1 ELSE -1 END WHERE id IN ($1, $2) RETURNING id, version");
	prepare(s, "flip", "SELECT flip($1::int, $2::bool)");
	prepare(s, "all t_tag", "SELECT id, version, grp FROM t_tag");
	prepare(s, "refill", "SELECT id, version, grp FROM refill($1::bool, $2, $3)");
	prepare(s, "invalidate", "SELECT cache_invalidate('k:' || $1::int, 'p:' || $1::int),"
			" cache_invalidate_tag('g:' || $1::int %% 8)");
	/* So many keys to settle that what comes before them stays pending for long. */
	prepare(s, "pad", "SELECT cache_invalidate(VARIADIC"
			" (SELECT array_agg('pad:' || i) FROM generate_series(1, 5000) i))");
}

/* ---- readers ------------------------------------------------------------------ */

/* One statement with up to MAX_BATCH fetches by key; the first column is what
 * the statement's own snapshot shows, or -1. */
static void
read_by_key(Session *s, const char *name, Table table)
{
	int			n = one_in(s, 3) ? 1 : 1 + below(s, MAX_BATCH);
	int			ids[MAX_BATCH];
	Floor		floors[MAX_BATCH];
	char		text[128];
	PGresult   *result;

	for (int i = 0; i < n; i++)
	{
		ids[i] = pick_id(s);
		floors[i] = acked_floor(table, ids[i]);
	}
	ids_to_text(ids, n, text);
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return;
	for (int i = 0; i < n; i++)
	{
		int64_t		version = json_int(PQgetvalue(result, i, 1), "version");

		if (table == T_NEG)
			check_negative(s, name, ids[i], floors[i], version);
		else
		{
			raise_floor(&floors[i], get_int(result, i, 0));
			check_version(s, name, table, ids[i], floors[i], version);
		}
	}
	n_checked += n;
	PQclear(result);
}

static void
read_list(Session *s, const char *name, Table table)
{
	int			grp = below(s, GROUPS);
	Floor		floors[KEYS];
	char		text[16];
	PGresult   *result;

	for (int i = 0; i < KEYS; i++)
		floors[i] = acked_floor(table, i);
	sprintf(text, "%d", grp);
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return;
	check_list(s, name, table, grp, floors, PQgetvalue(result, 0, 0));
	n_checked++;
	PQclear(result);
}

/* All of t_tab; the second column is what the statement's snapshot shows of
 * all rows together: versions only grow, and so does their sum. */
static void
read_rows(Session *s, const char *name)
{
	Floor		floors[ROWS];
	char		text[16];
	PGresult   *result;
	const char *json;
	int64_t		sum = 0;

	for (int i = 0; i < ROWS; i++)
		floors[i] = acked_floor(T_TAB, i);
	sprintf(text, "%d", below(s, 4));
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return;
	json = PQgetvalue(result, 0, PQnfields(result) - 1);
	check_rows(s, name, floors, json);
	if (PQnfields(result) > 1)
	{
		for (const char *at = json; (at = strstr(at, "{\"id\":")) != NULL; at++)
			sum += json_int(at, "version");
		if (sum < get_int(result, 0, 0))
			stale("session %d, %s, t_tab: sum of versions %" PRId64 ", but visible was %"
				  PRId64, s->number, name, sum, get_int(result, 0, 0));
	}
	n_checked++;
	PQclear(result);
}

static void
read_view(Session *s)
{
	int			id = pick_id(s);
	Floor		key = acked_floor(T_KEY, id);
	Floor		row = acked_floor(T_TAB, id % ROWS);
	Floor		gen = acked_floor(T_VIEW, 0);
	char		text[16];
	PGresult   *result;
	const char *json;

	sprintf(text, "%d", id);
	result = run(s, "view", text, NULL, NULL);
	if (result == NULL)
		return;
	json = PQgetvalue(result, 0, 0);
	check_version(s, "view", T_KEY, id, key, json_int(json, "version"));
	check_version(s, "view", T_TAB, id % ROWS, row, json_int(json, "other"));
	check_version(s, "view", T_VIEW, 0, gen, json_int(json, "gen"));
	n_checked++;
	PQclear(result);
}

static void
read_typed(Session *s)
{
	int			id = pick_id(s);
	Floor		floor = acked_floor(T_KEY, id);
	char		text[16];
	PGresult   *result;

	sprintf(text, "%d", id);
	result = run(s, "typed", text, NULL, NULL);
	if (result == NULL)
		return;
	check_version(s, "typed", T_KEY, id, floor,
				  PQntuples(result) == 1 ? get_int(result, 0, 1) : -1);
	n_checked++;
	PQclear(result);
}

/* Cache-aside: what is not there is read from the table and set. */
static void
read_keyvalue(Session *s, int id)
{
	Floor		floor = acked_floor(T_KEY, id);
	char		text[16];
	char		json[64];
	PGresult   *result;

	sprintf(text, "%d", id);
	result = run(s, "get", text, NULL, NULL);
	if (result == NULL)
		return;
	if (!PQgetisnull(result, 0, 0))
	{
		check_version(s, "cache_get", T_KEY, id, floor,
					  json_int(PQgetvalue(result, 0, 0), "version"));
		n_checked++;
		PQclear(result);
		return;
	}
	PQclear(result);
	result = run(s, "table t_key", text, NULL, NULL);
	if (result == NULL || PQntuples(result) == 0)
	{
		/* TRUNCATE and an old snapshot: as PostgreSQL has it */
		PQclear(result);
		return;
	}
	snprintf(json, sizeof(json), "{\"version\":%" PRId64 "}", get_int(result, 0, 0));
	PQclear(result);
	if (one_in(s, 4))
		pause_us(s, 2000);
	PQclear(run(s, "set", text, json, NULL));
}

/* Through the cache, then by table: no value from the future. */
static void
read_then_table(Session *s)
{
	int			id = pick_id(s);
	char		ids[16];
	char		text[16];
	PGresult   *cached;
	PGresult   *table;

	sprintf(ids, "{%d}", id);
	sprintf(text, "%d", id);
	cached = run(s, "fetch t_key", ids, NULL, NULL);
	table = run(s, "table t_key", text, NULL, NULL);
	if (cached != NULL && table != NULL)
	{
		int64_t		version = json_int(PQgetvalue(cached, 0, 0), "version");

		n_checked++;
		if (version > get_int(table, 0, 0))
			stale("session %d, t_key row %d: version %" PRId64 ", but the table has %" PRId64
				  " after it", s->number, id, version, get_int(table, 0, 0));
	}
	PQclear(cached);
	PQclear(table);
}

/* By table and through the cache in one snapshot: the same, again and again. */
static void
compare_in_snapshot(Session *s)
{
	static const char *const names[] = {
		"same t_key", "same t_part", "same t_tag", "same t_tab", "same v_two", "same t_neg"
	};
	const char *name = names[below(s, 6)];
	char		text[16];
	PGresult   *result;

	sprintf(text, "%d", pick_id(s));
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return;
	n_checked++;
	if (strcmp(PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1)) != 0)
		stale("session %d, REPEATABLE READ, %s %s: %s, but the table has %s", s->number,
			  name, text, PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 0));
	PQclear(result);
}

/* What an old snapshot shows must not get into the cache. */
static void
read_keyvalue_in_snapshot(Session *s)
{
	int			id = pick_id(s);
	char		text[16];

	sprintf(text, "%d", id);
	command(s, "BEGIN ISOLATION LEVEL REPEATABLE READ");
	PQclear(run(s, "table t_key", text, NULL, NULL));
	pause_us(s, 2000);
	if (!s->failed)
		read_keyvalue(s, id);
	PQclear(PQexec(s->conn, s->failed ? "ROLLBACK" : "COMMIT"));
}

/* LOCK TABLE comes before the snapshot, for TRUNCATE does not wait for one. */
static void
read_snapshot(Session *s)
{
	int			n = 4 + below(s, 12);

	command(s, "BEGIN ISOLATION LEVEL REPEATABLE READ");
	command(s, "LOCK TABLE t_key, t_tag, t_tab, t_part, t_neg, v_two IN ACCESS SHARE MODE");
	for (int i = 0; i < n && !s->failed; i++)
	{
		compare_in_snapshot(s);
		if (one_in(s, 4))
			pause_us(s, 2000);
	}
	PQclear(PQexec(s->conn, s->failed ? "ROLLBACK" : "COMMIT"));
}

static void
read_something(Session *s)
{
	int			choice = below(s, 100);

	s->failed = false;
	if (choice < 20)
		read_by_key(s, "key t_key", T_KEY);
	else if (choice < 32)
		read_by_key(s, "key visible t_key", T_KEY);
	else if (choice < 42)
		read_by_key(s, "key t_part", T_PART);
	else if (choice < 50)
		read_by_key(s, "key t_neg", T_NEG);
	else if (choice < 56)
		read_list(s, "list t_tag", T_TAG);
	else if (choice < 60)
		read_list(s, "list t_part", T_PART);
	else if (choice < 63)
		read_list(s, "slow list t_tag", T_TAG);
	else if (choice < 70)
		read_rows(s, "rows t_tab");
	else if (choice < 78)
		read_rows(s, "rows visible t_tab");
	else if (choice < 81)
		read_rows(s, "slow rows t_tab");
	else if (choice < 85)
		read_view(s);
	else if (choice < 88)
		read_typed(s);
	else if (choice < 93)
		read_keyvalue(s, pick_id(s));
	else if (choice < 95)
		read_then_table(s);
	else if (choice < 98)
		read_by_key(s, "key slow t_key", T_KEY);
	else if (choice < 99 || one_in(s, 2))
		read_snapshot(s);
	else
		read_keyvalue_in_snapshot(s);
}

static void
prepare_same(Session *s, const char *name, const char *key, const char *query,
			 const char *more)
{
	char		statement[32];

	snprintf(statement, sizeof(statement), "same %s", name);
	prepare(s, statement, "SELECT (SELECT '[' || coalesce(string_agg(row_to_json(t)::text, ','), '')"
			" || ']' FROM (%s) t), cache_fetch('%s' || $1::int, '%s', ($1::int)%s)",
			query, key, query, more);
}

static void
prepare_reader(Session *s)
{
	static const char *const slow = ", pg_sleep(0.001)";

	prepare_fetches(s);
	prepare(s, "key t_key", "SELECT -1, cache_fetch_row('k:' || i,"
			" 'SELECT version FROM t_key WHERE id = $1', (i)) FROM unnest($1::int[]) i");
	prepare(s, "key visible t_key", "SELECT (SELECT version FROM t_key WHERE id = i),"
			" cache_fetch_row('k:' || i, 'SELECT version FROM t_key WHERE id = $1', (i))"
			" FROM unnest($1::int[]) i");
	prepare(s, "key slow t_key", "SELECT -1, cache_fetch_row('k:' || i,"
			" 'SELECT version FROM t_key%s WHERE id = $1', (i)) FROM unnest($1::int[]) i", slow);
	prepare(s, "key t_part", "SELECT -1, cache_fetch_row('p:' || i,"
			" 'SELECT version FROM t_part WHERE id = $1', (i)) FROM unnest($1::int[]) i");
	prepare(s, "key t_neg", "SELECT -1, cache_fetch_row('n:' || i,"
			" 'SELECT version FROM t_neg WHERE id = $1', (i)) FROM unnest($1::int[]) i");
	prepare(s, "list t_part", "SELECT cache_fetch('parts:' || $1::int,"
			" 'SELECT id, version FROM t_part WHERE grp = $1', ($1::int), tags => ARRAY['r:' || $1::int])");
	prepare(s, "slow list t_tag", "SELECT cache_fetch('slow:' || $1::int,"
			" 'SELECT id, version FROM t_tag%s WHERE grp = $1', ($1::int), tags => ARRAY['g:' || $1::int])", slow);
	prepare(s, "rows visible t_tab", "SELECT (SELECT sum(version) FROM t_tab),"
			" cache_fetch('tab:' || $1::int,"
			" 'SELECT id, version, amount FROM t_tab WHERE $1 >= 0', ($1::int))");
	prepare(s, "slow rows t_tab", "SELECT cache_fetch('tab:' || $1::int,"
			" 'SELECT id, version, amount FROM t_tab%s WHERE $1 >= 0', ($1::int))", slow);
	prepare(s, "view", "SELECT cache_fetch_row('k:' || $1::int,"
			" 'SELECT version, other, gen FROM v_two WHERE id = $1', ($1::int))");
	prepare(s, "typed", "SELECT * FROM cache_fetch_rows('k:' || $1::int,"
			" 'SELECT id, version FROM t_key WHERE id = $1', ($1::int)) AS t(id int, version bigint)");
	prepare(s, "get", "SELECT cache_get('k:' || $1::int)");
	prepare(s, "set", "SELECT cache_set('k:' || $1::int, $2::json)");
	prepare(s, "table t_key", "SELECT version FROM t_key WHERE id = $1::int");

	prepare_same(s, "t_key", "k:", "SELECT version FROM t_key WHERE id = $1", "");
	prepare_same(s, "t_part", "p:", "SELECT version FROM t_part WHERE id = $1", "");
	prepare_same(s, "t_neg", "n:", "SELECT version FROM t_neg WHERE id = $1", "");
	prepare_same(s, "t_tag", "rr:", "SELECT id, version FROM t_tag WHERE grp = $1 % 8 ORDER BY id",
				 ", tags => ARRAY['g:' || $1 % 8]");
	prepare_same(s, "t_tab", "rr:", "SELECT id, version FROM t_tab WHERE id = $1 % 16", "");
	prepare_same(s, "v_two", "k:", "SELECT version, other, gen FROM v_two WHERE id = $1", "");
}

/* ---- threads -------------------------------------------------------------------- */

static void *
writer_main(void *arg)
{
	Session    *s = arg;

	while (!done)
	{
		if (one_in(s, 12))
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
		read_something(s);
	return NULL;
}

static void
start_session(Session *s, int number, bool writer)
{
	s->conn = connect_to_server();
	s->number = number;
	s->writer = writer;
	s->random = (options.seed * 1000 + (uint64_t) number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	if (!writer)
	{
		prepare_reader(s);
		return;
	}
	prepare_writer(s);
	/* Every other writer soon invalidates by rule instead of by key. */
	if (number % 2 == 1)
		PQclear(PQexec(s->conn, "SET cachefront.max_keys_per_commit = 3"));
}

static void
read_initial_states(PGconn *conn)
{
	static const char *const queries[NTABLES] = {
		"SELECT id, version, 0 FROM t_key", "SELECT id, version, grp FROM t_tag",
		"SELECT id, version, 0 FROM t_tab", "SELECT id, version, grp FROM t_part",
		"SELECT id, version, 0 FROM neg_version", "SELECT 0, max(gen), 0 FROM v_two"
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

			cell->issued = cell->acked = state_of(get_int(result, i, 1), get_int(result, i, 2));
		}
		PQclear(result);
	}
}

static int64_t
query_int(PGconn *conn, const char *sql)
{
	PGresult   *result = PQexec(conn, sql);
	int64_t		value = PQntuples(result) == 1 ? get_int(result, 0, 0) : -1;

	PQclear(result);
	return value;
}

/* After all have gone, the cache and the tables must agree. */
static void
check_at_rest(void)
{
	Session    *s = calloc(1, sizeof(Session));

	start_session(s, -1, false);
	for (int i = 0; i < KEYS; i++)
	{
		static const char *const names[] = {
			"same t_key", "same t_part", "same t_tag", "same t_tab", "same v_two", "same t_neg"
		};

		for (int k = 0; k < 6; k++)
		{
			char		text[16];
			PGresult   *result;

			sprintf(text, "%d", i);
			result = run(s, names[k], text, NULL, NULL);
			if (result != NULL && strcmp(PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1)) != 0)
				stale("at rest, %s %d: %s, but the table has %s", names[k], i,
					  PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 0));
			n_checked++;
			PQclear(result);
		}
	}
	PQfinish(s->conn);
	free(s);
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
		i++;
		if (value == NULL)
			;
		else if (strcmp(argv[i - 1], "--host") == 0)
			options.host = value;
		else if (strcmp(argv[i - 1], "--port") == 0)
			options.port = value;
		else if (strcmp(argv[i - 1], "--user") == 0)
			options.user = value;
		else if (strcmp(argv[i - 1], "--dbname") == 0)
			options.dbname = value;
		else if (strcmp(argv[i - 1], "--seconds") == 0)
			options.seconds = atoi(value);
		else if (strcmp(argv[i - 1], "--writers") == 0)
			options.writers = atoi(value);
		else if (strcmp(argv[i - 1], "--readers") == 0)
			options.readers = atoi(value);
		else if (strcmp(argv[i - 1], "--seed") == 0)
			options.seed = strtoull(value, NULL, 10);
		else
			value = NULL;
		if (value == NULL)
		{
			fprintf(stderr, "checker: unknown option or no value: %s\n", argv[i - 1]);
			exit(2);
		}
	}
}

static void
run_sessions(void)
{
	int			n = options.writers + options.readers;
	Session    *sessions = calloc((size_t) n, sizeof(Session));
	pthread_t  *threads = calloc((size_t) n, sizeof(pthread_t));

	for (int i = 0; i < n; i++)
		start_session(&sessions[i], i, i < options.writers);
	for (int i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, i < options.writers ? writer_main : reader_main,
					   &sessions[i]);
	while (!done && elapsed() < options.seconds)
		usleep(20000);
	done = true;
	for (int i = 0; i < n; i++)
	{
		pthread_join(threads[i], NULL);
		PQfinish(sessions[i].conn);
	}
	free(sessions);
	free(threads);
}

int
main(int argc, char **argv)
{
	static const char *const hits = "SELECT l1_hits + get_hits FROM cache_stats WHERE cache = '*'";
	PGconn	   *conn;
	int64_t		hits_before;
	int64_t		n_hits;
	double		seconds;

	parse_options(argc, argv);
	conn = connect_to_server();
	read_initial_states(conn);
	hits_before = query_int(conn, hits);
	clock_gettime(CLOCK_MONOTONIC, &started);
	run_sessions();
	seconds = elapsed();
	n_hits = query_int(conn, hits) - hits_before;
	if (!options.stop || n_stale == 0)
		check_at_rest();
	PQfinish(conn);

	printf("%.0f s, %.0f reads/s, %.1f %% hits; %lld commits, %lld rollbacks,"
		   " %lld retries (%lld deadlocks, %lld serialization, %lld lock timeouts)\n",
		   seconds, (double) n_checked / seconds, 100.0 * (double) n_hits / (double) n_checked,
		   (long long) n_commits, (long long) n_rollbacks, (long long) n_retries,
		   (long long) n_retried_by[0], (long long) n_retried_by[1], (long long) n_retried_by[2]);
	printf("checked %lld reads, %" PRId64 " hits, %lld stale, %lld errors\n",
		   (long long) n_checked, n_hits, (long long) n_stale, (long long) n_errors);
	return n_stale > 0 || n_errors > 0 ? 1 : 0;
}
