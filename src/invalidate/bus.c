/*
 * bus.c - writes and reads the stream of invalidations.
 *
 * The worker begins to follow a stream where the first session that opened the
 * space found its end (CfSpaceStart): what the server has in memory from before
 * that was made without Redis, and nobody has promised that the stream tells of
 * changes to it. So nothing is forgotten, however late the worker comes.
 *
 * The worker's round: ask what is left of each stream, and see that nothing
 * after where we are was trimmed or lost; then read on, and wait there for up to
 * a second. That nothing of what was read last had been trimmed before it was
 * read shows in the next round: the stream's first entry is not past the place
 * where that read began.
 *
 * A standby forgets all entries of the database where something may have been
 * missed. The writing server does not: its own commits do not come to it by the
 * bus, so what it can miss is what somebody invalidated by hand on another
 * server; and to empty it each time that Redis comes back would send all load to
 * the tables at once. What cannot be understood, or comes by a stream of another
 * name than the one that was followed, every server takes for an order to forget
 * all.
 *
 * A stream that nobody can read, for an entry is larger than any reply may be, is
 * emptied: while such an entry is the stream's last, each look at the stream
 * copies it inside Redis, and everybody who uses Redis waits for that.
 *
 * What comes from Redis is not trusted: every reply is checked for its shape.
 *
 * Locking: atomics only.
 *
 * src/invalidate/bus.c
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "invalidate/bus.h"
#include "invalidate/event.h"
#include "l1/clock.h"
#include "l1/table.h"
#include "l2/address.h"
#include "l2/beat.h"
#include "l2/command.h"
#include "l2/store.h"
#include "l2/stream.h"
#include "position.h"
#include "shmem.h"
#include "stats/counters.h"
#include "worker.h"

#define CF_BUS_LENGTH "10000"	/* entries, about */
#define CF_BUS_BLOCK "1000"		/* ms that a read waits for entries */
#define CF_BUS_BLOCK_MS 1000
#define CF_BUS_ASK_MS 10000		/* beside redis_command_timeout */
#define CF_BUS_COUNT "100"		/* entries of a stream in one read */
#define CF_BUS_MAX_REPLY (INT64CONST(64) * 1024 * 1024)
#define CF_BUS_IDLE_MS 1000
#define CF_BUS_MAX_FAILURES 3	/* reads in a row, before entries are skipped */

#define CF_STREAM_ID_LEN 44

/* A stream that the worker reads. */
typedef struct Reading
{
	CfSpace		space;			/* dboid is InvalidOid: none */
	bool		usable;			/* the key is a stream, or may become one */
	bool		lost;			/* it was not followed, under this or another name */
	bool		placed;			/* what follows is known */
	CfStreamId	from;			/* where the last read began */
	CfStreamId	at;				/* the last entry that was read, or skipped */
} Reading;

/* Immutable after startup */
typedef struct CfSharedBus
{
	uint64		origin;			/* of a server without an incarnation: a standby */
} CfSharedBus;

static CfSharedBus *bus = NULL;
static Reading readings[CF_SPACE_MAX];
static char run_id[CF_RUN_ID_LEN + 1];	/* of the Redis that they are about */
static int	failures = 0;		/* reads in a row */
static bool unreadable = false;	/* the last read was of more than we take */

/* ---- writing ---- */

/* Who we are on the bus, in hexadecimal digits. */
static void
print_origin(char *text)
{
	CfIncarnation incarnation;

	cf_lsn_print(text, cf_position_incarnation(&incarnation) ? incarnation.id : bus->origin);
}

void
cf_bus_add_event(const CfSpace *space, uint64 lsn, const char *payload)
{
	char		key[CF_STREAM_KEY_MAX];
	char		origin[CF_LSN_LEN + 1];
	char		lsn_text[CF_LSN_LEN + 1];
	const char *argv[] = {CF_BUS_LENGTH, origin, lsn_text, payload};
	size_t		lens[lengthof(argv)];

	(void) cf_stream_print_key(key, space->name);
	print_origin(origin);
	cf_lsn_print(lsn_text, lsn);
	for (int i = 0; i < lengthof(argv); i++)
		lens[i] = strlen(argv[i]);
	cf_l2_add_script(CF_L2_PUBLISH, key, strlen(key), lengthof(argv), argv, lens);
}

/* ---- forgetting ---- */

static void
forget_key(Oid dboid, const char *text, int len, uint64 lsn)
{
	CfKey		key;
	CfClockRef	clock;

	cf_key_init(&key, dboid, text, len);
	clock = cf_clock_of_key(key.hash);
	cf_clock_raise(clock);
	cf_l1_delete_key(&key);
	cf_clock_settle(cf_clock_of_key(key.hash), cf_clock_next(), cf_position_xid(), lsn);
}

