/* unit: src/base/memo.c */
/*
 * memo_test.c - a memo against an array, its growth and its end, and that no
 * answer gets into it that is older than a change.
 *
 * Memory contexts are lists of blocks here, so that ASan sees who uses what was
 * forgotten.
 *
 * test/unit/memo_test.c
 */
#define CF_UNIT_OWN_CONTEXTS
#include "harness.h"

#include "utils/memutils.h"

#include "base/memo.h"

/* ---- memory contexts ---- */

#define MAX_BLOCKS 256

/* The first field stands for PostgreSQL's; nobody looks into it. */
typedef struct Context
{
	MemoryContextData base;
	int			nblocks;
	void	   *blocks[MAX_BLOCKS];
} Context;

static int	contexts_alive = 0;
static int	fail_in = 0;		/* the allocation that has no memory, counted from now */

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size min_size,
							  Size first_size, Size max_size)
{
	contexts_alive++;
	return (MemoryContext) calloc(1, sizeof(Context));
}

void
MemoryContextSetIdentifier(MemoryContext context, const char *id)
{
}

void
MemoryContextDelete(MemoryContext base)
{
	Context    *context = (Context *) base;

	for (int i = 0; i < context->nblocks; i++)
		free(context->blocks[i]);
	free(context);
	contexts_alive--;
}

void *
MemoryContextAllocZero(MemoryContext base, Size size)
{
	Context    *context = (Context *) base;

	if (fail_in > 0 && --fail_in == 0)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (context->nblocks == MAX_BLOCKS)
		abort();
	return context->blocks[context->nblocks++] = calloc(1, size);
}

/* ---- the tests ---- */

typedef struct Answer
{
	Oid			key;
	int			value;
	char	   *text;
} Answer;

typedef struct Hash
{
	uint64		low;
	uint64		high;
} Hash;

typedef struct HashAnswer
{
	Hash		key;
	char		value;
} HashAnswer;

#define MAX 500

static CfMemo memo = CF_MEMO("answers", Answer, MAX);

static Answer *
look(Oid key)
{
	CfMemoTicket ticket;

	return cf_memo_find(&memo, &key, &ticket);
}

static void
learn(Oid key, int value)
{
	CfMemoTicket ticket;
	Answer	   *answer = cf_memo_find(&memo, &key, &ticket);

	if (answer == NULL)
		answer = cf_memo_enter(&memo, &key, ticket);
	answer->value = value;
}

static void
test_remembers(void)
{
	int			wrong = 0;

	cf_memo_forget(&memo);
	for (int i = 0; i < MAX; i++)
		learn(i * 7, i);
	for (int i = 0; i < MAX; i++)
		wrong += look(i * 7) == NULL || look(i * 7)->value != i || look(i * 7)->key != i * 7;
	CHECK_INT(wrong, 0);
}

/* The key that is one too many finds it empty. */
static void
test_is_bounded(void)
{
	test_remembers();
	learn(5, 5);
	CHECK_INT(memo.nentries, 1);
	CHECK(look(7) == NULL);
	CHECK_INT(look(5)->value, 5);
	CHECK_INT(contexts_alive, 1);
}

static void
test_full_still_answers(void)
{
	test_remembers();
	CHECK(look(0) != NULL);
	CHECK_INT(memo.nentries, MAX);
}

static void
test_forgets(void)
{
	test_remembers();
	cf_memo_forget(&memo);
	CHECK(look(7) == NULL);
	CHECK_INT(memo.nentries, 0);
}

/* A new entry holds nothing of an older one. */
static void
test_new_is_zero(void)
{
	Oid			key = 3;
	CfMemoTicket ticket;
	Answer	   *answer;

	cf_memo_forget(&memo);
	for (int i = 100; i < 200; i++)
		learn(i, -1);
	CHECK(cf_memo_find(&memo, &key, &ticket) == NULL);
	answer = cf_memo_enter(&memo, &key, ticket);
	CHECK(answer->value == 0 && answer->text == NULL);
}

static void
test_change_while_asking(void)
{
	Oid			key = 1;
	CfMemoTicket ticket;

	cf_memo_forget(&memo);
	CHECK(cf_memo_find(&memo, &key, &ticket) == NULL);
	cf_memo_forget(&memo);
	CHECK(cf_memo_alloc(&memo, 8, ticket) == NULL);
	CHECK(cf_memo_enter(&memo, &key, ticket) == NULL);
}

