/*
 * through.c - write-through: keeps what a commit has loaded, and publishes it.
 *
 * The steps are those of test/model/through.pml:
 *
 *	1. PRE_COMMIT: CommandCounterIncrement, for the last statement of a simple message
 *	   is not over to its transaction; the stamp; the snapshot of the query
 *	2. what has been written since drops the result: then the command counter has moved
 *	3. COMMIT: take the number s that will settle the transaction's clocks, and only
 *	   then look at each clock of the value: all that is pending there is of this
 *	   transaction, and its number is not above the stamp
 *	4. the clocks are settled with s (commit.c, writeset.c)
 *	5. the value is put with stamp s, by the rule for every value
 *
 * Where own clocks are counted, those of cache_set and of DDL are left out: they are settled
 * with other numbers. So they look like somebody else's, and the result is dropped. Counted
 * is by slot, as two clocks of the transaction may share one.
 *
 * src/engine/through.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "base/debug_point.h"
#include "base/fault.h"
#include "base/guc.h"
#include "capture/epoch.h"
#include "capture/writeset.h"
#include "engine/fill.h"
#include "engine/marker.h"
#include "engine/policy.h"
#include "engine/through.h"
#include "request/identity.h"
#include "txn/pending.h"

typedef struct Kept
{
	CfKey		key;			/* this and all that follows in the results' memory */
	CfIdentity	id;
	CfL1Meta	meta;
	CfValue		value;
	CommandId	command;		/* what commands before it have written it shows */
	bool		good;
	CfL1Marker	marker;			/* to be put under the next, if it is bound to more settings */
	CfIdentity	unbound;
} Kept;

/* What the running transaction has loaded, until it is published. */
static struct
{
	MemoryContext context;
	Kept	   *kept;
	int			nkept;
	int			room;
	uint32	   *raised;			/* slots of own clocks, in order, each as often as it is raised */
	int			nraised;
	uint64		number;			/* s, from the look on */
}			results;

#define count(result, counter) cf_stats_count((result)->meta.stats_slot, (counter))

/* ---- PRE_COMMIT --------------------------------------------------------- */

static void *
copy(const void *from, Size size)
{
	void	   *to = MemoryContextAllocHuge(results.context, Max(size, 1));

	if (size > 0)
		memcpy(to, from, size);
	return to;
}

static void
make_room(void)
{
	if (results.context == NULL)
	{
		results.context = AllocSetContextCreate(TopTransactionContext,
												"cachefront results of a commit",
												ALLOCSET_DEFAULT_SIZES);
		results.room = 4;
		results.kept = MemoryContextAlloc(results.context, results.room * sizeof(Kept));
	}
	if (results.nkept == results.room)
	{
		results.kept = repalloc(results.kept, 2 * results.room * sizeof(Kept));
		results.room *= 2;
	}
}

/* request: with the identity that the value is kept under. */
static void
keep(const CfRequest *request, const CfRequest *unbound, const CfLoad *load, const CfL1Meta *meta,
	 CommandId command)
{
	Kept	   *result;

	make_room();
	result = &results.kept[results.nkept];
	MemSet(result, 0, sizeof(*result));
	result->key = request->key;
	result->key.data = copy(request->key.data, request->key.len);
	result->id = request->id;
	result->unbound = unbound->id;
	if (request->binding != unbound->binding)
		result->marker = cf_marker_of_binding(request->binding);
	result->meta = *meta;
	result->meta.basis.deps = copy(meta->basis.deps, meta->basis.ndeps * sizeof(CfClockRef));
	result->value = load->value;
	result->value.bytes = copy(load->value.bytes, load->value.len);
	result->command = command;
	result->good = true;
	results.nkept++;
}

static bool
may_keep(const CfRequest *request, const CfLoad *load, const CfL1Meta *meta)
{
	if (load->bypass != CF_BYPASS_NONE)
	{
		cf_policy_count(request, load->bypass);
		return false;
	}
	if (load->value.len > (Size) cf_guc_l1_max_value)
	{
		cf_stats_count(request->def.stats_slot, CF_COUNT_TOO_LARGE);
		return false;
	}
	return cf_deps_fit(meta->basis.ndeps - meta->ndefined) && cf_identity_still_holds(request);
}

bool
cf_through_load(const CfRequest *request)
{
	static const CfLoadHooks hooks = {.serial = true, .at_commit = true};
	CommandId	command;
	CfRequest	bound = *request;
	CfBinding	binding;
	CfLoad		load;
	CfDeps		deps;
	CfL1Meta	meta;

	CommandCounterIncrement();
	command = GetCurrentCommandId(false);
	cf_load_run(request, &load, &hooks);
	cf_fill_describe(request, &load, NULL, &deps, &meta);
	if (!may_keep(request, &load, &meta))
		return false;
	binding = cf_watch_binding(load.sources.traits);
	/* Nobody else has the lock_timeout that is in force now. */
	if (binding == CF_BOUND_ALL_SETTINGS)
		return false;
	if (binding > request->binding)
	{
		bound.binding = binding;
		cf_identity_of_request(&bound);
	}
	keep(&bound, request, &load, &meta, command);
	return true;
}

