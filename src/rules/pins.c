/*
 * pins.c - which rows of a table can a plan touch?
 *
 * The planner makes plans inside of plans: a function that it evaluates has
 * statements of its own. So each has a frame, which an error takes away too.
 *
 * A plan that is made gets a number, in a list that PostgreSQL copies with it and
 * does not look at unless it knows the kind of item. By that it is found again
 * when it runs, also much later and from the plan cache.
 *
 * Only conditions of a scan itself count (baserestrictinfo). Those of joins may
 * be met by other rows than come out of it, pseudoconstants are about none.
 *
 * Locking: none.
 *
 * src/rules/pins.c
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "rules/family.h"
#include "rules/pins.h"

#define CF_MAX_PLANS 512		/* that are remembered */
#define CF_PLAN_NUMBER (-19022)	/* as the cacheId of a PlanInvalItem; no cache's */
#define CF_MAX_CONST 8192		/* bytes of a constant */
#define CF_MAX_SHOWN 40			/* bytes of a value */

/* A plan that is being made. */
typedef struct Frame
{
	struct Frame *below;
	MemoryContext context;		/* goes with an error */
	List	   *scans;			/* in it, with all that they have */
} Frame;

/* One that was made. */
typedef struct Noted
{
	uint32		number;			/* hash key */
	MemoryContext context;		/* of scans */
	List	   *scans;
} Noted;

static struct
{
	bool		noting;			/* does somebody want the next plan's? */
	Frame	   *top;			/* the innermost plan that is being made, or NULL */
	HTAB	   *plans;			/* of Noted, that were made */
	uint32		last_number;
}			memory;

static planner_hook_type prev_planner = NULL;
static set_rel_pathlist_hook_type prev_pathlist = NULL;

/* ---- conditions --------------------------------------------------------- */

/* The same value, only called by another type. */
static Node *
strip(Node *node)
{
	while (node != NULL && IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;
	return node;
}

static bool
is_column(Node *node, const RelOptInfo *rel)
{
	Var		   *var = (Var *) strip(node);

	return var != NULL && IsA(var, Var) && var->varno == rel->relid &&
		var->varlevelsup == 0 && var->varattno > 0;
}

/* What is long is not kept. Of an array all elements are. */
static bool
is_short(const Const *constant)
{
	return constant->constisnull || constant->constbyval ||
		datumGetSize(constant->constvalue, false, constant->constlen) <= CF_MAX_CONST;
}

static bool
is_value(Node *node)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const))
		return is_short((Const *) node);
	return IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN;
}

/* The type that an operator takes; where it takes any, that of what it is given. */
static Oid
operand_type(Oid declared, Oid actual)
{
	return getBaseType(IsPolymorphicType(declared) ? actual : declared);
}

/*
 * May "column operator value" pin the column? The operator must be the equality by
 * which values of the column's type are hashed, or be of its family: only then are
 * values that it calls equal hashed alike. An equality that tells apart more than
 * the column's does no harm; one that tells apart less would leave out rows.
 */
static bool
set_hashing(CfPin *pin, Oid operator, Oid collation, Oid column_type, Oid value_type)
{
	CfHashing	column;
	CfHashing	value;

	if (!cf_hashing_of_type(column_type, &column) ||
		get_op_opfamily_strategy(operator, column.opfamily) != HTEqualStrategyNumber ||
		!op_strict(operator) ||
		!cf_hashing_of_type(value_type, &value) || value.opfamily != column.opfamily)
		return false;
	if (collation != pin->collation &&
		(!OidIsValid(collation) || !OidIsValid(pin->collation) ||
		 !get_collation_isdeterministic(collation)))
		return false;
	pin->type = value_type;
	pin->function = value.function;
	pin->builtin = column.builtin && value.builtin;
	return true;
}

