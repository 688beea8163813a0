/*
 * reader.c - all ways to read through the cache, and at rest.
 *
 * test/soak/reader.c
 */
#include "checker.h"

void
prepare_fetches(Session *s)
{
	prepare(s, "fetch t_key", "SELECT cache_fetch_row('k:' || i,"
			" 'SELECT version FROM t_key WHERE id = $1', (i)) FROM unnest($1::int[]) i");
	prepare(s, "fetch t_part", "SELECT cache_fetch_row('p:' || i,"
			" 'SELECT version FROM t_part WHERE id = $1', (i)) FROM unnest($1::int[]) i");
	prepare(s, "list t_tag", "SELECT cache_fetch('list:' || $1::int,"
			" 'SELECT id, version FROM t_tag WHERE grp = $1', ($1::int), tags => ARRAY['g:' || $1::int])");
	prepare(s, "rows t_tab", "SELECT cache_fetch('tab:' || $1::int,"
			" 'SELECT id, version, amount FROM t_tab WHERE $1 >= 0', ($1::int))");
}


/* One statement with up to MAX_BATCH fetches by key; the first column is what
 * the statement's own snapshot shows, or -1. */
static void
read_by_key(Session *s, const char *name, Table table)
{
	int			n = one_in(s, 3) ? 1 : 1 + below(s, MAX_BATCH);
	int			ids[MAX_BATCH];
	Floor		floors[MAX_BATCH];
	char		text[128];
	PGresult   *result;

	for (int i = 0; i < n; i++)
	{
		ids[i] = pick_id(s);
		floors[i] = acked_floor(table, ids[i]);
	}
	ids_to_text(ids, n, text);
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return;
	for (int i = 0; i < n; i++)
	{
		int64_t		version = json_int(PQgetvalue(result, i, 1), "version");

		if (table == T_NEG)
			check_negative(s, name, ids[i], floors[i], version);
		else
		{
			raise_floor(&floors[i], get_int(result, i, 0));
			check_version(s, name, table, ids[i], floors[i], version);
		}
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
	PGresult   *result;

	for (int i = 0; i < KEYS; i++)
		floors[i] = acked_floor(table, i);
	sprintf(text, "%d", grp);
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return;
	check_list(s, name, table, grp, floors, PQgetvalue(result, 0, 0));
	count_checked(1);
	PQclear(result);
}

/* All of t_tab; the second column is what the statement's snapshot shows of
 * all rows together: versions only grow, and so does their sum. */
static void
read_rows(Session *s, const char *name)
{
	Floor		floors[ROWS];
	char		text[16];
	PGresult   *result;
	const char *json;
	int64_t		sum = 0;

	for (int i = 0; i < ROWS; i++)
		floors[i] = acked_floor(T_TAB, i);
	sprintf(text, "%d", below(s, 4));
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return;
	json = PQgetvalue(result, 0, PQnfields(result) - 1);
	check_rows(s, name, floors, json);
	if (PQnfields(result) > 1)
	{
		for (const char *at = json; (at = strstr(at, "{\"id\":")) != NULL; at++)
			sum += json_int(at, "version");
		if (sum < get_int(result, 0, 0))
			report_stale("session %d, %s, t_tab: sum of versions %" PRId64 ", but visible was %"
						 PRId64, s->number, name, sum, get_int(result, 0, 0));
	}
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
	PGresult   *result;
	const char *json;

	sprintf(text, "%d", id);
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return;
	json = PQgetvalue(result, 0, 0);
	check_version(s, name, T_KEY, id, key, json_int(json, "version"));
	check_version(s, name, T_TAB, id % ROWS, row, json_int(json, "other"));
	check_version(s, name, T_VIEW, 0, gen, json_int(json, "gen"));
	count_checked(1);
	PQclear(result);
}

static void
read_typed(Session *s)
{
	int			id = pick_id(s);
	Floor		floor = acked_floor(T_KEY, id);
	char		text[16];
	PGresult   *result;

	sprintf(text, "%d", id);
	result = run(s, "typed", text, NULL, NULL);
	if (result == NULL)
		return;
	check_version(s, "typed", T_KEY, id, floor,
				  PQntuples(result) == 1 ? get_int(result, 0, 1) : -1);
	count_checked(1);
	PQclear(result);
}

/* Plain SELECTs, which cachefront.transparent serves. */
static void
read_plain_key(Session *s, const char *name, Table table)
{
	int			id = pick_id(s);
	Floor		floor = acked_floor(table, id);
	char		text[16];
	PGresult   *result;
	int64_t		version;

	sprintf(text, "%d", id);
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return;
	version = PQntuples(result) == 1 ? get_int(result, 0, 0) : -1;
	if (table == T_NEG)
		check_negative(s, name, id, floor, version);
	else
		check_version(s, name, table, id, floor, version);
	count_checked(1);
	PQclear(result);
}

static void
read_plain_view(Session *s)
{
	int			id = pick_id(s);
	Floor		key = acked_floor(T_KEY, id);
	Floor		row = acked_floor(T_TAB, id % ROWS);
	Floor		gen = acked_floor(T_VIEW, 0);
	char		text[16];
	PGresult   *result;

	sprintf(text, "%d", id);
	result = run(s, "plain view", text, NULL, NULL);
	if (result == NULL)
		return;
	check_version(s, "plain view", T_KEY, id, key, PQntuples(result) == 1 ? get_int(result, 0, 0) : -1);
	if (PQntuples(result) == 1)
	{
		check_version(s, "plain view", T_TAB, id % ROWS, row, get_int(result, 0, 1));
		check_version(s, "plain view", T_VIEW, 0, gen, get_int(result, 0, 2));
	}
	count_checked(1);
	PQclear(result);
}

static void
read_plain(Session *s)
{
	int			choice = below(s, 100);

	if (choice < 40)
		read_plain_key(s, "plain t_key", T_KEY);
	else if (choice < 60)
		read_plain_key(s, "plain t_part", T_PART);
	else if (choice < 75)
		read_plain_key(s, "plain t_neg", T_NEG);
	else
		read_plain_view(s);
}

/* Nothing but its definition ever changes what it gives. */
static void
read_still_view(Session *s)
{
	Floor		gen = acked_floor(T_VIEW, 0);
	PGresult   *result = run(s, "view alone", NULL, NULL, NULL);

	if (result == NULL)
		return;
	check_version(s, "view alone", T_VIEW, 0, gen, json_int(PQgetvalue(result, 0, 0), "gen"));
	count_checked(1);
	PQclear(result);
}

/* Cache-aside: what is not there is read from the table and set. */
static void
read_keyvalue(Session *s, int id)
{
	Floor		floor = acked_floor(T_KEY, id);
	char		text[16];
	char		json[64];
	PGresult   *result;

	sprintf(text, "%d", id);
	result = run(s, "get", text, NULL, NULL);
	if (result == NULL)
		return;
	if (!PQgetisnull(result, 0, 0))
	{
		check_version(s, "cache_get", T_KEY, id, floor,
					  json_int(PQgetvalue(result, 0, 0), "version"));
		count_checked(1);
		PQclear(result);
		return;
	}
	PQclear(result);
	result = run(s, "table t_key", text, NULL, NULL);
	if (result == NULL || PQntuples(result) == 0)
	{
		/* TRUNCATE and an old snapshot: as PostgreSQL has it */
		PQclear(result);
		return;
	}
	snprintf(json, sizeof(json), "{\"version\":%" PRId64 "}", get_int(result, 0, 0));
	PQclear(result);
	if (one_in(s, 4))
		pause_us(s, 2000);
	PQclear(run(s, "set", text, json, NULL));
}

/* Through the cache, then by table: no value from the future. */
static void
read_then_table(Session *s)
{
	int			id = pick_id(s);
	char		ids[16];
	char		text[16];
	PGresult   *cached;
	PGresult   *table;

	sprintf(ids, "{%d}", id);
	sprintf(text, "%d", id);
	cached = run(s, "fetch t_key", ids, NULL, NULL);
	table = run(s, "table t_key", text, NULL, NULL);
	if (cached != NULL && table != NULL)
	{
		int64_t		version = json_int(PQgetvalue(cached, 0, 0), "version");

		count_checked(1);
		if (version > get_int(table, 0, 0))
			report_stale("session %d, t_key row %d: version %" PRId64 ", but the table has %" PRId64
						 " after it", s->number, id, version, get_int(table, 0, 0));
	}
	PQclear(cached);
	PQclear(table);
}

/* By table and through the cache in one snapshot: the same, again and again. */
static void
compare_in_snapshot(Session *s)
{
	static const char *const names[] = {
		"same t_key", "same t_part", "same t_tag", "same t_tab", "same v_two", "same t_neg"
	};
	const char *name = names[below(s, 6)];
	char		text[16];
	PGresult   *result;

	sprintf(text, "%d", pick_id(s));
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return;
	count_checked(1);
	if (strcmp(PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1)) != 0)
		report_stale("session %d, REPEATABLE READ, %s %s: %s, but the table has %s", s->number,
					 name, text, PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 0));
	PQclear(result);
}

