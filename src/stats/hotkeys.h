/*
 * hotkeys.h - which entries are asked for most.
 *
 * Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k
 * Elements in Data Streams", ICDT 2005): who comes and finds no place takes that of the one with the
 * lowest count, and its count: so what is asked for often stays, and no count is too low.
 * Places are in sets of sixteen, found by hash, each by itself, twice as many as
 * are wanted. Every now and then all counts are halved, so that what was hot
 * once goes.
 *
 * Locking: a lock for some sets, which a session that counts never waits for.
 *
 * src/stats/hotkeys.h
 */
#ifndef CF_STATS_HOTKEYS_H
#define CF_STATS_HOTKEYS_H

#include "postgres.h"

#include "codec/key.h"
#include "stats/counters.h"

#define CF_HOT_KEY_MAX 256		/* bytes; longer keys are not known */
#define CF_HOT_PLACE_MAX 256	/* as CF_PLACE_MAX */

typedef struct CfHotKey
{
	uint64		count;			/* hits, no fewer than there were (since counts were halved) */
	uint64		error;			/* so many of these may be of others */
	CfHash128	id_hash;
	Oid			dboid;
	Oid			role;
	Oid			session_role;
	uint32		value_len;
	uint16		key_len;
	uint8		form;
	uint8		stats_slot;
	char		key[CF_HOT_KEY_MAX];
} CfHotKey;

extern void cf_hot_register(void);

/*
 * True for one hit in CF_HOT_SAMPLED of this session, by chance: whoever reads the same keys in
 * turn shall not have the same few of them looked at.
 */
#define CF_HOT_SAMPLED 16
extern uint32 cf_hot_countdown;
extern bool cf_hot_draw(void);

static inline bool
cf_hot_sample(void)
{
	return unlikely(cf_hot_countdown-- == 0) && cf_hot_draw();
}

/*
 * It was a hit, for so many of which this stands. place: what its database is called in
 * Redis, or NULL. Never fails; may forget it.
 */
extern void cf_hot_note(const CfKey *key, const CfIdentity *id, CfStatsSlot slot,
						Size value_len, uint64 weight, const char *place);

/* One that another has counted; keeps what is known better. */
extern void cf_hot_seed(const CfHotKey *hot);

/* Those with the highest counts, the highest first; room: so many of them. Their number. */
extern int	cf_hot_collect(CfHotKey *hot, int room);
extern void cf_hot_halve(void);

extern void cf_hot_note_place(Oid dboid, const char *place);

/* What a database is called in Redis, as was noted; false: it was not. */
extern bool cf_hot_place(Oid dboid, char place[CF_HOT_PLACE_MAX]);

#endif							/* CF_STATS_HOTKEYS_H */
