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

/* Looks in L1. proof: or NULL. True: a hit, with what part asks for, palloc'd. */
extern bool cf_answer_get(const CfRequest *request, const CfIdentity *id, CfL1Part part,
						  const CfL1Proof *proof, CfL1Result *result);

/* Lands the flight that the answer leads, if it does. */
extern void cf_answer_land_as(CfAnswer *answer, CfFlightOutcome outcome);

#endif							/* CF_STATEMENT_ANSWER_INTERNAL_H */
