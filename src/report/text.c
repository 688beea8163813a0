/*
 * text.c - text of any database, made readable for everybody.
 *
 * Shared memory has the keys of all databases, each in its database's
 * encoding; shared catalogs have names of which nobody knows the encoding.
 *
 * src/report/text.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_database.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/syscache.h"

#include "report/report.h"

static bool
is_ascii(const char *text, int len)
{
	for (int i = 0; i < len; i++)
	{
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	}
	return true;
}

/* Not valid in this database: PG_ENCODING_BE_LAST + 1, of a database that is gone. */
static int
encoding_of(Oid dboid)
{
	HeapTuple	tuple;
	int			encoding = PG_ENCODING_BE_LAST + 1;

	if (dboid == MyDatabaseId || !OidIsValid(dboid))
		return GetDatabaseEncoding();
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(dboid));
	if (HeapTupleIsValid(tuple))
	{
		encoding = ((Form_pg_database) GETSTRUCT(tuple))->encoding;
		ReleaseSysCache(tuple);
	}
	return encoding;
}

/* Can it be sent to this client? */
static bool
has_client_form(const char *text, int len)
{
	int			server = GetDatabaseEncoding();
	int			client = pg_get_client_encoding();
	unsigned char *buf;
	int			converted;
	Oid			proc;

	if (client == server || client == PG_SQL_ASCII)
		return true;
	if (server == PG_SQL_ASCII)
		return pg_verify_mbstr(client, text, len, true);
	proc = FindDefaultConversionProc(server, client);
	if (!OidIsValid(proc))
		return false;
	buf = palloc((Size) len * MAX_CONVERSION_GROWTH + 1);
	converted = pg_do_encoding_conversion_buf(proc, server, client, (unsigned char *) text, len,
											  buf, len * MAX_CONVERSION_GROWTH + 1, true);
	pfree(buf);
	return converted == len;
}

/* As bytea's escape format has it. */
static char *
escape(const char *text, int len)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < len; i++)
	{
		if (IS_HIGHBIT_SET(text[i]))
			appendStringInfo(&buf, "\\x%02X", (unsigned char) text[i]);
		else if (text[i] == '\\')
			appendStringInfoString(&buf, "\\\\");
		else
			appendStringInfoChar(&buf, text[i]);
	}
	return buf.data;
}

char *
cf_report_text(const char *text, int len, Oid dboid)
{
	if (is_ascii(text, len) ||
		(encoding_of(dboid) == GetDatabaseEncoding() &&
		 pg_verify_mbstr(GetDatabaseEncoding(), text, len, true) && has_client_form(text, len)))
		return pnstrdup(text, len);
	return escape(text, len);
}
