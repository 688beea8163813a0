/*
 * deps.c - collects what an entry depends on.
 *
 * src/engine/deps.c
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "utils/lsyscache.h"

#include "engine/deps.h"
#include "guc.h"
#include "rules/rule.h"
#include "rules/tracked.h"

static void
add_tag(CfDeps *deps, Oid dboid, const char *tag, int len)
{
	CfDep	   *dep;

	if (deps->n == deps->room)
	{
		deps->room = Max(2 * deps->room, 8);
		deps->dep = deps->dep == NULL ? palloc(deps->room * sizeof(CfDep)) :
			repalloc(deps->dep, deps->room * sizeof(CfDep));
	}
	dep = &deps->dep[deps->n++];
	dep->tag = tag;
	dep->len = len;
	dep->clock = cf_clock_of_tag(cf_tag_hash(dboid, tag, len));
}

static void
add_copy(CfDeps *deps, Oid dboid, const CfTag *tag)
{
	add_tag(deps, dboid, pnstrdup(tag->text, tag->len), tag->len);
}

/* The list of rules may be read anew before the entry is made: hence copies. */
static void
add_rules(const CfKey *key, text **tags, int ntags, CfDeps *deps)
{
	const CfRule *found[CF_DEPS_MAX_RULES];
	int			n = cf_rules_reaching(key, tags, ntags, found, CF_DEPS_MAX_RULES);
	CfTag		any;

	if (n <= CF_DEPS_MAX_RULES)
	{
		for (int i = 0; i < n; i++)
			add_copy(deps, key->dboid, found[i]->tag);
		return;
	}
	cf_rule_tag_of_any(&any);
	add_copy(deps, key->dboid, &any);
}

void
cf_deps_begin(const CfKey *key, text **tags, int ntags, CfDeps *deps)
{
	MemSet(deps, 0, sizeof(*deps));
	deps->covered = true;
	for (int i = 0; i < ntags; i++)
		add_tag(deps, key->dboid, VARDATA_ANY(tags[i]), VARSIZE_ANY_EXHDR(tags[i]));
	add_rules(key, tags, ntags, deps);
}

bool
cf_deps_fit(int n)
{
	return n <= CF_MAX_TAGS;
}

/* A change of a partition is one of the tables that it is part of. */
static bool
stands_for(List *relids, Oid relid)
{
	ListCell   *cell;

	if (!get_rel_relispartition(relid))
		return false;
	foreach(cell, get_partition_ancestors(relid))
	{
		if (list_member_oid(relids, lfirst_oid(cell)))
			return true;
	}
	return false;
}

void
cf_deps_add_tables(const CfKey *key, text **tags, int ntags, const CfSources *sources,
				   CfDeps *deps)
{
	List	   *relids = sources->relids;
	ListCell   *cell;

	foreach(cell, relids)
	{
		CfCover		cover = cf_rule_cover(lfirst_oid(cell), key, tags, ntags);
		CfTag		tag;

		if (cover.kind == CF_COVER_ROW && list_member_oid(sources->inner, lfirst_oid(cell)))
			cover.kind = cf_is_tracked(lfirst_oid(cell)) ? CF_COVER_TRACKED : CF_COVER_NONE;
		if (cover.kind == CF_COVER_NONE)
			deps->covered = false;
		if (cover.kind == CF_COVER_TRACKED)
			deps->tracked = true;
		if (cover.kind == CF_COVER_ROW ||
			(cover.kind == CF_COVER_TRACKED && stands_for(relids, lfirst_oid(cell))))
			continue;
		cf_tag_of_table(&tag, key->dboid, lfirst_oid(cell));
		add_copy(deps, key->dboid, &tag);
	}
}

bool
cf_deps_announce(Oid dboid, List *relids)
{
	bool		first = false;
	ListCell   *cell;

	if (!cf_guc_track_changes)
		return false;
	foreach(cell, relids)
	{
		CfTag		tag;

		cf_tag_of_table(&tag, dboid, lfirst_oid(cell));
		first |= cf_clock_depend(cf_clock_of_tag(tag.hash));
	}
	return first;
}

CfClockRef *
cf_deps_clocks(const CfDeps *deps, int more)
{
	CfClockRef *clocks = palloc((deps->n + more + 1) * sizeof(CfClockRef));

	for (int i = 0; i < deps->n; i++)
		clocks[i] = deps->dep[i].clock;
	return clocks;
}
