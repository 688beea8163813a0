/*
 * textform.c - print and read values the same in every session.
 *
 * src/codec/textform.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "codec/textform.h"

bool
cf_textform_is_fixed(Oid type)
{
	switch (getBaseType(type))
	{
		case BOOLOID:
		case CHAROID:
		case NAMEOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NUMERICOID:
		case UUIDOID:
			return true;
		default:
			return type_is_enum(type);
	}
}

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

int
cf_textform_begin(void)
{
	int			level = NewGUCNestLevel();

	set("datestyle", "ISO, MDY");
	set("intervalstyle", "postgres");
	set("timezone", "UTC");
	set("extra_float_digits", "1");
	set("bytea_output", "hex");
	set("search_path", "pg_catalog");
	return level;
}

void
cf_textform_end(int level)
{
	AtEOXact_GUC(true, level);
}
