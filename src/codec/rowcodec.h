/*
 * rowcodec.h - rows of any types to bytes and back.
 *
 * Layout, in network byte order: a 32-bit count of rows, then for each column
 * of each row a 32-bit length (-1 for NULL) and that many bytes: the type's
 * binary wire format where it has one all the way down, else its text. A domain
 * goes as its base type, without its checks, and json and xml as text: what was
 * a value once is one still. Decoding goes through the types' receive functions,
 * which check what they are given; lengths are checked here.
 *
 * src/codec/rowcodec.h
 */
#ifndef CF_CODEC_ROWCODEC_H
#define CF_CODEC_ROWCODEC_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "base/compat.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "utils/tuplestore.h"

typedef struct CfRowEncoder CfRowEncoder;

/* Begin leaves room for the count that end fills in. */
extern void cf_row_encoding_begin(StringInfo buf);
extern void cf_row_encoding_end(StringInfo buf, uint64 nrows);

/* Appends to buf; lives in CurrentMemoryContext. */
extern CfRowEncoder *cf_row_encoder_create(TupleDesc desc, StringInfo buf);
extern void cf_row_encoder_add(CfRowEncoder *encoder, TupleTableSlot *slot);

/* May a receive function refuse what its send function wrote? */
typedef enum CfRowTrust
{
	CF_ROWS_SAFE,				/* no: all types are known not to */
	CF_ROWS_LIKELY,				/* only in a corner: a stack that is too small for a
								 * value, a type that changes just now */
	CF_ROWS_UNSAFE				/* yes: by settings, roles, or code that is not PostgreSQL's */
} CfRowTrust;

extern CfRowTrust cf_rows_trust(TupleDesc desc);

/*
 * Puts the rows into a tuplestore. Returns false, with some rows perhaps put
 * already, if the bytes are not what an encoder for these types wrote; unless
 * they are CF_ROWS_SAFE, a type's own receive function may raise its own error.
 */
extern pg_nodiscard bool cf_rows_decode(const char *data, Size len, TupleDesc desc,
										Tuplestorestate *store);

#endif							/* CF_CODEC_ROWCODEC_H */
