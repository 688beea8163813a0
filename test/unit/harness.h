/*-------------------------------------------------------------------------
 *
 * harness.h
 *	  What a stand-alone unit test needs, on top of PostgreSQL's types.
 *
 * A test is one C file in test/unit. Its first line names the sources that it
 * is compiled with; it includes this file first, once, and its main() ends
 * with the harness:
 *
 *		/ * unit: src/stats/histogram.c * /
 *		#include "harness.h"
 *		#include "stats/histogram.h"
 *
 *		static void
 *		test_empty(void)
 *		{
 *			CHECK_INT(cf_histogram_bucket(0), 0);
 *		}
 *
 *		int
 *		main(void)
 *		{
 *			RUN(test_empty);
 *			return cf_unit_end();
 *		}
 *
 * The program is linked with PostgreSQL's static libraries for clients, which
 * have palloc and pfree (on malloc, so that ASan sees every byte), StringInfo,
 * psprintf, hash_bytes*, pg_prng_* and CRC32C. ereport() works as below: one
 * of ERROR or above ends the RUN() as a failure unless CHECK_RAISES() waits
 * for it. There are no memory contexts: a test frees what it allocates; one that
 * brings some of its own defines CF_UNIT_OWN_CONTEXTS before it includes this.
 *
 * test/unit/harness.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_UNIT_HARNESS_H
#define CF_UNIT_HARNESS_H

#include "postgres.h"

#include <setjmp.h>

#include "base/compat.h"

/* printf itself, where PostgreSQL's port would need its own */
#undef printf
#undef fprintf
#undef vsnprintf
#undef snprintf

#define CF_WEAK __attribute__((weak))

static int	cf_unit_count = 0;
static int	cf_unit_failures = 0;
static sigjmp_buf *cf_unit_catch = NULL;
static int	cf_unit_elevel = 0;
static int	cf_unit_sqlstate = 0;
static char cf_unit_message[1024];

/* ---- checks ---- */

static pg_attribute_unused() bool
cf_unit_report(bool good, const char *what, const char *file, int line)
{
	cf_unit_count++;
	if (good)
		printf("ok %d - %s\n", cf_unit_count, what);
	else
	{
		cf_unit_failures++;
		printf("not ok %d - %s\n#   at %s:%d\n", cf_unit_count, what, file, line);
	}
	fflush(stdout);
	return good;
}

static pg_attribute_unused() void
cf_unit_int(long long got, long long want, const char *what,
			const char *file, int line)
{
	if (!cf_unit_report(got == want, what, file, line))
		printf("#   got %lld, expected %lld\n", got, want);
}

static pg_attribute_unused() void
cf_unit_str(const char *got, const char *want, const char *what,
			const char *file, int line)
{
	bool		same = (got == NULL || want == NULL) ? got == want :
		strcmp(got, want) == 0;

	if (!cf_unit_report(same, what, file, line))
		printf("#   got      %s\n#   expected %s\n",
			   got ? got : "(null)", want ? want : "(null)");
}

/* a must lie within [low, high] */
static pg_attribute_unused() void
cf_unit_range(double got, double low, double high, const char *what,
			  const char *file, int line)
{
	if (!cf_unit_report(got >= low && got <= high, what, file, line))
		printf("#   got %g, expected %g to %g\n", got, low, high);
}

