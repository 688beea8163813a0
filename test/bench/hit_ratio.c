/*
 * hit_ratio.c - how often SIEVE and LRU find what was asked for.
 *
 * Runs the product's own src/l1/sieve.h and a textbook LRU over the same
 * stream of requests, with the same room, counted in objects:
 *
 * zipf       the object of rank r is asked for with probability ~ 1 / r^0.9
 * zipf+scan  the same, and one request in five belongs to a scan that touches
 *            one object after the other, once, as a report or a crawler does
 *
 * The hit ratio is that of the Zipf requests alone: what is asked for once
 * cannot hit, whatever the cache does. The first fifth of each stream only
 * warms the caches and is not counted.
 *
 * Output, one line a case: workload, room in % of the objects, hit ratio of
 * SIEVE and of LRU in %. Every run sees the same streams.
 *
 * test/bench/hit_ratio.c
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CF_SIEVE_STANDALONE
/* ctx is the array of links, a reference is an index into it. */
#define CF_SIEVE_LINK(ctx, ref) (&((CfSieveLink *) (ctx))[ref])
#include "l1/sieve.h"

#define OBJECTS 100000
#define REQUESTS 5000000
#define SKEW 0.9
#define SCAN_EVERY 5			/* one request in so many */
#define MAX_STEPS 256			/* as the product, see src/l1/memory.c */

typedef struct Ratio
{
	long		asked;
	long		hits;
} Ratio;

/*
 * Objects are 1 .. 2 * OBJECTS; the second half belongs to the scan. It is
 * much larger than the room, so that the scan never meets itself again.
 */
#define NOBJECTS (2 * OBJECTS)

static bool cached_by_sieve[NOBJECTS + 1];
static bool cached_by_lru[NOBJECTS + 1];
static CfSieveLink sieve_links[NOBJECTS + 1];
static unsigned lru_newer[NOBJECTS + 1];
static unsigned lru_older[NOBJECTS + 1];
static double cumulated[OBJECTS + 1];

/* xorshift64*: the same numbers on every machine */
static double
next_random(void)
{
	static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (double) ((state * UINT64_C(0x2545f4914f6cdd1d)) >> 11) /
		9007199254740992.0;
}

static void
prepare_zipf(void)
{
	for (int rank = 1; rank <= OBJECTS; rank++)
		cumulated[rank] = cumulated[rank - 1] + 1.0 / pow(rank, SKEW);
}

static unsigned
next_zipf(void)
{
	double		wanted = next_random() * cumulated[OBJECTS];
	unsigned	low = 1;
	unsigned	high = OBJECTS;

	while (low < high)
	{
		unsigned	middle = (low + high) / 2;

		if (cumulated[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
ask_sieve(CfSieve *sieve, unsigned object, long *used, long room)
{
	if (cached_by_sieve[object])
	{
		sieve_links[object].visited = 1;
		return true;
	}
	if (*used == room)
	{
		CfSieveRef	victim = cf_sieve_victim(sieve, sieve_links, MAX_STEPS);

		cf_sieve_remove(sieve, sieve_links, victim);
		cached_by_sieve[victim] = false;
		(*used)--;
	}
	cf_sieve_insert(sieve, sieve_links, object);
	cached_by_sieve[object] = true;
	(*used)++;
	return false;
}

/* A ring through element 0, which is no object. */
static void
lru_unlink(unsigned object)
{
	lru_older[lru_newer[object]] = lru_older[object];
	lru_newer[lru_older[object]] = lru_newer[object];
}

static void
lru_push(unsigned object)
{
	lru_newer[object] = 0;
	lru_older[object] = lru_older[0];
	lru_newer[lru_older[0]] = object;
	lru_older[0] = object;
}

static bool
ask_lru(unsigned object, long *used, long room)
{
	bool		hit = cached_by_lru[object];

	if (hit)
		lru_unlink(object);
	else if (*used < room)
		(*used)++;
	else
	{
		unsigned	victim = lru_newer[0];	/* the oldest */

		lru_unlink(victim);
		cached_by_lru[victim] = false;
	}
	lru_push(object);
	cached_by_lru[object] = true;
	return hit;
}

static void
run(const char *workload, bool with_scan, double room_percent)
{
	long		room = (long) (OBJECTS * room_percent / 100.0);
	long		sieve_used = 0;
	long		lru_used = 0;
	unsigned	scanned = 0;
	CfSieve		sieve = {0, 0, 0};
	Ratio		by_sieve = {0, 0};
	Ratio		by_lru = {0, 0};

	for (int i = 0; i <= NOBJECTS; i++)
		cached_by_sieve[i] = cached_by_lru[i] = false;
	lru_newer[0] = lru_older[0] = 0;

	for (long i = 0; i < REQUESTS; i++)
	{
		bool		is_scan = with_scan && i % SCAN_EVERY == 0;
		unsigned	object = is_scan ? OBJECTS + 1 + scanned : next_zipf();
		bool		sieve_hit = ask_sieve(&sieve, object, &sieve_used, room);
		bool		lru_hit = ask_lru(object, &lru_used, room);

		if (is_scan)
			scanned = (scanned + 1) % OBJECTS;
		else if (i >= REQUESTS / 5)
		{
			by_sieve.asked++;
			by_lru.asked++;
			by_sieve.hits += sieve_hit;
			by_lru.hits += lru_hit;
		}
	}
	printf("%s %g %.1f %.1f\n", workload, room_percent,
		   100.0 * by_sieve.hits / by_sieve.asked,
		   100.0 * by_lru.hits / by_lru.asked);
}

int
main(void)
{
	static const double room[] = {1, 5, 10};

	prepare_zipf();
	for (unsigned i = 0; i < sizeof(room) / sizeof(room[0]); i++)
		run("zipf", false, room[i]);
	for (unsigned i = 0; i < sizeof(room) / sizeof(room[0]); i++)
		run("zipf+scan", true, room[i]);
	return 0;
}
