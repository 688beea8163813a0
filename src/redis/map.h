/*
 * map.h - which node of a cluster has which slot.
 *
 * Kept in shared memory for all sessions; each process reads a copy of its own,
 * which it renews when the shared one has changed. A node has a number from 1 on,
 * which is also that of its breaker and of the connection to it. The number stays
 * while the node is there, and may then be another's: whoever uses one compares
 * the host.
 *
 * src/redis/map.h
 */
#ifndef CF_REDIS_MAP_H
#define CF_REDIS_MAP_H

#include "postgres.h"

#include <hiredis/hiredis.h>

#include "base/compat.h"
#include "base/redis_url.h"
#include "redis/breaker.h"
#include "redis/slot.h"

/* 0 is no node. */
#define CF_MAP_NODES CF_BREAKERS

typedef struct CfMap
{
	uint64		settings;		/* of whose url this is the cluster; 0: none is known */
	uint8		node[CF_SLOTS]; /* number of a slot's node; 0: nobody has it */
	CfRedisHost hosts[CF_MAP_NODES];	/* name is empty: no such node */
} CfMap;

extern void cf_map_register(void);

/* The map as it is now, or NULL if nothing is known of the cluster. */
extern const CfMap *cf_map_get(void);

/* Is it in doubt, or unknown, and the caller's turn to ask? */
extern bool cf_map_is_due(void);
extern void cf_map_doubt(void);

/* Puts CLUSTER SLOTS in the place of what is known; false: it makes no sense. */
extern pg_nodiscard bool cf_map_install(const redisReply *slots, const CfRedisHost *asked);

/* A slot is at another node now; its number, or 0 if there are too many nodes. */
extern int	cf_map_move(int slot, const CfRedisHost *host);

/* The number of a node, which may be a new one, or 0. */
extern int	cf_map_node(const CfRedisHost *host);

/* No node has this slot, as far as anybody knows. */
extern void cf_map_forget(int slot);

/* A text that names the node; valid until the next call. */
extern const char *cf_map_name(const CfRedisHost *host);

#endif							/* CF_REDIS_MAP_H */
