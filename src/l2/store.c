/*
 * store.c - values and leases in Redis.
 *
 * Keys and tags are the callers' texts: they travel as arguments with lengths,
 * never as part of a command's text.
 *
 * src/l2/store.c
 */
#include "postgres.h"

#include "access/xlog.h"

#include "base/guc.h"
#include "l2/lua.h"
#include "l2/store.h"

#define CF_MAX_ARGUMENTS 9

/* The arguments of one command. */
typedef struct Arguments
{
	int			n;
	const char *argv[CF_MAX_ARGUMENTS];
	size_t		lens[CF_MAX_ARGUMENTS];
} Arguments;

static void
push(Arguments *args, const char *value, size_t len)
{
	Assert(args->n < CF_MAX_ARGUMENTS);
	args->argv[args->n] = value;
	args->lens[args->n++] = len;
}

static void
push_text(Arguments *args, const char *value)
{
	push(args, value, strlen(value));
}

/* A number's digits, in the caller's memory. */
typedef struct Digits
{
	char		text[24];
} Digits;

static void
push_number(Arguments *args, int64 value, Digits *digits)
{
	snprintf(digits->text, sizeof(digits->text), INT64_FORMAT, value);
	push_text(args, digits->text);
}

static void
add(const Arguments *args)
{
	cf_l2_add(args->n, args->argv, args->lens);
}

static CfL2Status
run(bool interruptible)
{
	return cf_l2_run(cf_guc_redis_command_timeout, interruptible);
}

/*
 * Names are put together by hand: they are made for every read, and snprintf
 * would be a good part of what a hit costs beside the way to Redis and back.
 */
