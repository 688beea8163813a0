/*
 * breaker.h - may a Redis be used now? Decided together by all sessions.
 *
 * There is one for the server that cachefront.redis_url names, and for each node
 * of a cluster one of its own: what a node fails at says nothing of the others.
 *
 *				failures, or one silence
 *		closed ------------------------> open
 *		   ^							 |	^
 *		   |			   after a while |	| failure: twice as long, up to 2 s
 *		   |  success					 v	|
 *		   +-------------------------- half-open
 *
 * Open: nobody touches Redis. Half-open: one process, the prober, tries it; the
 * others still see it open. That is a worker, for which nobody waits; should none
 * have come some seconds after the time, a session that somebody waits for does
 * it. A failure is what says that the server is of no use;
 * cachefront.breaker_failures of them within ten seconds open the breaker. A call
 * that has waited for its whole time-out opens it at once, because every further
 * one would cost its caller as much.
 *
 * A prober that ends without telling how it went must not leave the breaker
 * half-open: when its time is over another session becomes the prober.
 *
 * src/redis/breaker.h
 */
#ifndef CF_REDIS_BREAKER_H
#define CF_REDIS_BREAKER_H

#include "postgres.h"

#include "base/compat.h"
#include "datatype/timestamp.h"

#define CF_L2_ERROR_LEN 200

/*
 * Which breaker: 0 is that of a single server, of the master that Sentinels name,
 * or of a cluster as long as none of its nodes is known; the others are of nodes.
 */
#define CF_BREAKER_WHOLE 0
#define CF_BREAKERS 64

typedef enum CfBreakerState
{
	CF_BREAKER_CLOSED,
	CF_BREAKER_OPEN,
	CF_BREAKER_HALF_OPEN,
	CF_BREAKER_PARTLY_OPEN		/* in reports: of some nodes of a cluster */
} CfBreakerState;

/* Events of the whole server since its start. */
typedef enum CfL2Counter
{
	CF_L2_CALLS,				/* pipelines that were tried */
	CF_L2_COMMANDS,				/* commands in those that were answered */
	CF_L2_DENIED,				/* pipelines not tried: the breaker was open */
	CF_L2_CONNECTS,				/* connections made, with their handshake */
	CF_L2_FAILURES,
	CF_L2_TIMEOUTS,				/* of those, time-outs */
	CF_L2_OOM_REPLIES,			/* Redis refused a write: its memory is full */
	CF_L2_OPENS,				/* times that a breaker opened */
	CF_L2_REFUSALS,				/* commands that Redis refused our user */
	CF_L2_REDIRECTS,			/* commands that a cluster sent elsewhere */
	CF_L2_LOOKUPS,				/* times that Sentinels or a cluster were asked */
	CF_L2_NCOUNTERS
} CfL2Counter;

typedef struct CfBreakerReport
{
	CfBreakerState state;
	int			failures;		/* in the present window */
	TimestampTz opened_at;		/* 0 unless open or half-open */
	TimestampTz retry_at;		/* when the next probe is due; as opened_at */
	int			reset_ms;		/* how long the longest waits for it in all */
	TimestampTz last_error_at;	/* 0: never */
	char		last_error[CF_L2_ERROR_LEN];	/* no secrets in it */
	uint64		counters[CF_L2_NCOUNTERS];
} CfBreakerReport;

/* What a call hands back with its outcome: which probe it is, 0 for none. */
typedef uint64 CfBreakerPass;

/* Who asks. */
typedef struct CfBreakerCaller
{
	int			breaker;		/* 0 to CF_BREAKERS - 1 */
	uint64		settings;		/* stands for what describes the connection */
	bool		first;			/* it may probe as soon as it is time */
	const char *node;			/* "host:port" of a cluster's node, or NULL */
} CfBreakerCaller;

extern void cf_breaker_register(void);

/* Which breakers are in use, as bits. Cheap if that is so already. */
extern void cf_breaker_use(uint64 breakers);

/* Is Redis out of use for everyone but a prober? Of a cluster: are all nodes? */
extern bool cf_breaker_is_open(void);

/* May this one be tried by anybody now? */
extern bool cf_breaker_is_closed(int breaker);

/*
 * May the caller use Redis? If so, one of the next three must follow. A breaker
 * that was opened under other settings says nothing about these, and closes.
 */
extern pg_nodiscard bool cf_breaker_enter(const CfBreakerCaller *caller, CfBreakerPass *pass);

extern void cf_breaker_succeed(const CfBreakerCaller *caller, CfBreakerPass pass);

/* silent: the whole time-out was waited for in vain. */
extern void cf_breaker_fail(const CfBreakerCaller *caller, CfBreakerPass pass, bool silent,
							const char *error);

/* The call ended without an outcome, for a reason that is not Redis's. */
extern void cf_breaker_leave(const CfBreakerCaller *caller, CfBreakerPass pass);

/* Remembers an error that is no failure. */
extern void cf_breaker_note(const char *error);

extern void cf_breaker_count(CfL2Counter counter, uint64 n);
extern void cf_breaker_report(CfBreakerReport *report);
extern const char *cf_breaker_state_name(CfBreakerState state);

#endif							/* CF_REDIS_BREAKER_H */
