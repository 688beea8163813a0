/*
 * foreign.h - values in Redis that another server has stored.
 *
 * A copy of this server, a standby that was promoted beside it, another cluster in
 * the same namespace: what they store does not count here (history/line.h), and
 * what this server stores does not count there. They push each other's values out
 * all the same, so somebody should know.
 *
 * src/tier/foreign.h
 */
#ifndef CF_TIER_FOREIGN_H
#define CF_TIER_FOREIGN_H

#include "codec/envelope.h"
#include "request/request.h"

extern void cf_foreign_register(void);

/* Counts it, and says so in the log, once a minute at most. env is not proven. */
extern void cf_foreign_note(const CfRequest *request, const CfEnvelope *env);

#endif							/* CF_TIER_FOREIGN_H */
