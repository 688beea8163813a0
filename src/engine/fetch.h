/*
 * fetch.h - the one entry point of reads.
 *
 * src/engine/fetch.h
 */
#ifndef CF_ENGINE_FETCH_H
#define CF_ENGINE_FETCH_H

#include "request/request.h"

/*
 * Answers a request from L1, from another session's load, or from the query.
 * The value is palloc'd in CurrentMemoryContext: JSON text, or encoded rows;
 * NULL where a first row was asked for and there is none. Raises only the
 * errors of the query and of the call.
 */
extern struct varlena *cf_fetch(CfRequest *request);

/* Runs the query and leaves no trace, whatever is cached. */
extern struct varlena *cf_fetch_uncached(CfRequest *request);

/* Only runs the query: for a server without our shared memory. */
extern struct varlena *cf_fetch_without_cache(CfRequest *request);

/*
 * Loads what is newer than newer_than, unless somebody does so already: for a worker, who needs no
 * value. The request's identity is there. Raises the query's errors.
 */
extern void cf_fetch_refresh(const CfRequest *request, TimestampTz newer_than);

/*
 * What L1 knows of a request, without its value. The request's identity is
 * there, and afterwards the one that the entry is kept under.
 */
extern CfL1Status cf_fetch_look(CfRequest *request, TimestampTz now, CfL1Result *result);

#endif							/* CF_ENGINE_FETCH_H */
