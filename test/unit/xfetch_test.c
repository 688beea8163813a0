/* unit: */
/*
 * xfetch_test.c - early refreshes follow the distribution of XFetch.
 *
 * A caller at age a refreshes with probability exp(-(ttl - a) / (load * beta)).
 * Over n independent callers the number of refreshes is binomial; each check
 * allows five standard deviations, with fixed seeds.
 *
 * test/unit/xfetch_test.c
 */
#include "harness.h"

#include "common/pg_prng.h"

#include "engine/xfetch.h"

#define CALLS 1000000

static pg_prng_state prng;

static double
uniform(void)
{
	return 1.0 - pg_prng_double(&prng);		/* (0, 1] */
}

static void
check_share(double age, double load, double beta, double ttl)
{
	double		p = exp(-(ttl - age) / (load * beta));
	double		slack = 5 * sqrt(CALLS * p * (1 - p)) + 1;
	int			due = 0;

	for (int i = 0; i < CALLS; i++)
		due += cf_xfetch_due(age, load, beta, ttl, uniform());
	printf("# age %g, load %g, beta %g, ttl %g: expected %g\n",
		   age, load, beta, ttl, CALLS * p);
	CHECK_RANGE((double) due, CALLS * p - slack, CALLS * p + slack);
}

static void
test_distribution(void)
{
	double		ttl = 10e6;
	double		load = 0.5e6;

	pg_prng_seed(&prng, 2015);
	for (int percent = 50; percent < 100; percent += 5)
		check_share(ttl * percent / 100, load, 1.0, ttl);
	check_share(9.5e6, load, 0.5, ttl);
	check_share(9.5e6, load, 2.0, ttl);
	check_share(9.999e6, 1000, 1.0, ttl);
}

/*
 * Callers come one a millisecond; the time before expiry at which the first of
 * them refreshes has its median where the product of (1 - p) falls to a half.
 */
static void
test_first_refresh(void)
{
	double		ttl = 10e6;
	double		load = 0.2e6;
	double		step = 1000;
	double		none = 1.0;
	double		median = 0;
	int			earlier = 0;

	pg_prng_seed(&prng, 2016);
	for (double age = 0; age < ttl && none > 0.5; age += step)
	{
		none *= 1 - exp(-(ttl - age) / load);
		median = age;
	}
	for (int i = 0; i < 1000; i++)
	{
		double		age = 0;

		while (!cf_xfetch_due(age, load, 1.0, ttl, uniform()))
			age += step;
		earlier += age < median;
	}
	CHECK_RANGE(median, 0.5 * ttl, 0.95 * ttl);
	CHECK_RANGE((double) earlier, 420, 580);
}

static void
test_borders(void)
{
	CHECK(cf_xfetch_due(10, 1, 1, 10, 1.0));	/* expired: always */
	CHECK(cf_xfetch_due(11, 0, 1, 10, 1.0));
	CHECK(!cf_xfetch_due(9.99, 1, 1, 10, 1.0));	/* -ln 1 is 0 */
	CHECK(!cf_xfetch_due(0, 1, 1, 1e12, 1e-300));
	CHECK(!cf_xfetch_due(9, 0, 1, 10, 1e-16));	/* costs nothing to load */
	CHECK(!cf_xfetch_due(9, 1, 0, 10, 1e-16));	/* beta 0 switches it off */

	/* the smallest u that a generator of 53 bits gives */
	CHECK(cf_xfetch_due(0, 1, 1, 36.7, ldexp(1.0, -53)));
	CHECK(!cf_xfetch_due(0, 1, 1, 36.8, ldexp(1.0, -53)));
}

int
main(void)
{
	RUN(test_distribution);
	RUN(test_first_refresh);
	RUN(test_borders);
	return cf_unit_end();
}
