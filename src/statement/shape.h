/*
 * shape.h - what is known of statements that differ in constants alone: what they cost,
 * how often the cache has, or would have had, their answer, and so whether they are worth it.
 *
 * Counters of all sessions, in shared memory, for a bounded set of shapes; those that were
 * not seen for longest give way. Nothing depends on them but what is served and advised.
 *
 * Locking: counters are atomics; a lock of its own guards which shape is where.
 *
 * src/statement/shape.h
 */
#ifndef CF_STATEMENT_SHAPE_H
#define CF_STATEMENT_SHAPE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/parsenodes.h"

#include "codec/key.h"
#include "statement/eligible.h"

typedef struct CfSharedShape CfSharedShape;

#define CF_SHAPE_TEXT 512		/* bytes of a statement that are kept; the rest is cut off */

/* What an execution was. */
typedef enum CfSight
{
	CF_SIGHT_FIRST,				/* its answer was not asked for lately */
	CF_SIGHT_OUTDATED,			/* it was, but has changed since, or made room */
	CF_SIGHT_WOULD_HIT,			/* it was, and has not changed: it could have been kept */
	CF_SIGHT_HIT				/* it was answered from the cache */
} CfSight;

typedef enum CfVerdict
{
	CF_VERDICT_TRIAL,			/* served, and measured */
	CF_VERDICT_PAYS,			/* served */
	CF_VERDICT_PAYS_NOT,		/* left alone until another trial */
	CF_VERDICT_INELIGIBLE		/* see reason */
} CfVerdict;

extern void cf_shape_register(void);

/*
 * A number for all statements that differ in constants and parameters alone: in values, in
 * the types that a driver gives them, in how many there are in a list. Who asks does not matter,
 * nor do row security's policies. Two shapes may have the same number. *relid: the first
 * table that it reads. query: rewritten; changes nothing. Raises errors only for lack of memory.
 */
extern uint64 cf_shape_number(const Query *query, Oid *relid);

/*
 * The shape of a number in this database, which is new if need be. relid, text: of the
 * statement.
 */
extern CfSharedShape *cf_shape_see(uint64 number, Oid relid, const char *text, int len);

/* The same, if it is there; NULL: nobody has measured it, or it made room. */
extern CfSharedShape *cf_shape_find(uint64 number);

/* Is it worth to serve it, or is it time for another trial? */
extern bool cf_shape_is_served(CfSharedShape *shape);

extern bool cf_shape_is_on_trial(CfSharedShape *shape);

/* The verdict, without a new trial; *why: of CF_VERDICT_INELIGIBLE. */
extern CfVerdict cf_shape_verdict(const CfSharedShape *shape, CfEligibility *why);

extern void cf_shape_refuse(CfSharedShape *shape, CfEligibility why);

/*
 * An execution. Of one that ran: us, rows, bytes of its result (0: it was too large, or
 * not looked at). us is what a hit saves.
 */
extern void cf_shape_note(CfSharedShape *shape, CfSight sight, uint64 us, uint64 rows,
						  uint64 bytes);

/* Was this answer asked for lately, by anybody? From now on it was. */
extern bool cf_shape_saw(const CfHash128 *identity);

/* Reporting. */
typedef struct CfShapeInfo
{
	uint64		number;
	Oid			dboid;
	Oid			relid;
	CfVerdict	verdict;
	CfEligibility reason;
	TimestampTz since;
	uint64		sights[CF_SIGHT_HIT + 1];
	uint64		runs;			/* of those that are measured */
	uint64		us;
	uint64		rows;
	uint64		bytes;			/* of all results together */
	uint64		largest;
	int			text_len;
	char		text[CF_SHAPE_TEXT];
} CfShapeInfo;

extern int	cf_shape_max(void);
extern bool cf_shape_info(int i, CfShapeInfo *info);
extern void cf_shape_reset(void);

#endif							/* CF_STATEMENT_SHAPE_H */
