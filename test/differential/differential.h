/*
 * differential.h - what the files of the differential tester share.
 *
 * A run is a list of steps, each of one session, carried out one after the
 * other by one thread. The steps are made while the run goes on, from a seed
 * and the state of the sessions; afterwards the list alone repeats the run.
 *
 * test/differential/differential.h
 */
#ifndef DIFFERENTIAL_H
#define DIFFERENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#define MAX_SESSIONS 5
#define MAX_STEPS 2000
#define MAX_SCENE 16			/* lines of a scene */

typedef enum StepKind
{
	STEP_SETUP,					/* an error in it ends the program */
	STEP_ACT,					/* errors are part of the game */
	STEP_PAIR,					/* cached and plain must agree */
	STEP_SELF					/* the last two columns of each row must agree */
} StepKind;

typedef enum Protocol
{
	PROTOCOL_SIMPLE,
	PROTOCOL_EXTENDED,
	PROTOCOL_PREPARED
} Protocol;

/* All texts are the step's own (malloc), and NULL where there is none. */
typedef struct Step
{
	StepKind	kind;
	int			session;
	const char *name;			/* of the entry of the catalogue */
	const char *sql;			/* for STEP_PAIR the one that may use the cache */
	const char *plain;
	const char *prelude;		/* runs before the two */
	const char *when;			/* the two are compared only if this is true */
	const char *explain;		/* says "no" if nothing is promised of the cached one */
	const char *query;			/* with --transparent: "plain" with $1 for its argument */
	const char *argument;
	Protocol	protocol;
	int			times;			/* 0: "sql" and "plain" are asked; else "plain", so many times */
	bool		binary;			/* the result */
	bool		plain_first;
	bool		savepoint;		/* in a transaction each runs in a savepoint */
	bool		sorted;			/* the order of the rows is left to chance */
	bool		unprepared;		/* PostgreSQL would keep a plan that is out of date */
	bool		keep;			/* the promise rests on it: do not shrink it away */
} Step;

typedef struct Steps
{
	Step		step[MAX_STEPS];
	int			n;
} Steps;

/* What a statement answered, as one text of lines. */
typedef struct Answer
{
	char		sqlstate[6];	/* empty: no error */
	char	   *text;			/* rows, or the message */
} Answer;

typedef enum Outcome
{
	OUTCOME_NOTHING,			/* nothing to compare */
	OUTCOME_SAME,
	OUTCOME_DIFFERENT
} Outcome;

typedef struct Options
{
	const char *host;
	const char *port;
	const char *user;
	const char *without;		/* features, separated by commas */
	const char *only;
	const char *out;			/* folder for scripts */
	int			seconds;
	int			steps;
	uint64_t	seed;
	bool		keep_going;
	bool		verbose;
	bool		list;
	bool		without_rules;	/* a fault, to see that it is found */
	bool		tracking;		/* no rule is attached, and all that is covered must be exact */
	bool		transparent;	/* reads are plain SELECTs */
	bool		ddl;			/* definitions change all the time */
	bool		unserved;		/* for now: plain SELECTs with cachefront.transparent off */
} Options;

extern Options options;

/* main.c */
extern double elapsed(void);
extern char *format(const char *fmt,...) __attribute__((format(printf, 1, 2)));

/* sessions.c */
extern PGconn *sessions[MAX_SESSIONS];
extern void make_roles(void);
extern void open_database(void);
extern void reset_database(void);
extern void close_database(void);
extern const char *session_user_of(int session);
extern PGTransactionStatusType session_status(int session);
extern Answer ask(int session, const char *sql);
extern void forget_answer(Answer *answer);
extern char *full_rows_of(PGresult *result);
extern int64_t count_hits(int64_t *fetches);

/* plain.c */
extern int64_t n_reads;			/* of those that may be served */
extern void ask_plainly(const Step *step, Answer *cached, Answer *plain);
extern void forget_statements(void);

/* oracle.c */
extern void name_sqlstates(const Answer *cached, const Answer *plain, char *names);
extern Outcome run_step(const Step *step, Answer *cached, Answer *plain);

/* generate.c */
extern void seed_generator(uint64_t seed);
extern void generate_setup(Steps *steps);
extern void generate_step(Steps *steps, int number);

/* shrink.c */
#define SQLSTATES_SIZE 16
extern void shrink(const Steps *steps, const char *sqlstates, Steps *result);
extern bool differs_without_cache(const Steps *steps);

/* catalogue.c */
typedef enum EntryKind
{
	ENTRY_SETUP,				/* a: SQL, not expanded */
	ENTRY_FETCH,				/* a: key, b: query, c: arguments, d: columns, e: tags */
	ENTRY_PAIR,					/* a: cached, b: plain, c: prelude, d: when */
	ENTRY_SELF,					/* a: one SELECT or the like */
	ENTRY_ACT,					/* a: changes tables or the cache */
	ENTRY_ADMIN,				/* a: the same, by a superuser */
	ENTRY_ALONE,				/* a: the same, but not within a transaction */
	ENTRY_SET,					/* a: changes the session */
	ENTRY_SCENE					/* a: lines of several sessions, one after the other */
} EntryKind;

#define SORTED 1				/* compare as a set */
#define KEEP 2					/* shrinking must not take it away */
#define UNPREPARED 4			/* not as a statement that was prepared earlier */

typedef struct Entry
{
	const char *feature;
	EntryKind	kind;
	const char *a,
			   *b,
			   *c,
			   *d,
			   *e;
	unsigned	flags;
} Entry;

extern const Entry catalogue[];
extern const int catalogue_size;

#endif							/* DIFFERENTIAL_H */
