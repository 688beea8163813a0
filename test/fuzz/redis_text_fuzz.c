/* fuzz: src/base/redis_url.c src/redis/slot.c */
/*
 * redis_text_fuzz.c - urls of the setting, and redirections that a Redis says.
 *
 * An input is a byte and a text: 'u' a url, 'r' an error of Redis, 'k' a key.
 * Beyond what the sanitizers look for, it checks that what is accepted is
 * within its bounds. The corpus is test/fuzz/corpus/redis_text.
 *
 * test/fuzz/redis_text_fuzz.c
 */
#include "harness.h"

#include "base/redis_url.h"
#include "redis/slot.h"

#ifndef USE_ASSERT_CHECKING
#error "fuzzers check by assertions"
#endif
#define MUST(cond) AssertMacro(cond)

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_host(const CfRedisHost *host, bool may_be_empty)
{
	size_t		len = strnlen(host->name, sizeof(host->name));

	MUST(len < sizeof(host->name));
	MUST(may_be_empty || len > 0);
	MUST(host->port >= 0 && host->port <= PG_UINT16_MAX);
}

static void
try_url(const char *text)
{
	static CfRedisUrl url;

	if (cf_redis_url_parse(text, &url) != CF_REDIS_URL_OK)
		return;
	MUST(url.nseeds >= 1 && url.nseeds <= CF_REDIS_MAX_SEEDS);
	MUST(url.kind != CF_REDIS_SINGLE || url.nseeds == 1);
	MUST(url.kind != CF_REDIS_CLUSTER || url.db == 0);
	MUST((url.kind == CF_REDIS_SENTINEL) == (url.master[0] != '\0'));
	MUST(url.db >= 0 && url.db <= CF_REDIS_MAX_DB);
	for (int i = 0; i < url.nseeds; i++)
		check_host(&url.seeds[i], false);
}

static void
try_redirect(const char *text)
{
	CfRedirect	to;

	if (cf_redirect_parse(text, &to) == CF_REDIRECT_NONE)
		return;
	MUST(to.slot >= 0 && to.slot < CF_SLOTS);
	MUST(to.host.port > 0);
	check_host(&to.host, true);
}

/* The bytes in a buffer of their length, so that a read beyond it is seen. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text;

	if (size < 1)
		return 0;
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0])
	{
		case 'u':
			try_url(text);
			break;
		case 'r':
			try_redirect(text);
			break;
		case 'k':
			MUST(cf_slot_of(text, size - 1) < CF_SLOTS);
			break;
		default:
			break;
	}
	free(text);
	return 0;
}
