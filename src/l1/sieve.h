/*
 * sieve.h - SIEVE eviction over links that the includer resolves.
 *
 * Zhang, Yang, Yue, Vigfusson, Rashmi: "SIEVE is Simpler than LRU" (NSDI 2024).
 * 1. A new object enters at the newest end, not visited.
 * 2. A hit sets the visited flag: no list moves, so no exclusive lock.
 * 3. The hand walks from old to new. It clears visited flags and stops at the
 *    first object that was not visited: the victim. It stays there for the
 *    next time, and starts again at the oldest when it has passed the newest.
 *
 * The includer defines CF_SIEVE_LINK(ctx, ref), which yields a CfSieveLink *.
 * A list and its links are changed only under the list owner's exclusive lock;
 * the visited flag may be set under a shared one.
 *
 * src/l1/sieve.h
 */
#ifndef CF_L1_SIEVE_H
#define CF_L1_SIEVE_H

#ifdef CF_SIEVE_STANDALONE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint64_t uint64;
typedef uint32_t uint32;
typedef uint8_t uint8;
#else
#include "postgres.h"
#endif

typedef uint64 CfSieveRef;		/* 0 is none */

typedef struct CfSieveLink
{
	CfSieveRef	newer;
	CfSieveRef	older;
	uint8		visited;
	uint8		flags;			/* this and the next: the includer's */
	uint32		note;
} CfSieveLink;

typedef struct CfSieve
{
	CfSieveRef	newest;
	CfSieveRef	oldest;
	CfSieveRef	hand;			/* next candidate, 0: start at the oldest */
} CfSieve;

static inline void
cf_sieve_insert(CfSieve *sieve, void *ctx, CfSieveRef ref)
{
	CfSieveLink *link = CF_SIEVE_LINK(ctx, ref);

	(void) ctx;
	link->newer = 0;
	link->older = sieve->newest;
	link->visited = 0;
	if (sieve->newest != 0)
		CF_SIEVE_LINK(ctx, sieve->newest)->newer = ref;
	else
		sieve->oldest = ref;
	sieve->newest = ref;
}

/* At the other end: for what is known to be less in demand than all that is there. */
static inline void
cf_sieve_insert_oldest(CfSieve *sieve, void *ctx, CfSieveRef ref)
{
	CfSieveLink *link = CF_SIEVE_LINK(ctx, ref);

	(void) ctx;
	link->newer = sieve->oldest;
	link->older = 0;
	link->visited = 0;
	if (sieve->oldest != 0)
		CF_SIEVE_LINK(ctx, sieve->oldest)->older = ref;
	else
		sieve->newest = ref;
	sieve->oldest = ref;
}

static inline void
cf_sieve_remove(CfSieve *sieve, void *ctx, CfSieveRef ref)
{
	CfSieveLink *link = CF_SIEVE_LINK(ctx, ref);

	(void) ctx;
	if (sieve->hand == ref)
		sieve->hand = link->newer;
	if (link->newer != 0)
		CF_SIEVE_LINK(ctx, link->newer)->older = link->older;
	else
		sieve->newest = link->older;
	if (link->older != 0)
		CF_SIEVE_LINK(ctx, link->older)->newer = link->newer;
	else
		sieve->oldest = link->newer;
	link->newer = link->older = 0;
}

/*
 * The object to evict, still in the list; 0 if the list is empty. Looks at no
 * more than max_steps objects and then takes the next one, visited or not.
 */
static inline CfSieveRef
cf_sieve_victim(CfSieve *sieve, void *ctx, int max_steps)
{
	CfSieveRef	ref = sieve->hand != 0 ? sieve->hand : sieve->oldest;

	(void) ctx;
	while (ref != 0 && max_steps-- > 0)
	{
		CfSieveLink *link = CF_SIEVE_LINK(ctx, ref);

		if (!link->visited)
			break;
		link->visited = 0;
		ref = link->newer != 0 ? link->newer : sieve->oldest;
	}
	sieve->hand = ref;
	return ref;
}

#endif							/* CF_L1_SIEVE_H */
