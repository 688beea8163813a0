/*
 * setting.h - a session's settings, as far as they can change a result.
 *
 * src/rules/setting.h
 */
#ifndef CF_RULES_SETTING_H
#define CF_RULES_SETTING_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "codec/key.h"

/*
 * To which of a session's settings is a result bound, beside those that are
 * part of every identity? In the order of what includes what.
 */
typedef enum CfBinding
{
	CF_BOUND_NONE,
	CF_BOUND_SETTINGS,			/* to all that can change a result */
	CF_BOUND_ALL_SETTINGS		/* to all */
} CfBinding;

/*
 * To what must a result be bound that reads a setting of this name, even one of
 * no extension yet? False: nothing tells sessions apart that have it otherwise.
 */
extern bool cf_setting_binding(const char *name, CfBinding *binding);

/*
 * Adds names and values of the settings that the session has other than by
 * default, and the roles that settings tell of. What cachefront.ignore_settings
 * names is left out.
 */
extern void cf_setting_add(CfHash128 *hash, CfBinding binding);

/*
 * Appends, for people, "name=value" of those settings that can change a result and
 * that the session has other than from the server's configuration; roles have columns
 * of their own. What others than PostgreSQL itself define may be secret: of those a
 * number stands for the value, the same for the same value until the server is
 * restarted.
 */
extern void cf_setting_describe(StringInfo text);

#endif							/* CF_RULES_SETTING_H */
