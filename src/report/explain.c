/*
 * explain.c - cache_explain: would this fetch be cached, and if not, why.
 *
 * src/report/explain.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/debug_point.h"
#include "base/guc.h"
#include "engine/fetch.h"
#include "engine/marker.h"
#include "engine/policy.h"
#include "l1/table.h"
#include "load/loader.h"
#include "report/report.h"
#include "request/deps.h"
#include "request/identity.h"
#include "rules/define.h"
#include "rules/rule.h"
#include "rules/tracked.h"
#include "rules/security.h"
#include "rules/traits.h"
#include "statement/answer.h"
#include "statement/examine.h"
#include "tier/tier.h"

static void
put_item(ReturnSetInfo *rsinfo, const char *item, const char *value)
{
	Datum		values[2];
	bool		nulls[2] = {false, value == NULL};

	values[0] = CStringGetTextDatum(item);
	values[1] = value != NULL ? CStringGetTextDatum(value) : (Datum) 0;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static const char *
duration(int64 us)
{
	return psprintf("%.3f s", (double) us / USECS_PER_SEC);
}

static void
put_definition(ReturnSetInfo *rsinfo, const CfDefinition *def)
{
	put_item(rsinfo, "cache", def->name[0] != '\0' ? def->name : NULL);
	if (def->scope == CF_SCOPE_SETTING)
		put_item(rsinfo, "scope", psprintf("setting:%s", def->setting));
	else
		put_item(rsinfo, "scope", def->scope == CF_SCOPE_SHARED ? "shared" : "role");
	put_item(rsinfo, "ttl", duration(def->ttl));
	put_item(rsinfo, "negative ttl", duration(Min(def->negative_ttl, def->ttl / 5)));
	put_item(rsinfo, "stale ttl", duration(def->stale_ttl));
	if (def->freshness == CF_FRESHNESS_DECLARED)
		put_item(rsinfo, "freshness", "declared: by keys and tags alone");
	if (def->refresh_after > 0)
		put_item(rsinfo, "refresh after", duration(def->refresh_after));
	if (def->max_stale > 0)
		put_item(rsinfo, "max stale", duration(def->max_stale));
}

const char *
cf_report_identity(const CfHash128 *hash)
{
	return psprintf("%016llx%016llx", (unsigned long long) hash->h[0],
					(unsigned long long) hash->h[1]);
}

static void
put_identity(ReturnSetInfo *rsinfo, const CfIdentity *id)
{
	put_item(rsinfo, "role", OidIsValid(id->role) ?
			 GetUserNameFromId(id->role, false) : NULL);
	put_item(rsinfo, "session role", OidIsValid(id->session_role) ?
			 GetUserNameFromId(id->session_role, false) : NULL);
	put_item(rsinfo, "search path", namespace_search_path);
	put_item(rsinfo, "identity", cf_report_identity(&id->hash));
}

/* Why no rule and no tracking notices what changes in it. */
static const char *
uncovered_text(Oid relid)
{
	if (cf_is_system_relation(relid))
		return "it came with PostgreSQL: only the time to live bounds it";
	switch (get_rel_relkind(relid))
	{
		case RELKIND_FOREIGN_TABLE:
			return "a foreign table: only the time to live bounds it";
		case RELKIND_SEQUENCE:
			return "a sequence: only the time to live bounds it";
		default:
			return "no rule, bounded by the time to live";
	}
}

static const char *
rule_text(Oid relid, CfCover cover)
{
	switch (cover.kind)
	{
		case CF_COVER_NONE:
			return uncovered_text(relid);
		case CF_COVER_TABLE:
			return psprintf("table rule %s", cover.rule->name);
		case CF_COVER_ROW:
			return psprintf("row rule %s: the caller declares that it reads only rows of this key or tag",
							cover.rule->name);
		case CF_COVER_VIEW:
			return "REFRESH invalidates it";
	}
	return NULL;
}

static const char *
reach_text(Oid relid, const CfReach *reach)
{
	switch (reach->kind)
	{
		case CF_REACH_RULE:
			return rule_text(relid, reach->rule);
		case CF_REACH_TABLE:
			return reach->use == NULL || reach->use->how == NULL ?
				"by the table: each change of it invalidates" :
				psprintf("by the table: each change of it invalidates, because %s",
						 reach->use->how);
		case CF_REACH_ROWS:
			return reach->use->how != NULL ? reach->use->how : "by rows";
		case CF_REACH_PART:
			return "as the table that it is a partition of";
	}
	return NULL;
}

