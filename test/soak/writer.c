/*
 * writer.c - random transactions of the checker, which note what they write.
 *
 * test/soak/writer.c
 */
#include "checker.h"

static void
note_write(Session *s, Table table, int id, State state)
{
	if (s->nwrites == MAX_WRITES)
	{
		report_error("a transaction has too many writes");
		exit(2);
	}
	s->write[s->nwrites++] = (Write) {table, id, state};
}

/* Takes over id, version and group from what a statement returned. */
static void
note_writes(Session *s, Table table, PGresult *result)
{
	if (result == NULL)
		return;
	for (int i = 0; i < PQntuples(result); i++)
	{
		int64_t		grp = table != T_TAB ? get_int(result, i, 2) : 0;

		note_write(s, table, (int) get_int(result, i, 0),
				   state_of(get_int(result, i, 1), grp));
	}
	PQclear(result);
}

static const char *
poison_text(const Session *s)
{
	return s->poison ? "t" : "f";
}

static void
some_ids(Session *s, int n, char *text)
{
	int			ids[MAX_BATCH];

	for (int i = 0; i < n; i++)
		ids[i] = pick_id(s);
	ids_to_text(ids, n, text);
}

static void
write_update(Session *s)
{
	static const Table tables[] = {T_KEY, T_KEY, T_TAG, T_PART};
	Table		table = tables[below(s, 4)];
	char		name[32];
	char		ids[128];

	snprintf(name, sizeof(name), "update %s", table_names[table]);
	some_ids(s, 1 + below(s, one_in(s, 4) ? 8 : 2), ids);
	note_writes(s, table, run(s, name, ids, poison_text(s), NULL));
}

/* Moves some rows to another tag or partition. */
static void
write_move(Session *s)
{
	Table		table = one_in(s, 2) ? T_TAG : T_PART;
	char		ids[128];
	char		grp[16];

	some_ids(s, 1 + below(s, 3), ids);
	sprintf(grp, "%d", below(s, GROUPS));
	note_writes(s, table, run(s, table == T_TAG ? "move t_tag" : "move t_part", ids,
							  poison_text(s), grp));
}

static void
write_delete_insert(Session *s)
{
	static const Table tables[] = {T_KEY, T_TAG, T_PART};
	Table		table = tables[below(s, 3)];
	char		name[32];
	char		id[16];
	char		version[32];
	char		grp[16];
	PGresult   *result;

	sprintf(id, "%d", pick_id(s));
	snprintf(name, sizeof(name), "delete %s", table_names[table]);
	result = run(s, name, id, NULL, NULL);
	if (result == NULL || PQntuples(result) != 1)
	{
		PQclear(result);
		return;
	}
	sprintf(version, "%" PRId64, s->poison ? get_int(result, 0, 0) | 1 :
			get_int(result, 0, 0) + 2);
	sprintf(grp, "%d", (int) get_int(result, 0, 1));
	PQclear(result);
	snprintf(name, sizeof(name), "insert %s", table_names[table]);
	note_writes(s, table, run(s, name, id, version, grp));
}

/* Keeps the sum of t_tab at zero, but not if it will be rolled back. */
static void
write_transfer(Session *s)
{
	char		from[16];
	char		to[16];

	sprintf(from, "%d", below(s, ROWS));
	sprintf(to, "%d", below(s, ROWS));
	note_writes(s, T_TAB, run(s, "transfer", from, to, poison_text(s)));
}

static void
write_flip(Session *s)
{
	char		id[16];
	int			which = pick_id(s);
	PGresult   *result;

	sprintf(id, "%d", which);
	result = run(s, "flip", id, poison_text(s), NULL);
	if (result != NULL)
		note_write(s, T_NEG, which, state_of(get_int(result, 0, 0), 0));
	PQclear(result);
}

static void
write_refill(Session *s)
{
	static const Table tables[] = {T_KEY, T_TAG, T_TAB, T_PART};
	Table		table = tables[below(s, 4)];

	note_writes(s, table, run(s, "refill", poison_text(s), table_names[table],
							  table == T_TAB ? "amount" : "grp"));
}