static CfPin *
make_pin(const RangeTblEntry *rte, Node *column)
{
	const Var  *var = (Var *) strip(column);
	CfPin	   *pin = palloc0(sizeof(CfPin));
	Oid			type;
	int32		typmod;

	pin->column = get_attname(rte->relid, var->varattno, false);
	get_atttypetypmodcoll(rte->relid, var->varattno, &type, &typmod, &pin->collation);
	return pin;
}

static Oid
column_type(const RangeTblEntry *rte, Node *column)
{
	return getBaseType(get_atttype(rte->relid, ((Var *) strip(column))->varattno));
}

/* column = value, or value = column. */
static CfPin *
pin_by_operator(const OpExpr *op, const RelOptInfo *rel, const RangeTblEntry *rte)
{
	CfPin	   *pin;
	Node	   *column;
	Node	   *value;
	Oid			left;
	Oid			right;
	bool		commuted;

	if (list_length(op->args) != 2)
		return NULL;
	commuted = !is_column(linitial(op->args), rel);
	column = commuted ? lsecond(op->args) : linitial(op->args);
	value = strip(commuted ? linitial(op->args) : lsecond(op->args));
	if (!is_column(column, rel) || !is_value(value))
		return NULL;
	op_input_types(op->opno, &left, &right);
	pin = make_pin(rte, column);
	if (!set_hashing(pin, op->opno, op->inputcollid, column_type(rte, column),
					 operand_type(commuted ? left : right, exprType(value))))
		return NULL;
	pin->values = list_make1(copyObject(value));
	return pin;
}

/* Each with its relabelling taken off; NIL if one is not a value. */
static List *
take_elements(const ArrayExpr *array)
{
	List	   *values = NIL;
	ListCell   *cell;

	foreach(cell, array->elements)
	{
		Node	   *value = strip(lfirst(cell));

		if (!is_value(value))
			return NIL;
		values = lappend(values, copyObject(value));
	}
	return values;
}

/* column = ANY (array). "<> ALL" and "= ALL" look nearly the same. */
static CfPin *
pin_by_array(const ScalarArrayOpExpr *op, const RelOptInfo *rel, const RangeTblEntry *rte)
{
	CfPin	   *pin;
	Node	   *column = linitial(op->args);
	Node	   *array = strip(lsecond(op->args));
	Oid			left;
	Oid			right;

	if (!op->useOr || !is_column(column, rel))
		return NULL;
	pin = make_pin(rte, column);
	if (is_value(array))
	{
		pin->is_array = true;
		pin->values = list_make1(copyObject(array));
	}
	else if (IsA(array, ArrayExpr) && !((ArrayExpr *) array)->multidims)
		pin->values = take_elements((ArrayExpr *) array);
	op_input_types(op->opno, &left, &right);
	if (pin->values == NIL ||
		!set_hashing(pin, op->opno, op->inputcollid, column_type(rte, column),
					 operand_type(right, get_base_element_type(exprType(array)))))
		return NULL;
	return pin;
}

/* "WHERE active" is what becomes of "active = true". */
static CfPin *
pin_by_truth(Node *column, bool truth, const RangeTblEntry *rte)
{
	CfPin	   *pin;

	if (column_type(rte, column) != BOOLOID)
		return NULL;
	pin = make_pin(rte, column);
	if (!set_hashing(pin, BooleanEqualOperator, InvalidOid, BOOLOID, BOOLOID))
		return NULL;
	pin->values = list_make1(makeBoolConst(truth, false));
	return pin;
}

static CfPin *
pin_by_clause(Node *clause, const RelOptInfo *rel, const RangeTblEntry *rte)
{
	if (IsA(clause, OpExpr))
		return pin_by_operator((OpExpr *) clause, rel, rte);
	if (IsA(clause, ScalarArrayOpExpr))
		return pin_by_array((ScalarArrayOpExpr *) clause, rel, rte);
	if (is_column(clause, rel))
		return pin_by_truth(clause, true, rte);
	if (is_notclause(clause) && is_column((Node *) get_notclausearg(clause), rel))
		return pin_by_truth((Node *) get_notclausearg(clause), false, rte);
	return NULL;
}

