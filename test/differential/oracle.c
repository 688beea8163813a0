/*
 * oracle.c - carries out one step, and judges it.
 *
 * Nobody else runs between the two statements of a pair, so that both see the
 * same committed state, and the same own changes. They must answer with the
 * same rows, or fail with the same SQLSTATE. Not judged are a lock that another
 * session holds (who reads from the cache needs none), and what a failed
 * transaction answers.
 *
 * test/differential/oracle.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "differential.h"

static bool
is_not_judged(const Answer *answer)
{
	static const char *const states[] = {"55P03", "40P01", "40001", "25P02"};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(answer->sqlstate, states[i]) == 0)
			return true;
	return false;
}

static void
do_quietly(int session, const char *sql)
{
	Answer		answer = ask(session, sql);

	forget_answer(&answer);
}

static Answer
ask_in_savepoint(int session, const char *sql)
{
	Answer		answer;

	do_quietly(session, "SAVEPOINT differential");
	answer = ask(session, sql);
	if (answer.sqlstate[0] != '\0')
		do_quietly(session, "ROLLBACK TO differential");
	do_quietly(session, "RELEASE differential");
	return answer;
}

static Answer
ask_as_told(const Step *step, const char *sql)
{
	if (step->savepoint && session_status(step->session) == PQTRANS_INTRANS)
		return ask_in_savepoint(step->session, sql);
	return ask(step->session, sql);
}

/* ---- rows as a set ------------------------------------------------------------ */

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The same lines in the order of their bytes. */
static char *
sort_lines(const char *text)
{
	char	   *copy = strdup(text);
	char	   *sorted = calloc(1, strlen(text) + 2);
	char	  **lines = calloc(strlen(text) + 1, sizeof(char *));
	int			n = 0;

	for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n"))
		lines[n++] = line;
	qsort(lines, (size_t) n, sizeof(char *), compare_lines);
	for (int i = 0; i < n; i++)
		strcat(strcat(sorted, lines[i]), "\n");
	free(lines);
	free(copy);
	return sorted;
}

static bool
same_rows(const char *a, const char *b, bool sorted)
{
	char	   *x;
	char	   *y;
	bool		same;

	if (strcmp(a, b) == 0)
		return true;
	if (!sorted)
		return false;
	x = sort_lines(a);
	y = sort_lines(b);
	same = strcmp(x, y) == 0;
	free(x);
	free(y);
	return same;
}

/* ---- judging --------------------------------------------------------------- */

static Outcome
judge_pair(const Step *step, const Answer *cached, const Answer *plain)
{
	if (strcmp(cached->sqlstate, "08006") == 0 || strcmp(plain->sqlstate, "08006") == 0)
		return OUTCOME_DIFFERENT;
	if (is_not_judged(cached) || is_not_judged(plain))
		return OUTCOME_NOTHING;
	if (strcmp(cached->sqlstate, plain->sqlstate) != 0)
		return OUTCOME_DIFFERENT;
	if (cached->sqlstate[0] != '\0' && step->times > 0)
		return strcmp(cached->text, plain->text) == 0 ? OUTCOME_SAME : OUTCOME_DIFFERENT;
	if (cached->sqlstate[0] != '\0' || same_rows(cached->text, plain->text, step->sorted))
		return OUTCOME_SAME;
	return OUTCOME_DIFFERENT;
}

static bool
is_true(int session, const char *sql)
{
	Answer		answer = ask(session, sql);
	bool		yes = strcmp(answer.text, "t\n") == 0;

	forget_answer(&answer);
	return yes;
}

/* Does the cache say that it promises nothing of this read? Asked where it differs. */
static bool
is_uncovered(const Step *step)
{
	Answer		answer;
	bool		uncovered;

	if (step->explain == NULL)
		return false;
	answer = ask(step->session, step->explain);
	uncovered = strcmp(answer.text, "no\n") == 0;
	forget_answer(&answer);
	return uncovered;
}

static void
ask_both(const Step *step, Answer *cached, Answer *plain)
{
	if (step->plain_first)
		*plain = ask_as_told(step, step->plain);
	*cached = ask_as_told(step, step->sql);
	if (!step->plain_first)
		*plain = ask_as_told(step, step->plain);
}

static Outcome
run_pair(const Step *step, Answer *cached, Answer *plain)
{
	bool		judged = step->when == NULL || is_true(step->session, step->when);
	Outcome		outcome;

	if (step->prelude != NULL)
		do_quietly(step->session, step->prelude);
	if (step->times > 0)
		ask_plainly(step, cached, plain);
	else
		ask_both(step, cached, plain);
	outcome = judged ? judge_pair(step, cached, plain) : OUTCOME_NOTHING;
	if (outcome == OUTCOME_DIFFERENT && is_uncovered(step))
		return OUTCOME_NOTHING;
	return outcome;
}

/* Whether the last two columns of each line are equal. */
static bool
columns_agree(const char *text)
{
	bool		agree = true;
	char	   *copy = strdup(text);

	for (char *line = strtok(copy, "\n"); line != NULL && agree; line = strtok(NULL, "\n"))
	{
		char	   *last = strrchr(line, '\t');
		char	   *other;

		if (last == NULL)
			continue;
		*last++ = '\0';
		other = strrchr(line, '\t');
		agree = strcmp(other == NULL ? line : other + 1, last) == 0;
	}
	free(copy);
	return agree;
}

/* The connection must not break; triggers of the catalogue raise DIFFERENT. */
static Outcome
judge_alone(const Answer *answer)
{
	if (answer->sqlstate[0] == '\0')
		return OUTCOME_NOTHING;
	if (strcmp(answer->sqlstate, "08006") == 0 || strstr(answer->text, "DIFFERENT") != NULL)
		return OUTCOME_DIFFERENT;
	return OUTCOME_NOTHING;
}

static Outcome
run_self(const Step *step, Answer *cached)
{
	*cached = ask(step->session, step->sql);
	if (cached->sqlstate[0] != '\0')
		return judge_alone(cached);
	return columns_agree(cached->text) ? OUTCOME_SAME : OUTCOME_DIFFERENT;
}

/* Both SQLSTATEs, by which a difference is known again. */
void
name_sqlstates(const Answer *cached, const Answer *plain, char *names)
{
	snprintf(names, SQLSTATES_SIZE, "%s/%s", cached->sqlstate, plain->sqlstate);
}

/* The caller forgets both answers. */
Outcome
run_step(const Step *step, Answer *cached, Answer *plain)
{
	memset(cached, 0, sizeof(Answer));
	memset(plain, 0, sizeof(Answer));
	if (step->kind == STEP_PAIR)
		return run_pair(step, cached, plain);
	if (step->kind == STEP_SELF)
		return run_self(step, cached);
	*cached = ask(step->session, step->sql);
	return judge_alone(cached);
}