/* Definitions; the last two change what is read without firing a trigger. */
static void
write_ddl(Session *s, int which)
{
	char		sql[256];
	State		gen;

	switch (which)
	{
		case 0:
			command(s, "ALTER TABLE t_key ADD COLUMN IF NOT EXISTS extra int DEFAULT 1");
			break;
		case 1:
			command(s, "ALTER TABLE t_key DROP COLUMN IF EXISTS extra");
			break;
		case 2:
			snprintf(sql, sizeof(sql), "ALTER TABLE t_tag ALTER version TYPE bigint"
					 " USING next_version(version, '%s')", poison_text(s));
			if (command(s, sql))
				note_writes(s, T_TAG, run(s, "all t_tag", NULL, NULL, NULL));
			break;
		default:
			/* The view's lock serializes those who replace it. */
			if (!command(s, "LOCK TABLE v_two IN ACCESS EXCLUSIVE MODE"))
				break;
			gen = atomic_load(&cells[T_VIEW][0].acked);
			for (int i = 0; i < s->nwrites; i++)
			{
				if (s->write[i].table == T_VIEW && s->write[i].state > gen)
					gen = s->write[i].state;
			}
			gen = state_of(s->poison ? version_of(gen) | 1 : version_of(gen) + 2, 0);
			snprintf(sql, sizeof(sql), "CREATE OR REPLACE VIEW v_two AS"
					 " SELECT k.id, k.version, t.version AS other, %" PRId64
					 "::bigint AS gen FROM t_key k JOIN t_tab t ON t.id = k.id %% %d",
					 version_of(gen), ROWS);
			if (!command(s, sql))
				break;
			snprintf(sql, sizeof(sql), "CREATE OR REPLACE VIEW v_still AS SELECT id, %" PRId64
					 "::bigint AS gen FROM t_still", version_of(gen));
			if (command(s, sql))
				note_write(s, T_VIEW, 0, gen);
	}
}

/* The last state that this transaction gave a row, or -1. */
static State
own_state(const Session *s, Table table, int id)
{
	for (int i = s->nwrites - 1; i >= 0; i--)
	{
		if (s->write[i].table == table && s->write[i].id == id)
			return s->write[i].state;
	}
	return -1;
}

static void
check_own_version(Session *s, Table table, int id, int64_t version)
{
	int64_t		own = version_of(own_state(s, table, id));

	n_checked++;
	if (version != own)
		report_stale("session %d, own writes, %s row %d: version %" PRId64 ", but wrote %" PRId64,
					 s->number, table_names[table], id, version, own);
}

/* Reads through the cache what it has written last. */
static void
check_own_writes(Session *s)
{
	Write	   *last = &s->write[s->nwrites - 1];
	PGresult   *result;
	char		param[32];
	const char *json;

	if (s->nwrites == 0 || s->failed)
		return;
	sprintf(param, last->table == T_TAB ? "0" : "{%d}", last->id);
	switch (last->table)
	{
		case T_KEY:
			result = run(s, "fetch t_key", param, NULL, NULL);
			break;
		case T_PART:
			result = run(s, "fetch t_part", param, NULL, NULL);
			break;
		case T_TAB:
			result = run(s, "rows t_tab", param, NULL, NULL);
			break;
		case T_TAG:
			sprintf(param, "%d", group_of(own_state(s, T_TAG, last->id)));
			result = run(s, "list t_tag", param, NULL, NULL);
			break;
		default:
			return;
	}
	if (result == NULL)
		return;
	json = PQgetvalue(result, 0, 0);
	if (last->table == T_TAG || last->table == T_TAB)
	{
		char		object[32];

		sprintf(object, "{\"id\":%d,", last->id);
		json = strstr(json, object);
	}
	check_own_version(s, last->table, last->id,
					  json != NULL ? json_int(json, "version") : -1);
	PQclear(result);
}

/* The rest of the choices is for cachefront alone: see portable.c. */
static void
write_something(Session *s)
{
	int			choice = below(s, options.reads == READS_ALL ? 1000 : 820);

	if (choice < 400)
		write_update(s);
	else if (choice < 520)
		write_move(s);
	else if (choice < 650)
		write_delete_insert(s);
	else if (choice < 820)
		write_transfer(s);
	else if (choice < 980)
		write_flip(s);
	else if (choice < 985)
		write_refill(s);
	else if (choice < 990)
		write_ddl(s, below(s, 4));
	else
		PQclear(run(s, "pad", NULL, NULL, NULL));
	if (s->checks_own && one_in(s, 3))
		check_own_writes(s);
}

/* A savepoint, some writes, and mostly a rollback to it. */
static void
write_in_savepoint(Session *s)
{
	bool		poison = s->poison;
	bool		keep = one_in(s, 3);
	int			nwrites = s->nwrites;

	if (!command(s, "SAVEPOINT a"))
		return;
	s->poison |= !keep;
	write_something(s);
	if (!s->failed && one_in(s, 3))
		write_something(s);
	s->poison = poison;
	if (s->failed)
		return;
	if (keep)
		command(s, "RELEASE a");
	else if (command(s, "ROLLBACK TO a"))
	{
		s->nwrites = nwrites;
		if (s->checks_own)
			check_own_writes(s);
	}
}