/* Somebody else asks in between, and finds the memo new and empty. */
static void
test_change_and_nested_look(void)
{
	Oid			key = 1;
	CfMemoTicket ticket;

	cf_memo_forget(&memo);
	CHECK(cf_memo_find(&memo, &key, &ticket) == NULL);
	cf_memo_forget(&memo);
	learn(2, 22);
	CHECK(cf_memo_alloc(&memo, 8, ticket) == NULL);
	CHECK(cf_memo_enter(&memo, &key, ticket) == NULL);
	CHECK_INT(look(2)->value, 22);
}

/* Or fills it up, so that what was allocated meanwhile is gone. */
static void
test_full_while_asking(void)
{
	Oid			key = 9999;
	CfMemoTicket ticket;

	cf_memo_forget(&memo);
	CHECK(cf_memo_find(&memo, &key, &ticket) == NULL);
	for (int i = 0; i <= MAX; i++)
		learn(i, i);
	CHECK(cf_memo_enter(&memo, &key, ticket) == NULL);
}

/* Somebody else has found the same answer. */
static void
test_entered_twice(void)
{
	Oid			key = 1;
	CfMemoTicket ticket;
	Answer	   *answer;

	cf_memo_forget(&memo);
	CHECK(cf_memo_find(&memo, &key, &ticket) == NULL);
	learn(1, 11);
	answer = cf_memo_enter(&memo, &key, ticket);
	CHECK_INT(answer->value, 11);
	CHECK_INT(memo.nentries, 1);
}

static void
test_memory_goes_with_it(void)
{
	Oid			key = 1;
	CfMemoTicket ticket;
	char	   *text;

	cf_memo_forget(&memo);
	CHECK(cf_memo_find(&memo, &key, &ticket) == NULL);
	text = cf_memo_alloc(&memo, 100, ticket);
	strcpy(text, "kept");
	((Answer *) cf_memo_enter(&memo, &key, ticket))->text = text;
	for (int i = 2; i < 300; i++)
		learn(i, i);
	CHECK_STR(look(1)->text, "kept");
	CHECK_INT(contexts_alive, 1);
}

static bool
errs(Oid key)
{
	bool		raised = false;

	CHECK_RAISES(learn(key, 1), ERRCODE_OUT_OF_MEMORY);
	raised = fail_in == 0;
	fail_in = 0;
	return raised;
}

/* Whatever allocation fails, the next look finds it usable, and no old answer. */
static void
test_out_of_memory(void)
{
	for (int n = 1; n <= 2; n++)
	{
		test_remembers();
		cf_memo_forget(&memo);
		fail_in = n;
		CHECK(errs(1));
		CHECK(look(7) == NULL);
		learn(1, 10 + n);
		CHECK_INT(look(1)->value, 10 + n);
		CHECK_INT(contexts_alive, 1);
	}
	for (int n = 1; n <= 2; n++)
	{
		cf_memo_forget(&memo);
		for (int i = 0; i < 32; i++)
			learn(i, i);
		fail_in = n;
		CHECK(errs(1000));
		CHECK_INT(look(31)->value, 31);
		CHECK(look(1000) == NULL);
		learn(1000, 1);
		CHECK_INT(look(31)->value, 31);
		CHECK_INT(look(1000)->value, 1);
	}
}

/* Hashes that differ in bits that no slot is chosen by. */
static void
test_hashes_collide(void)
{
	static CfMemo hashes = CF_MEMO("hashes", HashAnswer, 100);
	CfMemoTicket ticket;
	int			wrong = 0;

	for (int i = 0; i < 100; i++)
	{
		Hash		key = {i, UINT64CONST(0x1234567800000000)};
		HashAnswer *answer = cf_memo_find(&hashes, &key, &ticket);

		wrong += answer != NULL;
		answer = cf_memo_enter(&hashes, &key, ticket);
		answer->value = i;
	}
	for (int i = 0; i < 100; i++)
	{
		Hash		key = {i, UINT64CONST(0x1234567800000000)};
		HashAnswer *answer = cf_memo_find(&hashes, &key, &ticket);

		wrong += answer == NULL || answer->value != i;
	}
	CHECK_INT(wrong, 0);
	MemoryContextDelete(hashes.context);
}

int
main(void)
{
	RUN(test_remembers);
	RUN(test_is_bounded);
	RUN(test_full_still_answers);
	RUN(test_forgets);
	RUN(test_new_is_zero);
	RUN(test_change_while_asking);
	RUN(test_change_and_nested_look);
	RUN(test_full_while_asking);
	RUN(test_entered_twice);
	RUN(test_memory_goes_with_it);
	RUN(test_out_of_memory);
	RUN(test_hashes_collide);
	MemoryContextDelete(memo.context);
	return cf_unit_end();
}
