/*
 * known.c - what a text means, and what goes with a plan, as of the last time.
 *
 * A text is known when it has been planned twice with one result, and analysed anew in
 * between, and no definition has changed since the first time: then neither the analysis
 * nor what came after it can have seen anything else than what is there now. The
 * clocks of definitions stay raised until all sessions have been told of a change, so
 * a look at them is enough.
 *
 * What goes with a plan (whose rights count on which tables, the columns, the parameters)
 * is the same for all texts that differ in constants alone, where no subquery may
 * be taken away for one of them and not for another. It is kept as a statement whose node has
 * no plan inside. If the answer is gone before the node begins, the node plans (node.c).
 *
 * Only of texts that the client has sent, and only where the plan is for one execution: a
 * statement of the simple protocol, or one with parameters that PostgreSQL plans for their
 * values. And only of the tree that was made of the text last: one that was prepared earlier
 * keeps what its names and literals meant then, whatever they mean now. So each tree has
 * the number of its analysis, in a field of which PostgreSQL reads something in INSERTs alone,
 * and copies everywhere.
 *
 * Locking: none; all memory is of this session.
 *
 * src/statement/known.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "storage/proc.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/memo.h"
#include "engine/policy.h"
#include "l1/clock.h"
#include "request/identity.h"
#include "rules/function.h"
#include "rules/timeword.h"
#include "statement/answer.h"
#include "statement/eligible.h"
#include "statement/known.h"
#include "statement/node.h"
#include "statement/tree.h"

#define CF_KNOWN_TEXTS 4096
#define CF_KNOWN_TEMPLATES 128	/* those that share a place take turns */
#define CF_KNOWN_TEXT_MAX 16384 /* bytes; longer ones are planned each time */

/* What a text means. */
typedef struct Text
{
	CfHash128	key;
	CfHash128	tree;
	CfHash128	shape;
	CfMoment	moment;			/* from when it was planned first */
	uint64		analysed;		/* how many texts had been by then */
	bool		confirmed;
} Text;

/* What goes with the plans of a shape. */
typedef struct Template
{
	CfHash128	shape;
	MemoryContext context;
	PlannedStmt *stmt;			/* its node has no plan inside */
	CfStatement *statement;
} Template;

/* Replaced, but perhaps in use until the transaction ends. */
typedef struct Doomed
{
	struct Doomed *next;
	MemoryContext context;		/* of this, too */
	LocalTransactionId lxid;
} Doomed;

/* The last text that was analysed. */
typedef struct Analysed
{
	const Query *query;
	CfHash128	key;
	CfMoment	moment;			/* from after that */
	uint64		n;				/* how many so far */
	int			number;			/* that its tree has; 0: none, all are used up */
} Analysed;

static CfMemo texts = CF_MEMO("cachefront texts", Text, CF_KNOWN_TEXTS);
static Template *templates[CF_KNOWN_TEMPLATES];
static Doomed *doomed = NULL;
static Analysed last;
static uint64 names_changed = 0;	/* how many statements of this session may have done that */
static post_parse_analyze_hook_type prev_analyze = NULL;

/* ---- texts -------------------------------------------------------------- */

/* The statement in the source; false: too long. */
static bool
slice(const char *text, const Query *query, const char **begin, int *len)
{
	*begin = cf_statement_source(query, text, len);
	return *len <= CF_KNOWN_TEXT_MAX;
}

/* All that the meaning of a text depends on but definitions. */
static bool
make_key(const char *text, const Query *query, const CfHash128 *settings, CfHash128 *key)
{
	CfHash128	planning = cf_tree_settings();
	CfHashStream stream;
	const char *begin;
	int			len;

	if (!slice(text, query, &begin, &len))
		return false;
	*key = *settings;
	cf_hash_stream_begin(&stream, key);
	cf_hash_stream_put(&stream, begin, len);
	cf_hash_stream_put_u64(&stream, ((uint64) GetUserId() << 32) | GetSessionUserId());
	cf_hash_stream_put(&stream, &planning, sizeof(planning));
	/* Where temporary objects stand in it is not in what settings are known by. */
	cf_hash_stream_put(&stream, namespace_search_path, strlen(namespace_search_path));
	cf_hash_stream_put_u64(&stream, names_changed);
	cf_hash_stream_end(&stream, key);
	return true;
}

