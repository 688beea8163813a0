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

static const struct config_generic *
at_place(struct config_generic *const *all, int place)
{
	return place < GetNumConfigOptions() ? all[place] : NULL;
}

/* The array of all settings is in the order of their names. */
static void
find(CfNamedSetting *named, struct config_generic **all)
{
	int			count = GetNumConfigOptions();
	int			place = 0;

	while (place < count && pg_strcasecmp(all[place]->name, named->name) < 0)
		place++;
	named->setting = place < count && pg_strcasecmp(all[place]->name, named->name) == 0 ?
		all[place] : NULL;
	named->place = place;
	named->there = at_place(all, place);
}

/* Who comes or goes before it moves it, and who takes its place is seen there. */
void
cf_named_settings_find(CfNamedSetting *settings, int n)
{
	struct config_generic **all = get_guc_variables();

	for (int i = 0; i < n; i++)
	{
		if (unlikely(settings[i].there == NULL ||
					 at_place(all, settings[i].place) != settings[i].there))
			find(&settings[i], all);
	}
}

#endif

static const char *
value_of_enum(const struct config_enum *setting)
{
	return *setting->variable == setting->boot_val ? "" :
		config_enum_lookup_by_value(unconstify(struct config_enum *, setting), *setting->variable);
}

static const char *
value_of_string(const struct config_string *setting)
{
	const char *value = *setting->variable;

	if (value == NULL || (setting->boot_val != NULL && strcmp(value, setting->boot_val) == 0))
		return "";
	return value;
}

const char *
cf_named_setting_value(const CfNamedSetting *named)
{
	const struct config_generic *setting = named->setting;

	if (setting == NULL)
		return "";
	switch (setting->vartype)
	{
		case PGC_BOOL:
			{
				const struct config_bool *flag = (const struct config_bool *) setting;

				return *flag->variable == flag->boot_val ? "" : *flag->variable ? "on" : "off";
			}
		case PGC_ENUM:
			return value_of_enum((const struct config_enum *) setting);
		case PGC_STRING:
			return value_of_string((const struct config_string *) setting);
		default:
			return GetConfigOption(setting->name, true, false);
	}
}
