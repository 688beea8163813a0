/*
 * answer_internal.h - what the files of answer.h share.
 *
 * src/statement/answer_internal.h
 */
#ifndef CF_STATEMENT_ANSWER_INTERNAL_H
#define CF_STATEMENT_ANSWER_INTERNAL_H

#include "utils/snapshot.h"

#include "l1/table.h"
#include "statement/answer.h"

#define count(answer, counter) cf_stats_count((answer)->request.def.stats_slot, (counter))

/* Do both show the same of other transactions? */
extern bool cf_answer_is_same_snapshot(Snapshot a, Snapshot b);

/* The variant without rows, which tells whether those would still be there. */
extern CfIdentity cf_answer_ghost(const CfRequest *request);

/*
 * Looks in L1. Of what its functions bind to settings there is a marker, which the request follows.
 * proof: or NULL. True: a hit, with what part asks for, palloc'd.
 */
extern bool cf_answer_get(CfRequest *request, CfL1Part part, const CfL1Proof *proof,
						  CfL1Result *result);

/* After a miss there is an answer after all; it is the answer's from here on. */
extern void cf_answer_take(CfAnswer *answer, struct varlena *value);

/*
 * There is a hit. Is the query to run all the same? Then what there is becomes the answer's old
 * one, else its value.
 */
extern void cf_answer_choose(CfAnswer *answer, const CfL1Result *hit);

/* All rows of the query are there: compares them with the old ones, and tells if they differ. */
extern void cf_answer_verify(CfAnswer *answer);

/*
 * A value is a count of rows, then each as a MinimalTuple without pointers to elsewhere, at a
 * multiple of MAXALIGN from the first. Begin leaves room for the count, which is to be copied
 * to the front at the end.
 */
extern void cf_answer_begin_rows(StringInfo rows);
extern void cf_answer_append_row(StringInfo rows, MinimalTuple tuple);
extern void cf_answer_rows_begin(CfAnswerRows *rows, const char *value);

/* The same rows in the form of codec/rowcodec.h; buf is made ready here. */
extern void cf_answer_encode(TupleDesc desc, const char *rows, StringInfo buf);

/*
 * Redis, for the leader of a flight (tier/tier.h). True: rows has a value, as current as one that
 * is run for now, and meta says what is known of it. False: run; there may be a lease then,
 * which is used up by the fill, or given back by cf_tier_release. May be cancelled.
 */
extern bool cf_answer_look_remote(CfAnswer *answer, TimestampTz newer_than, TimestampTz deadline,
								  CfValue *value, CfL1Meta *meta);
extern void cf_answer_fill_remote(CfAnswer *answer, const CfL1Meta *meta);

/* Lands the flight that the answer leads, if it does. */
extern void cf_answer_land_as(CfAnswer *answer, CfFlightOutcome outcome);

#endif							/* CF_STATEMENT_ANSWER_INTERNAL_H */
