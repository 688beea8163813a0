/*
 * reading.h - were literals in functions read as they would be now?
 *
 * src/load/reading.h
 */
#ifndef CF_LOAD_READING_H
#define CF_LOAD_READING_H

#include "postgres.h"

#include "pgtime.h"

/* All settings that input functions, the lexer and the parser look at, but the search path. */
typedef struct CfReading
{
	pg_tz	   *timezone;
	int			date_style;
	int			date_order;
	int			interval_style;
	int			xmloption;
	int			backslash_quote;
	bool		array_nulls;
	bool		transform_null_equals;
	bool		standard_conforming_strings;
	uint64		names;			/* of those that are strings */
} CfReading;

/* What this session has analysed and may have kept. */
typedef struct CfReadingAnalysed
{
	uint64		n;
	bool		several;		/* not all of it under the same settings */
	bool		several_ways_to_parse;	/* nor under the same of the lexer and the parser */
	CfReading	under;			/* these, if so */
} CfReadingAnalysed;

extern void cf_reading_install_hook(void);

/* As of now; and to leave out the one that came since, if it was only one. */
extern CfReadingAnalysed cf_reading_analysed(void);
extern void cf_reading_forget_one(const CfReadingAnalysed *before);

/*
 * May the statement or expression of a function have a tree in which its literals were read under
 * other settings than those of now? No tree says so: it is asked of the session.
 */
extern bool cf_reading_may_differ(const char *text);

#endif							/* CF_LOAD_READING_H */
