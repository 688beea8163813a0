/*
 * space.h - a database's part of Redis: its name, and whether it may be used.
 *
 * Nothing of a space is read or filled before the connection has learnt its
 * floor, and while invalidations wait to be delivered. DESIGN sections 5 and 6.
 *
 * src/l2/space.h
 */
#ifndef CF_L2_SPACE_H
#define CF_L2_SPACE_H

#include "postgres.h"

#include "l2/command.h"
#include "l2/floor.h"
#include "l2/place.h"
#include "l2/stream.h"

#define CF_SPACE_MAX_NAME CF_PLACE_MAX
#define CF_SPACE_MAX 64			/* databases that use Redis */

typedef struct CfSpace
{
	int			index;			/* in shared memory */
	Oid			dboid;
	char		name[CF_SPACE_MAX_NAME];	/* "ns" of DESIGN section 6 */
	char		server[CF_SPACE_MAX_NAME];	/* what is common to all databases */
} CfSpace;

/* What is known of invalidations that Redis has not got. */
typedef enum CfOutboxState
{
	CF_OUTBOX_UNKNOWN,			/* nobody has looked since the server started */
	CF_OUTBOX_EMPTY,
	CF_OUTBOX_WAITING
} CfOutboxState;

extern void cf_space_register(void);

/*
 * This database's, or NULL: there is no Redis, or there are too many databases.
 * The first call must be in a transaction: it looks the database's name up.
 */
extern const CfSpace *cf_space_mine(void);

/* Workers: the i-th space; false if there is none. */
extern bool cf_space_get(int i, CfSpace *space);

/*
 * Connects if need be and learns the floor, which the writing server writes
 * where Redis is not the one that it wrote for. *floor is valid until the next
 * call. Anything but CF_L2_OK: stay away from Redis.
 */
extern CfL2Status cf_space_open(const CfSpace *space, bool interruptible,
								const CfFloor **floor);

/*
 * Where this server begins to follow the space's stream. The first of its
 * sessions that opened the space learnt it, before it read or filled anything: so
 * what tells of a change to what the server has in memory comes after it.
 */
typedef struct CfSpaceStart
{
	bool		known;
	bool		late;			/* a session went on without, Redis being away */
	CfStreamId	id;
	char		run_id[CF_RUN_ID_LEN + 1];	/* of the Redis that said so */
} CfSpaceStart;

extern void cf_space_start(const CfSpace *space, CfSpaceStart *start);

/* A session reads and fills in memory, but has not opened the space. */
extern void cf_space_left_out(const CfSpace *space);

/*
 * Begins a pipeline for the connection that cf_space_open looked at: what is
 * known of Redis may not hold on another.
 */
extern void cf_space_begin(void);

/* The name of its key, zero-terminated, in CF_FLOOR_KEY_MAX bytes. */
#define CF_FLOOR_KEY_MAX (CF_SPACE_MAX_NAME + 8)
extern void cf_space_floor_key(const CfSpace *space, char *key);

/* The next one to connect raises the floor: all values of the space are lost. */
extern void cf_space_forget(const CfSpace *space);

/*
 * The same, unless Redis is still the run that this server knows: a later one
 * may have lost the fences there, and raises the floor by itself.
 */
extern void cf_space_forget_unless(const CfSpace *space, const char *run_id);

extern CfOutboxState cf_space_outbox(const CfSpace *space);

/*
 * A transaction that leaves something in the outbox begins before it commits
 * and ends when it is over. The worker takes the count before the snapshot
 * that it looks with; that it found nothing holds only if nobody was at it
 * then, and nobody began meanwhile.
 */
#define CF_OUTBOX_BUSY PG_UINT64_MAX
extern void cf_space_outbox_begin(const CfSpace *space);
extern void cf_space_outbox_end(const CfSpace *space);
extern uint64 cf_space_outbox_count(const CfSpace *space);
extern void cf_space_outbox_found(const CfSpace *space, uint64 count, bool empty);

#endif							/* CF_L2_SPACE_H */
