/*
 * xfetch.h - probabilistic early refresh.
 *
 * Vattani, Chierichetti, Lowenstein: "Optimal Probabilistic Cache Stampede
 * Prevention" (VLDB 2015), algorithm XFetch: refresh when
 *     age + load_time * beta * (-ln u) >= ttl,   u uniform in (0, 1].
 * So a caller at a given age refreshes with probability
 *     exp(-(ttl - age) / (load_time * beta)).
 * Pure; all times in microseconds.
 *
 * src/engine/xfetch.h
 */
#ifndef CF_ENGINE_XFETCH_H
#define CF_ENGINE_XFETCH_H

#include <math.h>
#include <stdbool.h>

/*
 * False far from expiry, whatever u: none is smaller than 2^-53. Saves most
 * hits a random number and a logarithm.
 */
static inline bool
cf_xfetch_possible(double age, double load_time, double beta, double ttl)
{
	return age + load_time * beta * 36.8 >= ttl;
}

static inline bool
cf_xfetch_due(double age, double load_time, double beta, double ttl, double u)
{
	return age + load_time * beta * -log(u) >= ttl;
}

#endif							/* CF_ENGINE_XFETCH_H */