/* What an old snapshot shows must not get into the cache. */
static void
read_keyvalue_in_snapshot(Session *s)
{
	int			id = pick_id(s);
	char		text[16];

	sprintf(text, "%d", id);
	if (!command(s, "BEGIN ISOLATION LEVEL REPEATABLE READ"))
		return;
	PQclear(run(s, "table t_key", text, NULL, NULL));
	pause_us(s, 2000);
	if (!s->failed)
		read_keyvalue(s, id);
	PQclear(PQexec(s->conn, s->failed ? "ROLLBACK" : "COMMIT"));
}

/* LOCK TABLE comes before the snapshot, for TRUNCATE does not wait for one. */
static void
read_snapshot(Session *s)
{
	int			n = 4 + below(s, 12);

	if (!command(s, "BEGIN ISOLATION LEVEL REPEATABLE READ"))
		return;
	command(s, "LOCK TABLE t_key, t_tag, t_tab, t_part, t_neg, v_two IN ACCESS SHARE MODE");
	for (int i = 0; i < n && !s->failed; i++)
	{
		compare_in_snapshot(s);
		if (one_in(s, 4))
			pause_us(s, 2000);
	}
	PQclear(PQexec(s->conn, s->failed ? "ROLLBACK" : "COMMIT"));
}

/* Values that commits load themselves. */
static void
read_through(Session *s)
{
	int			choice = below(s, 100);

	if (choice < 40)
		read_by_key(s, "through t_key", T_KEY);
	else if (choice < 55)
		read_by_key(s, "through t_part", T_PART);
	else if (choice < 65)
		read_by_key(s, "through t_neg", T_NEG);
	else if (choice < 80)
		read_list(s, "through t_tag", T_TAG);
	else
		read_view(s, "through view");
}

