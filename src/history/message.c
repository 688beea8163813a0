/*
 * message.c - what cachefront writes into the WAL.
 *
 * A message begins with two bytes, its kind and flags; then comes its list.
 *
 * src/history/message.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "replication/message.h"

#include "base/compat.h"
#include "history/message.h"

#define CF_MESSAGE_HEAD 2
#define CF_MESSAGE_COMPLETE 0x01
#define CF_FEW_REFS 64

static uint64
log_message(CfMessageKind kind, uint8 flags, const void *list, Size len, bool transactional)
{
	char		few[CF_MESSAGE_HEAD + CF_FEW_REFS * sizeof(CfClockRef)];
	Size		size = CF_MESSAGE_HEAD + len;
	char	   *text = size <= sizeof(few) ? few : palloc(size);
	XLogRecPtr	lsn;

	text[0] = (char) kind;
	text[1] = (char) flags;
	if (len > 0)
		memcpy(text + CF_MESSAGE_HEAD, list, len);
	lsn = CF_LOG_MESSAGE(CF_MESSAGE_PREFIX, text, size, transactional);
	if (text != few)
		pfree(text);
	return lsn;
}

uint64
cf_message_log_changes(const CfClockRef *refs, int n, bool complete)
{
	Assert(n <= CF_MESSAGE_MAX_REFS);
	return log_message(CF_MESSAGE_CHANGES, complete ? CF_MESSAGE_COMPLETE : 0, refs,
					   n * sizeof(CfClockRef),
					   TransactionIdIsValid(GetTopTransactionIdIfAny()));
}

uint64
cf_message_log_starts(const CfStart *starts, int n)
{
	return log_message(CF_MESSAGE_START, 0, starts, n * sizeof(CfStart), false);
}

static bool
parse_list(CfMessage *message, const char *text, Size len, Size item)
{
	if (len % item != 0)
		return false;
	message->list = text;
	message->n = (int) (len / item);
	return true;
}

static bool
parse_text(const char *text, Size len, CfMessage *message)
{
	if (len < CF_MESSAGE_HEAD)
		return false;
	message->kind = (CfMessageKind) (uint8) text[0];
	message->complete = (text[1] & CF_MESSAGE_COMPLETE) != 0;
	text += CF_MESSAGE_HEAD;
	len -= CF_MESSAGE_HEAD;
	switch (message->kind)
	{
		case CF_MESSAGE_CHANGES:
			return parse_list(message, text, len, sizeof(CfClockRef));
		case CF_MESSAGE_START:
			return parse_list(message, text, len, sizeof(CfStart)) && message->n > 0;
	}
	return false;
}

bool
cf_message_parse(const char *data, Size len, CfMessage *message, bool *ours)
{
	xl_logical_message head;

	*ours = false;
	memset(message, 0, sizeof(*message));
	if (len < SizeOfLogicalMessage)
		return false;
	memcpy(&head, data, SizeOfLogicalMessage);
	data += SizeOfLogicalMessage;
	len -= SizeOfLogicalMessage;
	if (head.prefix_size != sizeof(CF_MESSAGE_PREFIX) || head.prefix_size > len ||
		memcmp(data, CF_MESSAGE_PREFIX, sizeof(CF_MESSAGE_PREFIX)) != 0 ||
		head.message_size != len - head.prefix_size)
		return false;
	*ours = true;
	message->dboid = head.dbId;
	message->transactional = head.transactional;
	return parse_text(data + head.prefix_size, head.message_size, message);
}
