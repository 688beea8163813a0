/*
 * varlena.h - VARDATA and the like, for headers that need no more of compat.h.
 *
 * src/base/varlena.h
 */
#ifndef CF_BASE_VARLENA_H
#define CF_BASE_VARLENA_H

#include "postgres.h"

/* 16 moved them out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#endif							/* CF_BASE_VARLENA_H */
