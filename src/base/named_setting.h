/*
 * named_setting.h - values of settings that no exported variable holds.
 *
 * A setting of an extension may come, or take the place of one that was set
 * before the extension was loaded, at any time while a session runs.
 *
 * Locking: none; settings are of one process.
 *
 * src/base/named_setting.h
 */
#ifndef CF_BASE_NAMED_SETTING_H
#define CF_BASE_NAMED_SETTING_H

#include "postgres.h"

struct config_generic;

/* One with nothing but its name has not been looked for yet. */
typedef struct CfNamedSetting
{
	const char *name;
	struct config_generic *setting; /* NULL: there is none; of the last look */
	int			place;			/* in PostgreSQL's array; from 16 on: 1, it stays */
	const struct config_generic *there; /* what was in that place: it, or who comes after it */
} CfNamedSetting;

/* Makes setting that of now, for each of them. Cheap where nothing has come or gone. */
extern void cf_named_settings_find(CfNamedSetting *settings, int n);

/*
 * Its value as text; empty where it is the one that PostgreSQL or the extension brings,
 * or where there is no such setting: the same for sessions that have loaded the
 * extension and those that have not. Valid until it is set.
 */
extern const char *cf_named_setting_value(const CfNamedSetting *named);

/* Looks for each of them, as above: is its value this text? */
extern bool cf_named_settings_are(CfNamedSetting *settings, int n, char *const *texts);

#endif							/* CF_BASE_NAMED_SETTING_H */
