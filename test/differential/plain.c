/*
 * plain.c - reads that know nothing of the cache, for --transparent.
 *
 * A step has one query. It is asked some times with cachefront.transparent on, and once
 * with it off, by one of the ways that a driver has; each answer must be the same, with
 * the names and types of its columns and the text of its error.
 *
 * test/differential/plain.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "differential.h"

#define MAX_STATEMENTS 64

/* Statements prepared by a session: one to serve, one that is never served. */
typedef struct Statement
{
	char	   *query;
	int			number;
} Statement;

static Statement statements[MAX_SESSIONS][MAX_STATEMENTS];
static PGconn *owner[MAX_SESSIONS]; /* of the statements; another one has none */
static int	last_number = 0;

int64_t		n_reads = 0;

/* What is done with a query that has an argument. */
typedef struct Argument
{
	char	   *value;			/* in text form; NULL: the argument is null */
	Oid			type;
	bool		usable;			/* as a parameter; records are not */
} Argument;

/* ---- answers -------------------------------------------------------------- */

static Answer
answer_of(PGconn *conn, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	Answer		answer = {.text = NULL};

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		answer.text = full_rows_of(result);
	else
	{
		const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

		if (PQstatus(conn) == CONNECTION_BAD || sqlstate == NULL)
			sqlstate = "08006";
		snprintf(answer.sqlstate, sizeof(answer.sqlstate), "%s", sqlstate);
		answer.text = format("%s\n", message != NULL ? message : PQerrorMessage(conn));
	}
	PQclear(result);
	return answer;
}

/* ---- statements that are prepared ------------------------------------------- */

static void
close_statement(int session, Statement *statement)
{
	char	   *sql = format("DEALLOCATE \"plain_%d_0\"; DEALLOCATE \"plain_%d_1\"",
							 statement->number, statement->number);

	PQclear(PQexec(sessions[session], sql));
	free(sql);
	free(statement->query);
	statement->query = NULL;
}

/* The place of a query, and whether it is prepared there. */
static Statement *
find_statement(int session, const char *query, bool *prepared)
{
	unsigned	hash = 5381;
	Statement  *statement;

	if (owner[session] != sessions[session])
	{
		for (int i = 0; i < MAX_STATEMENTS; i++)
		{
			free(statements[session][i].query);
			statements[session][i].query = NULL;
		}
		owner[session] = sessions[session];
	}
	for (const char *c = query; *c != '\0'; c++)
		hash = hash * 33 + (unsigned char) *c;
	statement = &statements[session][hash % MAX_STATEMENTS];
	*prepared = statement->query != NULL && strcmp(statement->query, query) == 0;
	return statement;
}

void
forget_statements(void)
{
	memset(owner, 0, sizeof(owner));
}

/* Both at one time, so that both see one catalogue. False: it can not be prepared. */
static bool
prepare_both(int session, Statement *statement, const char *query, const Argument *argument)
{
	PGconn	   *conn = sessions[session];
	bool		ok = true;

	if (statement->query != NULL)
		close_statement(session, statement);
	statement->number = ++last_number;
	for (int served = 0; served < 2 && ok; served++)
	{
		char	   *name = format("plain_%d_%d", statement->number, served);
		PGresult   *result = PQprepare(conn, name, query, argument->usable ? 1 : 0,
									   &argument->type);

		ok = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
		free(name);
	}
	if (ok)
		statement->query = strdup(query);
	return ok;
}

/* ---- one query ---------------------------------------------------------------- */

static Answer
ask_one(const Step *step, const char *query, const Argument *argument, Statement *statement,
		bool served)
{
	PGconn	   *conn = sessions[step->session];
	const char *const values[] = {argument->value};
	int			n = argument->usable ? 1 : 0;

	if (step->protocol == PROTOCOL_SIMPLE)
		return answer_of(conn, PQexec(conn, query));
	if (statement != NULL)
	{
		char	   *name = format("plain_%d_%d", statement->number, served);
		Answer		answer = answer_of(conn, PQexecPrepared(conn, name, n, values, NULL, NULL,
															step->binary));

		free(name);
		return answer;
	}
	return answer_of(conn, PQexecParams(conn, query, n, &argument->type, values, NULL, NULL,
										step->binary));
}

