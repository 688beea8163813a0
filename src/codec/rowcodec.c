/*
 * rowcodec.c - rows of any types to bytes and back.
 *
 * src/codec/rowcodec.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rangetypes.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "codec/rowcodec.h"
#include "codec/textform.h"

typedef struct Column
{
	bool		binary;
	Oid			enumeration;	/* an enum type, which is looked up here, or InvalidOid */
	FmgrInfo	function;		/* send or output; receive or input */
	Oid			ioparam;
} Column;

struct CfRowEncoder
{
	StringInfo	buf;
	int			ncolumns;
	Column	   *columns;
	bool		needs_settings; /* a column goes as text that settings change */
};

static bool has_binary_io(Oid typid);

/*
 * Send and receive functions of texts convert from and to the encoding of the
 * client. What we keep is in the database's: so the client's is set to that
 * meanwhile, which needs no conversion and cannot fail.
 */
static int
begin_database_encoding(void)
{
	int			encoding = pg_get_client_encoding();

	if (encoding != GetDatabaseEncoding())
		(void) SetClientEncoding(GetDatabaseEncoding());
	return encoding;
}

static void
end_database_encoding(int encoding)
{
	if (encoding != GetDatabaseEncoding())
		(void) SetClientEncoding(encoding);
}

static bool
attributes_have_binary_io(Oid typid)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(typid, -1);
	bool		all = true;

	for (int i = 0; all && i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			all = has_binary_io(TupleDescAttr(desc, i)->atttypid);
	}
	ReleaseTupleDesc(desc);
	return all;
}

/*
 * Binary in both directions, all the way down. Of tsquery the receive function refuses what the
 * send function wrote of an empty query, in 15.18 and 18.6 and not in 15.20: nobody knows what
 * the library will be loaded into, so it travels as text, which PostgreSQL reads with a NOTICE.
 */
static bool
has_binary_io(Oid typid)
{
	Oid			base = getBaseType(typid);
	Oid			element = get_base_element_type(base);
	HeapTuple	tuple;
	Form_pg_type form;
	bool		both;
	char		typtype;

	check_stack_depth();
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(base));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_type) GETSTRUCT(tuple);
	both = OidIsValid(form->typsend) && OidIsValid(form->typreceive);
	typtype = form->typtype;
	ReleaseSysCache(tuple);

	if (!both || base == TSQUERYOID)
		return false;
	if (OidIsValid(element))
		return has_binary_io(element);
	switch (typtype)
	{
		case TYPTYPE_COMPOSITE:
			return attributes_have_binary_io(base);
		case TYPTYPE_RANGE:
			return has_binary_io(get_range_subtype(base));
		case TYPTYPE_MULTIRANGE:
			return has_binary_io(get_range_subtype(get_multirange_range(base)));
		case TYPTYPE_PSEUDO:
			return false;
		default:
			return true;
	}
}

/*
 * The type that a column travels as. Domains were checked when the value was
 * made, and may have got constraints since that are not for old values; json
 * is text, and so is xml, whose receive function asks a setting what is valid.
 */
static Oid
travel_type(Oid typid)
{
	Oid			base = getBaseType(typid);

	return base == JSONOID || base == XMLOID ? TEXTOID : base;
}

static CfRowTrust trust_type(Oid typid);

static CfRowTrust
trust_attributes(Oid typid)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(typid, -1);
	CfRowTrust	trust = CF_ROWS_LIKELY;

	for (int i = 0; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			trust = Max(trust, trust_type(TupleDescAttr(desc, i)->atttypid));
	}
	ReleaseTupleDesc(desc);
	return trust;
}

