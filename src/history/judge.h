/*
 * judge.h - what records of the WAL say has changed.
 *
 * A transaction's message (history/message.h) says what it has changed. It is kept
 * until its commit record comes, which notes all that in the history. A transaction
 * that has written rows of tables without a message, or after it, or that has changed
 * the catalog without one, has changed anything in its database: the library was not
 * there, or another one wrote after it. So has one of which the beginning was not read.
 *
 * Memory is bounded: where that does not suffice, all that is kept is forgotten, and
 * the transactions of which that was are as those whose beginning was not read.
 *
 * Locking: none. Raises an error only if there is no memory.
 *
 * src/history/judge.h
 */
#ifndef CF_HISTORY_JUDGE_H
#define CF_HISTORY_JUDGE_H

#include "postgres.h"

#include "access/xlogreader.h"

#include "history/message.h"

typedef struct CfJudge CfJudge;

/* In a memory context of its own below the current one. */
extern CfJudge *cf_judge_create(void);
extern void cf_judge_free(CfJudge *judge);

/*
 * Begins where records are read from. next: no transaction with this id or a later one
 * had begun there. InvalidTransactionId: that is not known until a record tells.
 */
extern void cf_judge_begin(CfJudge *judge, TransactionId next);

/*
 * Notes what it says in the history, at the record's end. What it says of the line
 * (history/line.h) is kept.
 */
extern void cf_judge_record(CfJudge *judge, XLogReaderState *record);

/* The last START that was met since this was asked for; NULL: none. Good until the next record. */
extern const CfMessage *cf_judge_take_start(CfJudge *judge, XLogRecPtr *lsn);

/*
 * The last end of a server's run or recovery, met since this was asked for and since the
 * last START: where its record begins. InvalidXLogRecPtr: none.
 */
extern XLogRecPtr cf_judge_take_end(CfJudge *judge);

/* What the last record says of the run of a server that it is of. */
typedef enum CfRunSign
{
	CF_RUN_NOTHING,
	CF_RUN_OURS,				/* the library was there: it has written a message */
	CF_RUN_END					/* the run, or recovery, ends here */
} CfRunSign;

extern CfRunSign cf_judge_sign(const CfJudge *judge);

/*
 * Nothing is read any more. What is prepared may be committed unseen (logical replication
 * calls no hook): notes now what those have changed that are still open.
 */
extern void cf_judge_close(CfJudge *judge, XLogRecPtr lsn);

/*
 * Is it known which transactions began before? From the first record after which
 * this is so, the history of what was read is complete.
 */
extern bool cf_judge_has_begun(const CfJudge *judge);

#endif							/* CF_HISTORY_JUDGE_H */