/* What a function makes a result depend on, the worst first. */
static const char *
traits_text(CfTraits traits)
{
	if ((traits & CF_TRAIT_SESSION) != 0)
		return "not known to give the same in every session";
	if ((traits & (CF_TRAIT_NAMED_SETTING | CF_TRAIT_ALL_SETTINGS)) != 0)
		return "reads settings";
	if ((traits & CF_TRAIT_SETTINGS) != 0)
		return "may read settings";
	if ((traits & CF_TRAIT_RIGHTS) != 0)
		return "depends on the rights of who asks";
	return "looks up names, which temporary objects may hide";
}

static const char *
settings_text(CfBinding binding)
{
	switch (binding)
	{
		case CF_BOUND_NONE:
			return "those that print and read values";
		case CF_BOUND_SETTINGS:
			return "all of the session that can change a result";
		case CF_BOUND_ALL_SETTINGS:
			return "all of the session";
	}
	return NULL;
}

static void
put_traits(ReturnSetInfo *rsinfo, const char *item, const char *name, CfTraits traits)
{
	const CfTraits shared = CF_TRAIT_SESSION | CF_TRAIT_NAMED_SETTING | CF_TRAIT_ALL_SETTINGS |
		CF_TRAIT_SETTINGS | CF_TRAIT_RIGHTS | CF_TRAIT_NAMES;

	if ((traits & shared) != 0)
		put_item(rsinfo, item, psprintf("%s: %s", name, traits_text(traits)));
	if ((traits & CF_TRAIT_UNSEEN) != 0)
		put_item(rsinfo, item,
				 psprintf("%s: what it reads is not seen, only the time to live bounds it", name));
	else if ((traits & CF_TRAIT_UNTRACKED) != 0)
		put_item(rsinfo, item,
				 psprintf("%s: depends on what changes without notice, only the time to live bounds it", name));
	if ((traits & CF_TRAIT_CHANCE) != 0)
		put_item(rsinfo, item,
				 psprintf("%s: depends on time or chance, only as fresh as its time to live", name));
}

/* As far as the plan tells: it does not run. */
static const char *
covered_text(bool tables, const CfSources *sources)
{
	bool		runs = sources->opaque != NIL || (sources->traits & CF_TRAIT_WATCHED) != 0;

	if (!tables || (sources->traits & CF_TRAITS_UNCOVERED) != 0)
		return "no";
	if (runs)
		return "yes, if all that functions in it read is";
	return sources->relids != NIL ? "yes" : "no";
}

/* cached: what is known of an entry, or NULL. */
static void
put_tables(ReturnSetInfo *rsinfo, const CfRequest *request, const CfSources *sources,
		   const CfL1Result *cached)
{
	bool		covered = true;
	ListCell   *cell;

	foreach(cell, sources->relids)
	{
		Oid			relid = lfirst_oid(cell);
		CfReach		reach = cf_deps_reach(request, sources, relid);

		covered &= reach.kind != CF_REACH_RULE || reach.rule.kind != CF_COVER_NONE;
		put_item(rsinfo, "table",
				 psprintf("%s: %s",
						  quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
													 get_rel_name(relid)),
						  reach_text(relid, &reach)));
	}
	foreach(cell, sources->notable)
		put_traits(rsinfo, "function", get_func_name(lfirst_oid(cell)),
				   cf_function_traits(lfirst_oid(cell)));
	foreach(cell, sources->others)
	{
		CfTraitsOther *other = lfirst(cell);

		put_traits(rsinfo, "plan", other->what, other->traits);
	}
	if ((sources->traits & CF_TRAIT_CLOCK) != 0)
		put_item(rsinfo, "plan",
				 "text that is read as a date or a time, as 'today' is: depends on time or chance,"
				 " only as fresh as its time to live");
	foreach(cell, sources->opaque)
	{
		Oid			function = lfirst_oid(cell);
		CfTraits	traits = cf_function_traits(function);

		if ((traits & CF_TRAIT_WATCHED) != 0)
			put_item(rsinfo, "function",
					 psprintf("%s: what it reads is seen when it runs", get_func_name(function)));
		else if (!list_member_oid(sources->notable, function))
			put_traits(rsinfo, "function", get_func_name(function), traits);
		covered &= (traits & CF_TRAITS_UNCOVERED) == 0;
	}
	put_item(rsinfo, "covered", cached != NULL && !cached->outdated ?
			 (cached->covered ? "yes" : "no") :
			 covered_text(covered, sources));
}

