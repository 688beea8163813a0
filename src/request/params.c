/*
 * params.c - gives arguments the types that the query gives its parameters.
 *
 * A query's text says what its parameters are: in "id = $1" the type of id,
 * whatever the caller's driver has sent. The parser is asked as PREPARE asks
 * it. What the text leaves open keeps the type that the argument has.
 *
 * src/request/params.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parse_param.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/memo.h"
#include "base/relchange.h"
#include "request/params.h"

/* How an argument gets its type. */
typedef enum Kind
{
	KIND_OTHER,					/* it has one */
	KIND_INTEGER,				/* smallint, integer or bigint: as the query has it */
	KIND_STRING					/* text, varchar or untyped: as the query has it */
} Kind;

/* What an argument is cast to. */
typedef struct Target
{
	Oid			type;
	int16		typlen;
	bool		typbyval;
	Oid			ioparam;
	FmgrInfo	input;
} Target;

/* What is known of a query that is called with arguments of certain types. */
typedef struct Known
{
	CfHash128	key;			/* of query, settings, types of the arguments */
	int			nparams;		/* -1: left to the loader */
	Target	   *targets;		/* one an argument */
} Known;

static CfMemo known_queries = CF_MEMO("cachefront parameters", Known, 1024);

static void
definition_changed(Oid relid)
{
	cf_memo_forget(&known_queries);
}

/* Whatever the parser looks at to find a parameter's type. */
void
cf_params_register(void)
{
	cf_relchange_register_any(definition_changed);
}

static Kind
kind_of(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return KIND_INTEGER;
		case TEXTOID:
		case VARCHAROID:
			return KIND_STRING;
		default:
			return KIND_OTHER;
	}
}

/* ---- asking the parser ---- */

/* The query's only statement, if it is a SELECT; of others the loader complains. */
static RawStmt *
parse_select(const char *text)
{
	List	   *stmts = pg_parse_query(text);
	RawStmt    *raw;

	if (list_length(stmts) != 1)
		return NULL;
	raw = linitial_node(RawStmt, stmts);
	if (!IsA(raw->stmt, SelectStmt) || ((SelectStmt *) raw->stmt)->intoClause != NULL)
		return NULL;
	return raw;
}

typedef struct Question
{
	RawStmt    *raw;
	const char *text;
	Oid		   *types;			/* InvalidOid: what is it? */
	int			ntypes;
	int			nparams;		/* the answer's */
} Question;

static bool
largest_walker(Node *node, void *context)
{
	int		   *largest = context;

	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
		*largest = Max(*largest, ((Param *) node)->paramid);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, largest_walker, context, 0);
	return expression_tree_walker(node, largest_walker, context);
}

int
cf_params_count(Query *query)
{
	int			largest = 0;

	largest_walker((Node *) query, &largest);
	return largest;
}

static void
ask(Question *question)
{
	ParseState *pstate = make_parsestate(NULL);

	pstate->p_sourcetext = question->text;
	setup_parse_variable_parameters(pstate, &question->types, &question->ntypes);
	question->nparams = cf_params_count(transformTopLevelStmt(pstate,
															  copyObject(question->raw)));
	free_parsestate(pstate);
}

/* Does an error tell of the query's text, and not of trouble in the server? */
static bool
is_of_text(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR) ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_DATA_EXCEPTION);
}

/*
 * False if the parser finds the query wrong with these types. Parsing changes
 * nothing, and what it holds, a resource owner of its own gives back; so there
 * is no subtransaction, which a parallel worker cannot have and in which a
 * standby's recovery conflict would end the connection.
 */
static bool
try_ask(Question *question)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ResourceOwner own = ResourceOwnerCreate(owner, "cachefront parser");
	volatile bool success = false;

	CurrentResourceOwner = own;
	PG_TRY();
	{
		ask(question);
		success = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (!is_of_text(error->sqlerrcode))
		{
			CurrentResourceOwner = owner;
			PG_RE_THROW();
		}
		FlushErrorState();
		FreeErrorData(error);
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	/* As at the end of a subtransaction: locks of a success are kept. */
	ResourceOwnerRelease(own, RESOURCE_RELEASE_BEFORE_LOCKS, success, false);
	ResourceOwnerRelease(own, RESOURCE_RELEASE_LOCKS, success, false);
	ResourceOwnerRelease(own, RESOURCE_RELEASE_AFTER_LOCKS, success, false);
	ResourceOwnerDelete(own);
	return success;
}

/* The types of arguments, but for those of the kinds that are asked for. */
static bool
ask_for(Question *question, const CfArgs *args, Kind from)
{
	question->ntypes = args->n;
	question->types = palloc(args->n * sizeof(Oid));
	for (int i = 0; i < args->n; i++)
		question->types[i] = kind_of(args->types[i]) >= from ? InvalidOid : args->types[i];
	return try_ask(question);
}

