/*
 * floor.c - reads and judges by the text of cff:<ns>. Pure.
 *
 * src/l2/floor.c
 */
#include "postgres.h"

#include "l2/floor.h"

/* The rest of a text that is taken apart, word by word. */
typedef struct Words
{
	const char *at;
	const char *end;
} Words;

static bool
next_word(Words *words, const char **word, Size *len)
{
	while (words->at < words->end && *words->at == ' ')
		words->at++;
	*word = words->at;
	while (words->at < words->end && *words->at != ' ')
		words->at++;
	*len = words->at - *word;
	return *len > 0;
}

/* Up to 16 hexadecimal digits. */
static bool
parse_hex(const char *text, Size len, uint64 *value)
{
	*value = 0;
	if (len == 0 || len > 16)
		return false;
	for (Size i = 0; i < len; i++)
	{
		char		c = text[i];
		int			digit = c >= '0' && c <= '9' ? c - '0' :
			c >= 'A' && c <= 'F' ? c - 'A' + 10 :
			c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (digit < 0)
			return false;
		*value = *value << 4 | (uint64) digit;
	}
	return true;
}

static bool
parse_decimal(const char *text, Size len, uint64 *value)
{
	*value = 0;
	if (len == 0 || len > 18)
		return false;
	for (Size i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		*value = *value * 10 + (uint64) (text[i] - '0');
	}
	return true;
}

void
cf_lsn_print(char *to, uint64 lsn)
{
	snprintf(to, CF_LSN_LEN + 1, "%08X%08X", (uint32) (lsn >> 32), (uint32) lsn);
}

bool
cf_lsn_parse(const char *text, Size len, uint64 *lsn)
{
	return len == CF_LSN_LEN && parse_hex(text, len, lsn);
}

void
cf_floor_print_incarnation(char *to, const CfIncarnation *incarnation)
{
	char		start[CF_LSN_LEN + 1];

	cf_lsn_print(start, incarnation->start);
	snprintf(to, CF_INCARNATION_LEN + 1, "%08X:%s:%08X%08X", incarnation->timeline, start,
			 (uint32) (incarnation->id >> 32), (uint32) incarnation->id);
}

static bool
parse_incarnation(const char *text, Size len, CfIncarnation *result)
{
	uint64		timeline;

	if (len != CF_INCARNATION_LEN || text[8] != ':' || text[9 + CF_LSN_LEN] != ':' ||
		!parse_hex(text, 8, &timeline) ||
		!parse_hex(text + 9, CF_LSN_LEN, &result->start) ||
		!parse_hex(text + 10 + CF_LSN_LEN, 16, &result->id))
		return false;
	result->timeline = (uint32) timeline;
	return true;
}

bool
cf_floor_parse(const char *text, Size len, CfFloor *floor)
{
	Words		words = {text, text + len};
	const char *word;
	Size		n;
	uint64		beat_ms;

	memset(floor, 0, sizeof(*floor));
	if (!next_word(&words, &word, &n) || n != CF_RUN_ID_LEN)
		return false;
	memcpy(floor->run_id, word, n);
	if (!next_word(&words, &word, &n) || !cf_lsn_parse(word, n, &floor->lsn) ||
		!next_word(&words, &word, &n) || !cf_lsn_parse(word, n, &floor->beat_lsn) ||
		!next_word(&words, &word, &n) || !parse_decimal(word, n, &beat_ms) ||
		!next_word(&words, &word, &n) || !parse_decimal(word, n, &floor->evicted))
		return false;
	floor->beat_ms = (int64) beat_ms;
	while (next_word(&words, &word, &n))
	{
		if (floor->n == CF_FLOOR_INCARNATIONS ||
			!parse_incarnation(word, n, &floor->incarnation[floor->n++]))
			return false;
	}
	return floor->n > 0;
}

/* Each incarnation that began after it ended it, where that one began. */
bool
cf_floor_admits(const CfFloor *floor, uint64 lsn, uint64 end_lsn, uint32 timeline,
				uint64 incarnation)
{
#ifdef CF_FAULT_NO_FLOOR
	return true;
#endif
	if (lsn < floor->lsn || end_lsn < lsn)
		return false;
	for (int i = 0; i < floor->n; i++)
	{
		if (floor->incarnation[i].id == incarnation)
			return floor->incarnation[i].timeline == timeline;
		if (end_lsn > floor->incarnation[i].start)
			return false;
	}
	return false;
}