static List *
collect_pins(const RelOptInfo *rel, const RangeTblEntry *rte)
{
	List	   *pins = NIL;
	ListCell   *cell;

	foreach(cell, rel->baserestrictinfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, cell);
		CfPin	   *pin;

		if (info->pseudoconstant)
			continue;
		pin = pin_by_clause((Node *) info->clause, rel, rte);
		if (pin != NULL)
			pins = lappend(pins, pin);
	}
	return pins;
}

/* ---- columns ------------------------------------------------------------ */

static Bitmapset *
add_columns_of_clauses(Bitmapset *used, List *infos, const RelOptInfo *rel)
{
	ListCell   *cell;

	foreach(cell, infos)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, rel->relid, &used);
	return used;
}

/* Numbers, less FirstLowInvalidHeapAttributeNumber. */
static Bitmapset *
collect_columns(const RelOptInfo *rel)
{
	Bitmapset  *used = NULL;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &used);
	used = add_columns_of_clauses(used, rel->baserestrictinfo, rel);
	used = add_columns_of_clauses(used, rel->joininfo, rel);
	for (int attno = rel->min_attr; attno <= rel->max_attr; attno++)
	{
		if (!bms_is_empty(rel->attr_needed[attno - rel->min_attr]))
			used = bms_add_member(used, attno - FirstLowInvalidHeapAttributeNumber);
	}
	return used;
}

static void
set_columns(CfScan *scan, const RelOptInfo *rel)
{
	Bitmapset  *used = collect_columns(rel);
	int			member = -1;

	while ((member = bms_next_member(used, member)) >= 0)
	{
		int			attno = member + FirstLowInvalidHeapAttributeNumber;

		/* A whole row, or where a row lies. */
		if (attno <= 0)
			scan->all_columns = true;
		else
			scan->columns = lappend(scan->columns, get_attname(scan->relid, attno, false));
	}
}

/* ---- scans -------------------------------------------------------------- */

/* The uppermost partitioned table of the query that a relation is read as part of. */
static Oid
find_tree(PlannerInfo *root, const RelOptInfo *rel, const RangeTblEntry *rte)
{
	Oid			tree = rte->relid;
	Index		rti = rel->relid;

	if (rel->reloptkind != RELOPT_OTHER_MEMBER_REL || root->append_rel_array == NULL)
		return tree;
	while (root->append_rel_array[rti] != NULL)
	{
		const RangeTblEntry *parent;

		rti = root->append_rel_array[rti]->parent_relid;
		parent = planner_rt_fetch(rti, root);
		if (parent->rtekind != RTE_RELATION || parent->relkind != RELKIND_PARTITIONED_TABLE)
			break;
		tree = parent->relid;
	}
	return tree;
}

/* The parent of others, by plain inheritance, is one of its own children, too. */
static bool
is_scan(const RelOptInfo *rel, const RangeTblEntry *rte)
{
	return rte->rtekind == RTE_RELATION &&
		(!rte->inh || rte->relkind == RELKIND_PARTITIONED_TABLE);
}

static void
note_scan(PlannerInfo *root, const RelOptInfo *rel, const RangeTblEntry *rte)
{
	MemoryContext old = MemoryContextSwitchTo(memory.top->context);
	CfScan	   *scan = palloc0(sizeof(CfScan));

	scan->relid = rte->relid;
	scan->tree = find_tree(root, rel, rte);
	scan->sampled = rte->tablesample != NULL;
	if (scan->tree == scan->relid)
	{
		scan->pins = collect_pins(rel, rte);
		set_columns(scan, rel);
	}
	memory.top->scans = lappend(memory.top->scans, scan);
	MemoryContextSwitchTo(old);
}