static void
forget_tag(Oid dboid, const char *text, int len, uint64 lsn)
{
	cf_clock_move(cf_tag_hash(dboid, text, len), lsn);
}

static void
forget_database(Oid dboid, uint64 lsn)
{
	CfClockRef	clock = cf_clock_of_epoch(dboid);

	cf_clock_raise(clock);
	cf_l1_delete_database(dboid);
	cf_clock_settle(clock, cf_clock_next(), cf_position_xid(), lsn);
}

/* ---- the shape of replies ---- */

static bool
is_array(const redisReply *reply, size_t elements)
{
	return reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == elements;
}

static bool
is_string(const redisReply *reply)
{
	return reply != NULL && reply->type == REDIS_REPLY_STRING;
}

/* ---- one space's place in its stream ---- */

/* Has nothing been lost that came after the place where the last read began? */
static bool
is_unbroken(const Reading *reading, const CfStream *stream)
{
	if (!stream->exists)
		return cf_stream_is_origin(&reading->at);
	if (cf_stream_compare(&stream->last, &reading->at) < 0)
		return false;
	if (cf_stream_compare(&stream->last, &reading->from) == 0)
		return true;
	if (cf_stream_is_origin(&reading->from))
		return stream->added == stream->length;
	return stream->length > 0 && cf_stream_compare(&stream->first, &reading->from) <= 0;
}

/* Goes on from the stream's end, as it was before what is forgotten now. */
static void
skip_to_end(Reading *reading, const CfStream *stream)
{
	if (reading->placed)
		cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_BUS_RESYNCS);
	reading->from = reading->at = stream->last;
	reading->placed = true;
	/* Without an LSN: what Redis has is judged by what Redis knows, not by the bus. */
	if (reading->lost || unreadable || RecoveryInProgress())
		forget_database(reading->space.dboid, 0);
	reading->lost = false;
}

/* False: nobody knows where this server has begun to need the stream. */
static bool
begin_at_start(Reading *reading)
{
	CfSpaceStart start;

	cf_space_start(&reading->space, &start);
	if (reading->lost || !start.known || strcmp(start.run_id, cf_l2_run_id()) != 0)
		return false;
	reading->from = reading->at = start.id;
	reading->placed = true;
	/* What a session has made before Redis was there. */
	if (start.late && RecoveryInProgress())
		forget_database(reading->space.dboid, 0);
	return true;
}

static bool
share_stream(const Reading *a, const Reading *b)
{
	return a->placed && b->placed && strcmp(a->space.name, b->space.name) == 0;
}

/*
 * With cachefront.namespace databases may share a stream, and one of them reads
 * it: so all begin where the one that is least far begins. To hear of something
 * twice does no harm.
 */
static void
meet(const Reading *new)
{
	const Reading *first = new;

	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		if (share_stream(&readings[i], new) &&
			cf_stream_compare(&readings[i].at, &first->at) < 0)
			first = &readings[i];
	}
	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		if (share_stream(&readings[i], new) && &readings[i] != first)
		{
			readings[i].from = first->from;
			readings[i].at = first->at;
		}
	}
}

static bool
is_same_run(void)
{
	return strcmp(run_id, cf_l2_run_id()) == 0;
}

static void
find_place(Reading *reading, const redisReply *reply)
{
	CfStream	stream;
	bool		is_new = !reading->placed;
	bool		sure;

	reading->usable = cf_stream_take(reply, &stream);
	if (!reading->usable)
	{
		reading->lost |= reading->placed;
		reading->placed = false;
		return;
	}
	sure = is_new ? begin_at_start(reading) : is_same_run();
	if (!sure || failures >= CF_BUS_MAX_FAILURES || !is_unbroken(reading, &stream))
		skip_to_end(reading, &stream);
	else
		reading->from = reading->at;
	if (is_new)
		meet(reading);
}

/* ---- events ---- */

typedef struct Event
{
	Oid			dboid;
	uint64		lsn;
} Event;

static void
apply_item(void *arg, bool is_key, const char *text, int len)
{
	const Event *event = arg;

	if (is_key)
		forget_key(event->dboid, text, len, event->lsn);
	else
		forget_tag(event->dboid, text, len, event->lsn);
}

static bool
is_own(const redisReply *origin)
{
	char		own[CF_LSN_LEN + 1];
	char		standby[CF_LSN_LEN + 1];

	/* Both: what it wrote as a standby a server may read when it is none any more. */
	print_origin(own);
	cf_lsn_print(standby, bus->origin);
	return origin->len == CF_LSN_LEN && (memcmp(origin->str, own, CF_LSN_LEN) == 0 ||
										 memcmp(origin->str, standby, CF_LSN_LEN) == 0);
}