static void
put_l1(ReturnSetInfo *rsinfo, CfL1Status status, const CfL1Result *result, TimestampTz now)
{
	if (status == CF_L1_MISS)
	{
		put_item(rsinfo, "L1", result->lacks_tags ? "miss: without some of these tags" : "miss");
		return;
	}
	put_item(rsinfo, "L1", result->outdated ? "outdated, and served for max_stale" :
			 status == CF_L1_HIT ? "fresh" :
			 status == CF_L1_EXPIRED ? "stale" : "known not to be cacheable");
	put_item(rsinfo, "age", duration(now - result->filled_at));
	put_item(rsinfo, "ttl left", duration(result->expires_at - now));
	put_item(rsinfo, "bytes", psprintf("%u", result->value_len));
	put_item(rsinfo, "load time", duration(result->load_us));
}

/* Would it depend on too much, as far as the plan shows it? */
static bool
is_too_wide(const CfRequest *request, const CfSources *sources)
{
	CfDeps		deps;

	cf_deps_of_request(request, &deps);
	cf_deps_add_tables(request, sources, &deps);
	return !cf_deps_fit(deps.n);
}

/*
 * Plans the query, under the caller's rights, but does not run it. Who may not
 * run it learns nothing of what it gave others: its own error is raised.
 */
void
cf_report_explain(ReturnSetInfo *rsinfo, CfRequest *request)
{
	CfBypass	bypass;
	CfLoad		load;
	CfL1Result	result;
	CfL1Status	status;
	TimestampTz now = cf_now();
	const char *reason;
	bool		may_share;

	cf_request_define(request);
	cf_request_set_limits(request);
	cf_identity_of_request(request);
	bypass = cf_policy_bypass(request);
	cf_load_examine(request, &load);
	may_share = cf_policy_may_share(request);
	if (bypass == CF_BYPASS_NONE)
		bypass = load.bypass;
	request->max_stale = bypass == CF_BYPASS_NONE ? cf_policy_max_stale(request) : 0;
	/* A run may have shown more than the plan does. */
	status = cf_fetch_look(request, now, &result);
	if (bypass == CF_BYPASS_NONE && status == CF_L1_MARKED)
		bypass = cf_marker_bypass(result.marker);
	if (request->binding < cf_watch_binding(load.sources.traits))
	{
		request->binding = cf_watch_binding(load.sources.traits);
		cf_identity_of_request(request);
	}

	reason = cf_policy_reason(bypass);
	if (reason == NULL && is_too_wide(request, &load.sources))
		reason = "it depends on more than 1,000 tables and tags";
	put_item(rsinfo, "cached", reason == NULL ? "yes" : "no");
	if (reason != NULL)
		put_item(rsinfo, "reason", reason);
	put_definition(rsinfo, &request->def);
	put_identity(rsinfo, &request->id);
	put_item(rsinfo, "settings", settings_text(request->binding));
	put_tables(rsinfo, request, &load.sources,
			   may_share && (status == CF_L1_HIT || status == CF_L1_EXPIRED) ? &result : NULL);
	if (may_share)
	{
		put_l1(rsinfo, status, &result, now);
		put_item(rsinfo, "L2", cf_tier_explain(request));
	}
}

/* ---- a plain statement -------------------------------------------------- */

/* Why no row of it is kept for this role, though it is eligible. */
static CfBypass
bypass_of(const CfSources *sources, const CfDefinition *def)
{
	if (sources->temporary)
		return CF_BYPASS_TEMPORARY;
	if ((sources->row_security && def->scope != CF_SCOPE_SETTING) ||
		(sources->has_policies && def->scope == CF_SCOPE_SHARED))
		return CF_BYPASS_ROW_SECURITY;
	return CF_BYPASS_NONE;
}

