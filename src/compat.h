/*
 * compat.h - every difference between PostgreSQL majors, in one place.
 *
 * Developed against 15; newer majors are mapped onto its names here and
 * nowhere else.
 *
 * src/compat.h
 */
#ifndef CF_COMPAT_H
#define CF_COMPAT_H

#include "postgres.h"

#include "pgstat.h"
#include "storage/lock.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 150000
#error "cachefront needs PostgreSQL 15 or newer"
#endif

/* 18 gave LockAcquireExtended a 7th argument. */
#if PG_VERSION_NUM >= 180000
#define CF_LOCK_TRY(tag, mode) \
	LockAcquireExtended((tag), (mode), false, true, false, NULL, false)
#else
#define CF_LOCK_TRY(tag, mode) \
	LockAcquireExtended((tag), (mode), false, true, false, NULL)
#endif

/* 18 dropped ExecutorRun's execute_once. */
#if PG_VERSION_NUM >= 180000
#define CF_EXECUTOR_RUN(desc) ExecutorRun((desc), ForwardScanDirection, 0)
#else
#define CF_EXECUTOR_RUN(desc) ExecutorRun((desc), ForwardScanDirection, 0, true)
#endif

/* 16 moved checkAsUser from the range table entry to RTEPermissionInfo. */
#if PG_VERSION_NUM >= 160000
#include "parser/parse_relation.h"
#define CF_RTE_USER(stmt, rte) \
	((rte)->perminfoindex > 0 ? \
	 getRTEPermissionInfo((stmt)->permInfos, (rte))->checkAsUser : InvalidOid)
#else
#define CF_RTE_USER(stmt, rte) ((rte)->checkAsUser)
#endif

/* 17 numbers backends by ProcNumber, from 0; before, MyBackendId from 1. */
#if PG_VERSION_NUM >= 170000
#include "storage/procnumber.h"
#define CF_MY_BACKEND_INDEX ((int) MyProcNumber)
#else
#include "storage/backendid.h"
#define CF_MY_BACKEND_INDEX ((int) MyBackendId - 1)
#endif

/*
 * Waiting for another session's load, and for Redis. 17 lets extensions name
 * their events.
 */
#if PG_VERSION_NUM >= 170000
#define CF_WAIT_EVENT_FLIGHT WaitEventExtensionNew("CachefrontFlight")
#define CF_WAIT_EVENT_REDIS WaitEventExtensionNew("CachefrontRedis")
#else
#define CF_WAIT_EVENT_FLIGHT PG_WAIT_EXTENSION
#define CF_WAIT_EVENT_REDIS PG_WAIT_EXTENSION
#endif

#endif							/* CF_COMPAT_H */
