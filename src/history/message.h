/*
 * message.h - what cachefront writes into the WAL, and how it is read back.
 *
 * Logical messages with the prefix "cachefront": they are written at any
 * wal_level, their redo does nothing, and logical decoding hands them only to
 * who asks for them.
 *
 * CHANGES, transactional, one for each transaction that changed anything: all
 * that it changed, as CfClockRef. Written when nothing of ours follows any more,
 * so that a change of the same transaction that stands after it in the WAL, or
 * one without a message, is of somebody who passed the library by. An empty one
 * says: whatever else this transaction did, no value depends on it.
 *
 * START, not transactional: a writing server has begun (history/line.h).
 *
 * In the byte order of the machine, as all WAL.
 *
 * src/history/message.h
 */
#ifndef CF_HISTORY_MESSAGE_H
#define CF_HISTORY_MESSAGE_H

#include "postgres.h"

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

/* A message that was taken apart. */
typedef struct CfMessage
{
	CfMessageKind kind;
	Oid			dboid;			/* CHANGES: where it was written */
	int			nrefs;
	const char *refs;			/* nrefs of 8 bytes, not aligned: see cf_message_ref */
	CfStart		start;
} CfMessage;

static inline CfClockRef
cf_message_ref(const CfMessage *message, int i)
{
	CfClockRef	ref;

	memcpy(&ref, message->refs + i * sizeof(ref), sizeof(ref));
	return ref;
}

/*
 * PRE_COMMIT and PRE_PREPARE: may raise errors, assigns a transaction id. At most
 * CF_MESSAGE_MAX_REFS.
 */
extern void cf_message_log_changes(const CfClockRef *refs, int n);

/* The LSN after it; it is not flushed. */
extern uint64 cf_message_log_start(const CfStart *start);

/*
 * data, len: an xl_logical_message with all that follows it. False: it is not ours,
 * or of a kind or form that this version does not know (*ours is true then).
 */
extern bool cf_message_parse(const char *data, Size len, CfMessage *message, bool *ours);

#endif							/* CF_HISTORY_MESSAGE_H */