void
read_something(Session *s)
{
	int			choice = below(s, 100);

	s->failed = false;
	if (one_in(s, 6))
		read_plain(s);
	else if (options.tier && one_in(s, 2))
		read_through_tier(s);
	else if (!options.without_rules && one_in(s, 4))
		read_through(s);
	else if (choice < 20)
		read_by_key(s, "key t_key", T_KEY);
	else if (choice < 32)
		read_by_key(s, "key visible t_key", T_KEY);
	else if (choice < 42)
		read_by_key(s, "key t_part", T_PART);
	else if (choice < 50)
		read_by_key(s, "key t_neg", T_NEG);
	else if (choice < 56)
		read_list(s, "list t_tag", T_TAG);
	else if (choice < 60)
		read_list(s, "list t_part", T_PART);
	else if (choice < 63)
		read_list(s, "slow list t_tag", T_TAG);
	else if (choice < 70)
		read_rows(s, "rows t_tab");
	else if (choice < 78)
		read_rows(s, "rows visible t_tab");
	else if (choice < 81)
		read_rows(s, "slow rows t_tab");
	else if (choice < 83)
		read_view(s, "view");
	else if (choice < 85)
		read_still_view(s);
	else if (choice < 88)
		read_typed(s);
	else if (choice < 93 && !options.without_rules)
		read_keyvalue(s, pick_id(s));
	else if (choice < 95)
		read_then_table(s);
	else if (choice < 98)
		read_by_key(s, "key slow t_key", T_KEY);
	else if (choice < 99 || one_in(s, 2) || options.without_rules)
		read_snapshot(s);
	else
		read_keyvalue_in_snapshot(s);
}

