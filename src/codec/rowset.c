/*
 * rowset.c - the rows of a value, without their order.
 *
 * Locking: none.
 *
 * src/codec/rowset.c
 */
#include "postgres.h"

#include "port/pg_bswap.h"

#include "codec/rowset.h"

/* False: there are too many. */
static bool
add_row(CfRowSet *set, int *room, const char *data, Size len)
{
	if (set->n == CF_ROWSET_MAX)
		return false;
	if (set->n == *room)
	{
		*room *= 2;
		set->rows = repalloc(set->rows, (Size) *room * sizeof(CfRow));
	}
	set->rows[set->n].data = data;
	set->rows[set->n++].len = len;
	return true;
}

/*
 * The end of the object or array that begins at a place, or NULL. Within strings
 * a bracket is a character like others; encodings of a server have none of these
 * bytes in a longer character.
 */
static const char *
end_of_json(const char *at, const char *end)
{
	int			depth = 0;
	bool		quoted = false;

	for (; at < end; at++)
	{
		if (quoted && *at == '\\')
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (*at == '{' || *at == '[')
			depth++;
		else if (*at == '}' || *at == ']')
			depth--;
		if (depth == 0)
			return at + 1;
	}
	return NULL;
}

/* "[{...},{...}]", as loader.c writes it. */
static bool
split_json(const char *data, Size len, CfRowSet *set, int *room)
{
	const char *end = data + len;
	const char *at = data + 1;

	if (len < 2 || data[0] != '[' || end[-1] != ']')
		return false;
	end--;
	while (at < end)
	{
		const char *next = *at == '{' ? end_of_json(at, end) : NULL;

		if (next == NULL || (next < end && (*next != ',' || next + 1 == end)) ||
			!add_row(set, room, at, next - at))
			return false;
		at = next + 1;
	}
	return true;
}

static bool
read_word(const char **at, const char *end, uint32 *word)
{
	if (end - *at < (ptrdiff_t) sizeof(*word))
		return false;
	memcpy(word, *at, sizeof(*word));
	*word = pg_ntoh32(*word);
	*at += sizeof(*word);
	return true;
}

/* See rowcodec.h for the layout. */
static bool
split_rows(int ncolumns, const char *data, Size len, CfRowSet *set, int *room)
{
	const char *end = data + len;
	const char *at = data;
	uint32		nrows;

	if (!read_word(&at, end, &nrows))
		return false;
	/* A row without columns takes no bytes: all are the same. */
	for (uint32 i = 0; i < nrows && ncolumns > 0; i++)
	{
		const char *row = at;

		for (int k = 0; k < ncolumns; k++)
		{
			uint32		field;

			if (!read_word(&at, end, &field))
				return false;
			if (field == PG_UINT32_MAX) /* NULL */
				continue;
			if (field > (Size) (end - at))
				return false;
			at += field;
		}
		if (!add_row(set, room, row, at - row))
			return false;
	}
	if (ncolumns == 0)
		(void) add_row(set, room, data, sizeof(nrows));
	return at == end;
}

static int
compare_rows(const void *a, const void *b)
{
	const CfRow *x = a;
	const CfRow *y = b;
	int			order = memcmp(x->data, y->data, Min(x->len, y->len));

	if (order != 0)
		return order;
	return x->len < y->len ? -1 : x->len > y->len;
}

bool
cf_rowset_of(CfForm form, int ncolumns, const char *data, Size len, CfRowSet *set)
{
	int			room = 16;
	bool		valid = false;

	set->n = 0;
	set->rows = palloc(room * sizeof(CfRow));
	if (form == CF_FORM_JSON)
		valid = split_json(data, len, set, &room);
	else if (form == CF_FORM_ROWS)
		valid = split_rows(ncolumns, data, len, set, &room);
	if (valid)
		qsort(set->rows, set->n, sizeof(CfRow), compare_rows);
	return valid;
}

bool
cf_rowset_equal(const CfRowSet *a, const CfRowSet *b)
{
	if (a->n != b->n)
		return false;
	for (int i = 0; i < a->n; i++)
	{
		if (compare_rows(&a->rows[i], &b->rows[i]) != 0)
			return false;
	}
	return true;
}

void
cf_rowset_digest(const CfRowSet *set, CfHash128 *digest)
{
	cf_hash128_init(digest, set->n);
	for (int i = 0; i < set->n; i++)
		cf_hash128_add(digest, set->rows[i].data, set->rows[i].len);
}
