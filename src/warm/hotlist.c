/*
 * hotlist.c - a list of hot keys, as it lies in Redis.
 *
 * The number of the key that it was sealed with, in clear, then, sealed: a head, and for
 * each of them an HotItem with, at once after it, the key, the name of its cache, and the
 * place of its database.
 *
 * src/warm/hotlist.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "lib/stringinfo.h"

#include "base/guc.h"
#include "codec/crypto.h"
#include "warm/hotlist.h"
#include "warm/ring.h"

#define CF_HOTLIST_MAGIC UINT64CONST(0x3176746f686663)	/* "cfhotv1" */
#define CF_HOTLIST_MAX ((Size) 16 * 1024 * 1024)	/* bytes */

typedef struct ListHead
{
	uint64		magic;
	uint64		system;
	int64		wall;
} ListHead;

typedef struct HotItem
{
	uint64		count;
	CfHash128	id_hash;
	Oid			dboid;
	Oid			role;
	Oid			session_role;
	uint32		value_len;
	uint16		key_len;
	uint16		place_len;
	uint8		cache_len;
	uint8		form;
} HotItem;

static void
append_item(StringInfo list, const CfHotKey *hot, const char *place)
{
	const char *cache = cf_stats_name(hot->stats_slot);
	HotItem		item;

	memset(&item, 0, sizeof(item));
	item.count = hot->count;
	item.id_hash = hot->id_hash;
	item.dboid = hot->dboid;
	item.role = hot->role;
	item.session_role = hot->session_role;
	item.value_len = hot->value_len;
	item.key_len = hot->key_len;
	item.place_len = (uint16) strlen(place);
	item.cache_len = hot->stats_slot == CF_STATS_DEFAULT ? 0 : (uint8) strlen(cache);
	item.form = hot->form;
	appendBinaryStringInfo(list, (char *) &item, sizeof(item));
	appendBinaryStringInfo(list, hot->key, item.key_len);
	appendBinaryStringInfo(list, cache, item.cache_len);
	appendBinaryStringInfo(list, place, item.place_len);
}

/* False: nothing is hot. */
static bool
append_all(StringInfo list)
{
	CfHotKey   *hot = palloc_extended((Size) cf_guc_hot_keys * sizeof(CfHotKey), MCXT_ALLOC_HUGE);
	int			n = cf_hot_collect(hot, cf_guc_hot_keys);
	int			listed = 0;
	Oid			dboid = InvalidOid;
	char		place[CF_HOT_PLACE_MAX];

	for (int i = 0; i < n && list->len < CF_HOTLIST_MAX - 1024; i++)
	{
		if (hot[i].dboid != dboid && !cf_hot_place(hot[i].dboid, place))
			continue;
		dboid = hot[i].dboid;
		append_item(list, &hot[i], place);
		listed++;
	}
	pfree(hot);
	return listed > 0;
}

char *
cf_hotlist_make(const char *ns, TimestampTz wall, Size *len)
{
	ListHead	head = {CF_HOTLIST_MAGIC, GetSystemIdentifier(), wall};
	StringInfoData list;
	const CfCryptoPart part = {ns, strlen(ns)};
	const CfKeyring *ring;
	uint32		key;
	char	   *sealed;

	initStringInfo(&list);
	appendBinaryStringInfo(&list, (char *) &head, sizeof(head));
	if (!append_all(&list) || (ring = cf_ring_to_seal(&key)) == NULL)
		return NULL;
	*len = sizeof(key) + list.len + CF_CRYPTO_OVERHEAD;
	sealed = palloc(*len);
	memcpy(sealed, &key, sizeof(key));
	if (!cf_crypto_seal(ring, cf_ring_id(ring, key), &part, 1, list.data, list.len,
						sealed + sizeof(key)))
		return NULL;
	pfree(list.data);
	return sealed;
}

/* False: it is not all there, or of no use. */
static bool
take_item(const char **at, const char *end, CfListedKey *key)
{
	HotItem		item;
	char		cache[CF_MAX_CACHE_NAME];

	if (end - *at < sizeof(item))
		return false;
	memcpy(&item, *at, sizeof(item));
	*at += sizeof(item);
	if (item.key_len > CF_HOT_KEY_MAX || item.place_len >= CF_PLACE_MAX ||
		item.cache_len >= CF_MAX_CACHE_NAME || item.form > CF_FORM_ROWS ||
		end - *at < item.key_len + item.cache_len + item.place_len)
		return false;
	memset(key, 0, sizeof(*key));
	memcpy(key->hot.key, *at, item.key_len);
	*at += item.key_len;
	memcpy(cache, *at, item.cache_len);
	cache[item.cache_len] = '\0';
	*at += item.cache_len;
	memcpy(key->place, *at, item.place_len);
	*at += item.place_len;
	key->hot.count = item.count;
	key->hot.id_hash = item.id_hash;
	key->hot.dboid = item.dboid;
	key->hot.role = item.role;
	key->hot.session_role = item.session_role;
	key->hot.value_len = item.value_len;
	key->hot.key_len = item.key_len;
	key->hot.form = item.form;
	key->hot.stats_slot = item.cache_len == 0 ? CF_STATS_DEFAULT :
		(uint8) cf_stats_slot(item.dboid, cache);
	return true;
}

/* Opened, in CurrentMemoryContext; NULL: it does not count. */
static char *
open_list(const char *ns, const char *list, Size len, Size *plain_len)
{
	const CfCryptoPart part = {ns, strlen(ns)};
	const CfKeyring *ring;
	uint32		key;
	char	   *plain;

	if (len < sizeof(key) + CF_CRYPTO_OVERHEAD + sizeof(ListHead) || len > CF_HOTLIST_MAX + 1024)
		return NULL;
	memcpy(&key, list, sizeof(key));
	ring = cf_ring_to_open(key);
	if (ring == NULL)
		return NULL;
	*plain_len = len - sizeof(key) - CF_CRYPTO_OVERHEAD;
	plain = palloc(*plain_len);
	if (cf_crypto_open(ring, cf_ring_id(ring, key), &part, 1, list + sizeof(key),
					   len - sizeof(key), plain) == CF_CRYPTO_OK)
		return plain;
	pfree(plain);
	return NULL;
}

bool
cf_hotlist_read(const char *ns, const char *list, Size len, TimestampTz wall,
				void (*callback) (const CfListedKey *key, void *arg), void *arg)
{
	Size		plain_len;
	char	   *plain = open_list(ns, list, len, &plain_len);
	const char *at = plain;
	ListHead	head;
	CfListedKey key;
	bool		sound = true;

	if (plain == NULL)
		return false;
	memcpy(&head, at, sizeof(head));
	at += sizeof(head);
	if (head.magic != CF_HOTLIST_MAGIC || head.system != GetSystemIdentifier() ||
		head.wall < wall - USECS_PER_DAY || head.wall > wall + USECS_PER_DAY)
		sound = false;
	while (sound && at < plain + plain_len)
	{
		sound = take_item(&at, plain + plain_len, &key);
		if (sound)
			callback(&key, arg);
	}
	pfree(plain);
	return sound;
}
