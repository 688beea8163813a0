/*
 * ask.h - a reader who has a value asks somebody else to load a newer one.
 *
 * Values of named loaders of scope 'shared' are the same for whoever loads them, so a
 * process of our own can (api/refresher.c): cachefront.refresh_workers of them at most, each
 * for one database, started on demand and gone a second after the last work. The reader
 * goes on with the value that he has.
 *
 * Locking: the tranche's one lock guards all of it; nothing is waited for under it.
 *
 * src/engine/ask.h
 */
#ifndef CF_ENGINE_ASK_H
#define CF_ENGINE_ASK_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "request/request.h"

extern void cf_ask_register(void);

/*
 * Is there, or will there be, one who loads what is newer than filled_at, or has that failed
 * of late? False: whoever asks may load it himself: it is not a request that others could
 * do, no worker is free, or none has come to it for a second. Raises an error only for lack
 * of memory, or of a type's output function. The caller has the right to it.
 */
extern bool cf_ask(const CfRequest *request, TimestampTz filled_at);

/* ---- the worker ---- */

#define CF_ASK_BYTES 1024		/* of arguments, as texts */

/* What somebody has asked for. */
typedef struct CfAsked
{
	char		cache[CF_MAX_CACHE_NAME];
	CfHash128	id;				/* of the identity that the reader has */
	TimestampTz filled_at;
	int			nargs;
	int			len;
	char		args[CF_ASK_BYTES]; /* a byte each, 'n' if it is NULL, then its text with a zero */
} CfAsked;

/* Its place, from the argument of its main function; the database that it is for. */
extern Oid	cf_ask_begin_worker(int place);

/* False: there is nothing to do. */
extern bool cf_ask_take(CfAsked *asked);

/* How it went. */
typedef enum CfAskOutcome
{
	CF_ASK_LOADED,
	CF_ASK_FAILED,				/* it is left alone for a while, longer each time */
	CF_ASK_FOREIGN				/* a worker has another identity: who asks loads himself */
} CfAskOutcome;

extern void cf_ask_done(CfAskOutcome outcome);

/* Nobody has asked for something meanwhile: then the worker may end, and has no place any more. */
extern bool cf_ask_rest(void);

#endif							/* CF_ENGINE_ASK_H */