/* Of types that are nested in others: there, domains are checked. */
static CfRowTrust
trust_type(Oid typid)
{
	Oid			element;

	check_stack_depth();
	switch (typid)
	{
		case BOOLOID:
		case BYTEAOID:
		case CHAROID:
		case NAMEOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case CASHOID:
		case OIDOID:
		case XIDOID:
		case XID8OID:
		case CIDOID:
		case TIDOID:
		case PG_LSNOID:
		case REGCLASSOID:
		case REGTYPEOID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGROLEOID:
		case REGNAMESPACEOID:
		case REGCOLLATIONOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case UUIDOID:
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case INTERVALOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
		case MACADDR8OID:
		case BITOID:
		case VARBITOID:
		case POINTOID:
		case LSEGOID:
		case BOXOID:
		case PATHOID:
		case POLYGONOID:
		case CIRCLEOID:
		case INT4RANGEOID:
		case INT8RANGEOID:
		case NUMRANGEOID:
		case DATERANGEOID:
		case TSRANGEOID:
		case TSTZRANGEOID:
		case INT4MULTIRANGEOID:
		case INT8MULTIRANGEOID:
		case NUMMULTIRANGEOID:
		case DATEMULTIRANGEOID:
		case TSMULTIRANGEOID:
		case TSTZMULTIRANGEOID:
		case INT2VECTOROID:
		case OIDVECTOROID:
		case TSVECTOROID:
			return CF_ROWS_SAFE;
		case JSONOID:
		case JSONBOID:
			return CF_ROWS_LIKELY;
	}
	element = get_element_type(typid);
	if (OidIsValid(element))
		return trust_type(element);
	switch (get_typtype(typid))
	{
		case TYPTYPE_ENUM:
			return CF_ROWS_LIKELY;
		case TYPTYPE_COMPOSITE:
			return has_binary_io(typid) ? trust_attributes(typid) : CF_ROWS_UNSAFE;
		default:
			return CF_ROWS_UNSAFE;
	}
}

CfRowTrust
cf_rows_trust(TupleDesc desc)
{
	CfRowTrust	trust = CF_ROWS_SAFE;

	for (int i = 0; i < desc->natts; i++)
	{
		Oid			typid = travel_type(TupleDescAttr(desc, i)->atttypid);

		/* An enum's labels are looked up here, and one that is gone is no error. */
		if (get_typtype(typid) != TYPTYPE_ENUM)
			trust = Max(trust, trust_type(typid));
	}
	return trust;
}

static Column *
make_columns(TupleDesc desc, bool encode)
{
	Column	   *columns = palloc0(sizeof(Column) * Max(desc->natts, 1));

	for (int i = 0; i < desc->natts; i++)
	{
		Oid			typid = travel_type(TupleDescAttr(desc, i)->atttypid);
		Column	   *column = &columns[i];
		Oid			function;
		bool		varlena;

		column->binary = has_binary_io(typid);
		column->enumeration = !encode && get_typtype(typid) == TYPTYPE_ENUM ? typid : InvalidOid;
		if (encode && column->binary)
			getTypeBinaryOutputInfo(typid, &function, &varlena);
		else if (encode)
			getTypeOutputInfo(typid, &function, &varlena);
		else if (column->binary)
			getTypeBinaryInputInfo(typid, &function, &column->ioparam);
		else
			getTypeInputInfo(typid, &function, &column->ioparam);
		fmgr_info(function, &column->function);
	}
	return columns;
}

static bool
need_settings(TupleDesc desc, const Column *columns)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (!columns[i].binary && !cf_textform_is_fixed(TupleDescAttr(desc, i)->atttypid))
			return true;
	}
	return false;
}

void
cf_row_encoding_begin(StringInfo buf)
{
	uint32		room = 0;

	appendBinaryStringInfo(buf, (char *) &room, sizeof(room));
}

void
cf_row_encoding_end(StringInfo buf, uint64 nrows)
{
	uint32		count = pg_hton32((uint32) nrows);

	/* A row is four bytes at least where there is a column. */
	memcpy(buf->data, &count, sizeof(count));
}

CfRowEncoder *
cf_row_encoder_create(TupleDesc desc, StringInfo buf)
{
	CfRowEncoder *encoder = palloc(sizeof(CfRowEncoder));

	encoder->buf = buf;
	encoder->ncolumns = desc->natts;
	encoder->columns = make_columns(desc, true);
	encoder->needs_settings = need_settings(desc, encoder->columns);
	return encoder;
}

static void
append_field(StringInfo buf, const char *data, int32 len)
{
	int32		word = (int32) pg_hton32((uint32) len);

	appendBinaryStringInfo(buf, (char *) &word, sizeof(word));
	if (len > 0)
		appendBinaryStringInfo(buf, data, len);
}

