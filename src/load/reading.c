/*
 * reading.c - were literals in functions read as they would be now?
 *
 * PL/pgSQL keeps what it has analysed until the session ends. So '2020-01-01 12:00' in a
 * function is a moment of the time zone in which the session has called it first, whatever zone
 * is set now. What that gives is of this session alone.
 *
 * Only statements that were sent by themselves are analysed under settings that are known. Of
 * all others the session remembers under which settings they were analysed, as long as
 * that is one and the same reading; after that, nothing is known.
 *
 * Locking: none; all state is of this process.
 *
 * src/load/reading.c
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/xml.h"

#include "base/compat.h"
#include "base/named_setting.h"
#include "load/reading.h"

static CfReadingAnalysed analysed;
static CfNamedSetting abbreviations[] = {{"timezone_abbreviations"}};
static post_parse_analyze_hook_type prev_analyze = NULL;

static uint32
hash_of(const char *name)
{
	return name == NULL ? 0 : string_hash(name, strlen(name) + 1);
}

static uint64
hash_of_names(void)
{
	const char *zones;

	cf_named_settings_find(abbreviations, lengthof(abbreviations));
	zones = cf_named_setting_value(&abbreviations[0]);
	return ((uint64) hash_of(locale_monetary) << 32) | hash_of(zones);
}

static CfReading
reading_of_now(void)
{
	CfReading	now;

	/* They are compared as bytes. */
	memset(&now, 0, sizeof(now));
	now.timezone = session_timezone;
	now.date_style = DateStyle;
	now.date_order = DateOrder;
	now.interval_style = IntervalStyle;
	now.xmloption = xmloption;
	now.backslash_quote = (int) backslash_quote;
	now.array_nulls = Array_nulls;
	now.transform_null_equals = Transform_null_equals;
	now.standard_conforming_strings = standard_conforming_strings;
	now.names = hash_of_names();
	return now;
}

static bool
is_parsed_alike(const CfReading *a, const CfReading *b)
{
	return a->transform_null_equals == b->transform_null_equals &&
		a->standard_conforming_strings == b->standard_conforming_strings &&
		a->backslash_quote == b->backslash_quote && a->xmloption == b->xmloption;
}

static void
note_analysed(ParseState *state, Query *query, JumbleState *jumble)
{
	CfReading	now;

	if (prev_analyze)
		prev_analyze(state, query, jumble);
	if (state->p_sourcetext == NULL || state->p_sourcetext == debug_query_string)
		return;
	now = reading_of_now();
	if (analysed.n == 0)
		analysed.under = now;
	else if (memcmp(&now, &analysed.under, sizeof(now)) != 0)
	{
		analysed.several = true;
		analysed.several_ways_to_parse |= !is_parsed_alike(&now, &analysed.under);
	}
	analysed.n++;
}

CfReadingAnalysed
cf_reading_analysed(void)
{
	return analysed;
}

void
cf_reading_forget_one(const CfReadingAnalysed *before)
{
	if (analysed.n == before->n + 1)
		analysed = *before;
}

/*
 * A literal in quotes of any kind that has what dates, times, sums, arrays and XML have. To the
 * lexer and the parser each text is another, but those settings are hardly ever changed.
 */
static bool
may_hold_values(const char *text)
{
	return (strchr(text, '\'') != NULL || strchr(text, '$') != NULL) &&
		strpbrk(text, "0123456789{<\\") != NULL;
}

bool
cf_reading_may_differ(const char *text)
{
	CfReading	now;

	if (likely(analysed.n == 0))
		return false;
	now = reading_of_now();
	if (likely(!analysed.several && memcmp(&now, &analysed.under, sizeof(now)) == 0))
		return false;
	return text == NULL || may_hold_values(text) ||
		analysed.several_ways_to_parse || !is_parsed_alike(&now, &analysed.under);
}

void
cf_reading_install_hook(void)
{
	prev_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = note_analysed;
}