/* What becomes of one that may be served, in this session: NULL, it is. */
static const char *
why_not_asked_for(const CfExamined *examined)
{
	CfEligibility why;

	if (cf_guc_transparent == CF_TRANSPARENT_OFF)
		return "cachefront.transparent is off in this session";
	if (cf_guc_transparent == CF_TRANSPARENT_OBSERVE)
		return "cachefront.transparent is observe in this session: it is measured only";
	if (!cf_guc_enabled)
		return cf_policy_reason(CF_BYPASS_DISABLED);
	if (IsolationIsSerializable())
		return cf_policy_reason(CF_BYPASS_SERIALIZABLE);
	if (examined->wish.marked)
		return NULL;
	if (cf_guc_transparent == CF_TRANSPARENT_MARKED)
		return "neither a comment nor cache_query marks it, and cachefront.transparent is marked";
	if (cf_guc_transparent_min_saving > 0 && examined->wish.shape != NULL &&
		cf_shape_verdict(examined->wish.shape, &why) == CF_VERDICT_PAYS_NOT)
		return "it saves less than cachefront.transparent_min_saving, and waits for another trial";
	return NULL;
}

static const char *
why_not_served(const CfExamined *examined, const CfSources *sources, const CfDefinition *def)
{
	if (examined->verdict != CF_ELIGIBLE)
		return cf_eligible_reason(examined->verdict);
	if (bypass_of(sources, def) != CF_BYPASS_NONE)
		return cf_policy_reason(bypass_of(sources, def));
	return why_not_asked_for(examined);
}

static const char *
wish_text(const CfWish *wish)
{
	CfEligibility why;

	if (wish->mark != NULL)
		return psprintf("cache_query, as %s", wish->mark);
	if (wish->marked)
		return "its comment";
	if (wish->shape == NULL)
		return "nobody: it has not been measured";
	return cf_shape_verdict(wish->shape, &why) == CF_VERDICT_PAYS ? "what it saves" :
		"a trial of what it saves";
}

static void
collect_sources(const CfExamined *examined, CfSources *sources)
{
	const CfStatement *statement = &examined->statement;
	CfTraitsFound found = {.want_functions = true};

	cf_traits_of_plan(statement->child, &found);
	cf_security_add_plan(sources, statement->child, false);
	cf_proof_add_plan(&sources->proof, statement->child, examined->params, false);
	sources->opaque = cf_security_opaque_functions(examined->query);
	sources->traits = found.traits;
	sources->notable = found.functions;
	sources->others = found.others;
}

static void
put_tags(ReturnSetInfo *rsinfo, const List *tags)
{
	ListCell   *cell;

	foreach(cell, tags)
		put_item(rsinfo, "tag", strVal(lfirst(cell)));
}

void
cf_report_explain_statement(ReturnSetInfo *rsinfo, const CfExamined *examined)
{
	const CfStatement *statement = &examined->statement;
	CfSources	sources = {0};
	CfAnswer	answer;
	CfRequest  *request = &answer.request;
	CfL1Result	result;
	CfL1Status	status;
	bool		complete = cf_answer_examine(&answer, statement, examined->params, &status,
											 &result);
	const char *reason;

	collect_sources(examined, &sources);
	cf_answer_define(statement, request);
	if (cf_request_ttl(request) != 0)
		request->def.ttl = cf_request_ttl(request);
	strlcpy(request->def.name, statement->cache, sizeof(request->def.name));
	reason = why_not_served(examined, &sources, &request->def);
	put_item(rsinfo, "served", reason == NULL ? "yes" : "no");
	if (reason != NULL)
		put_item(rsinfo, "reason", reason);
	put_item(rsinfo, "asked for by", wish_text(&examined->wish));
	put_definition(rsinfo, &request->def);
	put_tags(rsinfo, statement->tags);
	if (complete)
		put_identity(rsinfo, &request->id);
	if (examined->verdict == CF_ELIGIBLE)
		put_item(rsinfo, "settings", settings_text(statement->binding));
	put_tables(rsinfo, request, &sources, NULL);
	if (complete)
		put_l1(rsinfo, status, &result, cf_now());
	else
		put_item(rsinfo, "L1", "give the values of its parameters as args");
}
