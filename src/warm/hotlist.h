/*
 * hotlist.h - a list of hot keys, as it lies in Redis.
 *
 * Sealed, for keys may hold what not everybody who reads Redis shall see, and
 * bound to its place and to this cluster: whoever writes there can take a list away or bring
 * an old one back. It is read with suspicion all the same.
 *
 * src/warm/hotlist.h
 */
#ifndef CF_WARM_HOTLIST_H
#define CF_WARM_HOTLIST_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "l2/place.h"
#include "stats/hotkeys.h"

/* One of them, with the names that numbers stand for on one server only. */
typedef struct CfListedKey
{
	CfHotKey	hot;			/* its stats_slot: of this server */
	char		place[CF_PLACE_MAX];
} CfListedKey;

/*
 * Of what is hot here, in CurrentMemoryContext; NULL: nothing is, or it cannot be sealed.
 * ns: the list's place.
 */
extern char *cf_hotlist_make(const char *ns, TimestampTz wall, Size *len);

/*
 * Calls back for each of a list that is no older than a day. False: it is none of ours, too old,
 * or damaged; what was called back for is good.
 */
extern bool cf_hotlist_read(const char *ns, const char *list, Size len, TimestampTz wall,
							void (*callback) (const CfListedKey *key, void *arg), void *arg);

#endif							/* CF_WARM_HOTLIST_H */