static void
pins_pathlist(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (prev_pathlist)
		prev_pathlist(root, rel, rti, rte);
	if (unlikely(memory.top != NULL) && is_scan(rel, rte))
		note_scan(root, rel, rte);
}

/* ---- plans -------------------------------------------------------------- */

static PlannedStmt *
call_planner(Query *query, const char *text, int options, ParamListInfo params)
{
	return prev_planner ? prev_planner(query, text, options, params) :
		standard_planner(query, text, options, params);
}

static void
forget_plans(void)
{
	HASH_SEQ_STATUS status;
	Noted	   *noted;

	hash_seq_init(&status, memory.plans);
	while ((noted = hash_seq_search(&status)) != NULL)
		MemoryContextDelete(noted->context);
	hash_destroy(memory.plans);
	memory.plans = NULL;
}

static Noted *
enter_plan(uint32 number)
{
	HASHCTL		control = {
		.keysize = sizeof(uint32),
		.entrysize = sizeof(Noted),
		.hcxt = TopMemoryContext,
	};

	if (memory.plans != NULL && hash_get_num_entries(memory.plans) >= CF_MAX_PLANS)
		forget_plans();
	if (memory.plans == NULL)
		memory.plans = hash_create("cachefront pins of plans", 64, &control,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return hash_search(memory.plans, &number, HASH_ENTER, NULL);
}

/* The plan is made: from now on it is known by its number. */
static void
keep(const Frame *frame, PlannedStmt *plan)
{
	PlanInvalItem *item = makeNode(PlanInvalItem);
	Noted	   *noted;

	item->cacheId = CF_PLAN_NUMBER;
	item->hashValue = ++memory.last_number;
	plan->invalItems = lappend(plan->invalItems, item);
	noted = enter_plan(item->hashValue);
	noted->context = frame->context;
	noted->scans = frame->scans;
	MemoryContextSetParent(frame->context, TopMemoryContext);
}

static PlannedStmt *
pins_planner(Query *query, const char *text, int options, ParamListInfo params)
{
	Frame		frame = {.below = memory.top};
	PlannedStmt *plan;

	if (likely(!memory.noting))
		return call_planner(query, text, options, params);
	frame.context = AllocSetContextCreate(CurrentMemoryContext, "cachefront pins",
										  ALLOCSET_SMALL_SIZES);
	memory.top = &frame;
	PG_TRY();
	{
		plan = call_planner(query, text, options, params);
	}
	PG_FINALLY();
	{
		memory.top = frame.below;
	}
	PG_END_TRY();
	keep(&frame, plan);
	return plan;
}

void
cf_pins_note(bool on)
{
	memory.noting = on;
}

bool
cf_pins_of_plan(const PlannedStmt *plan, List **scans)
{
	ListCell   *cell;

	foreach(cell, plan->invalItems)
	{
		const PlanInvalItem *item = lfirst_node(PlanInvalItem, cell);
		const Noted *noted;

		if (item->cacheId != CF_PLAN_NUMBER || memory.plans == NULL)
			continue;
		noted = hash_search(memory.plans, &item->hashValue, HASH_FIND, NULL);
		if (noted == NULL)
			return false;
		*scans = noted->scans;
		return true;
	}
	return false;
}

/* ---- one execution ------------------------------------------------------ */

/* The value of a Const or Param. False: it has none yet, or of another type. */
static bool
get_value(Node *node, ParamListInfo params, Datum *value, bool *isnull)
{
	const Param *param = (Param *) node;
	ParamExternData space;
	ParamExternData *found;

	if (IsA(node, Const))
	{
		*value = ((Const *) node)->constvalue;
		*isnull = ((Const *) node)->constisnull;
		return true;
	}
	if (params == NULL || param->paramid < 1 || param->paramid > params->numParams)
		return false;
	/* Speculative: what raises an error only when it is used must not do so now. */
	if (params->paramFetch != NULL)
		found = params->paramFetch(params, param->paramid, true, &space);
	else
		found = &params->params[param->paramid - 1];
	*value = found->value;
	*isnull = found->isnull;
	return found->ptype == param->paramtype;
}

/* Values, one after the other. */
typedef struct Values
{
	int			n;
	Datum	   *value;
	bool	   *isnull;
} Values;

static bool
get_array(const CfPin *pin, ParamListInfo params, Values *values)
{
	Datum		array;
	bool		isnull;
	int16		len;
	bool		byval;
	char		align;

	values->n = 0;
	if (!get_value(linitial(pin->values), params, &array, &isnull))
		return false;
	if (isnull)
		return true;
	get_typlenbyvalalign(ARR_ELEMTYPE(DatumGetArrayTypeP(array)), &len, &byval, &align);
	deconstruct_array(DatumGetArrayTypeP(array), ARR_ELEMTYPE(DatumGetArrayTypeP(array)),
					  len, byval, align, &values->value, &values->isnull, &values->n);
	return true;
}

static bool
get_values(const CfPin *pin, ParamListInfo params, Values *values)
{
	ListCell   *cell;

	if (pin->is_array)
		return get_array(pin, params, values);
	values->n = 0;
	values->value = palloc(list_length(pin->values) * sizeof(Datum));
	values->isnull = palloc(list_length(pin->values) * sizeof(bool));
	foreach(cell, pin->values)
	{
		if (!get_value(lfirst(cell), params, &values->value[values->n],
					   &values->isnull[values->n]))
			return false;
		values->n++;
	}
	return true;
}

static int
add_hash(uint64 *hashes, int n, uint64 hash, int max)
{
	for (int i = 0; i < n; i++)
	{
		if (hashes[i] == hash)
			return n;
	}
	if (n < max)
		hashes[n] = hash;
	return n + 1;
}

int
cf_pin_hashes(const CfPin *pin, ParamListInfo params, uint64 *hashes, int max)
{
	Values		values;
	FmgrInfo	function;
	int			n = 0;

	if (!get_values(pin, params, &values))
		return -1;
	fmgr_info(pin->function, &function);
	for (int i = 0; i < values.n && n <= max; i++)
	{
		if (!values.isnull[i])
			n = add_hash(hashes, n,
						 DatumGetUInt64(FunctionCall2Coll(&function, pin->collation,
														  values.value[i],
														  Int64GetDatum(CF_HASH_SEED))),
						 max);
	}
	return n <= max ? n : -1;
}

static void
append_value(StringInfo buf, const CfPin *pin, Datum value, bool isnull)
{
	Oid			output;
	bool		varlena;
	char	   *text;
	int			len;

	if (isnull)
	{
		appendStringInfoString(buf, "NULL");
		return;
	}
	getTypeOutputInfo(pin->type, &output, &varlena);
	text = OidOutputFunctionCall(output, value);
	len = strlen(text);
	if (len > CF_MAX_SHOWN)
		len = pg_mbcliplen(text, len, CF_MAX_SHOWN);
	appendBinaryStringInfo(buf, text, len);
	if (text[len] != '\0')
		appendStringInfoString(buf, "...");
}

char *
cf_pin_text(const CfPin *pin, ParamListInfo params)
{
	StringInfoData buf;
	Values		values;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s = ", pin->column);
	if (!get_values(pin, params, &values))
	{
		appendStringInfoString(&buf, "?");
		return buf.data;
	}
	if (pin->is_array || values.n != 1)
		appendStringInfoString(&buf, "any of ");
	for (int i = 0; i < values.n; i++)
	{
		appendStringInfoString(&buf, i > 0 ? ", " : "");
		append_value(&buf, pin, values.value[i], values.isnull[i]);
	}
	return buf.data;
}

void
cf_pins_install_hooks(void)
{
	prev_planner = planner_hook;
	planner_hook = pins_planner;
	prev_pathlist = set_rel_pathlist_hook;
	set_rel_pathlist_hook = pins_pathlist;
}