/* Mostly through Redis. The rest may come from memory, and lag. */
void
read_on_standby(Session *s)
{
	int			choice = below(s, 100);

	s->failed = false;
	if (one_in(s, 5))
		read_plain(s);
	else if (choice < 70)
		read_through_tier(s);
	else if (choice < 76)
		read_by_key(s, "key t_key", T_KEY);
	else if (choice < 80)
		read_by_key(s, "key t_part", T_PART);
	else if (choice < 84)
		read_by_key(s, "key t_neg", T_NEG);
	else if (choice < 88)
		read_list(s, "list t_tag", T_TAG);
	else if (choice < 92)
		read_rows(s, "rows t_tab");
	else if (choice < 95)
		read_view(s, "view");
	else if (choice < 98)
		read_typed(s);
	else
		read_snapshot(s);
}

static void
prepare_same(Session *s, const char *name, const char *key, const char *query,
			 const char *more)
{
	char		statement[32];

	snprintf(statement, sizeof(statement), "same %s", name);
	prepare(s, statement, "SELECT (SELECT '[' || coalesce(string_agg(row_to_json(t)::text, ','), '')"
			" || ']' FROM (%s) t), cache_fetch('%s' || $1::int, '%s', ($1::int)%s)",
			query, key, query, more);
}

void
prepare_reader(Session *s)
{
	static const char *const slow = ", pg_sleep(0.001)";

	if (options.tier)
		prepare_tier_reader(s);
	prepare_fetches(s);
	prepare(s, "key t_key", "SELECT -1, cache_fetch_row('k:' || i,"
			" 'SELECT version FROM t_key WHERE id = $1', (i)) FROM unnest($1::int[]) i");
	prepare(s, "key visible t_key", "SELECT (SELECT version FROM t_key WHERE id = i),"
			" cache_fetch_row('k:' || i, 'SELECT version FROM t_key WHERE id = $1', (i))"
			" FROM unnest($1::int[]) i");
	prepare(s, "key slow t_key", "SELECT -1, cache_fetch_row('k:' || i,"
			" 'SELECT version FROM t_key%s WHERE id = $1', (i)) FROM unnest($1::int[]) i", slow);
	prepare(s, "key t_part", "SELECT -1, cache_fetch_row('p:' || i,"
			" 'SELECT version FROM t_part WHERE id = $1', (i)) FROM unnest($1::int[]) i");
	prepare(s, "key t_neg", "SELECT -1, cache_fetch_row('n:' || i,"
			" 'SELECT version FROM t_neg WHERE id = $1', (i)) FROM unnest($1::int[]) i");
	prepare(s, "list t_part", "SELECT cache_fetch('parts:' || $1::int,"
			" 'SELECT id, version FROM t_part WHERE grp = $1', ($1::int), tags => ARRAY['r:' || $1::int])");
	prepare(s, "slow list t_tag", "SELECT cache_fetch('slow:' || $1::int,"
			" 'SELECT id, version FROM t_tag%s WHERE grp = $1', ($1::int), tags => ARRAY['g:' || $1::int])", slow);
	prepare(s, "rows visible t_tab", "SELECT (SELECT sum(version) FROM t_tab),"
			" cache_fetch('tab:' || $1::int,"
			" 'SELECT id, version, amount FROM t_tab WHERE $1 >= 0', ($1::int))");
	prepare(s, "slow rows t_tab", "SELECT cache_fetch('tab:' || $1::int,"
			" 'SELECT id, version, amount FROM t_tab%s WHERE $1 >= 0', ($1::int))", slow);
	prepare(s, "view", "SELECT cache_fetch_row('k:' || $1::int,"
			" 'SELECT version, other, gen FROM v_two WHERE id = $1', ($1::int))");
	prepare(s, "view alone", "SELECT cache_fetch_row('still', 'SELECT gen FROM v_still')");
	prepare(s, "plain t_key", "/* cache */ SELECT version FROM t_key WHERE id = $1::int");
	prepare(s, "plain t_part", "/* cache */ SELECT version FROM t_part WHERE id = $1::int");
	prepare(s, "plain t_neg", "/* cache */ SELECT version FROM t_neg WHERE id = $1::int");
	prepare(s, "plain view", "/* cache */ SELECT version, other, gen FROM v_two WHERE id = $1::int");
	prepare(s, "typed", "SELECT * FROM cache_fetch_rows('k:' || $1::int,"
			" 'SELECT id, version FROM t_key WHERE id = $1', ($1::int)) AS t(id int, version bigint)");
	if (!options.without_rules)
	{
		prepare(s, "through t_key", "SELECT -1, cache_read_row('soak_key', i) FROM unnest($1::int[]) i");
		prepare(s, "through t_part", "SELECT -1, cache_read_row('soak_part', i) FROM unnest($1::int[]) i");
		prepare(s, "through t_neg", "SELECT -1, cache_read_row('soak_neg', i) FROM unnest($1::int[]) i");
		prepare(s, "through t_tag", "SELECT cache_read('soak_tag', $1::int)");
		prepare(s, "through view", "SELECT cache_read_row('soak_view', $1::int)");
	}
	prepare(s, "get", "SELECT cache_get('k:' || $1::int)");
	prepare(s, "set", "SELECT cache_set('k:' || $1::int, $2::json)");
	prepare(s, "table t_key", "SELECT version FROM t_key WHERE id = $1::int");

	prepare_same(s, "t_key", "k:", "SELECT version FROM t_key WHERE id = $1", "");
	prepare_same(s, "t_part", "p:", "SELECT version FROM t_part WHERE id = $1", "");
	prepare_same(s, "t_neg", "n:", "SELECT version FROM t_neg WHERE id = $1", "");
	prepare_same(s, "t_tag", "rr:", "SELECT id, version FROM t_tag WHERE grp = $1 % 8 ORDER BY id",
				 ", tags => ARRAY['g:' || $1 % 8]");
	prepare_same(s, "t_tab", "rr:", "SELECT id, version FROM t_tab WHERE id = $1 % 16", "");
	prepare_same(s, "v_two", "k:", "SELECT version, other, gen FROM v_two WHERE id = $1", "");
}

/* After all have gone, the cache and the tables must agree. */
void
check_at_rest(Session *s)
{
	for (int i = 0; i < KEYS; i++)
	{
		static const char *const names[] = {
			"same t_key", "same t_part", "same t_tag", "same t_tab", "same v_two", "same t_neg"
		};

		for (int k = 0; k < 6; k++)
		{
			char		text[16];
			PGresult   *result;

			sprintf(text, "%d", i);
			result = run(s, names[k], text, NULL, NULL);
			if (result != NULL && strcmp(PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1)) != 0)
				report_stale("at rest, %s %d: %s, but the table has %s", names[k], i,
							 PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 0));
			count_checked(1);
			PQclear(result);
		}
	}
}