static Answer
ask_in_savepoint(const Step *step, const char *query, const Argument *argument,
				 Statement *statement, bool served)
{
	bool		divided = step->savepoint && session_status(step->session) == PQTRANS_INTRANS;
	Answer		answer;

	if (divided)
		PQclear(PQexec(sessions[step->session], "SAVEPOINT differential"));
	answer = ask_one(step, query, argument, statement, served);
	if (!divided)
		return answer;
	if (answer.sqlstate[0] != '\0')
		PQclear(PQexec(sessions[step->session], "ROLLBACK TO differential"));
	PQclear(PQexec(sessions[step->session], "RELEASE differential"));
	return answer;
}

static void
serve(int session, bool on)
{
	PQclear(PQexec(sessions[session], on && !options.unserved ? "SET cachefront.transparent = auto" :
				   "SET cachefront.transparent = off"));
}

/* Evaluates the argument, so that it can be sent as a parameter. */
static void
resolve_argument(const Step *step, Argument *argument)
{
	char	   *sql;
	PGresult   *result;

	memset(argument, 0, sizeof(*argument));
	if (step->argument == NULL || step->protocol == PROTOCOL_SIMPLE)
		return;
	sql = format("SELECT (%s)::text, pg_typeof(%s)::oid", step->argument, step->argument);
	result = PQexec(sessions[step->session], sql);
	free(sql);
	if (PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 1), "2249") != 0)
	{
		argument->usable = true;
		argument->type = (Oid) strtoul(PQgetvalue(result, 0, 1), NULL, 10);
		argument->value = PQgetisnull(result, 0, 0) ? NULL : strdup(PQgetvalue(result, 0, 0));
	}
	PQclear(result);
}

/* False: two that were served differ, and one of them stands for the one that was not. */
static bool
ask_all(const Step *step, const char *query, const Argument *argument, Statement *statement,
		Answer *cached, Answer *plain)
{
	for (int i = 0; i < 1 + step->times; i++)
	{
		bool		served = i != (step->plain_first ? 0 : step->times);
		Answer		answer;

		if (!served)
			serve(step->session, false);
		answer = ask_in_savepoint(step, query, argument, statement, served);
		if (!served)
		{
			serve(step->session, true);
			*plain = answer;
			continue;
		}
		if (cached->text != NULL && !step->sorted &&
			(strcmp(cached->sqlstate, answer.sqlstate) != 0 ||
			 strcmp(cached->text, answer.text) != 0))
		{
			/* Two that were served differ: one of them is wrong. */
			if (plain->text != NULL)
				forget_answer(plain);
			*plain = *cached;
			*cached = answer;
			return false;
		}
		if (cached->text != NULL)
			forget_answer(cached);
		*cached = answer;
		n_reads++;
	}
	return true;
}

/*
 * PostgreSQL learns what others have changed in the catalogue when it takes a lock that it
 * has not yet: a statement within a transaction may not know yet what the next one does. So
 * what was asked first is asked once more if it differs.
 */
static void
ask_again_without(const Step *step, const char *query, const Argument *argument,
				  Statement *statement, Answer *plain)
{
	forget_answer(plain);
	serve(step->session, false);
	*plain = ask_in_savepoint(step, query, argument, statement, false);
	serve(step->session, true);
}

void
ask_plainly(const Step *step, Answer *cached, Answer *plain)
{
	Statement  *statement = NULL;
	Argument	argument;
	const char *query;
	bool		prepared = true;

	resolve_argument(step, &argument);
	query = argument.usable ? step->query : step->plain;
	if (step->protocol == PROTOCOL_PREPARED)
	{
		statement = find_statement(step->session, query, &prepared);
		if (!prepared && !prepare_both(step->session, statement, query, &argument))
			statement = NULL;
	}
	if (ask_all(step, query, &argument, statement, cached, plain) && step->plain_first &&
		cached->sqlstate[0] == '\0' && strcmp(cached->text, plain->text) != 0)
		ask_again_without(step, query, &argument, statement, plain);
	/* DISCARD ALL, DEALLOCATE ALL */
	if (statement != NULL && (strcmp(cached->sqlstate, "26000") == 0 ||
							  strcmp(plain->sqlstate, "26000") == 0))
	{
		if (session_status(step->session) != PQTRANS_INERROR)
			close_statement(step->session, statement);
		snprintf(cached->sqlstate, sizeof(cached->sqlstate), "25P02");
	}
	free(argument.value);
}
