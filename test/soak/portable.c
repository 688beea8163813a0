/*
 * portable.c - reads that another cache can run as well, for a comparison.
 *
 * Rows by key, lists and a whole table, either by cache_fetch or by the plain
 * SELECT within, which a cache between client and server may answer. Both ask
 * for the same, beside the same writers (single rows, moves, deletes and
 * inserts, savepoints, rollbacks; no functions that write, no TRUNCATE and no
 * definitions, which a proxy may not understand), and are held against the
 * same floors. A plain SELECT straight to the server cannot be stale: that
 * is the proof that a stale one is not the checker's own.
 *
 * test/soak/portable.c
 */
#include "checker.h"

#define MAX_ANSWER 16384		/* KEYS rows as JSON, with room to spare */

void
prepare_portable_reader(Session *s)
{
	if (options.reads == READS_PLAIN)
	{
		prepare(s, "key t_key", "SELECT id, version FROM t_key WHERE id = $1::int");
		prepare(s, "list t_tag", "SELECT id, version FROM t_tag WHERE grp = $1::int");
		prepare(s, "rows t_tab", "SELECT id, version, amount FROM t_tab WHERE $1::int >= 0");
		return;
	}
	prepare(s, "key t_key", "SELECT cache_fetch('k:' || $1::int,"
			" 'SELECT id, version FROM t_key WHERE id = $1', ($1::int))");
	prepare(s, "list t_tag", "SELECT cache_fetch('list:' || $1::int,"
			" 'SELECT id, version FROM t_tag WHERE grp = $1', ($1::int), tags => ARRAY['g:' || $1::int])");
	prepare(s, "rows t_tab", "SELECT cache_fetch('tab:' || $1::int,"
			" 'SELECT id, version, amount FROM t_tab WHERE $1 >= 0', ($1::int))");
}

/* Rows in the form in which cache_fetch returns them. */
static void
rows_to_json(const PGresult *result, char *json)
{
	char	   *end = json + MAX_ANSWER;

	json += sprintf(json, "[");
	for (int row = 0; row < PQntuples(result); row++)
	{
		json += sprintf(json, "%s{", row == 0 ? "" : ",");
		for (int column = 0; column < PQnfields(result) && end - json > 128; column++)
			json += sprintf(json, "%s\"%s\":%s", column == 0 ? "" : ",",
							PQfname(result, column), PQgetvalue(result, row, column));
		json += sprintf(json, "}");
	}
	sprintf(json, "]");
}

/* Runs a read with one number; false after an error. */
static bool
ask(Session *s, const char *name, int number, char *json)
{
	char		text[16];
	PGresult   *result;

	sprintf(text, "%d", number);
	result = run(s, name, text, NULL, NULL);
	if (result == NULL)
		return false;
	if (options.reads == READS_PLAIN)
		rows_to_json(result, json);
	else
		snprintf(json, MAX_ANSWER, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return true;
}

/* Several wrong rows in one answer are one stale read. */
static void
count_read(void)
{
	n_checked++;
	if (found_stale)
		n_stale_reads++;
	found_stale = false;
}

static void
read_key(Session *s, int id)
{
	Floor		floor = acked_floor(T_KEY, id);
	char		json[MAX_ANSWER];

	if (!ask(s, "key t_key", id, json))
		return;
	check_version(s, "key", T_KEY, id, floor, json_int(json, "version"));
	count_read();
}

static void
read_group(Session *s, int grp)
{
	Floor		floors[KEYS];
	char		json[MAX_ANSWER];

	for (int i = 0; i < KEYS; i++)
		floors[i] = acked_floor(T_TAG, i);
	if (!ask(s, "list t_tag", grp, json))
		return;
	check_list(s, "list", T_TAG, grp, floors, json);
	count_read();
}

static void
read_table(Session *s, int variant)
{
	Floor		floors[ROWS];
	char		json[MAX_ANSWER];

	for (int i = 0; i < ROWS; i++)
		floors[i] = acked_floor(T_TAB, i);
	if (!ask(s, "rows t_tab", variant, json))
		return;
	check_rows(s, "rows", floors, json);
	count_read();
}

void
read_portable(Session *s)
{
	int			choice = below(s, 100);

	s->failed = false;
	if (choice < 60)
		read_key(s, pick_id(s));
	else if (choice < 80)
		read_group(s, below(s, GROUPS));
	else
		read_table(s, below(s, 4));
}

/* With nobody writing, every answer is exact, or it is stale for good. */
void
check_portable_at_rest(Session *s)
{
	for (int id = 0; id < KEYS; id++)
		read_key(s, id);
	for (int grp = 0; grp < GROUPS; grp++)
		read_group(s, grp);
	for (int variant = 0; variant < 4; variant++)
		read_table(s, variant);
}
