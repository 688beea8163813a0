/*
 * log_mask.c - keeps the password of cachefront.redis_url out of the log.
 *
 * PostgreSQL logs the new value of each setting that a reload of the
 * configuration files changes (ProcessConfigFileInternal, guc-file.l), whoever may
 * see it otherwise. What stands before the host of an address is struck out.
 * Statements, ALTER SYSTEM among them, are logged as they were sent, if at all:
 * that is as with all passwords.
 *
 * src/base/log_mask.c
 */
#include "postgres.h"

#include "base/log_mask.h"

static emit_log_hook_type previous_hook = NULL;

/* In place: the text only gets shorter. */
static void
strike_out(char *text)
{
	char	   *begin = strstr(text, "://");
	char	   *end = strrchr(text, '@');
	size_t		nstars;

	if (begin == NULL || end == NULL || end < begin + 3)
		return;
	begin += 3;
	nstars = Min(end - begin, 3);
	memset(begin, '*', nstars);
	memmove(begin + nstars, end, strlen(end) + 1);
}

static void
mask_url(ErrorData *edata)
{
	if (edata->message != NULL && strstr(edata->message, "cachefront.redis_url") != NULL)
		strike_out(edata->message);
	if (previous_hook != NULL)
		previous_hook(edata);
}

void
cf_log_mask_install_hook(void)
{
	previous_hook = emit_log_hook;
	emit_log_hook = mask_url;
}