/*
 * Integers are asked for, too, unless the query cannot do without their type
 * (abs($1)); if it cannot do without that of a string, the loader says so or
 * takes it as text.
 */
static int
ask_types(RawStmt *raw, const char *text, const CfArgs *args, Oid **types)
{
	Question	question = {raw, text};

	if (!ask_for(&question, args, KIND_INTEGER) &&
		!ask_for(&question, args, KIND_STRING))
		return -1;
	*types = question.types;
	return question.nparams;
}

/* ---- what is known ---- */

static bool
converts_integer(Oid to)
{
	return to == INT2OID || to == INT4OID || to == INT8OID || to == NUMERICOID;
}

static Oid
choose_type(Oid given, Oid asked)
{
	switch (kind_of(given))
	{
		case KIND_INTEGER:
			return converts_integer(asked) ? asked : given;
		case KIND_STRING:
			return OidIsValid(asked) && asked != UNKNOWNOID &&
				get_typtype(asked) != TYPTYPE_PSEUDO ? asked : given;
		case KIND_OTHER:
			break;
	}
	return given;
}

static void
set_target(Target *target, Oid type)
{
	Oid			input;

	target->type = type;
	get_typlenbyval(type, &target->typlen, &target->typbyval);
	/* Arguments that stay as they are may be of a type without input. */
	getTypeInputInfo(type, &input, &target->ioparam);
	/* Called only as a copy. */
	fmgr_info_cxt(input, &target->input, TopMemoryContext);
}

/* What the parser says; -1 if nothing. */
static int
find_types(const CfRequest *request, Oid **types)
{
	char	   *text = text_to_cstring(request->query);
	ErrorContextCallback callback;
	RawStmt    *raw;
	int			nparams = -1;

	cf_request_begin_errors(&callback, request);
	PushActiveSnapshot(GetTransactionSnapshot());
	raw = parse_select(text);
	if (raw != NULL)
		nparams = ask_types(raw, text, &request->args, types);
	PopActiveSnapshot();
	error_context_stack = callback.previous;
	return nparams;
}

/* Asks, and fills in all but the key. The targets are the caller's. */
static void
learn(const CfRequest *request, Known *known)
{
	const CfArgs *args = &request->args;
	Oid		   *types = NULL;

	known->nparams = find_types(request, &types);
	known->targets = palloc0(args->n * sizeof(Target));
	for (int i = 0; i < args->n; i++)
	{
		Oid			asked = i < known->nparams ? types[i] : InvalidOid;

		set_target(&known->targets[i], choose_type(args->types[i], asked));
	}
}

static void
keep(const Known *known, int ntargets, CfMemoTicket ticket)
{
	Size		size = ntargets * sizeof(Target);
	Target	   *targets = cf_memo_alloc(&known_queries, size, ticket);
	Known	   *kept;

	if (targets == NULL)
		return;
	memcpy(targets, known->targets, size);
	kept = cf_memo_enter(&known_queries, &known->key, ticket);
	if (kept == NULL)
		return;
	kept->nparams = known->nparams;
	kept->targets = targets;
}

static void
find_known(const CfRequest *request, const CfHash128 *query, Known *known)
{
	const CfArgs *args = &request->args;
	CfMemoTicket ticket;
	const Known *found;

	known->key = *query;
	/* Of this session alone: a cheap mix will do. */
	for (int i = 0; i < args->n; i++)
		known->key.h[1] = known->key.h[1] * UINT64CONST(0x9E3779B97F4A7C15) + args->types[i];
	found = cf_memo_find(&known_queries, &known->key, &ticket);
	if (likely(found != NULL))
	{
		*known = *found;
		return;
	}
	learn(request, known);
	keep(known, args->n, ticket);
}

/* ---- casts ---- */

static int64
integer_value(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}

/* False: the type does not hold the value. */
static bool
cast_integer(int64 value, Oid type, Datum *result)
{
	switch (type)
	{
		case INT2OID:
			*result = Int16GetDatum((int16) value);
			return value >= PG_INT16_MIN && value <= PG_INT16_MAX;
		case INT4OID:
			*result = Int32GetDatum((int32) value);
			return value >= PG_INT32_MIN && value <= PG_INT32_MAX;
		case INT8OID:
			*result = Int64GetDatum(value);
			return true;
		default:
			*result = DirectFunctionCall1(int8_numeric, Int64GetDatum(value));
			return true;
	}
}

/* Does a string look like an array that was to be a list of values? */
static bool
looks_like_array(Datum value, bool isnull)
{
	text	   *string = isnull ? NULL : DatumGetTextPP(value);

	return string != NULL && VARSIZE_ANY_EXHDR(string) > 1 &&
		VARDATA_ANY(string)[0] == '{' &&
		VARDATA_ANY(string)[VARSIZE_ANY_EXHDR(string) - 1] == '}';
}