/*
 * Of temporary objects no clock tells, for they are nothing to others. But one that comes hides
 * what has its name. One that goes uncovers what had been hidden: of what read it, nothing
 * is known.
 */
void
cf_known_change_names(void)
{
	names_changed++;
}

uint64
cf_known_names(void)
{
	return names_changed;
}

/*
 * Only of what stands by itself: the query of a view is analysed as well, while CREATE VIEW
 * runs, and stored.
 */
static void
number_tree(Query *query)
{
	last.number = last.n < PG_INT32_MAX && ActivePortal == NULL ? (int) last.n : 0;
	query->override = (OverridingKind) last.number;
}

int
cf_known_take_number(Query *query)
{
	int			number = (int) query->override;

	query->override = OVERRIDING_NOT_SET;
	return number;
}

static void
note_analysed(ParseState *state, Query *query, JumbleState *jumble)
{
	CfHash128	settings;

	if (prev_analyze)
		prev_analyze(state, query, jumble);
	if (likely(cf_guc_transparent == CF_TRANSPARENT_OFF) || query->commandType != CMD_SELECT ||
		state->p_sourcetext == NULL || state->p_sourcetext != debug_query_string)
		return;
	last.query = NULL;
	last.n++;
	settings = cf_identity_of_settings();
	if (!make_key(state->p_sourcetext, query, &settings, &last.key))
		return;
	number_tree(query);
	last.query = query;
	last.moment = cf_moment_now();
}

/* Has no definition changed since? */
bool
cf_known_definitions_unmoved(const CfMoment *moment)
{
	const CfClockRef clocks[] = {
		cf_clock_of_epoch(MyDatabaseId), cf_clock_of_epoch(InvalidOid),
		cf_clock_of_light_names(MyDatabaseId), cf_clock_of_light_names(InvalidOid),
		cf_clock_of_any_definition(MyDatabaseId)
	};

	for (int i = 0; i < lengthof(clocks); i++)
	{
		if (!cf_clock_unmoved(clocks[i], moment->stamp))
			return false;
	}
	return cf_moment_history_holds(moment, clocks, lengthof(clocks));
}

/* Is its plan for this execution alone, and its tree the last that was made? */
static bool
is_for_once(const Query *query, int number, const char *text, ParamListInfo params)
{
	if (text != debug_query_string || last.query == NULL || number == 0 ||
		number != last.number)
		return false;
	if (params == NULL)
		return query == last.query;
	return params->paramFetch == NULL;
}

/*
 * Words of time are read when a text is analysed: 'today' means another constant
 * tomorrow. Of other types that are not known to be free of that nothing is remembered.
 */
static bool
holds_time(const char *text, const Query *query)
{
	const char *begin;
	int			len;

	return !slice(text, query, &begin, &len) || cf_timeword_is_in(begin, len);
}

static bool
changing_constant_walker(Node *node, void *context)
{
	bool	   *may_hold_time = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, changing_constant_walker, context, 0);
	if (IsA(node, Const) && !((Const *) node)->constisnull)
	{
		Oid			type = ((Const *) node)->consttype;

		if (type == UNKNOWNOID || cf_function_reads_no_clock(type))
			return false;
		switch (type)
		{
			case DATEOID:
			case TIMEOID:
			case TIMESTAMPOID:
			case TIMESTAMPTZOID:
				*may_hold_time = true;
				return false;
			default:
				return true;
		}
	}
	return expression_tree_walker(node, changing_constant_walker, context);
}

static bool
means_the_same_tomorrow(const char *text, const Query *query)
{
	bool		may_hold_time = false;

	if (changing_constant_walker((Node *) query, &may_hold_time))
		return false;
	return !may_hold_time || !holds_time(text, query);
}

/* ---- templates ---------------------------------------------------------- */

/* Portals do not outlive their transaction, unless their rows are kept by themselves. */
static void
free_doomed(void)
{
	Doomed	  **link = &doomed;

	while (*link != NULL)
	{
		Doomed	   *one = *link;

		if (one->lxid == CF_MY_LXID)
		{
			link = &one->next;
			continue;
		}
		*link = one->next;
		MemoryContextDelete(one->context);
	}
}

static void
drop_template(Template **place)
{
	Template   *template = *place;
	Doomed	   *one = MemoryContextAlloc(template->context, sizeof(Doomed));

	*place = NULL;
	one->context = template->context;
	one->lxid = CF_MY_LXID;
	one->next = doomed;
	doomed = one;
}

