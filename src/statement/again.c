/*
 * again.c - statements that run though there is an answer, and old answers.
 *
 * A hit that is about to get too old is run once more by the caller whom XFetch chooses
 * (engine/xfetch.h), unless somebody does so already. And of cachefront.verify_rate of the hits
 * the rows are compared with what the query gives. Either way the client gets what has run, on the
 * statement's own snapshot: it takes no subtransaction, and an error is the statement's own.
 *
 * Both compared results must be of one state of the tables. The entry was there when it was
 * looked at. The query is compared only if a snapshot that was taken after that look is the same as
 * its own (compare_snapshot in keep.c), so the entry is not newer. After the last row it is
 * still there, its clocks unmoved: whatever the snapshot shows of other transactions had been
 * committed before the entry's load (engine/verify.c has the same with a snapshot of its own).
 *
 * Locking: none of its own.
 *
 * src/statement/again.c
 */
#include "postgres.h"

#include "base/debug_point.h"
#include "codec/rowcodec.h"
#include "codec/rowset.h"
#include "engine/policy.h"
#include "engine/verify.h"
#include "statement/answer_internal.h"

/* Nobody else uses its snapshot, and what it gives could be kept. */
static bool
may_run(const CfAnswer *answer)
{
	return answer->own_snapshot && !cf_policy_has_written();
}

/* The rows of both are printed, so that must not fail. */
static bool
is_comparable(const CfAnswer *answer)
{
	return answer->statement->determined && cf_rows_trust(answer->desc) != CF_ROWS_UNSAFE;
}

void
cf_answer_choose(CfAnswer *answer, const CfL1Result *hit)
{
	CfAgain		again = CF_AGAIN_NOT;

	if (unlikely(cf_verify_is_due(hit)) && may_run(answer) && is_comparable(answer))
		again = CF_AGAIN_VERIFY;
	else if (unlikely(cf_policy_refresh_is_due(&answer->request.def, hit, cf_now())) &&
			 may_run(answer))
		again = CF_AGAIN_REFRESH;
	answer->again = again;
	answer->hit = again == CF_AGAIN_NOT;
	if (likely(answer->hit))
	{
		answer->value = hit->value;
		return;
	}
	answer->sight = CF_SIGHT_WOULD_HIT;
	answer->old = hit->value;
	answer->old_filled_at = hit->filled_at;
	answer->old_stamp = hit->stamp;
}

void
cf_answer_decide(CfAnswer *answer, bool all)
{
	answer->decided = true;
	/* What a portal is asked for in parts may never be whole. */
	if (!all || !answer->keeps)
		cf_answer_take(answer, answer->old);
}

/* ---- the live self-check ------------------------------------------------ */

/* Is it the entry that was there before, and current? */
static bool
is_unmoved(const CfAnswer *answer)
{
	CfRequest	request = answer->request;
	CfL1Result	now;

	return cf_answer_get(&request, CF_L1_PART_NONE, NULL, &now) &&
		now.stamp == answer->old_stamp && now.filled_at == answer->old_filled_at;
}

static bool
make_set(const CfAnswer *answer, const char *rows, CfRowSet *set)
{
	StringInfoData buf;

	cf_answer_encode(answer->desc, rows, &buf);
	return cf_rowset_of(CF_FORM_ROWS, answer->desc->natts, buf.data, buf.len, set);
}

void
cf_answer_verify(CfAnswer *answer)
{
	CfRowSet	cached;
	CfRowSet	fresh;

	CF_WAIT_POINT("verify-before-look");
	/* By now it is planned, perhaps anew. */
	if (FullTransactionIdIsValid(answer->xmin) || !is_comparable(answer) || !is_unmoved(answer) ||
		!make_set(answer, VARDATA(answer->old), &cached) ||
		!make_set(answer, answer->rows.data, &fresh))
		return;
	count(answer, CF_COUNT_VERIFIED);
	if (cf_rowset_equal(&cached, &fresh))
		return;
	cf_verify_report(&answer->request, &cached, &fresh, "statement", answer->statement->text,
					 strlen(answer->statement->text));
	count(answer, CF_COUNT_VERIFY_FAILURES);
	cf_l1_delete(&answer->request.key, &answer->request.id);
}

/* ---- old answers -------------------------------------------------------- */

void
cf_answer_take_stale(CfAnswer *answer)
{
	CfRequest  *request = &answer->request;
	CfL1Result	result;
	CfL1Ask		ask;

	if (!answer->asked || answer->serving == CF_SERVE_OBSERVE || request->def.max_stale <= 0 ||
		!answer->own_snapshot || cf_policy_has_written() || cf_policy_is_writing())
		return;
	ask = (CfL1Ask) {
		.part = CF_L1_PART_ALL,
		.now = cf_now(),
		.limits = request->limits,
		.max_stale = request->def.max_stale,
	};
	if (cf_l1_get_within(&request->key, &request->id, &ask, &result) != CF_L1_HIT ||
		result.no_memory)
		return;
	count(answer, CF_COUNT_L1_HITS);
	if (result.outdated)
		count(answer, CF_COUNT_MAX_STALE_HITS);
	cf_answer_take(answer, result.value);
}