#define CF_HINT_ARRAY "An array that holds one value for each parameter needs a cast: $3::text[]."

/* What is being read. */
typedef struct Argument
{
	int			number;
	bool		array;
} Argument;

static void
argument_error_callback(void *arg)
{
	const Argument *argument = arg;

	if (argument->array && geterrcode() == ERRCODE_INVALID_TEXT_REPRESENTATION)
		errhint(CF_HINT_ARRAY);
	errcontext("argument $%d of a cached query", argument->number);
}

/* Also of NULL: a domain may refuse it. */
static Datum
read_string(const Target *target, Datum value, bool isnull, int number)
{
	Argument	argument = {number, looks_like_array(value, isnull)};
	ErrorContextCallback callback = {error_context_stack, argument_error_callback, &argument};
	FmgrInfo	input;
	Datum		result;

	error_context_stack = &callback;
	fmgr_info_copy(&input, (FmgrInfo *) &target->input, CurrentMemoryContext);
	result = InputFunctionCall(&input, isnull ? NULL : TextDatumGetCString(value),
							   target->ioparam, -1);
	error_context_stack = callback.previous;
	return result;
}

static void
cast(CfArgs *args, int i, const Target *target)
{
	Datum		value = args->values[i];

	if (kind_of(args->types[i]) == KIND_STRING)
		value = read_string(target, value, args->nulls[i], i + 1);
	else if (!args->nulls[i] &&
			 !cast_integer(integer_value(args->types[i], value), target->type, &value))
		return;
	args->types[i] = target->type;
	args->typlens[i] = target->typlen;
	args->typbyvals[i] = target->typbyval;
	args->values[i] = value;
}

/*
 * With targets of our own: the input function of a domain may fetch, and so
 * renew what is known.
 */
static void
cast_all(CfArgs *args, const Target *known)
{
	Target	   *targets = palloc(args->n * sizeof(Target));

	memcpy(targets, known, args->n * sizeof(Target));
	for (int i = 0; i < args->n; i++)
	{
		if (args->types[i] != targets[i].type)
			cast(args, i, &targets[i]);
	}
	pfree(targets);
}

/* Not if each argument has the type that it keeps: the loader counts them. */
static bool
needs_types(const CfArgs *args)
{
	for (int i = 0; i < args->n; i++)
	{
		if (kind_of(args->types[i]) != KIND_OTHER)
			return true;
	}
	return false;
}

void
cf_params_complain(const CfArgs *args, int nparams)
{
	if (args->declared)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("arg_types does not fit the parameters of the query"),
				 errdetail("Types in arg_types: %d. Parameters of the query: %d.",
						   args->n, nparams),
				 errhint("Name the type of each of $1, $2, ... in arg_types: '{int,text}'.")));
	ereport(ERROR,
			(errcode(nparams > args->n ? ERRCODE_UNDEFINED_PARAMETER :
					 ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("args does not fit the parameters of the query"),
			 errdetail("Values in args: %d. Parameters of the query: %d.",
					   args->n, nparams),
			 nparams == 0 ?
			 errhint("The third argument holds the values of $1, $2, ...; name the others: ttl => '5 min', tags => ARRAY['a'].") :
			 args->n == 1 && kind_of(args->types[0]) == KIND_STRING &&
			 looks_like_array(args->values[0], args->nulls[0]) ?
			 errhint(CF_HINT_ARRAY) :
			 args->array ?
			 errhint("An array of any type but text is one value. Pass a row, (1, 2), or an array of text, ARRAY['1', '2'].") :
			 args->list ?
			 errhint("An array of text holds one value for each parameter. An array that is itself the value of $1 is passed as ROW(array).") :
			 errhint("Pass one value for each of $1, $2, ...: (7) for one, (7, 'x') or ARRAY['7', 'x'] for more.")));
}

void
cf_params_resolve(CfRequest *request, const CfHash128 *query)
{
	CfArgs	   *args = &request->args;
	Known		known;

	if (args->resolved)
		return;
	args->resolved = true;
	if (!needs_types(args))
		return;
	if (likely(query != NULL))
		find_known(request, query, &known);
	else
		learn(request, &known);
	if (unlikely(known.nparams == 0 && args->optional))
	{
		args->n = 0;
		return;
	}
	if (unlikely(known.nparams >= 0 && known.nparams != args->n))
		cf_params_complain(args, known.nparams);
	for (int i = 0; i < args->n; i++)
	{
		if (args->types[i] != known.targets[i].type)
		{
			cast_all(args, known.targets);
			break;
		}
	}
}

ParamListInfo
cf_params_list(const CfArgs *args)
{
	ParamListInfo params;

	if (args->n == 0)
		return NULL;
	params = makeParamList(args->n);
	for (int i = 0; i < args->n; i++)
	{
		params->params[i].value = args->values[i];
		params->params[i].isnull = args->nulls[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = args->types[i];
	}
	return params;
}