bool
cf_through_has(const CfKey *key)
{
	for (int i = 0; i < results.nkept; i++)
	{
		if (results.kept[i].key.hash == key->hash && results.kept[i].key.len == key->len &&
			memcmp(results.kept[i].key.data, key->data, key->len) == 0)
			return true;
	}
	return false;
}

static void
drop(Kept *result)
{
	if (result->good)
		count(result, CF_COUNT_REFRESHES_REFUSED);
	result->good = false;
}

/* Whatever writes rows uses its command's number, and then there is a next one. */
void
cf_through_close(void)
{
	CommandId	now;

	if (likely(results.nkept == 0))
		return;
	/* At commit nothing may fail, so what can is done now. */
	cf_l1_attach();
	CommandCounterIncrement();
	now = GetCurrentCommandId(false);
	for (int i = 0; i < results.nkept; i++)
	{
		if (results.kept[i].command != now)
			drop(&results.kept[i]);
	}
	CF_HOLD_POINT("through-loaded");
}

static int
compare_slots(const void *a, const void *b)
{
	uint32		left = *(const uint32 *) a;
	uint32		right = *(const uint32 *) b;

	return (left > right) - (left < right);
}

void
cf_through_note_raised(void)
{
	int			ntables;
	const CfClockRef *tables = cf_writeset_raised(&ntables);

	if (likely(results.nkept == 0))
		return;
	results.raised = MemoryContextAllocHuge(results.context,
											(Size) Max(cf_pending_count() + ntables, 1) *
											sizeof(uint32));
	results.nraised = 0;
	for (int i = 0; i < cf_pending_count(); i++)
	{
		const CfOp *op = cf_pending_op(i);

		if (op->raised && op->kind != CF_OP_SET)
			results.raised[results.nraised++] = cf_clock_slot(op->clock);
	}
	for (int i = 0; i < ntables; i++)
		results.raised[results.nraised++] = cf_clock_slot(tables[i]);
	qsort(results.raised, results.nraised, sizeof(uint32), compare_slots);
}

/* ---- COMMIT ------------------------------------------------------------- */

/* How many own ones are below a slot. */
static int
count_below(uint32 slot)
{
	int			low = 0;
	int			high = results.nraised;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (results.raised[middle] < slot)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How often the transaction itself has raised a clock. */
static uint32
count_own(CfClockRef clock)
{
	uint32		slot = cf_clock_slot(clock);

	return count_below(slot + 1) - count_below(slot);
}

/* Pending first: see cf_clock_unmoved. */
static bool
is_mine_alone(CfClockRef clock, const void *stamp)
{
	if (cf_clock_pending(clock) != count_own(clock))
		return false;
	pg_read_barrier();
	return cf_clock_seq(clock) <= *(const uint64 *) stamp;
}

static bool
is_unmoved_by_others(const Kept *result)
{
	const CfBasis *basis = &result->meta.basis;

	if (CF_PLANTED(NO_THROUGH_CHECK))
		return true;
	return is_mine_alone(cf_clock_of_key(result->key.hash), &basis->stamp) &&
		cf_basis_all(result->key.dboid, basis, is_mine_alone, &basis->stamp);
}

uint64
cf_through_look(void)
{
	bool		database;
	bool		server;

	if (likely(results.nkept == 0))
		return 0;
	CF_HOLD_POINT("through-before-number");
	results.number = cf_clock_next();
	pg_memory_barrier();
	CF_HOLD_POINT("through-before-look");
	cf_epoch_raised(&database, &server);
	for (int i = 0; i < results.nkept; i++)
	{
		if (results.kept[i].good && (database || server || !is_unmoved_by_others(&results.kept[i])))
			drop(&results.kept[i]);
	}
	CF_HOLD_POINT("through-before-settle");
	return results.number;
}

/* Others are led to it by a marker, as cf_marker_put_bound has it. */
static bool
put_marker(const Kept *result)
{
	CfL1Meta	mark = result->meta;

	if (result->marker == CF_L1_VALUE)
		return true;
	mark.marker = result->marker;
	return cf_l1_put(&result->key, &result->unbound, CF_NO_VALUE, &mark) == CF_L1_STORED;
}

static CfCounter
publish(Kept *result)
{
	result->meta.basis.stamp = results.number;
	if (!put_marker(result))
		return CF_COUNT_REFRESHES_REFUSED;
	switch (cf_l1_put(&result->key, &result->id, &result->value, &result->meta))
	{
		case CF_L1_STORED:
			return CF_COUNT_REFRESHES;
		case CF_L1_REFUSED:
			return CF_COUNT_REFRESHES_REFUSED;
		case CF_L1_TOO_LARGE:
			return CF_COUNT_TOO_LARGE;
		case CF_L1_NO_MEMORY:
			return CF_COUNT_NO_MEMORY;
	}
	return CF_COUNT_REFRESHES_REFUSED;
}

void
cf_through_publish(void)
{
	if (likely(results.nkept == 0))
		return;
	CF_HOLD_POINT("through-before-publish");
	for (int i = 0; i < results.nkept; i++)
	{
		if (results.kept[i].good)
			count(&results.kept[i], publish(&results.kept[i]));
	}
	cf_through_reset();
}

/* The memory goes with the transaction. */
void
cf_through_reset(void)
{
	results.context = NULL;
	results.kept = NULL;
	results.raised = NULL;
	results.nkept = results.room = results.nraised = 0;
	results.number = 0;
}
