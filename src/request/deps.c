/*
 * deps.c - collects what an entry depends on.
 *
 * src/request/deps.c
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "utils/lsyscache.h"

#include "base/guc.h"
#include "request/deps.h"
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
	dep->clock = cf_tag_hash(dboid, tag, len);
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

static void
collect(const CfRequest *request, CfDeps *deps)
{
	int			ntags;
	text	  **tags = cf_request_tags(request, &ntags);

	cf_deps_begin(&request->key, tags, ntags, deps);
}

static void
collect_miss(const CfRequest *request, CfMiss *miss, uint64 version)
{
	MemoryContext old = MemoryContextSwitchTo(miss->context);

	collect(request, &miss->deps);
	miss->version = version;
	MemoryContextSwitchTo(old);
}

void
cf_deps_of_request(const CfRequest *request, CfDeps *deps)
{
	CfMiss	   *miss = request->miss;
	uint64		version;

	if (miss == NULL)
	{
		collect(request, deps);
		return;
	}
	version = cf_rules_version();
	if (miss->version != version)
		collect_miss(request, miss, version);
	*deps = miss->deps;
	deps->room = Max(deps->n, 8);
	deps->dep = palloc(deps->room * sizeof(CfDep));
	if (deps->n > 0)
		memcpy(deps->dep, miss->deps.dep, deps->n * sizeof(CfDep));
}

bool
cf_deps_fit(int n)
{
	return n <= CF_MAX_TAGS;
}

CfReach
cf_deps_reach(const CfRequest *request, const CfSources *sources, Oid relid)
{
	CfReach		reach = {CF_REACH_RULE};
	int			ntags;
	text	  **tags;

	if (request->def.freshness == CF_FRESHNESS_PROVEN && cf_is_tracked(relid))
	{
		reach.use = cf_proof_find(&sources->proof, relid);
		if (cf_proof_is_part(&sources->proof, relid))
			reach.kind = CF_REACH_PART;
		else
			reach.kind = reach.use == NULL || reach.use->whole ?
				CF_REACH_TABLE : CF_REACH_ROWS;
		return reach;
	}
	tags = cf_request_tags(request, &ntags);
	reach.rule = cf_rule_cover(relid, &request->key, tags, ntags);
	/* Of what functions read on their own the key says nothing, unless somebody says so. */
	if (reach.rule.kind == CF_COVER_ROW && request->def.freshness == CF_FRESHNESS_PROVEN &&
		list_member_oid(sources->inner, relid))
		reach.rule.kind = CF_COVER_NONE;
	return reach;
}

static void
add_table(CfDeps *deps, Oid dboid, Oid relid)
{
	CfTag		tag;

	cf_tag_of_table(&tag, dboid, relid);
	add_copy(deps, dboid, &tag);
}

static bool
has_dep(const CfDeps *deps, const char *tag, int len)
{
	for (int i = 0; i < deps->n; i++)
	{
		if (deps->dep[i].len == len && memcmp(deps->dep[i].tag, tag, len) == 0)
			return true;
	}
	return false;
}

/* The rule may be one that reaches the entry by its key as well. */
static void
add_rows(CfDeps *deps, Oid dboid, const CfTableUse *use)
{
	ListCell   *cell;

	foreach(cell, use->tags)
	{
		const char *tag = lfirst(cell);

		if (!has_dep(deps, tag, strlen(tag)))
			add_tag(deps, dboid, tag, strlen(tag));
	}
}

/* No change of the table that is tracked is to count, unless it is by hand. */
static void
add_by_rule(CfDeps *deps, Oid dboid, Oid relid, CfCover rule)
{
	CfTag		tag;

	if (rule.kind == CF_COVER_NONE)
		deps->covered = false;
	if (rule.kind == CF_COVER_ROW)
		return;
	if (rule.kind != CF_COVER_NONE || !cf_is_tracked(relid))
	{
		add_table(deps, dboid, relid);
		return;
	}
	cf_rule_tag_by_hand(&tag, relid);
	add_copy(deps, dboid, &tag);
}

void
cf_deps_add_tables(const CfRequest *request, const CfSources *sources, CfDeps *deps)
{
	Oid			dboid = request->key.dboid;
	ListCell   *cell;

	foreach(cell, sources->relids)
	{
		Oid			relid = lfirst_oid(cell);
		CfReach		reach = cf_deps_reach(request, sources, relid);

		deps->unlogged |= get_rel_persistence(relid) != RELPERSISTENCE_PERMANENT;
		switch (reach.kind)
		{
			case CF_REACH_RULE:
				add_by_rule(deps, dboid, relid, reach.rule);
				break;
			case CF_REACH_TABLE:
				add_table(deps, dboid, relid);
				break;
			case CF_REACH_ROWS:
				add_rows(deps, dboid, reach.use);
				break;
			case CF_REACH_PART:
				break;
		}
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
		first |= cf_clock_depend(tag.hash);
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
