/*
 * floor.h - what Redis is known to have forgotten. DESIGN section 5, "Floor".
 *
 * The text of cff:<ns>, which only the writing server writes: see lua.c.
 *
 * src/l2/floor.h
 */
#ifndef CF_L2_FLOOR_H
#define CF_L2_FLOOR_H

#include "postgres.h"

#include "position.h"

#define CF_RUN_ID_LEN 40
#define CF_LSN_LEN 16			/* hexadecimal digits */
#define CF_FLOOR_INCARNATIONS 8

typedef struct CfFloor
{
	char		run_id[CF_RUN_ID_LEN + 1];	/* of the Redis that it is about */
	uint64		lsn;			/* what was filled before is not trusted */
	uint64		beat_lsn;		/* where the writing server was ... */
	int64		beat_ms;		/* ... at this time of Redis' clock, ms */
	uint64		evicted;		/* keys that Redis had evicted by then */
	int			n;
	CfIncarnation incarnation[CF_FLOOR_INCARNATIONS];	/* newest first */
} CfFloor;

/* False if it is not such a text. */
extern bool cf_floor_parse(const char *text, Size len, CfFloor *floor);

/*
 * May a value be trusted that was filled there and then? lsn: all that committed
 * before is in it; end_lsn: nothing that committed after.
 */
extern bool cf_floor_admits(const CfFloor *floor, uint64 lsn, uint64 end_lsn,
							uint32 timeline, uint64 incarnation);

/* An item of the list, zero-terminated. */
#define CF_INCARNATION_LEN (8 + 1 + CF_LSN_LEN + 1 + 16)
extern void cf_floor_print_incarnation(char *to, const CfIncarnation *incarnation);

/* Digits of an LSN, zero-terminated; and back: false if they are none. */
extern void cf_lsn_print(char *to, uint64 lsn);
extern bool cf_lsn_parse(const char *text, Size len, uint64 *lsn);

#endif							/* CF_L2_FLOOR_H */