static void
apply_payload(const redisReply *payload, const Event *event)
{
	bool		all;

	if (!cf_event_parse(payload->str, payload->len, apply_item, (void *) event, &all) || all)
		forget_database(event->dboid, event->lsn);
}

/* Fields and values of an entry. One without a payload cannot be understood. */
static void
apply_fields(Oid dboid, const redisReply *fields)
{
	Event		event = {dboid, cf_position_lsn()};
	const redisReply *payload = NULL;

	for (size_t i = 0; i + 1 < fields->elements; i += 2)
	{
		const redisReply *name = fields->element[i];
		const redisReply *value = fields->element[i + 1];
		uint64		lsn;

		if (!is_string(name) || !is_string(value) || name->len != 1)
			continue;
		if (name->str[0] == 'o' && is_own(value))
			return;
		if (name->str[0] == 'l' && cf_lsn_parse(value->str, value->len, &lsn))
			event.lsn = lsn;
		if (name->str[0] == 'd')
			payload = value;
	}
	/* For the writing server it happens when it hears of it. */
	if (!RecoveryInProgress())
		event.lsn = cf_position_lsn();
	cf_stats_count(CF_STATS_DEFAULT, CF_COUNT_BUS_EVENTS);
	if (payload != NULL)
		apply_payload(payload, &event);
	else
		forget_database(dboid, event.lsn);
}

static bool
reads_for_others(int i)
{
	for (int k = 0; k < i; k++)
	{
		if (share_stream(&readings[k], &readings[i]))
			return false;
	}
	return readings[i].placed;
}

/* False: not what a read gives, or not after what was read before. */
static bool
apply_entry(const Reading *reading, const redisReply *entry)
{
	CfStreamId	id;

	if (!is_array(entry, 2) || !cf_stream_take_id(entry->element[0], &id) ||
		cf_stream_compare(&id, &reading->at) <= 0)
		return false;
	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		if (!share_stream(&readings[i], reading))
			continue;
		readings[i].at = id;
		/* An entry that was deleted while it was read has no fields. */
		if (entry->element[1]->type == REDIS_REPLY_ARRAY)
			apply_fields(readings[i].space.dboid, entry->element[1]);
	}
	return true;
}

static Reading *
find_reading(const redisReply *name)
{
	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		char		key[CF_STREAM_KEY_MAX];
		Reading    *reading = &readings[i];

		if (!reads_for_others(i))
			continue;
		if (cf_stream_print_key(key, reading->space.name) == name->len &&
			memcmp(key, name->str, name->len) == 0)
			return reading;
	}
	return NULL;
}

/* False: the reply makes no sense. */
static bool
apply_read(const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_NIL)
		return true;
	if (reply->type != REDIS_REPLY_ARRAY)
		return false;
	for (size_t i = 0; i < reply->elements; i++)
	{
		const redisReply *one = reply->element[i];
		Reading    *reading;

		if (!is_array(one, 2) || !is_string(one->element[0]) ||
			one->element[1]->type != REDIS_REPLY_ARRAY)
			return false;
		reading = find_reading(one->element[0]);
		for (size_t k = 0; reading != NULL && k < one->element[1]->elements; k++)
		{
			if (!apply_entry(reading, one->element[1]->element[k]))
				return false;
		}
	}
	return true;
}

/* ---- the worker ---- */

/* Takes over which spaces there are; how many. */
static int
find_spaces(void)
{
	int			n = 0;

	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		Reading    *reading = &readings[i];
		CfSpace		space;

		if (!cf_space_get(i, &space))
			continue;
		if (reading->space.dboid != space.dboid ||
			strcmp(reading->space.name, space.name) != 0)
		{
			reading->lost = OidIsValid(reading->space.dboid);
			reading->placed = false;
		}
		reading->space = space;
		n++;
	}
	return n;
}

/* One that no session has opened yet, or only without Redis. */
static void
open_spaces(void)
{
	const CfFloor *floor;

	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		if (!OidIsValid(readings[i].space.dboid) || readings[i].placed)
			continue;
		(void) cf_space_open(&readings[i].space, true, &floor);
		if (cf_l2_generation() == 0)
			return;
	}
}

/*
 * Redis copies a stream's last entry to answer, and may be slow for that. Here
 * nobody waits.
 */
