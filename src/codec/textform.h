/*
 * textform.h - print and read values the same in every session.
 *
 * src/codec/textform.h
 */
#ifndef CF_CODEC_TEXTFORM_H
#define CF_CODEC_TEXTFORM_H

#include "postgres.h"

/* Does a type print the same whatever the settings? */
extern bool cf_textform_is_fixed(Oid type);

/*
 * From begin to end, values print as with fixed settings: DateStyle ISO,
 * IntervalStyle postgres, TimeZone UTC, extra_float_digits 1, bytea_output
 * hex, search_path pg_catalog. An error in between ends it as well. The idea
 * is postgres_fdw's (set_transmission_modes).
 */
extern int	cf_textform_begin(void);
extern void cf_textform_end(int level);

#endif							/* CF_CODEC_TEXTFORM_H */
