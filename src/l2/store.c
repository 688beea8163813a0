/*
 * store.c - values, leases and tag versions in Redis.
 *
 * Keys and tags are the callers' texts: they travel as arguments with lengths,
 * never as part of a command's text.
 *
 * src/l2/store.c
 */
#include "postgres.h"

#include "access/xlog.h"

#include "guc.h"
#include "l2/beat.h"
#include "l2/lua.h"
#include "l2/store.h"
#include "position.h"

#define CF_MAX_ARGUMENTS 8

/*
 * How old the writing server's last sign of life may be: less than a tombstone
 * is kept at least (cachefront.tombstone_ttl), more than between two beats.
 */
#define CF_PROOF_MS 10000

/* Versions of tags that nobody uses go after a day: missing means miss. */
#define CF_TAG_KEEP_MS (INT64CONST(86400) * 1000)

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
push_lsn(Arguments *args, uint64 lsn, Digits *digits)
{
	cf_lsn_print(digits->text, lsn);
	push(args, digits->text, CF_LSN_LEN);
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

bool
cf_store_make_token(char *token)
{
	uint8		bytes[CF_TOKEN_LEN / 2];

	if (!pg_strong_random(bytes, sizeof(bytes)))
		return false;
	for (int i = 0; i < lengthof(bytes); i++)
		snprintf(token + 2 * i, 3, "%02x", bytes[i]);
	return true;
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

/* "<prefix>:<space>:" */
static int
put_prefix(char *at, const char *prefix, const char *space)
{
	return stpcpy(stpcpy(stpcpy(stpcpy(at, prefix), ":"), space), ":") - at;
}

static void
name_field(char *field, char kind, bool bare, const char *suffix)
{
	field[0] = kind;
	field[1] = bare ? '\0' : ':';
	if (!bare)
		strcpy(field + 2, suffix);
}

/* A variant of scope 'shared' has no role, and its fields bare names. */
void
cf_store_variant(CfL2Variant *variant, const CfSpace *space, const CfKey *key,
				 const CfIdentity *id)
{
	bool		bare = !OidIsValid(id->role);
	char	   *end PG_USED_FOR_ASSERTS_ONLY;

	variant->space = space;
	variant->key_len = put_prefix(variant->key, "cf", space->name);
	memcpy(variant->key + variant->key_len, key->data, key->len);
	variant->key_len += key->len;
	end = put_suffix(variant->suffix, key, id);
	Assert(end - variant->suffix == CF_SUFFIX_LEN);
	name_field(variant->value_field, 'v', bare, variant->suffix);
	name_field(variant->meta_field, 'm', bare, variant->suffix);
	name_field(variant->lease_field, 'l', bare, variant->suffix);
}

/* Longest: a tag's text in the space. */
typedef struct TagKey
{
	char		data[CF_SPACE_MAX_NAME + CF_MAX_TAG + 8];
	int			len;
} TagKey;

static void
make_tag_key(TagKey *key, const CfSpace *space, const char *tag, int len)
{
	if (len == 1 && tag[0] == CF_TAG_EPOCH_DATABASE[0])
		key->len = put_prefix(key->data, "cfe", space->name) - 1;
	else if (len == 1 && tag[0] == CF_TAG_EPOCH_SERVER[0])
		key->len = snprintf(key->data, sizeof(key->data), "cfe:%s:roles", space->server);
	else
	{
		key->len = put_prefix(key->data, "cft", space->name);
		memcpy(key->data + key->len, tag, len);
		key->len += len;
	}
}

static bool
is_string(const redisReply *reply)
{
	return reply != NULL && reply->type == REDIS_REPLY_STRING;
}

/* What a tag holds: "v <version>", perhaps "m <version>", or no version. */
static void
take_version(CfL2Tag *tag, const redisReply *reply, uint64 floor)
{
	uint64		lsn;

#ifdef CF_FAULT_NO_FLOOR
	floor = 0;
#endif
	tag->state = CF_VERSION_NONE;
	tag->version[0] = '\0';
	if (!is_string(reply) || reply->len != CF_VERSION_LEN + 2 || reply->str[1] != ' ' ||
		(reply->str[0] != 'v' && reply->str[0] != 'm') ||
		!cf_lsn_parse(reply->str + 2, CF_LSN_LEN, &lsn) || lsn < floor)
		return;
	tag->state = reply->str[0] == 'v' ? CF_VERSION_KNOWN : CF_VERSION_MARKED;
	strlcpy(tag->version, reply->str + 2, sizeof(tag->version));
}

/* As those who only look see it: another's mark is no version. */
static void
take_versions(CfL2Tag *tags, int ntags, int first_reply, const CfFloor *floor)
{
	for (int i = 0; i < ntags; i++)
	{
		take_version(&tags[i], cf_l2_reply(first_reply + i), floor->lsn);
		if (tags[i].state == CF_VERSION_MARKED)
			tags[i].state = CF_VERSION_NONE;
	}
}

static void
add_get_tags(const CfSpace *space, const CfL2Tag *tags, int ntags)
{
	for (int i = 0; i < ntags; i++)
	{
		TagKey		key;
		Arguments	args = {0};

		make_tag_key(&key, space, tags[i].name, tags[i].name_len);
		push_text(&args, "GET");
		push(&args, key.data, key.len);
		add(&args);
	}
}

static void
add_get_floor(const CfSpace *space)
{
	char		key[CF_FLOOR_KEY_MAX];
	Arguments	args = {0};

	cf_space_floor_key(space, key);
	push_text(&args, "GET");
	push_text(&args, key);
	add(&args);
}

/*
 * Is the floor that was read with it that of the Redis that it was read from?
 * One of a later timeline is of a history that this server does not follow.
 */
static bool
take_floor(const redisReply *reply, CfFloor *floor)
{
	return reply != NULL && reply->type == REDIS_REPLY_STRING &&
		cf_floor_parse(reply->str, reply->len, floor) &&
		strcmp(floor->run_id, cf_l2_run_id()) == 0 &&
		floor->incarnation[0].timeline <= cf_position_timeline();
}

static void
take_look(const redisReply *reply, CfLook *look)
{
	memset(look, 0, sizeof(*look));
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
		return;
	if (is_string(reply->element[0]))
	{
		look->state = CF_LOOK_FENCED;
		return;
	}
	if (!is_string(reply->element[1]) || !is_string(reply->element[2]))
		return;
	look->state = CF_LOOK_PRESENT;
	look->value = reply->element[1]->str;
	look->value_len = reply->element[1]->len;
	look->meta = reply->element[2]->str;
	look->meta_len = reply->element[2]->len;
}

CfL2Status
cf_store_look(const CfL2Variant *variant, CfL2Tag *tags, int ntags, CfFloor *floor,
			  CfLook *look, bool interruptible)
{
	bool		standby = RecoveryInProgress();
	Arguments	args = {0};
	CfL2Status	status;

	cf_space_begin();
	push_text(&args, "HMGET");
	push(&args, variant->key, variant->key_len);
	push_text(&args, "f");
	push_text(&args, variant->value_field);
	push_text(&args, variant->meta_field);
	add(&args);
	add_get_tags(variant->space, tags, ntags);
	if (standby)
		add_get_floor(variant->space);
	status = run(interruptible);
	if (status != CF_L2_OK)
		return status;
	take_look(cf_l2_reply(0), look);
	if (standby && !take_floor(cf_l2_reply(ntags + 1), floor))
		return CF_L2_FAILED;
	take_versions(tags, ntags, 1, floor);
	return CF_L2_OK;
}

CfL2Status
cf_store_versions(const CfSpace *space, CfL2Tag *tags, int ntags, const CfFloor *floor,
				  bool interruptible)
{
	CfL2Status	status;

	cf_space_begin();
	add_get_tags(space, tags, ntags);
	status = run(interruptible);
	if (status == CF_L2_OK)
		take_versions(tags, ntags, 0, floor);
	return status;
}

/* CF_L2_TAG_ENSURE and CF_L2_TAG_ADOPT differ in whose LSN a new version has. */
static void
add_ensure(const TagKey *key, const char *token, int64 keep_ms, const CfFloor *floor,
		   const CfLease *lease, bool standby)
{
	Arguments	args = {0};
	Digits		digits[7];

	push_lsn(&args, standby ? lease->beat_lsn : lease->lsn, &digits[0]);
	push_text(&args, token);
	push_number(&args, Max(keep_ms, CF_TAG_KEEP_MS), &digits[1]);
	push_lsn(&args, floor->lsn, &digits[2]);
	if (standby)
	{
		push_lsn(&args, lease->lsn, &digits[3]);
		push_number(&args, lease->beat_ms, &digits[4]);
		push_number(&args, (int64) lease->beat_evicted, &digits[5]);
		push_number(&args, CF_PROOF_MS, &digits[6]);
	}
	cf_l2_add_script(standby ? CF_L2_TAG_ADOPT : CF_L2_TAG_ENSURE, key->data, key->len,
					 args.n, args.argv, args.lens);
}

CfL2Status
cf_store_ensure(const CfSpace *space, CfL2Tag *tags, int ntags, int64 keep_ms,
				const CfFloor *floor, const CfLease *lease, bool interruptible)
{
	bool		standby = RecoveryInProgress();
	CfL2Status	status;

	if (standby && !lease->proven)
		return cf_store_versions(space, tags, ntags, floor, interruptible);
	cf_space_begin();
	for (int i = 0; i < ntags; i++)
	{
		char		token[CF_TOKEN_LEN + 1];
		TagKey		key;

		if (!cf_store_make_token(token))
			return CF_L2_FAILED;
		make_tag_key(&key, space, tags[i].name, tags[i].name_len);
		add_ensure(&key, token, keep_ms, floor, lease, standby);
	}
	status = run(interruptible);
	for (int i = 0; i < ntags && status == CF_L2_OK; i++)
		take_version(&tags[i], cf_l2_reply(i), floor->lsn);
	return status;
}

CfL2Status
cf_store_confirm(const CfSpace *space, CfL2Tag *tags, int ntags, int64 keep_ms,
				 bool interruptible)
{
	CfL2Status	status;
	int			reply = 0;

	cf_space_begin();
	for (int i = 0; i < ntags; i++)
	{
		Arguments	args = {0};
		Digits		digits;
		TagKey		key;

		if (tags[i].state != CF_VERSION_MARKED)
			continue;
		make_tag_key(&key, space, tags[i].name, tags[i].name_len);
		push_text(&args, tags[i].version);
		push_number(&args, Max(keep_ms, CF_TAG_KEEP_MS), &digits);
		cf_l2_add_script(CF_L2_TAG_CONFIRM, key.data, key.len, args.n, args.argv, args.lens);
	}
	status = run(interruptible);
	for (int i = 0; i < ntags && status == CF_L2_OK; i++)
	{
		const redisReply *answer;

		if (tags[i].state != CF_VERSION_MARKED)
			continue;
		answer = cf_l2_reply(reply++);
		tags[i].state = answer->type == REDIS_REPLY_INTEGER && answer->integer == 1 ?
			CF_VERSION_KNOWN : CF_VERSION_NONE;
	}
	return status;
}

/*
 * Where neither a tombstone nor a version is left of an invalidation, was there
 * one? Not after the writing server's last sign of life, if that is younger than
 * any tombstone's age and Redis has evicted nothing since; and what came before
 * that, this standby has replayed. The replies are to what was asked after the
 * lease.
 */
static bool
take_proof(const redisReply *floor_reply, const redisReply *info,
		   const redisReply *time, CfLease *lease)
{
	CfFloor		floor;
	uint64		evicted;
	int64		now;

	if (!take_floor(floor_reply, &floor) || !cf_beat_take_evicted(info, &evicted) ||
		!cf_beat_take_time(time, &now))
		return false;
	lease->beat_lsn = floor.beat_lsn;
	lease->beat_ms = floor.beat_ms;
	lease->beat_evicted = floor.evicted;
#ifdef CF_FAULT_NO_PROOF
	lease->beat_ms = now;
	lease->beat_evicted = evicted;
	return true;
#endif
	return evicted == floor.evicted && now >= floor.beat_ms &&
		now - floor.beat_ms < CF_PROOF_MS && lease->lsn >= floor.beat_lsn;
}

static void
take_lease(const redisReply *reply, CfLease *lease, bool *tombstone)
{
	lease->state = CF_LEASE_REFUSED;
	*tombstone = false;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
		!is_string(reply->element[0]) || !is_string(reply->element[1]))
		return;
	*tombstone = reply->element[1]->len > 0;
	if (reply->element[0]->str[0] == 'L')
		lease->state = CF_LEASE_GRANTED;
	else if (reply->element[0]->str[0] == 'W')
		lease->state = CF_LEASE_OTHER;
}

CfL2Status
cf_store_lease(const CfL2Variant *variant, int64 lease_ms, const CfFloor *floor,
			   CfLease *lease, bool interruptible)
{
	bool		standby = RecoveryInProgress();
	Arguments	args = {0};
	Digits		digits[4];
	CfL2Status	status;
	bool		tombstone;

	memset(lease, 0, sizeof(*lease));
	lease->state = CF_LEASE_REFUSED;
	lease->lsn = cf_position_lsn();
	if (!cf_store_make_token(lease->token))
		return CF_L2_FAILED;
	cf_space_begin();
	push_text(&args, variant->lease_field);
	push_text(&args, lease->token);
	push_number(&args, lease_ms, &digits[0]);
	push_number(&args, lease_ms + cf_guc_tombstone_ttl, &digits[1]);
	push_text(&args, standby ? "s" : "p");
	push_lsn(&args, lease->lsn, &digits[2]);
	push_lsn(&args, floor->lsn, &digits[3]);
	cf_l2_add_script(CF_L2_LEASE, variant->key, variant->key_len, args.n, args.argv, args.lens);
	if (standby)
	{
		const char *info[] = {"INFO", "stats"};
		const char *time[] = {"TIME"};
		size_t		lens[] = {4, 5};

		add_get_floor(variant->space);
		cf_l2_add(2, info, lens);
		cf_l2_add(1, time, lens);
	}
	status = run(interruptible);
	if (status != CF_L2_OK)
		return status;
	take_lease(cf_l2_reply(0), lease, &tombstone);
	if (!standby)
		return CF_L2_OK;
	lease->proven = take_proof(cf_l2_reply(1), cf_l2_reply(2), cf_l2_reply(3), lease);
	if (lease->state == CF_LEASE_GRANTED && !tombstone && !lease->proven)
	{
		cf_store_release(variant, lease);
		lease->state = CF_LEASE_REFUSED;
	}
	return CF_L2_OK;
}

void
cf_store_release(const CfL2Variant *variant, const CfLease *lease)
{
	Arguments	args = {0};

	push_text(&args, variant->lease_field);
	push_text(&args, lease->token);
	cf_space_begin();
	cf_l2_add_script(CF_L2_RELEASE, variant->key, variant->key_len, args.n, args.argv, args.lens);
	(void) run(false);
}

CfL2Status
cf_store_fill(const CfL2Variant *variant, const CfLease *lease, const char *value,
			  Size value_len, const char *meta, Size meta_len, int64 keep_ms,
			  bool *stored, bool interruptible)
{
	Arguments	args = {0};
	Digits		digits[2];
	CfL2Status	status;

	push_text(&args, variant->lease_field);
	push_text(&args, lease->token);
	push_text(&args, variant->value_field);
	push(&args, value, value_len);
	push_text(&args, variant->meta_field);
	push(&args, meta, meta_len);
	push_number(&args, Max(keep_ms, cf_guc_tombstone_ttl), &digits[0]);
	if (RecoveryInProgress())
		push_text(&args, "");
	else
		push_lsn(&args, lease->lsn, &digits[1]);
	cf_space_begin();
	cf_l2_add_script(CF_L2_FILL, variant->key, variant->key_len, args.n, args.argv, args.lens);
	*stored = false;
	status = run(interruptible);
	if (status == CF_L2_OK)
		*stored = cf_l2_reply(0)->type == REDIS_REPLY_INTEGER && cf_l2_reply(0)->integer == 1;
	return status;
}

/* The arguments of the step's script, in its order: see lua.c. */
static void
add_step(CfL2Script script, CfFenceStep step, const char *key, int len, const char *token,
		 uint64 commit_lsn, const CfFloor *floor, int64 keep_ms)
{
	Arguments	args = {0};
	Digits		digits[3];

	push_text(&args, token);
	if (step == CF_STEP_FENCE)
		push_number(&args, cf_guc_fence_ttl, &digits[0]);
	else if (step == CF_STEP_SETTLE)
		push_lsn(&args, commit_lsn, &digits[0]);
	push_number(&args, keep_ms, &digits[1]);
	push_lsn(&args, floor->lsn, &digits[2]);
	cf_l2_add_script(script, key, len, args.n, args.argv, args.lens);
}

void
cf_store_add_key(const CfSpace *space, CfFenceStep step, const char *key, int len,
				 const char *token, uint64 commit_lsn, const CfFloor *floor)
{
	static const CfL2Script scripts[] = {CF_L2_FENCE, CF_L2_SETTLE, CF_L2_LIFT};
	char		name[CF_SPACE_MAX_NAME + CF_MAX_KEY + 8];
	int			name_len = snprintf(name, sizeof(name), "cf:%s:", space->name);

	memcpy(name + name_len, key, len);
	add_step(scripts[step], step, name, name_len + len, token, commit_lsn, floor,
			 Max(cf_guc_fence_ttl, cf_guc_tombstone_ttl));
}

void
cf_store_add_tag(const CfSpace *space, CfFenceStep step, const char *tag, int len,
				 const char *token, uint64 commit_lsn, const CfFloor *floor)
{
	static const CfL2Script scripts[] = {CF_L2_TAG_FENCE, CF_L2_TAG_SETTLE, CF_L2_TAG_LIFT};
	TagKey		key;

	make_tag_key(&key, space, tag, len);
	add_step(scripts[step], step, key.data, key.len, token, commit_lsn, floor,
			 CF_TAG_KEEP_MS);
}

bool
cf_store_steps_ok(void)
{
	for (int i = 0; i < cf_l2_nreplies(); i++)
	{
		if (cf_l2_reply(i)->type == REDIS_REPLY_ERROR)
			return false;
	}
	return true;
}