static bool
ask_for_streams(void)
{
	cf_l2_begin();
	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		char		key[CF_STREAM_KEY_MAX];
		int			len;

		if (!OidIsValid(readings[i].space.dboid))
			continue;
		len = cf_stream_print_key(key, readings[i].space.name);
		if (unreadable && readings[i].placed)
			cf_l2_add_script(CF_L2_STREAM_EMPTY, key, len, 0, NULL, NULL);
		cf_l2_add_script(CF_L2_STREAM, key, len, 0, NULL, NULL);
	}
	return cf_l2_run(CF_BUS_ASK_MS + cf_guc_redis_command_timeout, true) == CF_L2_OK;
}

static bool
find_places(void)
{
	int			reply = 0;

	open_spaces();
	if (!ask_for_streams())
		return false;
	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		if (!OidIsValid(readings[i].space.dboid))
			continue;
		if (unreadable && readings[i].placed)
			reply++;
		find_place(&readings[i], cf_l2_reply(reply++));
	}
	if (failures >= CF_BUS_MAX_FAILURES)
		failures = 0;
	unreadable = false;
	strlcpy(run_id, cf_l2_run_id(), sizeof(run_id));
	return true;
}

/* Names and places of what is read, as XREAD wants them; how many. */
static int
add_read(void)
{
	static char keys[CF_SPACE_MAX][CF_STREAM_KEY_MAX];
	static char ids[CF_SPACE_MAX][CF_STREAM_ID_LEN];
	const char *argv[6 + 2 * CF_SPACE_MAX] = {"XREAD", "COUNT", CF_BUS_COUNT, "BLOCK",
	CF_BUS_BLOCK, "STREAMS"};
	size_t		lens[lengthof(argv)];
	int			n = 0;

	for (int i = 0; i < CF_SPACE_MAX; i++)
	{
		if (!reads_for_others(i))
			continue;
		(void) cf_stream_print_key(keys[n], readings[i].space.name);
		snprintf(ids[n], sizeof(ids[n]), UINT64_FORMAT "-" UINT64_FORMAT,
				 readings[i].at.ms, readings[i].at.number);
		n++;
	}
	for (int i = 0; i < n; i++)
	{
		argv[6 + i] = keys[i];
		argv[6 + n + i] = ids[i];
	}
	for (int i = 0; i < 6 + 2 * n; i++)
		lens[i] = strlen(argv[i]);
	if (n > 0)
		cf_l2_add(6 + 2 * n, argv, lens);
	return n;
}

/* What is too large once is so again: no more attempts. */
static bool
read_failed(void)
{
	unreadable = cf_l2_was_too_large();
	failures = unreadable ? CF_BUS_MAX_FAILURES : failures + 1;
	return false;
}

/* False: Redis is not there, or there is nothing to read. */
static bool
follow(void)
{
	if (!find_places())
		return false;
	cf_l2_begin();
	/* What we know of the streams may not hold on another connection. */
	cf_l2_expect(cf_l2_generation());
	if (add_read() == 0)
		return false;
	cf_l2_waits();
	if (cf_l2_run(CF_BUS_BLOCK_MS + cf_guc_redis_command_timeout, true) != CF_L2_OK ||
		!apply_read(cf_l2_reply(0)))
		return read_failed();
	failures = 0;
	return true;
}

/* For databases that nobody has read from since: see cf_fetch. */
static void
notice_promotion(void)
{
	if (!cf_position_is_promoted())
		return;
	cf_clock_move(cf_clock_of_epoch(InvalidOid), cf_position_lsn());
	cf_position_promotion_noted();
}

static void
pause_worker(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 CF_BUS_IDLE_MS, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}

void
cachefront_bus_main(Datum arg)
{
	cf_worker_begin(CF_WORKER_BUS);
	cf_l1_attach();
	cf_l2_set_max_reply(CF_BUS_MAX_REPLY);
	for (;;)
	{
		cf_worker_check();
		notice_promotion();
		cf_address_check();
		if (!cf_l2_configured() || find_spaces() == 0 || !follow())
			pause_worker();
		else
			cf_beat_work();
	}
}

/* ---- start-up ---- */

static Size
bus_shmem_size(void)
{
	return sizeof(CfSharedBus);
}

static void
bus_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedBus *new = memory;

	if (!pg_strong_random(&new->origin, sizeof(new->origin)))
		new->origin = (uint64) GetCurrentTimestamp();
}

static void
bus_shmem_attach(void *memory, LWLockPadded *locks)
{
	bus = memory;
}

void
cf_bus_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_bus",
		.nlocks = 0,
		.size = bus_shmem_size,
		.init = bus_shmem_init,
		.attach = bus_shmem_attach,
	};

	cf_shmem_register(&segment);
	cf_worker_register_static(CF_WORKER_BUS, "cachefront_bus_main", BgWorkerStart_ConsistentState);
}
