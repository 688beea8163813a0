/*
 * main.c - compares what comes from the cache with what the query gives.
 *
 * Usage: differential [--host H] [--port P] [--user U] [--seed N] [--seconds N]
 *		  [--steps N] [--without FEATURE,...] [--only FEATURE,...] [--out FOLDER]
 *		  [--keep-going] [--verbose] [--list] [--without-rules] [--ddl] [--tracking]
 *		  [--transparent]
 *
 * Makes runs with the seeds N, N + 1, ... until the time is over; --seconds 0
 * makes one. The first difference is shrunk, printed, and ends the program;
 * with --keep-going one of each feature is. --list names the features.
 * --without-rules plants a fault, which must be found: the tables' triggers do nothing.
 * --ddl changes definitions all the time.
 * --tracking makes no rule at all, and brings features that no rule could follow:
 * what cache_explain does not call covered is not compared then.
 * --transparent is --tracking, with plain SELECTs, which cachefront.transparent serves.
 * Exit status: 0 no difference, 1 some, 2 could not run.
 *
 * test/differential/main.c
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "differential.h"

#define MAX_SEEN 100

Options		options = {
	.host = "/tmp",
	.port = "5432",
	.user = "postgres",
	.steps = 200,
	.seed = 1,
	.seconds = 20
};

static struct timespec started;
static const char *seen[MAX_SEEN];
static int	n_seen;
static int64_t n_steps;
static int64_t n_compared;
static int64_t n_hits;
static int64_t n_asked;
static int	n_own;				/* runs that differed with nothing served */
static int	n_different;

double
elapsed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) (now.tv_sec - started.tv_sec) + (double) (now.tv_nsec - started.tv_nsec) / 1e9;
}

/* The caller frees it. */
char *
format(const char *fmt,...)
{
	va_list		args;
	char	   *text;
	int			n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	text = malloc((size_t) n + 1);
	va_start(args, fmt);
	vsnprintf(text, (size_t) n + 1, fmt, args);
	va_end(args);
	return text;
}

/* ---- reports ---------------------------------------------------------------- */

static void
print_plain_step(FILE *file, const Step *step)
{
	static const char *const protocols[] = {"simple", "extended", "prepared"};

	fprintf(file, "-- %s%s, %d times%s\n", protocols[step->protocol], step->binary ? ", binary" : "",
			step->times, step->plain_first ? ", after once without" : ", then once without");
	fprintf(file, "%s;\n", step->plain);
}

static void
print_step(FILE *file, const Step *step)
{
	fprintf(file, "-- session %d (%s), %s%s\n", step->session, session_user_of(step->session), step->name,
			step->savepoint && step->kind == STEP_PAIR ? ", in savepoints" : "");
	if (step->prelude != NULL)
		fprintf(file, "%s;\n", step->prelude);
	if (step->times > 0)
	{
		print_plain_step(file, step);
		return;
	}
	if (step->kind == STEP_PAIR && step->plain_first)
		fprintf(file, "%s;\n", step->plain);
	fprintf(file, "%s;\n", step->sql);
	if (step->kind == STEP_PAIR && !step->plain_first)
		fprintf(file, "%s;\n", step->plain);
}

/* Carries out the list once more, and shows what its last step answered. */
static void
print_script(FILE *file, const Steps *steps)
{
	Answer		cached;
	Answer		plain;

	fprintf(file, "-- seed %" PRIu64 "\n", options.seed);
	open_database();
	for (int i = 0; i < steps->n; i++)
	{
		print_step(file, &steps->step[i]);
		run_step(&steps->step[i], &cached, &plain);
		if (i < steps->n - 1)
		{
			forget_answer(&cached);
			forget_answer(&plain);
		}
	}
	fprintf(file, "-- cached: %s %s", cached.sqlstate, cached.text);
	if (plain.text != NULL)
		fprintf(file, "-- plain:  %s %s", plain.sqlstate, plain.text);
	forget_answer(&cached);
	forget_answer(&plain);
	close_database();
}

static void
report(const Steps *steps, const char *sqlstates)
{
	static Steps shrunk;
	const char *name = steps->step[steps->n - 1].name;
	char	   *path;
	FILE	   *file;

	printf("DIFFERENT: seed %" PRIu64 ", step %d, %s\n", options.seed, steps->n, name);
	fflush(stdout);
	shrink(steps, sqlstates, &shrunk);
	print_script(stdout, &shrunk);
	fflush(stdout);
	if (options.out == NULL)
		return;
	path = format("%s/%s-%" PRIu64 ".sql", options.out, name, options.seed);
	file = fopen(path, "w");
	if (file != NULL)
	{
		print_script(file, &shrunk);
		fclose(file);
	}
	free(path);
}

static bool
is_new(const char *name)
{
	for (int i = 0; i < n_seen; i++)
		if (strcmp(seen[i], name) == 0)
			return false;
	if (n_seen < MAX_SEEN)
		seen[n_seen++] = name;
	return true;
}

/* ---- runs ------------------------------------------------------------------- */

