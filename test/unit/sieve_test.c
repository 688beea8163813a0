/* unit: */
/*
 * sieve_test.c - SIEVE against the plain algorithm of the paper, and the order
 * of its list after random insertions, hits, removals and evictions.
 *
 * test/unit/sieve_test.c
 */
#include "harness.h"

#include "common/pg_prng.h"

#define CF_SIEVE_LINK(ctx, ref) (&((CfSieveLink *) (ctx))[ref])
#include "l1/sieve.h"

#define OBJECTS 64

/* by reference; 0 is none */
static CfSieveLink objects[OBJECTS + 1];
static bool present[OBJECTS + 1];

static CfSieve sieve;

/* The model: an array from old to new, and the index of the hand. */
static int	model[OBJECTS];
static int	model_count;
static int	model_hand;			/* model_count: start at the oldest */

static void
reset(void)
{
	memset(objects, 0, sizeof(objects));
	memset(present, 0, sizeof(present));
	memset(&sieve, 0, sizeof(sieve));
	model_count = 0;
	model_hand = 0;
}

static void
insert(int ref)
{
	present[ref] = true;
	cf_sieve_insert(&sieve, objects, ref);
	/* a hand that passed the newest starts at the oldest, not at the new one */
	if (model_hand == model_count)
		model_hand = model_count + 1;
	model[model_count++] = ref;
}

static void
insert_oldest(int ref)
{
	present[ref] = true;
	cf_sieve_insert_oldest(&sieve, objects, ref);
	memmove(&model[1], &model[0], model_count * sizeof(int));
	model[0] = ref;
	model_count++;
	model_hand++;
}

static void
remove_object(int ref)
{
	int			i = 0;

	while (model[i] != ref)
		i++;
	present[ref] = false;
	cf_sieve_remove(&sieve, objects, ref);
	model_count--;
	memmove(&model[i], &model[i + 1], (model_count - i) * sizeof(int));
	if (model_hand > i)
		model_hand--;
}

static int
model_victim(void)
{
	int			i = model_hand;

	if (model_count == 0)
		return 0;
	if (i >= model_count)
		i = 0;
	while (objects[model[i]].visited)
	{
		objects[model[i]].visited = 0;
		i = (i + 1) % model_count;
	}
	model_hand = i;
	return model[i];
}

/* Both directions of the list, and both ends, hold what the model holds. */
static void
check_list(void)
{
	CfSieveRef	ref = sieve.oldest;
	CfSieveRef	before = 0;

	for (int i = 0; i < model_count; i++)
	{
		CHECK_QUIET(ref == (CfSieveRef) model[i]);
		CHECK_QUIET(objects[ref].older == before);
		before = ref;
		ref = objects[ref].newer;
	}
	CHECK_QUIET(ref == 0);
	CHECK_QUIET(sieve.newest == before);
	CHECK_QUIET(sieve.hand == 0 || present[sieve.hand]);
}

static void
test_empty(void)
{
	reset();
	CHECK_INT(cf_sieve_victim(&sieve, objects, 100), 0);
	insert(1);
	CHECK_INT(cf_sieve_victim(&sieve, objects, 100), 1);
	remove_object(1);
	CHECK_INT(cf_sieve_victim(&sieve, objects, 100), 0);
	check_list();
}

/* The example of the paper: A B C D E F G, of which A, B and G were visited. */
static void
test_order(void)
{
	reset();
	for (int ref = 1; ref <= 7; ref++)
		insert(ref);
	objects[1].visited = 1;
	objects[2].visited = 1;
	objects[7].visited = 1;
	CHECK_INT(cf_sieve_victim(&sieve, objects, 100), 3);
	remove_object(3);
	insert(8);
	CHECK_INT(objects[1].visited, 0);
	CHECK_INT(objects[2].visited, 0);
	CHECK_INT(objects[7].visited, 1);

	/* the hand goes on from there, and the newcomer waits for its turn */
	for (int ref = 4; ref <= 6; ref++)
	{
		CHECK_INT(cf_sieve_victim(&sieve, objects, 100), ref);
		remove_object(ref);
	}
	CHECK_INT(cf_sieve_victim(&sieve, objects, 100), 8);
	remove_object(8);
	CHECK_INT(cf_sieve_victim(&sieve, objects, 100), 1);
	check_list();
}

/* With everything visited the walk is bounded, and a victim is still found. */
static void
test_bounded(void)
{
	reset();
	for (int ref = 1; ref <= 20; ref++)
	{
		insert(ref);
		objects[ref].visited = 1;
	}
	CHECK_INT(cf_sieve_victim(&sieve, objects, 5), 6);
	CHECK_INT(objects[5].visited, 0);
	CHECK_INT(objects[6].visited, 1);

	/* unbounded, it comes round to the first that it cleared */
	CHECK_INT(cf_sieve_victim(&sieve, objects, 100), 1);
}

static void
test_random(void)
{
	pg_prng_state prng;

	pg_prng_seed(&prng, 42);
	reset();
	for (int step = 0; step < 200000; step++)
	{
		int			ref = 1 + (int) pg_prng_uint64_range(&prng, 0, OBJECTS - 1);

		if (!present[ref] && pg_prng_double(&prng) < 0.2)
			insert_oldest(ref);
		else if (!present[ref])
			insert(ref);
		else if (pg_prng_double(&prng) < 0.7)
			objects[ref].visited = 1;
		else
			remove_object(ref);
		if (step % 3 == 0 && model_count > 0)
		{
			uint8		visited[OBJECTS + 1];
			CfSieveRef	got;

			/* both walks clear flags: give them the same ones */
			for (int i = 1; i <= OBJECTS; i++)
				visited[i] = objects[i].visited;
			got = cf_sieve_victim(&sieve, objects, 1000);
			for (int i = 1; i <= OBJECTS; i++)
				objects[i].visited = visited[i];
			CHECK_QUIET(got == (CfSieveRef) model_victim());
			if (step % 2 == 0)
				remove_object((int) got);
		}
		check_list();
	}
	CHECK(model_count > 0);
}

int
main(void)
{
	RUN(test_empty);
	RUN(test_order);
	RUN(test_bounded);
	RUN(test_random);
	return cf_unit_end();
}