static Template **
place_of(const CfHash128 *shape)
{
	return &templates[shape->h[0] % CF_KNOWN_TEMPLATES];
}

static void
keep_template(const CfHash128 *shape, const PlannedStmt *stmt)
{
	Template  **place = place_of(shape);
	MemoryContext context;
	MemoryContext old;
	Template   *template;

	if (*place != NULL && cf_hash128_equal(&(*place)->shape, shape))
		return;
	if (*place != NULL)
		drop_template(place);
	context = AllocSetContextCreate(CurrentMemoryContext, "cachefront statement",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	template = palloc0(sizeof(Template));
	template->shape = *shape;
	template->context = context;
	template->stmt = cf_node_empty(stmt);
	template->statement = cf_node_statement(template->stmt);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, TopMemoryContext);
	*place = template;
}

/* ---- a statement is planned --------------------------------------------- */

PlannedStmt *
cf_known_find(Query *query, int number, const char *text, ParamListInfo params,
			  const CfWish *wish, CfKnownText *known)
{
	CfHash128	settings = cf_identity_of_settings();
	CfMemoTicket ticket;
	CfStatement statement;
	Template   *template;
	Text	   *entry;

	MemSet(known, 0, sizeof(*known));
	if (doomed != NULL)
		free_doomed();
	if (!is_for_once(query, number, text, params) || cf_policy_has_written() ||
		cf_guc_transparent == CF_TRANSPARENT_OBSERVE || IsolationUsesXactSnapshot() ||
		!make_key(text, query, &settings, &known->key) ||
		!cf_hash128_equal(&known->key, &last.key) ||
		!cf_known_definitions_unmoved(&last.moment))
		return NULL;
	known->usable = true;
	entry = cf_memo_find(&texts, &known->key, &ticket);
	if (entry == NULL || !entry->confirmed)
		return NULL;
	if (!cf_known_definitions_unmoved(&entry->moment))
	{
		cf_memo_forget(&texts);
		return NULL;
	}
	template = *place_of(&entry->shape);
	if (template == NULL || !cf_hash128_equal(&template->shape, &entry->shape))
		return NULL;
	statement = *template->statement;
	statement.tree = entry->tree;
	statement.settings = settings;
	statement.query = query;
	cf_statement_wish(&statement, wish);
	if (!cf_answer_is_there(&statement, params))
		return NULL;
	return cf_node_rewrap(template->stmt, &statement, query);
}

static bool
sublink_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return ((Query *) node)->hasSubLinks ||
			query_tree_walker((Query *) node, sublink_walker, context, 0);
	return IsA(node, SubLink) || expression_tree_walker(node, sublink_walker, context);
}

void
cf_known_before(CfKnownText *known, const Query *query, const char *text)
{
	known->learns = known->usable && means_the_same_tomorrow(text, query);
	if (!known->learns)
		return;
	/* A subquery may be taken away for one constant, with the rights that it asks for. */
	if (!sublink_walker((Node *) query, NULL))
		cf_tree_shape(query, &known->shape);
}

void
cf_known_learn(const CfKnownText *known, const CfStatement *statement, const PlannedStmt *stmt)
{
	CfHash128	shape = known->shape;
	CfMemoTicket ticket;
	Text	   *entry;

	if (!known->learns)
		return;
	/*
	 * What a constant is the name of may decide to which settings it is bound, and what a
	 * function gives for one may take a part of the statement away.
	 */
	if ((shape.h[0] == 0 && shape.h[1] == 0) || statement->binding != CF_BOUND_NONE ||
		statement->functions)
		shape = statement->tree;
	keep_template(&shape, stmt);
	entry = cf_memo_find(&texts, &known->key, &ticket);
	if (entry == NULL)
		entry = cf_memo_enter(&texts, &known->key, ticket);
	else if (cf_hash128_equal(&entry->tree, &statement->tree) &&
			 cf_hash128_equal(&entry->shape, &shape) &&
			 cf_known_definitions_unmoved(&entry->moment))
	{
		entry->confirmed |= last.n > entry->analysed;
		return;
	}
	if (entry == NULL)
		return;
	entry->tree = statement->tree;
	entry->shape = shape;
	entry->moment = statement->moment;
	entry->analysed = last.n;
	entry->confirmed = false;
}

void
cf_known_install_hooks(void)
{
	prev_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = note_analysed;
}