static bool
do_step(const Step *step, char *sqlstates)
{
	Answer		cached;
	Answer		plain;
	Outcome		outcome = run_step(step, &cached, &plain);

	if (options.verbose)
	{
		print_step(stdout, step);
		printf("-> %s %s", cached.sqlstate, cached.text);
		fflush(stdout);
	}
	if (step->kind == STEP_SETUP && cached.sqlstate[0] != '\0')
	{
		fprintf(stderr, "setup of %s: %s\n%s", step->name, step->sql, cached.text);
		exit(2);
	}
	name_sqlstates(&cached, &plain, sqlstates);
	forget_answer(&cached);
	forget_answer(&plain);
	n_steps++;
	n_compared += outcome != OUTCOME_NOTHING;
	return outcome == OUTCOME_DIFFERENT;
}

static void
free_steps(Steps *steps)
{
	for (int i = 0; i < steps->n; i++)
	{
		free((char *) steps->step[i].sql);
		free((char *) steps->step[i].plain);
		free((char *) steps->step[i].prelude);
		free((char *) steps->step[i].when);
		free((char *) steps->step[i].explain);
		free((char *) steps->step[i].query);
		free((char *) steps->step[i].argument);
	}
	steps->n = 0;
}

/* Says whether there was a difference. */
static bool
run_seed(void)
{
	static Steps steps;
	bool		different = false;
	char		sqlstates[SQLSTATES_SIZE];
	int			setup;
	int64_t		hits;
	int64_t		asked;
	int64_t		asked_then;

	seed_generator(options.seed);
	open_database();
	generate_setup(&steps);
	for (int i = 0; i < steps.n; i++)
		do_step(&steps.step[i], sqlstates);
	setup = steps.n;
	hits = count_hits(&asked_then);
	while (!different && steps.n - setup < options.steps)
	{
		generate_step(&steps, steps.n - setup);
		different = do_step(&steps.step[steps.n++], sqlstates);
	}
	if (!different)
	{
		n_hits += count_hits(&asked) - hits;
		n_asked += asked - asked_then;
	}
	close_database();
	if (different && options.transparent && differs_without_cache(&steps))
	{
		different = false;
		n_own++;
	}
	if (different && is_new(steps.step[steps.n - 1].name))
		report(&steps, sqlstates);
	free_steps(&steps);
	return different;
}

static bool
parse_option(const char *name, const char *value)
{
	if (strcmp(name, "--host") == 0)
		options.host = value;
	else if (strcmp(name, "--port") == 0)
		options.port = value;
	else if (strcmp(name, "--user") == 0)
		options.user = value;
	else if (strcmp(name, "--without") == 0)
		options.without = value;
	else if (strcmp(name, "--only") == 0)
		options.only = value;
	else if (strcmp(name, "--out") == 0)
		options.out = value;
	else if (strcmp(name, "--seconds") == 0)
		options.seconds = atoi(value);
	else if (strcmp(name, "--steps") == 0)
		options.steps = atoi(value) < 1000 ? atoi(value) : 1000;
	else if (strcmp(name, "--seed") == 0)
		options.seed = strtoull(value, NULL, 10);
	else
		return false;
	return true;
}

static void
parse_options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--keep-going") == 0)
			options.keep_going = true;
		else if (strcmp(argv[i], "--verbose") == 0)
			options.verbose = true;
		else if (strcmp(argv[i], "--list") == 0)
			options.list = true;
		else if (strcmp(argv[i], "--without-rules") == 0)
			options.without_rules = true;
		else if (strcmp(argv[i], "--ddl") == 0)
			options.ddl = true;
		else if (strcmp(argv[i], "--tracking") == 0)
			options.tracking = true;
		else if (strcmp(argv[i], "--transparent") == 0)
			options.tracking = options.transparent = true;
		else if (i + 1 == argc || !parse_option(argv[i], argv[i + 1]))
		{
			fprintf(stderr, "differential: unknown option or no value: %s\n", argv[i]);
			exit(2);
		}
		else
			i++;
	}
}

static void
list_features(void)
{
	for (int i = 0; i < catalogue_size; i++)
		if (is_new(catalogue[i].feature))
			puts(catalogue[i].feature);
}

int
main(int argc, char **argv)
{
	uint64_t	first;
	int			n_runs = 0;

	parse_options(argc, argv);
	if (options.list)
	{
		list_features();
		return 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &started);
	make_roles();
	first = options.seed;
	do
	{
		n_different += run_seed();
		n_runs++;
		options.seed++;
	} while (elapsed() < options.seconds && (options.keep_going || n_different == 0));
	if (options.transparent)
		printf("%" PRId64 " reads by plain SELECTs; the cache was asked %" PRId64 " times; %d runs ended"
			   " with a difference that PostgreSQL makes alone\n", n_reads, n_asked, n_own);
	printf("seeds %" PRIu64 " to %" PRIu64 ": %d runs, %" PRId64 " steps, compared %" PRId64
		   ", %" PRId64 " hits, %d different\n",
		   first, options.seed - 1, n_runs, n_steps, n_compared, n_hits, n_different);
	return n_different > 0 ? 1 : 0;
}
