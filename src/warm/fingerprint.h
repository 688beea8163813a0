/*
 * fingerprint.h - is all else that made a result the same as at the last start?
 *
 * A result comes of tables, whose changes the server itself notes, and of things that
 * no transaction changes: programs, rules of sorting, time zones, dictionaries, and what
 * the configuration says once for all. While a server runs they are as they were when
 * it started; over a restart they may become others.
 *
 * src/warm/fingerprint.h
 */
#ifndef CF_WARM_FINGERPRINT_H
#define CF_WARM_FINGERPRINT_H

#include "postgres.h"

typedef struct CfFingerprint
{
	uint64		programs;		/* the server's, this library, what else is in its folder */
	uint64		collations;
	uint64		zones;
	uint64		files;			/* of text search, and of names of zones */
	uint64		settings;
} CfFingerprint;

/*
 * Postmaster, at its start: takes it, once, for files may be replaced while those that
 * were loaded go on. About 30 ms, most of it for the rules of all time zones.
 */
extern void cf_fingerprint_take(void);

/* What was taken, with the settings as they are now. All zero if it never was. */
extern CfFingerprint cf_fingerprint_get(void);

/* The first thing that differs, in words; NULL: nothing. */
extern const char *cf_fingerprint_difference(const CfFingerprint *a, const CfFingerprint *b);

#endif							/* CF_WARM_FINGERPRINT_H */
