/*
 * message.h - what cachefront writes into the WAL, and how it is read back.
 *
 * Logical messages with the prefix "cachefront": they are written at any
 * wal_level, their redo does nothing, and logical decoding hands them only to
 * who asks for them.
 *
 * CHANGES: all that a transaction has changed, as CfClockRef; transactional, one
 * for each that has a transaction id. It is written when nothing of ours follows
 * any more, so that a change of the same transaction that stands after it in the
 * WAL, or one without a message, is of somebody who passed the library by. An
 * empty one says: whatever else this transaction did, no value depends on it. One
 * that is not complete says nothing of changed rows, for the server does not track
 * them. What a transaction without an id has changed (by cache_invalidate, say) is
 * in one that is not transactional, and counts from where it stands.
 *
 * START, not transactional: a writing server has begun; the incarnations that its
 * data come from, oldest first, itself last (history/line.h).
 *
 * In the byte order of the machine, as all WAL.
 *
 * src/history/message.h
 */
#ifndef CF_HISTORY_MESSAGE_H
#define CF_HISTORY_MESSAGE_H

#include "postgres.h"

#include "base/compat.h"
#include "codec/key.h"

#define CF_MESSAGE_PREFIX "cachefront"
#define CF_MESSAGE_MAX_REFS 10000

typedef enum CfMessageKind
{
	CF_MESSAGE_CHANGES = 1,
	CF_MESSAGE_START = 2
} CfMessageKind;

/* A server that writes, from its start or promotion to its end. */
typedef struct CfStart
{
	uint64		id;				/* random, not 0 */
	uint64		start;			/* LSN, not after the end of what it has recovered */
} CfStart;

/* A message that was taken apart. Lists point into the record, and are not aligned. */
typedef struct CfMessage
{
	CfMessageKind kind;
	Oid			dboid;			/* CHANGES: where it was written */
	bool		transactional;
	bool		complete;		/* CHANGES: changed rows too */
	int			n;
	const char *list;			/* CfClockRef or CfStart */
} CfMessage;

static inline CfClockRef
cf_message_ref(const CfMessage *message, int i)
{
	CfClockRef	ref;

	Assert(message->kind == CF_MESSAGE_CHANGES && i < message->n);
	memcpy(&ref, message->list + i * sizeof(ref), sizeof(ref));
	return ref;
}

static inline CfStart
cf_message_start(const CfMessage *message, int i)
{
	CfStart		start;

	Assert(message->kind == CF_MESSAGE_START && i < message->n);
	memcpy(&start, message->list + i * sizeof(start), sizeof(start));
	return start;
}

/*
 * PRE_COMMIT and PRE_PREPARE: the LSN after it. Transactional if the transaction has
 * an id; it is not flushed. May raise an error, if memory is out.
 */
extern uint64 cf_message_log_changes(const CfClockRef *refs, int n, bool complete);

/* Likewise, of at most CF_LINE_MAX; outside of a transaction, too. */
extern uint64 cf_message_log_starts(const CfStart *starts, int n);

/*
 * data, len: of a record of the resource manager of logical messages. False: it is
 * not ours; or it is of a kind or form that this version does not know: then *ours.
 */
extern pg_nodiscard bool cf_message_parse(const char *data, Size len, CfMessage *message,
										  bool *ours);

#endif							/* CF_HISTORY_MESSAGE_H */
