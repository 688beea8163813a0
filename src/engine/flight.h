/*
 * flight.h - singleflight: one load of an identity at a time on this server.
 *
 * The first caller that misses leads the flight, the others wait: they
 * sleep until it lands and take its result. See src/engine/README.md.
 *
 * src/engine/flight.h
 */
#ifndef CF_ENGINE_FLIGHT_H
#define CF_ENGINE_FLIGHT_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "codec/key.h"
#include "l1/table.h"

typedef struct CfSharedFlight CfSharedFlight;

typedef enum CfFlightRole
{
	CF_FLIGHT_LEAD,				/* load, then finish or abort */
	CF_FLIGHT_WAIT,			/* call cf_flight_wait */
	CF_FLIGHT_ALONE				/* load without a flight */
} CfFlightRole;

/* How a flight ended, for those who wait. */
typedef enum CfFlightOutcome
{
	CF_FLIGHT_VALUE,			/* here is the value */
	CF_FLIGHT_RETRY,			/* look in L1 again, or lead yourself */
	CF_FLIGHT_PRIVATE,			/* not to be shared: load by yourself */
	CF_FLIGHT_TIMEOUT			/* waited too long, or would wait for itself */
} CfFlightOutcome;

extern void cf_flight_register(void);

/*
 * Joins or begins the flight of an identity. No session leads more than its
 * share: loads that are nested deeper go alone. A session that leads one never
 * waits for another, so that flights cannot wait in a circle.
 */
extern CfFlightRole cf_flight_join(const CfKey *key, const CfIdentity *id,
								   bool may_wait, CfSharedFlight **flight);

/* Leader: takes the advisory lock that shows the flight in pg_locks. */
extern void cf_flight_lock(CfSharedFlight *flight);

/*
 * Leader: the snapshot is about to be taken. Who joined before gets a value
 * that is newer than its own start; who joins later must look at the clocks.
 */
extern void cf_flight_begin_snapshot(CfSharedFlight *flight);

/* Leader: lands with a value (which it copies), or without one. */
extern void cf_flight_finish(CfSharedFlight *flight, const CfValue *value,
							 const CfL1Meta *meta);
extern void cf_flight_abort(CfSharedFlight *flight, CfFlightOutcome outcome);

/*
 * Waiter: sleeps until the flight lands. A value outside of limits (or NULL) is
 * CF_FLIGHT_RETRY. With CF_FLIGHT_VALUE the part asked
 * for is in the result, palloc'd. Interruptible; leaves the flight on errors.
 */
extern CfFlightOutcome cf_flight_wait(CfSharedFlight *flight, TimestampTz deadline,
									  CfL1Part part, const CfL1Limits *limits,
									  CfL1Result *result);

/* Aborts what this session leads and leaves what it waits for. */
extern void cf_flight_reset(void);

/* Reporting. */
typedef struct CfFlightInfo
{
	Oid			dboid;
	int			leader;			/* process id */
	int			waiters;
	TimestampTz started;
	int			key_len;
	char		key[CF_MAX_KEY];
} CfFlightInfo;

extern int	cf_flight_max(void);
#ifdef CF_DEBUG
extern int	cf_flight_count_free(void);	/* for tests: none may get lost */
#endif
extern bool cf_flight_info(int i, CfFlightInfo *info);

#endif							/* CF_ENGINE_FLIGHT_H */
