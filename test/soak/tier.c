/*
 * tier.c - reads that Redis answers, on the writing server and on a standby.
 *
 * Shared memory must be out of the way, or Redis is hardly asked: each value
 * has some padding, and both servers run with a cachefront.l1_max_value below
 * that. What remains are Redis, a load of the session's own, and a load of
 * another session that hands its value over. The last one is allowed to lag on
 * a standby, which learns of commits by the bus. So there each session has a
 * lane of its own, a comment in the text of its queries that makes them other
 * entries than those of the next session; the sessions of the writing server
 * read in all lanes, and both fill for each other.
 *
 * What the statement's own snapshot shows comes in the first column, and the
 * cache must not have less, on either server.
 *
 * test/soak/tier.c
 */
#include "checker.h"

#define PAD "repeat('.', 1100) AS pad"

/* Queries, with the room for a lane's number. A slow one meets more commits. */
static const char *const key_queries[NTABLES] = {
	[T_KEY] = "SELECT version, " PAD " FROM t_key WHERE id = $1 /* lane %d */",
	[T_PART] = "SELECT version, " PAD " FROM t_part WHERE id = $1 /* lane %d */",
	/* Always a row: an empty result is small, and would be kept in memory. */
	[T_NEG] = "SELECT coalesce(max(version), -1) AS version, " PAD
	" FROM t_neg WHERE id = $1 /* lane %d */",
};
static const char *const list_queries[NTABLES] = {
	[T_TAG] = "SELECT id, version, " PAD " FROM t_tag WHERE grp = $1 /* lane %d */",
	[T_PART] = "SELECT id, version, " PAD " FROM t_part WHERE grp = $1 /* lane %d */",
};
static const char rows_query[] =
"SELECT id, version, amount, " PAD " FROM t_tab WHERE $1 >= 0 /* lane %d */";
static const char view_query[] =
"SELECT version, other, gen, " PAD " FROM v_two WHERE id = $1 /* lane %d */";
static const char slow_query[] =
"SELECT version, " PAD " FROM t_key, pg_sleep(0.01) WHERE id = $1 /* lane %d */";
static const char typed_query[] =
"SELECT id, version, " PAD " FROM t_key WHERE id = $1 /* lane %d */";

static const char *
in_lane(Session *s, const char *query, char *text, size_t size)
{
	int			lane = s->lane >= 0 ? s->lane : below(s, options.standby_readers + 1);

	snprintf(text, size, query, lane);
	return text;
}

/* Raises floors to "id:version:group,..."; the table's rows of one snapshot. */
static void
raise_floors(Floor *floors, const char *rows)
{
	while (*rows != '\0')
	{
		char	   *end;
		int			id = (int) strtol(rows, &end, 10);
		int64_t		version = strtoll(end + 1, &end, 10);
		int			grp = (int) strtol(end + 1, &end, 10);

		if (version > version_of(floors[id].state))
			floors[id] = (Floor) {state_of(version, grp), "visible"};
		rows = *end == ',' ? end + 1 : end;
	}
}

static void
read_keys(Session *s, const char *name, const char *of_key, Table table)
{
	int			n = of_key == slow_query ? 1 : 1 + below(s, MAX_BATCH / 2);
	int			ids[MAX_BATCH];
	Floor		floors[MAX_BATCH];
	char		text[128];
	char		query[256];
	PGresult   *result;

	for (int i = 0; i < n; i++)
	{
		ids[i] = pick_id(s);
		floors[i] = acked_floor(table, ids[i]);
	}
	ids_to_text(ids, n, text);
	result = run(s, name, text, in_lane(s, of_key, query, sizeof(query)), NULL);
	if (result == NULL)
		return;
	for (int i = 0; i < n; i++)
	{
		int64_t		version = json_int(PQgetvalue(result, i, 1), "version");

		raise_floor(&floors[i], get_int(result, i, 0));
		if (table == T_NEG)
			check_negative(s, name, ids[i], floors[i], version);
		else
			check_version(s, name, table, ids[i], floors[i], version);
	}
	count_checked(n);
	PQclear(result);
}

static void
read_list(Session *s, const char *name, Table table)
{
	int			grp = below(s, GROUPS);
	Floor		floors[KEYS];
	char		text[16];
	char		query[256];
	const char *json;
	PGresult   *result;

	for (int i = 0; i < KEYS; i++)
		floors[i] = acked_floor(table, i);
	sprintf(text, "%d", grp);
	result = run(s, name, text, in_lane(s, list_queries[table], query, sizeof(query)), NULL);
	if (result == NULL)
		return;
	raise_floors(floors, PQgetvalue(result, 0, 0));
	json = PQgetvalue(result, 0, 1);
	/* An empty list is small: a standby may have it from its own memory. */
	if (strcmp(json, "[]") != 0 || !on_standby)
		check_list(s, name, table, grp, floors, json);
	count_checked(1);
	PQclear(result);
}