static void
encode_row(CfRowEncoder *encoder, TupleTableSlot *slot)
{
	for (int i = 0; i < encoder->ncolumns; i++)
	{
		Column	   *column = &encoder->columns[i];

		if (slot->tts_isnull[i])
			append_field(encoder->buf, NULL, -1);
		else if (column->binary)
		{
			bytea	   *sent = SendFunctionCall(&column->function, slot->tts_values[i]);

			append_field(encoder->buf, VARDATA(sent), VARSIZE(sent) - VARHDRSZ);
		}
		else
		{
			char	   *text = OutputFunctionCall(&column->function, slot->tts_values[i]);

			append_field(encoder->buf, text, strlen(text));
		}
	}
}

void
cf_row_encoder_add(CfRowEncoder *encoder, TupleTableSlot *slot)
{
	int			encoding;
	int			level;

	slot_getallattrs(slot);
	encoding = begin_database_encoding();
	PG_TRY();
	{
		if (encoder->needs_settings)
		{
			level = cf_textform_begin();
			encode_row(encoder, slot);
			cf_textform_end(level);
		}
		else
			encode_row(encoder, slot);
	}
	PG_FINALLY();
	{
		end_database_encoding(encoding);
	}
	PG_END_TRY();
}

/* What is left to read. */
typedef struct Reader
{
	const char *data;
	Size		len;
} Reader;

static bool
read_word(Reader *reader, int32 *word)
{
	uint32		raw;

	if (reader->len < sizeof(raw))
		return false;
	memcpy(&raw, reader->data, sizeof(raw));
	*word = (int32) pg_ntoh32(raw);
	reader->data += sizeof(raw);
	reader->len -= sizeof(raw);
	return true;
}

/* False: there is no such label any more. */
static bool
read_label(const Column *column, const StringInfo field, Datum *value)
{
	Oid			label;

	if (field->len >= NAMEDATALEN)
		return false;
	label = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid,
							ObjectIdGetDatum(column->enumeration),
							CStringGetDatum(field->data));
	*value = ObjectIdGetDatum(label);
	return OidIsValid(label);
}

static bool
read_column(Reader *reader, Column *column, Datum *value, bool *isnull)
{
	int32		len;
	StringInfoData field;

	if (!read_word(reader, &len))
		return false;
	*isnull = len == -1;
	*value = (Datum) 0;
	if (*isnull)
		return true;
	if (len < 0 || (Size) len > reader->len)
		return false;

	/* Receive functions want a terminated buffer of their own. */
	initStringInfo(&field);
	appendBinaryStringInfo(&field, reader->data, len);
	reader->data += len;
	reader->len -= len;
	if (OidIsValid(column->enumeration))
		return read_label(column, &field, value);
	/* The query's values have the column's typmod already. */
	if (column->binary)
	{
		*value = ReceiveFunctionCall(&column->function, &field, column->ioparam, -1);
		return field.cursor == field.len;
	}
	*value = InputFunctionCall(&column->function, field.data, column->ioparam, -1);
	return true;
}

static bool
decode_rows(const char *data, Size len, TupleDesc desc, Column *columns,
			Tuplestorestate *store)
{
	Reader		reader = {data, len};
	Datum	   *values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext,
												  "cachefront row",
												  ALLOCSET_DEFAULT_SIZES);
	bool		valid = true;
	int32		nrows;

	if (!read_word(&reader, &nrows) || nrows < 0)
		return false;
	for (int32 row = 0; valid && row < nrows; row++)
	{
		MemoryContext old = MemoryContextSwitchTo(per_row);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; valid && i < desc->natts; i++)
			valid = read_column(&reader, &columns[i], &values[i], &nulls[i]);
		if (valid)
			tuplestore_putvalues(store, desc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(per_row);
	}
	MemoryContextDelete(per_row);
	return valid && reader.len == 0;
}

bool
cf_rows_decode(const char *data, Size len, TupleDesc desc, Tuplestorestate *store)
{
	Column	   *columns = make_columns(desc, false);
	int			encoding = begin_database_encoding();
	bool		valid = false;
	int			level;

	PG_TRY();
	{
		if (need_settings(desc, columns))
		{
			level = cf_textform_begin();
			valid = decode_rows(data, len, desc, columns, store);
			cf_textform_end(level);
		}
		else
			valid = decode_rows(data, len, desc, columns, store);
	}
	PG_FINALLY();
	{
		end_database_encoding(encoding);
	}
	PG_END_TRY();
	return valid;
}
