/*
 * publisher.h - the worker that tells Redis what commits have changed.
 *
 * One process, always there, without a database. It takes what is in the ring,
 * drops keys and stores values in pipelines, and says which rows of cache_outbox
 * Redis has got. While Redis is out of use it tries now and then whether it is
 * back, so that no session has to.
 *
 * src/workers/publisher.h
 */
#ifndef CF_WORKERS_PUBLISHER_H
#define CF_WORKERS_PUBLISHER_H

#include "postgres.h"

extern void cf_publisher_register(void);

extern PGDLLEXPORT void cachefront_publisher_main(Datum arg);

#endif							/* CF_WORKERS_PUBLISHER_H */