static void
read_rows(Session *s, const char *name)
{
	Floor		floors[ROWS];
	char		text[16];
	char		query[256];
	PGresult   *result;

	for (int i = 0; i < ROWS; i++)
		floors[i] = acked_floor(T_TAB, i);
	sprintf(text, "%d", below(s, 4));
	result = run(s, name, text, in_lane(s, rows_query, query, sizeof(query)), NULL);
	if (result == NULL)
		return;
	raise_floors(floors, PQgetvalue(result, 0, 0));
	check_rows(s, name, floors, PQgetvalue(result, 0, 1));
	count_checked(1);
	PQclear(result);
}

static void
read_view(Session *s, const char *name)
{
	int			id = pick_id(s);
	Floor		key = acked_floor(T_KEY, id);
	Floor		row = acked_floor(T_TAB, id % ROWS);
	Floor		gen = acked_floor(T_VIEW, 0);
	char		text[16];
	char		query[256];
	const char *visible;
	const char *json;
	PGresult   *result;

	sprintf(text, "%d", id);
	result = run(s, name, text, in_lane(s, view_query, query, sizeof(query)), NULL);
	if (result == NULL)
		return;
	visible = PQgetvalue(result, 0, 0);
	json = PQgetvalue(result, 0, 1);
	raise_floor(&key, json_int(visible, "version"));
	raise_floor(&row, json_int(visible, "other"));
	raise_floor(&gen, json_int(visible, "gen"));
	check_version(s, name, T_KEY, id, key, json_int(json, "version"));
	check_version(s, name, T_TAB, id % ROWS, row, json_int(json, "other"));
	check_version(s, name, T_VIEW, 0, gen, json_int(json, "gen"));
	count_checked(1);
	PQclear(result);
}

static void
read_typed(Session *s, const char *name)
{
	int			id = pick_id(s);
	Floor		floor = acked_floor(T_KEY, id);
	char		text[16];
	char		query[256];
	PGresult   *result;

	sprintf(text, "%d", id);
	result = run(s, name, text, in_lane(s, typed_query, query, sizeof(query)), NULL);
	if (result == NULL)
		return;
	if (PQntuples(result) == 1)
		raise_floor(&floor, get_int(result, 0, 0));
	check_version(s, name, T_KEY, id, floor,
				  PQntuples(result) == 1 ? get_int(result, 0, 1) : -1);
	count_checked(1);
	PQclear(result);
}

void
read_through_tier(Session *s)
{
	int			choice = below(s, 100);

	s->failed = false;
	if (choice < 36)
		read_keys(s, "tier t_key", key_queries[T_KEY], T_KEY);
	else if (choice < 40)
		read_keys(s, "tier t_key", slow_query, T_KEY);
	else if (choice < 55)
		read_keys(s, "tier t_part", key_queries[T_PART], T_PART);
	else if (choice < 65)
		read_keys(s, "tier t_neg", key_queries[T_NEG], T_NEG);
	else if (choice < 75)
		read_list(s, "tier list t_tag", T_TAG);
	else if (choice < 80)
		read_list(s, "tier list t_part", T_PART);
	else if (choice < 88)
		read_rows(s, "tier t_tab");
	else if (choice < 94)
		read_view(s, "tier v_two");
	else
		read_typed(s, "tier typed");
}

void
prepare_tier_reader(Session *s)
{
	prepare(s, "tier t_key", "SELECT (SELECT version FROM t_key WHERE id = i),"
			" cache_fetch_row('k:' || i, $2::text, (i)) FROM unnest($1::int[]) i");
	prepare(s, "tier t_part", "SELECT (SELECT version FROM t_part WHERE id = i),"
			" cache_fetch_row('p:' || i, $2::text, (i)) FROM unnest($1::int[]) i");
	prepare(s, "tier t_neg", "SELECT (SELECT version FROM neg_version WHERE id = i),"
			" cache_fetch_row('n:' || i, $2::text, (i)) FROM unnest($1::int[]) i");
	prepare(s, "tier list t_tag", "SELECT"
			" (SELECT string_agg(id || ':' || version || ':' || grp, ',') FROM t_tag),"
			" cache_fetch('tl:' || $1::int, $2::text, ($1::int), tags => ARRAY['g:' || $1::int])");
	prepare(s, "tier list t_part", "SELECT"
			" (SELECT string_agg(id || ':' || version || ':' || grp, ',') FROM t_part),"
			" cache_fetch('tp:' || $1::int, $2::text, ($1::int), tags => ARRAY['r:' || $1::int])");
	prepare(s, "tier t_tab", "SELECT"
			" (SELECT string_agg(id || ':' || version || ':0', ',') FROM t_tab),"
			" cache_fetch('tt:' || $1::int, $2::text, ($1::int))");
	prepare(s, "tier v_two", "SELECT"
			" (SELECT row_to_json(v) FROM v_two v WHERE id = $1::int),"
			" cache_fetch_row('k:' || $1::int, $2::text, ($1::int))");
	prepare(s, "tier typed", "SELECT (SELECT version FROM t_key WHERE id = $1::int), t.version"
			" FROM cache_fetch_rows('k:' || $1::int, $2::text, ($1::int))"
			" AS t(id int, version bigint, pad text)");
}