static void
commit(Session *s)
{
	PGresult   *result;

	for (int i = 0; i < s->nwrites; i++)
		raise_to(&cells[s->write[i].table][s->write[i].id].issued, s->write[i].state);
	result = checked_result(s, PQexec(s->conn, "COMMIT"), "COMMIT");
	if (result == NULL)
		return;
	PQclear(result);
	for (int i = 0; i < s->nwrites; i++)
		raise_to(&cells[s->write[i].table][s->write[i].id].acked, s->write[i].state);
	n_commits++;
}

void
write_transaction(Session *s)
{
	bool		rollback = one_in(s, 6);
	int			n = 1 + below(s, 3);

	s->failed = false;
	s->nwrites = 0;
	s->poison = rollback;
	s->checks_own = options.reads == READS_ALL && one_in(s, 2);
	if (!command(s, "BEGIN"))
		return;
	for (int i = 0; i < n && !s->failed; i++)
	{
		if (one_in(s, 4))
			write_in_savepoint(s);
		else
			write_something(s);
	}
	if (!s->failed && one_in(s, 8))
		pause_us(s, 5000);
	if (s->failed || rollback)
	{
		PQclear(PQexec(s->conn, "ROLLBACK"));
		n_rollbacks++;
	}
	else
		commit(s);
}

/* DDL alone, whose changes no trigger tells. */
void
define_something(Session *s)
{
	s->failed = false;
	s->nwrites = 0;
	s->poison = false;
	if (!command(s, "BEGIN"))
		return;
	write_ddl(s, 2 + below(s, 2));
	if (s->failed)
		PQclear(PQexec(s->conn, "ROLLBACK"));
	else
		commit(s);
}

/* Statements that change no table and so have no transaction id. */
void
invalidate_something(Session *s)
{
	char		param[32];

	s->failed = false;
	if (one_in(s, 200))
		command(s, one_in(s, 10) ? "SELECT cache_flush()" :
				"SELECT cache_invalidate_table('t_tag')");
	else
	{
		sprintf(param, "%d", pick_id(s));
		PQclear(run(s, "invalidate", param, NULL, NULL));
	}
}

void
prepare_writer(Session *s)
{
	static const char *const lists[] = {"t_key", "t_tag", "t_part"};

	for (int i = 0; i < 3; i++)
	{
		char		name[32];
		const char *t = lists[i];

		snprintf(name, sizeof(name), "update %s", t);
		prepare(s, name, "UPDATE %s SET version = next_version(version, $2::bool)"
				" WHERE id = ANY ($1::int[]) RETURNING id, version, grp", t);
		snprintf(name, sizeof(name), "delete %s", t);
		prepare(s, name, "DELETE FROM %s WHERE id = $1::int RETURNING version, grp", t);
		snprintf(name, sizeof(name), "insert %s", t);
		prepare(s, name, "INSERT INTO %s (id, version, grp) VALUES ($1::int, $2::bigint,"
				" $3::int) RETURNING id, version, grp", t);
		snprintf(name, sizeof(name), "move %s", t);
		prepare(s, name, "UPDATE %s SET version = next_version(version, $2::bool), grp = $3::int"
				" WHERE id = ANY ($1::int[]) RETURNING id, version, grp", t);
	}
	prepare(s, "transfer", "UPDATE t_tab SET version = next_version(version, $3::bool),"
			" amount = amount + CASE WHEN $3 THEN 1 WHEN $1::int = $2::int THEN 0"
			" WHEN id = $1 THEN 1 ELSE -1 END WHERE id IN ($1, $2) RETURNING id, version");
	if (options.reads != READS_ALL)
		return;

	prepare_fetches(s);
	/* Every other writer soon invalidates by rule instead of by key. */
	if (s->number % 2 == 1)
		command(s, "SET cachefront.max_keys_per_commit = 3");
	prepare(s, "flip", "SELECT flip($1::int, $2::bool)");
	prepare(s, "all t_tag", "SELECT id, version, grp FROM t_tag");
	prepare(s, "refill", "SELECT id, version, grp FROM refill($1::bool, $2, $3)");
	prepare(s, "invalidate", "SELECT cache_invalidate('k:' || $1::int, 'p:' || $1::int),"
			" cache_invalidate_tag('g:' || $1::int %% 8)");
	/* So many keys to settle that what comes before them stays pending for long. */
	prepare(s, "pad", "SELECT cache_invalidate(VARIADIC"
			" (SELECT array_agg('pad:' || i) FROM generate_series(1, 5000) i))");
}
