/*
 * loader.h - runs the query of a fetch and writes down what it read.
 *
 * src/load/loader.h
 */
#ifndef CF_LOAD_LOADER_H
#define CF_LOAD_LOADER_H

#include "l1/value.h"
#include "load/watch.h"
#include "request/bypass.h"
#include "request/request.h"
#include "rules/security.h"

typedef struct CfLoad
{
	CfValue		value;			/* result, in the memory context that was current */
	TimestampTz started;		/* before the snapshot */
	TimestampTz oldest;			/* the same, or when an entry that it took was filled */
	uint64		stamp;			/* before the snapshot */
	/* On a standby, or where Redis is used; else 0. */
	uint64		lsn;			/* from before the snapshot: what committed before is in it */
	uint64		end;			/* what committed after is not */
	uint64		incarnation;	/* of the data (history/line.h); 0: it is not known */
	uint64		schema;			/* hash of the columns' names and types */
	uint32		load_us;
	CfBypass	bypass;			/* why it must not be shared */
	CfSources	sources;
	CfClockRef *inner_deps;		/* clocks without a tag's name: of what fetches inside of it
								 * hit or load, and of light names */
	int			ninner_deps;

	/* while it runs */
	const CfDefinition *def;
	bool		replica;		/* it began on a standby */
	bool		serial;			/* it is not planned for parallel workers */
	bool		at_commit;		/* see CfLoadHooks */
	MemoryContext context;		/* of sources.relids */
	CfWatch		watch;
	struct CfLoad *outer;		/* the load that this one runs inside of */
} CfLoad;

extern void cf_loader_install_hooks(void);

/* What a caller does at certain points of a load. */
typedef struct CfLoadHooks
{
	void	   *arg;

	/* Between reading the clocks and whatever the result is made of; or NULL. */
	void		(*begun) (void *arg);

	bool		serial;			/* no plan for parallel workers */
	bool		at_commit;		/* of a transaction that is about to: it waits for no Redis */
} CfLoadHooks;

/*
 * Runs the query, read-only, on a fresh snapshot (the transaction's own from
 * REPEATABLE READ up). Raises the query's errors. hooks may be NULL.
 */
extern void cf_load_run(const CfRequest *request, CfLoad *load, const CfLoadHooks *hooks);

/*
 * For who runs a query by himself. Before the snapshot that it runs on: notes time, clocks, and
 * where it is needed the LSN. After its last row: what can no longer be in it.
 */
extern void cf_load_begin_reading(CfLoad *load);
extern void cf_load_end_reading(CfLoad *load);

/*
 * Runs the query in the same way, but only for its value: without shared
 * memory, and without a look at what it reads.
 */
extern void cf_load_run_plain(const CfRequest *request, CfLoad *load);

/*
 * What runs from here on is of a load that is no query of ours (follow.h), until it is left:
 * after an error, too. No other load is under way.
 */
extern void cf_load_enter(CfLoad *load);
extern void cf_load_leave(CfLoad *load);

/* Is this session inside of a load? */
extern bool cf_load_active(void);

/* A fetch inside of a load: if its scope is narrower, the load is not shared. */
extern void cf_load_check_scope(const CfDefinition *def);

/*
 * A fetch inside of a load took an entry: the load depends on what that does, is as
 * old, and not covered unless that is.
 */
extern void cf_load_add_entry(TimestampTz filled_at, bool covered, const CfClockRef *deps,
							  int ndeps);

/*
 * cache_get inside of a load asked for a key: whatever changes what is there,
 * even if there was nothing, the load depends on.
 */
extern void cf_load_add_key(const CfKey *key);

/*
 * May what runs now ask Redis? Not in a load at commit, whose result is then not to be
 * shared: who loads later may find more.
 */
extern bool cf_load_may_wait(void);

/* Forgets loads that an error left behind. */
extern void cf_load_reset(void);

/*
 * Does the query mean temporary objects, or call functions that might? For
 * sessions that have made some.
 */
extern bool cf_load_may_read_temporary(const CfRequest *request);

/*
 * Raises an error if the caller may not run the query: for hits of scope
 * 'shared', which another role may have filled. False: its own rights show
 * other rows than the others' (row security).
 */
extern bool cf_load_check_rights(const CfRequest *request);

/* See cf_query_is_determined. Raises the query's errors. */
extern bool cf_load_is_determined(const CfRequest *request);

/*
 * Analyses and plans without running, for cache_explain: fills in sources and
 * bypass as cf_load_run would, but for what only shows when functions run.
 */
extern void cf_load_examine(const CfRequest *request, CfLoad *load);

#endif							/* CF_LOAD_LOADER_H */
