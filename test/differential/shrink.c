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

/* Carries out a list, and says whether its last step differs in the same way. */
static bool
still_differs(const Steps *steps, const char *sqlstates)
{
	char		found[SQLSTATES_SIZE] = "";
	Outcome		outcome = OUTCOME_NOTHING;

	reset_database();
	for (int i = 0; i < steps->n; i++)
	{
		Answer		cached;
		Answer		plain;

		outcome = run_step(&steps->step[i], &cached, &plain);
		name_sqlstates(&cached, &plain, found);
		forget_answer(&cached);
		forget_answer(&plain);
	}
	return outcome == OUTCOME_DIFFERENT && strcmp(found, sqlstates) == 0;
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