static char *
put_hex(char *at, uint32 value)
{
	for (int shift = 28; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[(value >> shift) & 15];
	return at;
}

/* Half of it tells whose it is: see cf_store_is_of. */
static bool
make_token(char *token, uint64 incarnation)
{
	uint32		random;

	StaticAssertStmt(CF_TOKEN_LEN == 16, "two numbers");
	if (!pg_strong_random(&random, sizeof(random)))
		return false;
	*put_hex(put_hex(token, (uint32) incarnation), random) = '\0';
	return true;
}

static char *
put_suffix(char *at, const CfKey *key, const CfIdentity *id)
{
	const uint32 oids[] = {key->dboid, id->role, id->session_role};

	for (int i = 0; i < lengthof(id->hash.h); i++)
	{
		at = put_hex(at, (uint32) (id->hash.h[i] >> 32));
		at = put_hex(at, (uint32) id->hash.h[i]);
	}
	for (int i = 0; i < lengthof(oids); i++)
	{
		*at++ = '.';
		at = put_hex(at, oids[i]);
	}
	*at++ = '.';
	*at++ = '0' + (int) id->form;
	*at = '\0';
	return at;
}

/* "<prefix>:<ns>:" */
static int
put_prefix(char *at, const char *prefix, const char *ns)
{
	return stpcpy(stpcpy(stpcpy(stpcpy(at, prefix), ":"), ns), ":") - at;
}

static void
name_field(char *field, char kind, bool bare, const char *suffix)
{
	field[0] = kind;
	field[1] = bare ? '\0' : ':';
	if (!bare)
		strcpy(field + 2, suffix);
}

/*
 * Who computes a value of cache_set is a cluster's own affair: nobody waits for another's to
 * store what does not count here. (Of a query's load the wait is short.)
 */
static void
name_cluster(char *field)
{
	uint64		cluster = GetSystemIdentifier();
	char	   *at = field + strlen(field);

	*at++ = '@';
	at = put_hex(put_hex(at, (uint32) (cluster >> 32)), (uint32) cluster);
	*at = '\0';
}

/* A variant of scope 'shared' has no role, and its fields bare names. */
void
cf_store_variant(CfL2Variant *variant, const char *ns, const CfKey *key,
				 const CfIdentity *id)
{
	bool		bare = !OidIsValid(id->role);
	char	   *end PG_USED_FOR_ASSERTS_ONLY;

	variant->ns = ns;
	variant->key_len = put_prefix(variant->key, "cf", ns);
	memcpy(variant->key + variant->key_len, key->data, key->len);
	variant->key_len += key->len;
	end = put_suffix(variant->suffix, key, id);
	Assert(end - variant->suffix == CF_SUFFIX_LEN);
	name_field(variant->value_field, 'v', bare, variant->suffix);
	name_field(variant->meta_field, 'm', bare, variant->suffix);
	name_field(variant->lease_field, 'l', bare, variant->suffix);
	name_field(variant->claim_field, 'c', bare, variant->suffix);
	if (id->form != CF_FORM_VALUE)
		return;
	name_cluster(variant->lease_field);
	name_cluster(variant->claim_field);
}

static bool
is_string(const redisReply *reply)
{
	return reply != NULL && reply->type == REDIS_REPLY_STRING;
}

void
cf_store_add_look(const CfL2Variant *variant)
{
	Arguments	args = {0};

	push_text(&args, "HMGET");
	push(&args, variant->key, variant->key_len);
	push_text(&args, variant->value_field);
	push_text(&args, variant->meta_field);
	add(&args);
}

bool
cf_store_take_look(const redisReply *reply, CfLook *look)
{
	memset(look, 0, sizeof(*look));
	look->found = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
		is_string(reply->element[0]) && is_string(reply->element[1]);
	if (look->found)
	{
		look->value = reply->element[0]->str;
		look->value_len = reply->element[0]->len;
		look->meta = reply->element[1]->str;
		look->meta_len = reply->element[1]->len;
	}
	return look->found;
}

CfL2Status
cf_store_look(const CfL2Variant *variant, CfLook *look)
{
	CfL2Status	status;

	memset(look, 0, sizeof(*look));
	cf_l2_begin();
	cf_store_add_look(variant);
	status = run(true);
	if (status == CF_L2_OK)
		(void) cf_store_take_look(cf_l2_reply(0), look);
	return status;
}

bool
cf_store_is_of(const char *token, uint64 incarnation)
{
	char		digits[9];

	*put_hex(digits, (uint32) incarnation) = '\0';
	return strlen(token) == CF_TOKEN_LEN && memcmp(token, digits, 8) == 0;
}

static void
take_lease(const redisReply *reply, CfLease *lease)
{
	if (!is_string(reply))
		return;
	lease->state = strcmp(reply->str, "L") == 0 ? CF_LEASE_GRANTED :
		strcmp(reply->str, "V") == 0 ? CF_LEASE_FILLED : CF_LEASE_OTHER;
	if (lease->state == CF_LEASE_OTHER)
		strlcpy(lease->holder, reply->str, sizeof(lease->holder));
}

static void
push_claim(Arguments *args, const CfL2Variant *variant, const char *claim)
{
	push_text(args, claim == NULL ? "" : variant->claim_field);
	push_text(args, claim == NULL ? "" : claim);
}

CfL2Status
cf_store_lease(const CfL2Variant *variant, const CfLeaseTerms *terms, CfLease *lease)
{
	Arguments	args = {0};
	Digits		digits[2];
	CfL2Status	status;

	memset(lease, 0, sizeof(*lease));
	lease->state = CF_LEASE_REFUSED;
	if (terms->keep)
		strlcpy(lease->token, terms->instead, sizeof(lease->token));
	else if (!make_token(lease->token, terms->incarnation))
		return CF_L2_FAILED;
	push_text(&args, variant->lease_field);
	push_text(&args, lease->token);
	push_number(&args, terms->ms, &digits[0]);
	push_number(&args, terms->longest_ms, &digits[1]);
	push_text(&args, terms->instead == NULL ? "" : terms->instead);
	push_text(&args, terms->empty ? variant->value_field : "");
	push_claim(&args, variant, terms->claim);
	cf_l2_begin();
	cf_l2_add_script(&cf_lua_lease, variant->key, variant->key_len, args.n, args.argv, args.lens);
	status = run(terms->interruptible);
	if (status == CF_L2_OK)
		take_lease(cf_l2_reply(0), lease);
	return status;
}

void
cf_store_release(const CfL2Variant *variant, const CfLease *lease, const char *claim)
{
	Arguments	args = {0};

	push_text(&args, variant->lease_field);
	push_text(&args, lease->token);
	push_claim(&args, variant, claim);
	cf_l2_begin();
	cf_l2_add_script(&cf_lua_release, variant->key, variant->key_len, args.n, args.argv, args.lens);
	(void) run(false);
}

/* The value and its meta, each after the name of its field, and how long to keep them. */
static void
push_value(Arguments *args, const CfL2Variant *variant, const CfL2Value *value, Digits *digits)
{
	push_text(args, variant->value_field);
	push(args, value->value, value->value_len);
	push_text(args, variant->meta_field);
	push(args, value->meta, value->meta_len);
	push_number(args, value->keep_ms, digits);
}

/* A text that is too long is none of ours. */
static void
copy_text(const redisReply *reply, char *to, Size size)
{
	to[0] = '\0';
	if (is_string(reply) && reply->len < size && strlen(reply->str) == reply->len)
		strlcpy(to, reply->str, size);
}

static void
take_claim(const redisReply *reply, CfClaimLook *look)
{
	char		left[24];

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
		return;
	copy_text(reply->element[0], look->claim, sizeof(look->claim));
	copy_text(reply->element[1], look->lease, sizeof(look->lease));
	copy_text(reply->element[2], left, sizeof(left));
	look->left_ms = Max(strtol(left, NULL, 10), 0);
}

CfL2Status
cf_store_look_at_claim(const CfL2Variant *variant, CfClaimLook *look, bool interruptible)
{
	Arguments	args = {0};
	CfL2Status	status;

	memset(look, 0, sizeof(*look));
	push_text(&args, variant->lease_field);
	push_text(&args, variant->claim_field);
	cf_l2_begin();
	cf_l2_add_script(&cf_lua_claim, variant->key, variant->key_len, args.n, args.argv, args.lens);
	status = run(interruptible);
	if (status == CF_L2_OK)
		take_claim(cf_l2_reply(0), look);
	return status;
}

CfL2Status
cf_store_fill(const CfL2Variant *variant, const CfLease *lease, const CfL2Value *value,
			  bool *stored)
{
	Arguments	args = {0};
	Digits		digits;
	CfL2Status	status;

	push_text(&args, variant->lease_field);
	push_text(&args, lease->token);
	push_value(&args, variant, value, &digits);
	cf_l2_begin();
	cf_l2_add_script(&cf_lua_fill, variant->key, variant->key_len, args.n, args.argv, args.lens);
	*stored = false;
	status = run(true);
	if (status == CF_L2_OK)
		*stored = cf_l2_reply(0)->type == REDIS_REPLY_INTEGER && cf_l2_reply(0)->integer == 1;
	return status;
}

/* ---- what commits have it told ---- */

int
cf_store_print_key(char *name, const char *ns, const char *key, int len)
{
	int			prefix_len = put_prefix(name, "cf", ns);

	memcpy(name + prefix_len, key, len);
	return prefix_len + len;
}

void
cf_store_add_drop(const char *name, int len)
{
	Arguments	args = {0};

	push_text(&args, "UNLINK");
	push(&args, name, len);
	add(&args);
}

void
cf_store_add_put(const CfL2Variant *variant, const CfL2Value *value)
{
	Arguments	args = {0};
	Digits		digits;

	push_value(&args, variant, value, &digits);
	push_text(&args, variant->lease_field);
	push_text(&args, variant->claim_field);
	cf_l2_add_script(&cf_lua_put, variant->key, variant->key_len, args.n, args.argv, args.lens);
}

void
cf_store_add_remove(const CfL2Variant *variant)
{
	Arguments	args = {0};

	push_text(&args, "HDEL");
	push(&args, variant->key, variant->key_len);
	push_text(&args, variant->value_field);
	push_text(&args, variant->meta_field);
	push_text(&args, variant->lease_field);
	push_text(&args, variant->claim_field);
	add(&args);
}

/* ---- lists of hot keys ---- */

static const char *const list_fields[CF_STORE_LISTS] = {"w", "s0", "s1", "s2", "s3", "s4", "s5"};

/* "cfh:<ns>" */
static int
print_list_name(char *name, const char *ns)
{
	return stpcpy(stpcpy(name, "cfh:"), ns) - name;
}

void
cf_store_add_lists(const char *ns)
{
	Arguments	args = {0};
	char		name[CF_PLACE_MAX + 8];
	int			len = print_list_name(name, ns);

	push_text(&args, "HMGET");
	push(&args, name, len);
	for (int i = 0; i < CF_STORE_LISTS; i++)
		push_text(&args, list_fields[i]);
	add(&args);
}

bool
cf_store_take_list(const redisReply *reply, int i, const char **list, Size *len)
{
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != CF_STORE_LISTS ||
		!is_string(reply->element[i]))
		return false;
	*list = reply->element[i]->str;
	*len = reply->element[i]->len;
	return true;
}

void
cf_store_add_put_list(const char *ns, int i, const char *list, Size len, int64 keep_ms)
{
	Arguments	args = {0};
	Digits		digits;
	char		name[CF_PLACE_MAX + 8];
	int			name_len = print_list_name(name, ns);

	Assert(i >= 0 && i < CF_STORE_LISTS);
	push_text(&args, "HSET");
	push(&args, name, name_len);
	push_text(&args, list_fields[i]);
	push(&args, list, len);
	add(&args);
	args.n = 0;
	push_text(&args, "PEXPIRE");
	push(&args, name, name_len);
	push_number(&args, keep_ms, &digits);
	add(&args);
}
