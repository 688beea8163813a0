/*
 * judge.c - what a read may return, given what was acknowledged before it was
 * sent (or what a standby showed) and what had been issued when it returned;
 * see checker.c.
 *
 * test/soak/judge.c
 */
#include "checker.h"

/* On a standby, which knows of no acknowledgement: what its tables have shown. */
Floor
acked_floor(Table table, int id)
{
	if (on_standby)
		return (Floor) {atomic_load(&cells[table][id].shown), "shown"};
	return (Floor) {atomic_load(&cells[table][id].acked), "acknowledged"};
}

void
raise_floor(Floor *floor, int64_t visible_version)
{
	if (visible_version > version_of(floor->state))
	{
		floor->state = state_of(visible_version, 0);
		floor->kind = "visible";
	}
}

/* One version, read from the cache, of a row that always exists. */
void
check_version(Session *s, const char *read, Table table, int id, Floor floor,
			  int64_t version)
{
	int64_t		issued = version_of(atomic_load(&cells[table][id].issued));

	if (version < 0)
		report_stale("session %d, %s, %s row %d: no row, %s was version %" PRId64,
					 s->number, read, table_names[table], id, floor.kind,
					 version_of(floor.state));
	else if (version % 2 != 0)
		report_stale("session %d, %s, %s row %d: version %" PRId64 " was never committed",
					 s->number, read, table_names[table], id, version);
	else if (version < version_of(floor.state))
		report_stale("session %d, %s, %s row %d: version %" PRId64 ", but %s was %" PRId64,
					 s->number, read, table_names[table], id, version, floor.kind,
					 version_of(floor.state));
	else if (version > issued)
		report_stale("session %d, %s, %s row %d: version %" PRId64 " is not committed yet, only %"
					 PRId64, s->number, read, table_names[table], id, version, issued);
}

/* A row that comes and goes; version is -1 where there was none. */
void
check_negative(Session *s, const char *read, int id, Floor floor, int64_t version)
{
	State		issued = atomic_load(&cells[T_NEG][id].issued);

	if (version >= 0)
		check_version(s, read, T_NEG, id, floor, version);
	else if (issued == floor.state && version_of(issued) / 2 % 2 == 0)
		report_stale("session %d, %s, t_neg row %d: no row, but %s was %" PRId64,
					 s->number, read, id, floor.kind, version_of(floor.state));
}

/* All rows of a group, as a JSON array of objects with id and version. */
void
check_list(Session *s, const char *read, Table table, int grp, const Floor *floors,
		   const char *json)
{
	bool		seen[KEYS] = {false};

	for (const char *at = json; (at = strstr(at, "{\"id\":")) != NULL; at++)
	{
		int			id = (int) json_int(at, "id");
		int64_t		version = json_int(at, "version");

		if (id < 0 || id >= KEYS || seen[id])
		{
			report_stale("session %d, %s, %s group %d: row %d twice or unknown",
						 s->number, read, table_names[table], grp, id);
			return;
		}
		seen[id] = true;
		check_version(s, read, table, id, floors[id], version);
		if (version == version_of(floors[id].state) && grp != group_of(floors[id].state))
			report_stale("session %d, %s, %s row %d: in group %d at version %" PRId64
						 ", but %s was group %d", s->number, read, table_names[table], id, grp,
						 version, floors[id].kind, group_of(floors[id].state));
	}
	for (int id = 0; id < KEYS; id++)
	{
		if (!seen[id] && group_of(floors[id].state) == grp &&
			atomic_load(&cells[table][id].issued) == floors[id].state)
			report_stale("session %d, %s, %s row %d: not in group %d, but %s was version %" PRId64,
						 s->number, read, table_names[table], id, grp, floors[id].kind,
						 version_of(floors[id].state));
	}
}

void
check_rows(Session *s, const char *read, const Floor *floors, const char *json)
{
	int64_t		sum = 0;
	int			n = 0;

	for (const char *at = json; (at = strstr(at, "{\"id\":")) != NULL; at++)
	{
		int			id = (int) json_int(at, "id");

		check_version(s, read, T_TAB, id, floors[id], json_int(at, "version"));
		sum += json_int(at, "amount");
		n++;
	}
	if (n != ROWS || sum != 0)
		report_stale("session %d, %s, t_tab: %d rows with sum %" PRId64 ", never committed",
					 s->number, read, n, sum);
}
