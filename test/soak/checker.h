/*
 * checker.h - what the files of the checker share; see checker.c.
 *
 *	checker.c	options, threads, the end of a run
 *	session.c	connections, statements, random choices, reports
 *	judge.c		what a read may return
 *	writer.c	random transactions
 *	reader.c	everything that reads through the cache
 *	tier.c		reads that Redis answers, also on a standby
 *	standby.c	makes a standby lag, and watches its tables
 *	crash.c		kills sessions of the writing server, so that it starts anew
 *	promote.c	kills the writing server, and promotes the standby
 *	portable.c	reads that another cache can run as well
 *
 * test/soak/checker.h
 */
#ifndef CF_SOAK_CHECKER_H
#define CF_SOAK_CHECKER_H

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
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

#define WAIT_SECONDS 60			/* for a server that comes back, or takes over */
#define KEYS 120				/* rows of a table; see schema.sql */
#define ROWS 16					/* rows of t_tab */
#define GROUPS 8
#define MAX_BATCH 16
#define MAX_WRITES 4096
#define MAX_STATEMENTS 64
#define MAX_SHOWN 40

typedef enum Table
{
	T_KEY, T_TAG, T_TAB, T_PART, T_NEG, T_VIEW, NTABLES
} Table;

/* A version and a group in one number that grows with the version. */
typedef int64_t State;
#define state_of(version, grp) ((State) (version) * 64 + (grp))
#define version_of(state) ((state) / 64)
#define group_of(state) ((int) ((state) % 64))

typedef struct Cell
{
	_Atomic State issued;
	_Atomic State acked;
	_Atomic State shown;		/* by the standby's tables */
} Cell;

/* How sessions read; see portable.c for the last two. */
typedef enum Reads
{
	READS_ALL, READS_CACHEFRONT, READS_PLAIN
} Reads;

typedef struct Options
{
	const char *host;
	const char *port;
	const char *standby_host;	/* NULL: none */
	const char *standby_port;
	int			standby_readers;
	const char *user;
	const char *dbname;
	int			seconds;
	int			crash_every;	/* seconds, about; 0: never */
	int			promote_at;		/* seconds; 0: never */
	int			writers;
	int			readers;
	uint64_t	seed;
	bool		stop;
	bool		without_rules;	/* nothing is attached: no key or tag is invalidated */
	bool		tier;			/* reads that Redis answers are wanted */
	bool		simple;			/* the simple protocol instead of prepared statements */
	Reads		reads;
} Options;

/* What a writer will have written once it commits. */
typedef struct Write
{
	Table		table;
	int			id;
	State		state;
} Write;

/* A statement of the simple protocol, by the name that it would be prepared with. */
typedef struct Statement
{
	char		name[32];
	char	   *sql;
} Statement;

typedef struct Session
{
	PGconn	   *conn;
	uint64_t	random;
	int			number;
	bool		writer;
	int			lane;			/* of a standby's session; -1: all. See tier.c */
	bool		standby;		/* connected to it */
	bool		failed;			/* a statement of the transaction failed */
	bool		connecting;		/* being prepared, after a crash */
	bool		incomplete;		/* meanwhile, a statement could not be prepared */
	bool		poison;			/* what it writes now is rolled back later */
	bool		checks_own;		/* reads its own writes through the cache */
	int			nstatements;
	Statement	statement[MAX_STATEMENTS];
	int			nwrites;
	Write		write[MAX_WRITES];
} Session;

/* The floor of a read and its kind, taken before the read is sent. */
typedef struct Floor
{
	State		state;
	const char *kind;
} Floor;

/* checker.c */
extern Options options;
extern Cell cells[NTABLES][KEYS];
extern const char *const table_names[NTABLES];
extern struct timespec started;
extern atomic_bool done;
extern atomic_llong n_checked;
extern atomic_llong n_stale;
extern atomic_llong n_standby_checked;
extern atomic_llong n_standby_stale;
extern atomic_llong n_stale_reads;	/* counted by portable.c */
extern atomic_llong n_errors;
extern atomic_llong n_commits;
extern atomic_llong n_rollbacks;
extern atomic_llong n_retries;
extern atomic_llong n_retried_by[8];
extern atomic_llong n_crashes;
extern atomic_llong n_hits_before;	/* counted by the server before it crashed */
extern atomic_llong n_l2_hits_before;
extern int64_t query_int(PGconn *conn, const char *sql);
extern void prepare_session(Session *s);

/* session.c */
extern _Thread_local bool found_stale; /* set by report_stale */
extern _Thread_local bool on_standby;	/* the thread's session reads there */
extern double elapsed(void);
extern void report_stale(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern int	below(Session *s, int n);
extern bool one_in(Session *s, int n);
extern void count_checked(int n);
extern int	pick_id(Session *s);
extern void pause_us(Session *s, int at_most);
extern PGconn *try_connect(bool standby);
extern PGconn *connect_to_server(bool standby);
extern void disconnect(Session *s);
extern PGresult *checked_result(Session *s, PGresult *result, const char *sql);
extern bool command(Session *s, const char *sql);
extern PGresult *run(Session *s, const char *name, const char *a, const char *b, const char *c);
extern void prepare(Session *s, const char *name, const char *format, ...);
extern int64_t get_int(const PGresult *result, int row, int column);
extern int64_t json_int(const char *json, const char *name);
extern void ids_to_text(const int *ids, int n, char *text);
extern void raise_to(_Atomic State *target, State state);

/* judge.c */
extern Floor acked_floor(Table table, int id);
extern void raise_floor(Floor *floor, int64_t visible_version);
extern void check_version(Session *s, const char *read, Table table, int id, Floor floor,
						  int64_t version);
extern void check_negative(Session *s, const char *read, int id, Floor floor,
						   int64_t version);
extern void check_list(Session *s, const char *read, Table table, int grp,
					   const Floor *floors, const char *json);
extern void check_rows(Session *s, const char *read, const Floor *floors, const char *json);

/* writer.c */
extern void prepare_writer(Session *s);
extern void write_transaction(Session *s);
extern void invalidate_something(Session *s);
extern void define_something(Session *s);

/* reader.c */
extern void prepare_fetches(Session *s);
extern void prepare_reader(Session *s);
extern void read_something(Session *s);
extern void read_on_standby(Session *s);
extern void check_at_rest(Session *s);

/* tier.c */
extern void prepare_tier_reader(Session *s);
extern void read_through_tier(Session *s);

/* standby.c */
extern void *sampler_main(void *arg);
extern void *pauser_main(void *arg);
extern bool wait_for_replay(PGconn *primary, PGconn *standby);
extern pid_t process_of(int64_t parent, const char *title);
extern int64_t postmaster_of(Session *s);
extern atomic_bool pauser_should_end;
extern atomic_bool pauser_ended;

/* crash.c */
extern void *crasher_main(void *arg);

/* promote.c */
extern atomic_bool promoted;
extern void *promoter_main(void *arg);
extern bool is_lost(const Session *s, const char *sqlstate);
extern void connect_again(Session *s);

/* portable.c */
extern void prepare_portable_reader(Session *s);
extern void read_portable(Session *s);
extern void check_portable_at_rest(Session *s);

#endif							/* CF_SOAK_CHECKER_H */
