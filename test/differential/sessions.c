/*
 * sessions.c - the database of a run and its connections.
 *
 * Each run has a fresh database and fresh sessions; roles are made once. What
 * could make a run depend on time is off: early refreshes, jitter, waiting.
 *
 * test/differential/sessions.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "differential.h"

PGconn	   *sessions[MAX_SESSIONS];
static PGconn *keeper;			/* makes databases, and looks at counters */
static char database[64];

/* A lock that is not free at once never will be: its holder is not running. */
static const char *const settings =
"-c lock_timeout=40ms -c statement_timeout=60s -c client_min_messages=error"
" -c cachefront.xfetch_beta=0 -c cachefront.ttl_jitter=0 -c cachefront.default_ttl=1d"
" -c cachefront.negative_ttl=1d -c cachefront.notify=off";

const char *
session_user_of(int session)
{
	static const char *const users[MAX_SESSIONS] = {NULL, NULL, "diff_r1", "diff_r2", NULL};

	return users[session] != NULL ? users[session] : options.user;
}

static PGconn *
connect_as(const char *user, const char *dbname)
{
	const char *const names[] = {"host", "port", "user", "dbname", "options", NULL};
	char	   *all = format("%s -c cachefront.transparent_min_saving=0"
							 " -c cachefront.transparent=%s", settings,
							 options.transparent && !options.unserved ? "auto" : "off");
	const char *const values[] = {options.host, options.port, user, dbname, all, NULL};
	PGconn	   *conn = PQconnectdbParams(names, values, 0);

	free(all);

	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(conn));
		exit(2);
	}
	return conn;
}

static void
must(PGconn *conn, const char *sql)
{
	PGresult   *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
	{
		fprintf(stderr, "%s: %s", sql, PQerrorMessage(conn));
		exit(2);
	}
	PQclear(result);
}

void
make_roles(void)
{
	keeper = connect_as(options.user, "postgres");
	snprintf(database, sizeof(database), "diff_%d", (int) getpid());
	must(keeper, "DO $$ BEGIN"
		 " IF to_regrole('diff_r1') IS NULL THEN CREATE ROLE diff_r1 LOGIN; END IF;"
		 " IF to_regrole('diff_r2') IS NULL THEN CREATE ROLE diff_r2 LOGIN; END IF;"
		 " END $$");
}

static void
open_sessions(void)
{
	must(keeper, "DROP ROLE IF EXISTS diff_x");
	must(keeper, "ALTER ROLE diff_r2 NOBYPASSRLS");
	must(keeper, "GRANT diff_r2 TO diff_r1");
	forget_statements();
	for (int i = 0; i < MAX_SESSIONS; i++)
		sessions[i] = connect_as(session_user_of(i), database);
}

void
open_database(void)
{
	char		sql[128];

	snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE template0", database);
	must(keeper, sql);
	open_sessions();
}

/* Ends the sessions, and the prepared transactions, which would hold the database. */
static PGconn *
end_sessions(void)
{
	PGconn	   *conn = connect_as(options.user, database);
	PGresult   *result = PQexec(conn,
								"SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts"
								" WHERE database = current_database()");

	for (int i = 0; i < MAX_SESSIONS; i++)
	{
		PQfinish(sessions[i]);
		sessions[i] = NULL;
	}
	for (int i = 0; i < PQntuples(result); i++)
		must(conn, PQgetvalue(result, i, 0));
	PQclear(result);
	return conn;
}

/* As good as a new one, and quicker; only what the catalogue makes is dropped. */
void
reset_database(void)
{
	PGconn	   *conn = end_sessions();

	must(conn, "SET lock_timeout = '30s'; DROP EXTENSION IF EXISTS cachefront CASCADE;"
		 " DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS s2, s3, s4, s5 CASCADE;"
		 " CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC");
	PQfinish(conn);
	open_sessions();
}

void
close_database(void)
{
	char		sql[128];

	PQfinish(end_sessions());
	snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", database);
	must(keeper, sql);
}

PGTransactionStatusType
session_status(int session)
{
	return PQtransactionStatus(sessions[session]);
}

/* Appends to a text that grows. */
static void
append(char **text, size_t *length, const char *more)
{
	size_t		n = strlen(more);

	*text = realloc(*text, *length + n + 1);
	memcpy(*text + *length, more, n + 1);
	*length += n;
}

static char *
rows_of(PGresult *result)
{
	char	   *text = NULL;
	size_t		length = 0;

	append(&text, &length, "");
	for (int i = 0; i < PQntuples(result); i++)
	{
		for (int k = 0; k < PQnfields(result); k++)
		{
			if (k > 0)
				append(&text, &length, "\t");
			append(&text, &length, PQgetisnull(result, i, k) ? "NULL" : PQgetvalue(result, i, k));
		}
		append(&text, &length, "\n");
	}
	return text;
}

/* With what describes the columns; of the binary form each byte in two digits. */
char *
full_rows_of(PGresult *result)
{
	char	   *text = NULL;
	size_t		length = 0;
	char		piece[160];

	append(&text, &length, "");
	for (int k = 0; k < PQnfields(result); k++)
	{
		snprintf(piece, sizeof(piece), "%s %u %d %d\t", PQfname(result, k), PQftype(result, k),
				 PQfmod(result, k), PQftablecol(result, k));
		append(&text, &length, piece);
	}
	append(&text, &length, PQcmdStatus(result));
	append(&text, &length, "\n");
	if (PQbinaryTuples(result) == 0)
	{
		char	   *rows = rows_of(result);

		append(&text, &length, rows);
		free(rows);
		return text;
	}
	for (int i = 0; i < PQntuples(result); i++)
	{
		for (int k = 0; k < PQnfields(result); k++)
		{
			append(&text, &length, PQgetisnull(result, i, k) ? "NULL" : "");
			for (int b = 0; b < PQgetlength(result, i, k); b++)
			{
				snprintf(piece, sizeof(piece), "%02x", (unsigned char) PQgetvalue(result, i, k)[b]);
				append(&text, &length, piece);
			}
			append(&text, &length, "\t");
		}
		append(&text, &length, "\n");
	}
	return text;
}

/* Runs SQL of one statement or several; the answer is the last one's. */
Answer
ask(int session, const char *sql)
{
	PGconn	   *conn = sessions[session];
	PGresult   *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);
	Answer		answer = {.text = NULL};

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		answer.text = rows_of(result);
	else
	{
		const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

		if (PQstatus(conn) == CONNECTION_BAD || sqlstate == NULL)
			sqlstate = "08006";
		snprintf(answer.sqlstate, sizeof(answer.sqlstate), "%s", sqlstate);
		answer.text = strdup(PQerrorMessage(conn));
	}
	PQclear(result);
	return answer;
}

void
forget_answer(Answer *answer)
{
	free(answer->text);
	memset(answer, 0, sizeof(Answer));
}

/*
 * Hits of the server, and how often the cache was asked: only the difference of two
 * has a meaning.
 */
int64_t
count_hits(int64_t *fetches)
{
	PGresult   *result;
	int64_t		hits;

	PQclear(PQexec(sessions[0], "ROLLBACK"));
	PQclear(PQexec(sessions[0], "RESET ROLE"));
	result = PQexec(sessions[0], "SELECT public.cache_hits()");
	hits = PQntuples(result) == 1 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
	PQclear(result);
	result = PQexec(sessions[0], "SELECT fetches FROM public.cache_stats WHERE cache = '*'");
	*fetches = PQntuples(result) == 1 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : 0;
	PQclear(result);
	return hits;
}
