/*
 * define.h - caches: settings for every key that starts with a name and a colon.
 *
 * src/rules/define.h
 */
#ifndef CF_RULES_DEFINE_H
#define CF_RULES_DEFINE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "codec/key.h"
#include "stats/counters.h"

/* Who may share an entry. */
typedef enum CfScope
{
	CF_SCOPE_ROLE,				/* same effective role and session user */
	CF_SCOPE_SETTING,			/* those, and the same value of a setting */
	CF_SCOPE_SHARED				/* every role */
} CfScope;

/* By what a result is known to be current. */
typedef enum CfFreshness
{
	CF_FRESHNESS_PROVEN,		/* by all that its query can have read */
	CF_FRESHNESS_DECLARED		/* by its key and tags, which its caller chose so */
} CfFreshness;

/* What holds for a key, with the server's defaults filled in. */
typedef struct CfDefinition
{
	char		name[CF_MAX_CACHE_NAME];	/* "" for keys of no cache */
	CfStatsSlot stats_slot;
	int64		ttl;			/* us, as are the next five */
	int64		negative_ttl;
	int64		stale_ttl;
	int64		refresh_after;	/* 0: never; of named loaders of scope 'shared' alone */
	int64		max_stale;		/* 0: what changed rows have outdated is never served */
	bool		max_stale_defined;	/* by the cache itself, not by the setting */
	double		jitter;
	double		xfetch_beta;
	CfFreshness freshness;
	CfScope		scope;
	char		setting[NAMEDATALEN];	/* with CF_SCOPE_SETTING */
	bool		paused;			/* a named loader whose owner's role is gone: nothing is cached */
	bool		more_settings;	/* shorter names have scopes of other settings, */
	CfHash128	more_values;	/* whose names and values are hashed here */
} CfDefinition;

/* How a named loader reads; all in the caller's memory. */
typedef struct CfLoaderDefinition
{
	char	   *query;			/* NULL: the cache has none */
	int			nargs;
	Oid		   *arg_types;
	char	   *version;		/* 'auto', 'none' or its text */
	char	   *search_path;
	char	   *owner;			/* its role, which may be gone; NULL: none */
} CfLoaderDefinition;

extern void cf_define_register(void);

/*
 * Fills in the definition of the longest name that the key starts with; but the
 * scope is the narrowest of all names that it starts with, for a key of a private
 * cache may look as if it belonged to one that is shared.
 */
extern void cf_define_find(const CfKey *key, CfDefinition *result);

/* The same by the cache's name, never by a key: the defaults if there is none. */
extern void cf_define_find_named(const char *name, CfDefinition *result);

/* Where the events of a cache are counted, by its name. */
extern CfStatsSlot cf_define_stats_slot(const char *name);

/* False: there is no cache of that name. */
extern bool cf_define_find_loader(const char *name, CfLoaderDefinition *result);

/* The names of all caches, palloc'd. */
extern List *cf_define_names(void);

extern int	cf_define_count(void);

/* A NOTICE where the scopes of caches whose names begin with each other differ. */
extern void cf_define_notice_nesting(const char *name);

#define CF_MAX_TTL (INT64CONST(366) * USECS_PER_DAY)

/* Microseconds of a time to live; raises an error if out of range. */
extern int64 cf_ttl_check(const Interval *ttl, const char *what, bool zero_ok);

/* The same of one that may be out of range: brought into it; 0: no time at all. */
extern int64 cf_ttl_bounded(const Interval *ttl);

/*
 * For who keeps a text, whose names are to mean what they mean now: the session's schemas, but
 * for temporary ones, which come last; palloc'd.
 */
extern char *cf_define_search_path(void);

/* Splits 'role', 'shared' or 'setting:NAME'; false if it is none of these. */
extern bool cf_scope_parse(const char *text, CfScope *scope, char *setting);

/* 'proven' or 'declared'; false if it is neither. */
extern bool cf_freshness_parse(const char *text, CfFreshness *freshness);

#endif							/* CF_RULES_DEFINE_H */
