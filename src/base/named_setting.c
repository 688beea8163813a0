/*
 * named_setting.c - values of settings that no exported variable holds.
 *
 * src/base/named_setting.c
 */
#include "postgres.h"

#include "utils/guc.h"
#include "utils/guc_tables.h"

#include "base/compat.h"
#include "base/named_setting.h"

#if PG_VERSION_NUM >= 160000

/* What an extension has defined stays; what was set before it was loaded is freed then. */
void
cf_named_settings_find(CfNamedSetting *settings, int n)
{
	for (int i = 0; i < n; i++)
	{
		struct config_generic *found;

		if (likely(settings[i].place > 0))
			continue;
		found = settings[i].setting = cf_find_setting(settings[i].name);
		if (found != NULL && (found->flags & GUC_CUSTOM_PLACEHOLDER) == 0)
			settings[i].place = 1;
	}
}

#else

static inline const struct config_generic *
at_place(struct config_generic *const *all, int count, int place)
{
	return place < count ? all[place] : NULL;
}

/* The array of all settings is in the order of their names. */
static void
find(CfNamedSetting *named, struct config_generic **all, int count)
{
	int			place = 0;

	while (place < count && pg_strcasecmp(all[place]->name, named->name) < 0)
		place++;
	named->setting = place < count && pg_strcasecmp(all[place]->name, named->name) == 0 ?
		all[place] : NULL;
	named->place = place;
	named->there = at_place(all, count, place);
}

/* Who comes or goes before it moves it, and who takes its place is seen there. */
void
cf_named_settings_find(CfNamedSetting *settings, int n)
{
	struct config_generic **all = get_guc_variables();
	int			count = GetNumConfigOptions();

	for (int i = 0; i < n; i++)
	{
		if (unlikely(settings[i].there == NULL ||
					 at_place(all, count, settings[i].place) != settings[i].there))
			find(&settings[i], all, count);
	}
}

#endif

/* Has it the value that PostgreSQL or the extension brings? Numbers are told by their text. */
static inline bool
is_brought(const struct config_generic *setting)
{
	const struct config_bool *flag = (const struct config_bool *) setting;
	const struct config_enum *choice = (const struct config_enum *) setting;
	const struct config_string *string = (const struct config_string *) setting;

	switch (setting->vartype)
	{
		case PGC_BOOL:
			return *flag->variable == flag->boot_val;
		case PGC_ENUM:
			return *choice->variable == choice->boot_val;
		case PGC_STRING:
			return *string->variable == NULL || (string->boot_val != NULL &&
												 strcmp(*string->variable, string->boot_val) == 0);
		default:
			return false;
	}
}

const char *
cf_named_setting_value(const CfNamedSetting *named)
{
	struct config_generic *setting = named->setting;

	if (setting == NULL || is_brought(setting))
		return "";
	switch (setting->vartype)
	{
		case PGC_BOOL:
			return *((struct config_bool *) setting)->variable ? "on" : "off";
		case PGC_ENUM:
			return config_enum_lookup_by_value((struct config_enum *) setting,
											   *((struct config_enum *) setting)->variable);
		case PGC_STRING:
			return *((struct config_string *) setting)->variable;
		default:
			return GetConfigOption(setting->name, true, false);
	}
}

bool
cf_named_settings_are(CfNamedSetting *settings, int n, char *const *texts)
{
	bool		same = true;

	cf_named_settings_find(settings, n);
	for (int i = 0; same && i < n; i++)
	{
		const struct config_generic *setting = settings[i].setting;

		if (setting == NULL || is_brought(setting))
			same = *texts[i] == '\0';
		else
			same = strcmp(cf_named_setting_value(&settings[i]), texts[i]) == 0;
	}
	return same;
}
