/*
 * place.c - the names of databases in Redis.
 *
 * src/l2/place.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"

#include "base/guc.h"
#include "l2/place.h"
#include "redis/command.h"

/* Three bytes for each of a name, the system identifier, a dot. */
StaticAssertDecl(3 * (NAMEDATALEN - 1) + 20 + 1 < CF_PLACE_MAX, "all names fit");

static void
append_escaped(char *to, const char *name)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *name != '\0'; name++)
	{
		unsigned char c = (unsigned char) *name;

		if (c != ':' && c != '%')
			*to++ = c;
		else
		{
			*to++ = '%';
			*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
		}
	}
	*to = '\0';
}

static void
print_place(const char *database, char *place)
{
	append_escaped(place + sprintf(place, UINT64_FORMAT ".", GetSystemIdentifier()), database);
}

static bool
make_place(char *place)
{
	char	   *database;

	if (cf_guc_namespace[0] != '\0')
	{
		strlcpy(place, cf_guc_namespace, CF_PLACE_MAX);
		return true;
	}
	if (!IsTransactionState())
		return false;
	database = get_database_name(MyDatabaseId);
	if (database == NULL)
		return false;
	print_place(database, place);
	pfree(database);
	return true;
}

bool
cf_place_of(const char *database, char place[CF_PLACE_MAX])
{
	if (cf_guc_namespace[0] != '\0' || strlen(database) >= NAMEDATALEN)
		return false;
	print_place(database, place);
	return true;
}

/* The namespace may change; the database keeps its name while a session is there. */
const char *
cf_place_mine(void)
{
	static char place[CF_PLACE_MAX];
	static char setting[CF_PLACE_MAX];
	static bool known = false;

	if (!cf_l2_configured() || !OidIsValid(MyDatabaseId))
		return NULL;
	if (likely(known && strcmp(setting, cf_guc_namespace) == 0))
		return place;
	known = make_place(place);
	strlcpy(setting, cf_guc_namespace, sizeof(setting));
	return known ? place : NULL;
}