#define CHECK(cond) \
	((void) cf_unit_report((cond), #cond, __FILE__, __LINE__))
#define CHECK_INT(got, want) \
	cf_unit_int((long long) (got), (long long) (want), #got " = " #want, __FILE__, __LINE__)
#define CHECK_STR(got, want) \
	cf_unit_str((got), (want), #got " = " #want, __FILE__, __LINE__)
#define CHECK_RANGE(got, low, high) \
	cf_unit_range((got), (low), (high), #got " in " #low " to " #high, __FILE__, __LINE__)
#define CHECK_MEM(got, want, len) \
	((void) cf_unit_report(memcmp((got), (want), (len)) == 0, #got " = " #want, __FILE__, __LINE__))

/* For loops of many thousand steps: counts and prints only what fails. */
#define CHECK_QUIET(cond) \
	((cond) ? (void) 0 : (void) cf_unit_report(false, #cond, __FILE__, __LINE__))

/* The statement must raise an error with this SQLSTATE. */
#define CHECK_RAISES(stmt, state) \
	do { \
		sigjmp_buf	buf_, *save_ = cf_unit_catch; \
		cf_unit_sqlstate = 0; \
		if (sigsetjmp(buf_, 0) == 0) \
		{ \
			cf_unit_catch = &buf_; \
			stmt; \
		} \
		cf_unit_catch = save_; \
		cf_unit_int(cf_unit_sqlstate, (state), #stmt " raises " #state, __FILE__, __LINE__); \
	} while (0)

/* Runs a test function; an error that it does not expect fails it. */
#define RUN(fn) \
	do { \
		sigjmp_buf	buf_; \
		printf("# %s\n", #fn); \
		if (sigsetjmp(buf_, 0) == 0) \
		{ \
			cf_unit_catch = &buf_; \
			fn(); \
		} \
		else \
		{ \
			(void) cf_unit_report(false, #fn, __FILE__, __LINE__); \
			printf("#   raised: %s\n", cf_unit_message); \
		} \
		cf_unit_catch = NULL; \
	} while (0)

static pg_attribute_unused() int
cf_unit_end(void)
{
	printf("1..%d\n", cf_unit_count);
	return (cf_unit_failures > 0 || cf_unit_count == 0) ? 1 : 0;
}

/* ---- what the server would have: weak, so that a test can replace it ---- */

CF_WEAK MemoryContext CurrentMemoryContext = NULL;
CF_WEAK MemoryContext TopMemoryContext = NULL;
CF_WEAK sigjmp_buf *PG_exception_stack = NULL;
CF_WEAK ErrorContextCallback *error_context_stack = NULL;

CF_WEAK void
ExceptionalCondition(CF_EXCEPTIONAL_CONDITION_ARGS)
{
	printf("not ok - failed assertion \"%s\" at %s:%d\n", conditionName,
		   fileName, lineNumber);
	fflush(stdout);
	abort();
}

static pg_attribute_unused() void
cf_unit_set_message(const char *fmt, va_list args)
{
	vsnprintf(cf_unit_message, sizeof(cf_unit_message), fmt, args);
}

CF_WEAK bool
errstart(int elevel, const char *domain)
{
	cf_unit_elevel = elevel;
	cf_unit_sqlstate = ERRCODE_INTERNAL_ERROR;
	cf_unit_message[0] = '\0';
	return elevel >= ERROR;
}

CF_WEAK bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

CF_WEAK void
errfinish(const char *filename, int lineno, const char *funcname)
{
	if (cf_unit_elevel < ERROR)
		return;
	if (cf_unit_catch != NULL)
		siglongjmp(*cf_unit_catch, 1);
	printf("not ok - error outside RUN(): %s\n", cf_unit_message);
	fflush(stdout);
	abort();
}

CF_WEAK int
errcode(int sqlerrcode)
{
	cf_unit_sqlstate = sqlerrcode;
	return 0;
}

#define CF_UNIT_MESSAGE_FUNCTION(name) \
	CF_WEAK int \
	name(const char *fmt, ...) \
	{ \
		va_list		args; \
		va_start(args, fmt); \
		cf_unit_set_message(fmt, args); \
		va_end(args); \
		return 0; \
	}
CF_UNIT_MESSAGE_FUNCTION(errmsg)
CF_UNIT_MESSAGE_FUNCTION(errmsg_internal)

#define CF_UNIT_IGNORED_FUNCTION(name) \
	CF_WEAK int \
	name(const char *fmt, ...) \
	{ \
		return 0; \
	}
CF_UNIT_IGNORED_FUNCTION(errdetail)
CF_UNIT_IGNORED_FUNCTION(errdetail_internal)
CF_UNIT_IGNORED_FUNCTION(errhint)

#ifndef CF_UNIT_OWN_CONTEXTS
/* palloc's cousins that the client library lacks; contexts are ignored */

CF_WEAK void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	return palloc(size);
}

CF_WEAK void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return palloc0(size);
}

CF_WEAK void *
MemoryContextAllocZeroAligned(MemoryContext context, Size size)
{
	return palloc0(size);
}
#endif							/* CF_UNIT_OWN_CONTEXTS */

#endif							/* CF_UNIT_HARNESS_H */
