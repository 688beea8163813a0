/*
 * shrink.c - leaves away what a difference does not need.
 *
 * Delta debugging: parts of the list, first large, then small, are left out
 * for good where the last step still differs without them on an empty database.
 *
 * test/differential/shrink.c
 */
#include <stdlib.h>
#include <string.h>

#include "differential.h"

#define MAX_TRIALS 150

/* Carries out a list on an empty database, and says what came of its last step. */
static Outcome
repeat(const Steps *steps, char *sqlstates)
{
	Outcome		outcome = OUTCOME_NOTHING;

	reset_database();
	for (int i = 0; i < steps->n; i++)
	{
		Answer		cached;
		Answer		plain;

		outcome = run_step(&steps->step[i], &cached, &plain);
		name_sqlstates(&cached, &plain, sqlstates);
		forget_answer(&cached);
		forget_answer(&plain);
	}
	return outcome;
}

/*
 * Whether the last step differs too where nothing is served: then the cache has no part
 * in it. PostgreSQL looks at what others changed in the catalogue whenever it takes a lock,
 * so that one statement within a transaction can use a function's old body for its first
 * row and the new one for the next.
 */
static bool
differs_unserved(const Steps *steps)
{
	char		found[SQLSTATES_SIZE] = "";
	Outcome		outcome;

	options.unserved = true;
	outcome = repeat(steps, found);
	options.unserved = false;
	return outcome == OUTCOME_DIFFERENT;
}

/* Whether the last step of a list differs in the same way, because of the cache. */
static bool
still_differs(const Steps *steps, const char *sqlstates)
{
	char		found[SQLSTATES_SIZE] = "";

	return repeat(steps, found) == OUTCOME_DIFFERENT && strcmp(found, sqlstates) == 0 &&
		!(options.transparent && differs_unserved(steps));
}

bool
differs_without_cache(const Steps *steps)
{
	bool		differs;

	open_database();
	differs = differs_unserved(steps);
	close_database();
	return differs;
}

/* A list without the steps [from, to), but for those to keep. */
static void
leave_out(const Steps *steps, int from, int to, Steps *result)
{
	result->n = 0;
	for (int i = 0; i < steps->n; i++)
		if (i < from || i >= to || steps->step[i].keep || i == steps->n - 1)
			result->step[result->n++] = steps->step[i];
}

/* One pass with parts of a size; says whether anything went. */
static bool
shrink_by(Steps *steps, const char *sqlstates, int size, int *trials)
{
	Steps	   *trial = malloc(sizeof(Steps));
	bool		shrunk = false;

	for (int from = steps->n - 1 - size; from > -size && *trials < MAX_TRIALS; from -= size)
	{
		leave_out(steps, from < 0 ? 0 : from, from + size, trial);
		if (trial->n == steps->n)
			continue;
		(*trials)++;
		if (still_differs(trial, sqlstates))
		{
			memcpy(steps, trial, sizeof(Steps));
			shrunk = true;
		}
	}
	free(trial);
	return shrunk;
}

/* steps ends with the step that differs. result ends so, too. */
void
shrink(const Steps *steps, const char *sqlstates, Steps *result)
{
	int			trials = 0;

	memcpy(result, steps, sizeof(Steps));
	open_database();
	if (still_differs(result, sqlstates))
		for (int size = result->n / 2; size >= 1; size /= 2)
			while (shrink_by(result, sqlstates, size, &trials) && size == 1)
				;
	close_database();
}
