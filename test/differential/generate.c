/*
 * generate.c - chooses the next step.
 *
 * A run uses some of the features of the catalogue, chosen by its seed, so that
 * few get in each other's way, and has a mood: how many sessions there are, and
 * how often what happens. For what needs several steps of several sessions in one
 * order, a feature has scenes; other steps come in between. Texts of the catalogue are templates:
 *
 *	{a|b|c}		one of these
 *	{x=a|b|c}	one of these, and from there on {x} in the same entry
 *	{id}		a small number, the same all over the entry
 *	{n}			the number of the step
 *	{{			a brace
 *
 * test/differential/generate.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "differential.h"

#define MAX_NAMES 16
#define MAX_PREPARED 32

typedef struct Name
{
	char		name[16];
	char		value[256];
} Name;

static uint64_t random_state;
static Name names[MAX_NAMES];
static int	n_names;
static bool *chosen;			/* by index in the catalogue */
static int	depth[MAX_SESSIONS];	/* savepoints, about */
static int	prepared[MAX_PREPARED];
static int	n_prepared;

/* Percentages of steps, but for n_sessions. The rest are reads. */
typedef struct Mood
{
	int			n_sessions;
	int			scenes;
	int			acts;
	int			admin;
	int			sets;
	int			repeats;		/* reads that are one of the last again */
	int			begin;			/* of a session without a transaction */
	int			end;			/* of one that has one */
} Mood;

static Mood mood;
static int	cast[MAX_SESSIONS];	/* the sessions of the run */

/* What is left of a scene. */
static Step scene[MAX_SCENE + MAX_SESSIONS];
static int	scene_next;
static int	scene_length;

/* ---- chance ----------------------------------------------------------------- */

/* xorshift64* */
static uint32_t
next_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t) ((random_state * UINT64_C(2685821657736338717)) >> 32);
}

static int
below(int n)
{
	return (int) (next_random() % (uint32_t) n);
}

static bool
percent(int n)
{
	return below(100) < n;
}

/* ---- features --------------------------------------------------------------- */

/* Whether a list with commas names a feature, or what it begins with. */
static bool
is_listed(const char *list, const char *feature)
{
	while (list != NULL && *list != '\0')
	{
		size_t		n = strcspn(list, ",");

		if (strncmp(list, feature, n) == 0 && (feature[n] == '\0' || feature[n] == '-'))
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

static bool
is_possible(const char *feature)
{
	if (strcmp(feature, "core") == 0)
		return true;
	if (strncmp(feature, "tracking", 8) == 0 && !options.tracking)
		return false;
	if (options.only != NULL && !is_listed(options.only, feature))
		return false;
	return !is_listed(options.without, feature);
}

/* The first entry of a feature stands for the feature. */
static int
feature_of(int entry)
{
	int			first = 0;

	while (strcmp(catalogue[first].feature, catalogue[entry].feature) != 0)
		first++;
	return first;
}

/* "order" is the base of "order-cluster", which uses its tables. */
static bool
is_base(const char *base, const char *feature)
{
	size_t		n = strlen(base);

	return strncmp(base, feature, n) == 0 && feature[n] == '-';
}

/* Core and up to four others, with their bases. */
static void
choose_features(void)
{
	int			n = 1 + below(4);

	for (int i = 0; i < catalogue_size; i++)
		chosen[i] = strcmp(catalogue[i].feature, "core") == 0;
	for (int tries = 0; n > 0 && tries < 1000; tries++)
	{
		int			feature = feature_of(below(catalogue_size));

		if (!is_possible(catalogue[feature].feature) || chosen[feature])
			continue;
		for (int i = 0; i < catalogue_size; i++)
			if (feature_of(i) == feature ||
				is_base(catalogue[i].feature, catalogue[feature].feature))
				chosen[i] = true;
		n--;
	}
}

/* Many small worlds find more than one that has everything. */
static void
choose_mood(void)
{
	static const Mood moods[] = {
		{5, 4, 16, 12, 17, 75, 10, 12},
		{5, 6, 16, 1, 8, 75, 10, 12},	/* entries live long */
		{2, 8, 12, 3, 10, 60, 20, 15},	/* few who meet often */
		{3, 8, 20, 2, 20, 85, 5, 25},	/* the same few reads */
		{4, 4, 8, 30, 5, 75, 5, 30}	/* definitions change all the time */
	};
	static const int n_moods = sizeof(moods) / sizeof(moods[0]);

	mood = moods[options.ddl ? n_moods - 1 : below(n_moods)];
	for (int i = 0; i < MAX_SESSIONS; i++)
	{
		int			other = below(i + 1);

		cast[i] = cast[other];
		cast[other] = i;
	}
}

static void
drop_scene(void)
{
	while (scene_next < scene_length)
	{
		const Step *step = &scene[scene_next++];

		free((char *) step->sql);
		free((char *) step->plain);
		free((char *) step->when);
		free((char *) step->explain);
	}
	scene_next = scene_length = 0;
}

void
seed_generator(uint64_t seed)
{
	random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	for (int i = 0; i < 8; i++)
		next_random();
	if (chosen == NULL)
		chosen = calloc((size_t) catalogue_size, sizeof(bool));
	memset(depth, 0, sizeof(depth));
	n_prepared = 0;
	drop_scene();
	choose_features();
	choose_mood();
}

/* ---- templates ---------------------------------------------------------------- */

static const char *
value_of(const char *name)
{
	for (int i = 0; i < n_names; i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].value;
	return NULL;
}

static void
set_value(const char *name, const char *value)
{
	if (n_names == MAX_NAMES)
		abort();
	snprintf(names[n_names].name, sizeof(names[0].name), "%s", name);
	snprintf(names[n_names].value, sizeof(names[0].value), "%s", value);
	n_names++;
}

static void
begin_entry(int number)
{
	char		text[16];

	n_names = 0;
	snprintf(text, sizeof(text), "%d", 1 + below(3));
	set_value("id", text);
	snprintf(text, sizeof(text), "%d", number);
	set_value("n", text);
}

/* One of the alternatives of a|b|c, in place. */
static char *
choose_one(char *list)
{
	int			n = 1;

	for (char *c = list; *c != '\0'; c++)
		n += *c == '|';
	n = below(n);
	while (n-- > 0)
		list += strcspn(list, "|") + 1;
	list[strcspn(list, "|")] = '\0';
	return list;
}

/* What stands for the inside of a pair of braces. */
static const char *
expand_braces(char *inside)
{
	char	   *equals = inside + strspn(inside, "abcdefghijklmnopqrstuvwxyz0123456789");
	const char *value;

	if (*equals != '=')
	{
		value = value_of(inside);
		return value != NULL ? value : choose_one(inside);
	}
	*equals = '\0';
	value = choose_one(equals + 1);
	set_value(inside, value);
	return value;
}

static char *
expand(const char *template)
{
	char		text[8192];
	size_t		n = 0;

	if (template == NULL)
		return NULL;
	while (*template != '\0' && n < sizeof(text) - 512)
	{
		char		inside[512];
		size_t		length;

		if (template[0] != '{' || template[1] == '{')
		{
			text[n++] = *template;
			template += template[0] == '{' ? 2 : 1;
			continue;
		}
		length = strcspn(template, "}");
		snprintf(inside, sizeof(inside), "%.*s", (int) length - 1, template + 1);
		n += (size_t) snprintf(text + n, sizeof(text) - n, "%s", expand_braces(inside));
		template += length + 1;
	}
	text[n] = '\0';
	return strdup(text);
}

/* ---- steps ------------------------------------------------------------------ */

static bool
can_pick(int i, unsigned kinds)
{
	return chosen[i] && (kinds & (1u << catalogue[i].kind)) != 0;
}

/* Whether an entry before this one belongs to the same feature. */
static bool
has_earlier(int entry, unsigned kinds)
{
	for (int i = 0; i < entry; i++)
		if (can_pick(i, kinds) && feature_of(i) == feature_of(entry))
			return true;
	return false;
}

/* First a feature, then one of its entries. */
static const Entry *
pick_entry(unsigned kinds)
{
	int			features = 0;
	int			n = 0;
	int			feature;

	for (int i = 0; i < catalogue_size; i++)
		features += can_pick(i, kinds) && !has_earlier(i, kinds);
	if (features == 0)
		return NULL;
	features = below(features);
	for (feature = 0;; feature++)
		if (can_pick(feature, kinds) && !has_earlier(feature, kinds) && features-- == 0)
			break;
	for (int i = 0; i < catalogue_size; i++)
		n += can_pick(i, kinds) && feature_of(i) == feature_of(feature);
	n = below(n);
	for (int i = 0;; i++)
		if (can_pick(i, kinds) && feature_of(i) == feature_of(feature) && n-- == 0)
			return &catalogue[i];
}

/* A query with its only argument in place of $1. */
static char *
put_argument(const char *query, const char *argument)
{
	char	   *text = malloc(strlen(query) * (strlen(argument) + 3) + 1);
	char	   *to = text;

	while (*query != '\0')
	{
		if (strncmp(query, "$1", 2) == 0)
		{
			to += sprintf(to, "(%s)", argument);
			query += 2;
		}
		else
			*to++ = *query++;
	}
	*to = '\0';
	return text;
}

/* With --tracking: the question whether the cache promises anything of a fetch. */
static char *
make_explain(const char *call, int length)
{
	return options.tracking ?
		format("SELECT value FROM public.cache_explain(%.*s) WHERE item = 'covered'", length, call) : NULL;
}

/* The same for a statement that is one fetch and takes a column of its row. */
static char *
make_explain_of(const char *sql)
{
	static const char *const fetch = "SELECT public.cache_fetch_row(";
	const char *call = sql + strlen(fetch);
	const char *end = strstr(sql, ") ->> ");

	return strncmp(sql, fetch, strlen(fetch)) == 0 && end != NULL ?
		make_explain(call, (int) (end - call)) : NULL;
}

/* How a plain SELECT is sent, and how often. */
static void
choose_protocol(Step *step)
{
	step->protocol = (Protocol) below(step->unprepared ? PROTOCOL_PREPARED : 3);
	step->times = 1 + below(4);
	step->binary = step->protocol != PROTOCOL_SIMPLE && percent(30);
}

/* One of the forms of cache_fetch, and the query itself. */
static void
make_fetch(Step *step, const Entry *entry)
{
	char	   *key = expand(entry->a);
	char	   *query = expand(entry->b);
	char	   *argument = expand(entry->c);
	char	   *columns = expand(entry->d);
	char	   *tags = expand(entry->e);
	char	   *call = format("'%s', $q$%s$q$%s%s%s%s%s", key, query,
							  argument != NULL ? ", ROW(" : "", argument != NULL ? argument : "",
							  argument != NULL ? ")" : "",
							  tags != NULL ? ", tags => " : "", tags != NULL ? tags : "");
	char	   *plain = argument != NULL ? put_argument(query, argument) : strdup(query);
	int			form = below(columns != NULL ? 3 : 2);

	if (form == 0)
	{
		step->sql = format("SELECT v::text FROM json_array_elements(public.cache_fetch(%s)) v", call);
		step->plain = format("SELECT row_to_json(q)::text FROM (%s) q", plain);
	}
	else if (form == 1)
	{
		step->sql = format("SELECT public.cache_fetch_row(%s)::text", call);
		step->plain = format("SELECT (SELECT row_to_json(q)::text FROM (%s) q LIMIT 1)", plain);
	}
	else
	{
		step->sql = format("SELECT t.* FROM public.cache_fetch_rows(%s) AS t(%s)", call, columns);
		step->plain = format("SELECT q.* FROM (%s) q", plain);
	}
	if (options.transparent && percent(85))
	{
		free((char *) step->plain);
		step->plain = strdup(plain);
		step->query = strdup(query);
		step->argument = argument != NULL ? strdup(argument) : NULL;
		choose_protocol(step);
	}
	step->explain = make_explain(call, (int) strlen(call));
	free(key);
	free(query);
	free(argument);
	free(columns);
	free(tags);
	free(call);
	free(plain);
}

static void
fill_step(Step *step, const Entry *entry, int number)
{
	begin_entry(number);
	step->name = entry->feature;
	step->keep = (entry->flags & KEEP) != 0;
	step->sorted = (entry->flags & SORTED) != 0;
	step->unprepared = (entry->flags & UNPREPARED) != 0;
	step->plain_first = percent(50);
	step->savepoint = percent(40);
	switch (entry->kind)
	{
		case ENTRY_FETCH:
			step->kind = STEP_PAIR;
			make_fetch(step, entry);
			break;
		case ENTRY_PAIR:
			step->kind = STEP_PAIR;
			step->prelude = expand(entry->c);
			step->sql = expand(entry->a);
			step->plain = expand(entry->b);
			step->when = expand(entry->d);
			step->explain = make_explain_of(step->sql);
			if (options.transparent && percent(85) && strncmp(step->plain, "SELECT", 6) == 0)
			{
				step->query = strdup(step->plain);
				choose_protocol(step);
			}
			break;
		case ENTRY_SELF:
			step->kind = STEP_SELF;
			step->sql = expand(entry->a);
			break;
		default:
			step->kind = STEP_ACT;
			step->sql = expand(entry->a);
	}
}

static void
fill_with_sql(Step *step, const char *name, char *sql)
{
	step->kind = STEP_ACT;
	step->name = name;
	step->sql = sql;
}

static void
begin_transaction(Step *step)
{
	fill_with_sql(step, "begin", expand("BEGIN{|| ISOLATION LEVEL REPEATABLE READ|"
										" ISOLATION LEVEL REPEATABLE READ|"
										" ISOLATION LEVEL SERIALIZABLE| READ ONLY}"));
	depth[step->session] = 0;
}

static void
use_savepoint(Step *step)
{
	int			level = depth[step->session];

	if (level == 0 || (level < 3 && percent(50)))
	{
		fill_with_sql(step, "savepoint", format("SAVEPOINT s%d", level));
		depth[step->session]++;
		return;
	}
	fill_with_sql(step, "savepoint", format("%s s%d", percent(65) ? "ROLLBACK TO" : "RELEASE", level - 1));
	if (step->sql[1] == 'E')
		depth[step->session]--;
}

static void
end_transaction(Step *step, int number)
{
	if (percent(60))
		fill_with_sql(step, "commit", strdup("COMMIT"));
	else if (percent(70) || n_prepared == MAX_PREPARED)
		fill_with_sql(step, "rollback", strdup("ROLLBACK"));
	else
	{
		fill_with_sql(step, "prepare", format("PREPARE TRANSACTION 'p%d'", number));
		prepared[n_prepared++] = number;
	}
}

static void
end_prepared_transaction(Step *step)
{
	int			number = prepared[--n_prepared];

	step->session = 0;
	fill_with_sql(step, "prepared", format("%s PREPARED 'p%d'", percent(75) ? "COMMIT" : "ROLLBACK", number));
}

/* Steps that end or divide a transaction, where there is one. */
static bool
steer(Step *step, PGTransactionStatusType status, int number)
{
	if (status == PQTRANS_INERROR)
		fill_with_sql(step, "rollback", depth[step->session] > 0 && percent(40) ?
					  format("ROLLBACK TO s%d", depth[step->session] - 1) : strdup("ROLLBACK"));
	else if (status == PQTRANS_INTRANS && percent(mood.end))
		end_transaction(step, number);
	else if (status == PQTRANS_INTRANS && percent(10))
		use_savepoint(step);
	else if (status == PQTRANS_IDLE && n_prepared > 0 && percent(30) &&
			 session_status(0) == PQTRANS_IDLE)
		end_prepared_transaction(step);
	else if (status == PQTRANS_IDLE && percent(mood.begin))
		begin_transaction(step);
	else
		return false;
	return true;
}

/* One of the last reads once more, by anybody. */
static bool
repeat_read(Step *step, const Steps *steps)
{
	int			from = steps->n - 12;
	const Step *old = from < 0 ? NULL : &steps->step[from + below(12)];

	if (old == NULL || old->kind != STEP_PAIR || old->prelude != NULL)
		return false;
	step->kind = STEP_PAIR;
	step->name = old->name;
	step->sql = strdup(old->sql);
	step->plain = strdup(old->plain);
	step->when = old->when != NULL ? strdup(old->when) : NULL;
	step->explain = old->explain != NULL ? strdup(old->explain) : NULL;
	step->query = old->query != NULL ? strdup(old->query) : NULL;
	step->argument = old->argument != NULL ? strdup(old->argument) : NULL;
	step->unprepared = old->unprepared;
	if (old->times > 0)
		choose_protocol(step);
	step->sorted = old->sorted;
	step->plain_first = percent(50);
	step->savepoint = percent(40);
	return true;
}

/* ---- scenes ----------------------------------------------------------------- */

/*
 * The session of a line: the same letter is the same one all over the scene, a
 * capital is a superuser. None is left: -1.
 */
static int
cast_letter(char letter, int *actors)
{
	int			found = actors[(letter | 0x20) - 'a'];

	for (int i = 0; i < MAX_SESSIONS && found < 0; i++)
	{
		bool		taken = letter < 'a' && session_user_of(cast[i]) != options.user;

		for (int k = 0; k < MAX_SESSIONS; k++)
			taken |= actors[k] == cast[i];
		if (!taken)
			found = cast[i];
	}
	actors[(letter | 0x20) - 'a'] = found;
	return found;
}

static Step *
add_to_scene(const char *name, int session, char *sql)
{
	Step	   *step = &scene[scene_length++];

	memset(step, 0, sizeof(Step));
	step->session = session;
	fill_with_sql(step, name, sql);
	return step;
}

/* "a: statement", or "a? cached ~ plain ~ when". */
static void
add_line(const char *name, int session, char *line)
{
	char	   *plain = line[1] == '?' ? strstr(line, " ~ ") : NULL;
	char	   *when = plain != NULL ? strstr(plain + 3, " ~ ") : NULL;
	Step	   *step;

	if (plain != NULL)
		*plain = '\0';
	if (when != NULL)
		*when = '\0';
	step = add_to_scene(name, session, strdup(line + 3));
	if (plain == NULL)
		return;
	step->kind = STEP_PAIR;
	step->plain = strdup(plain + 3);
	step->when = when != NULL ? strdup(when + 3) : NULL;
	step->explain = make_explain_of(step->sql);
	step->plain_first = percent(50);
}

/* Its sessions first leave the transactions that they are in. */
static void
begin_scene(const Entry *entry, int number)
{
	int			actors[MAX_SESSIONS] = {-1, -1, -1, -1, -1};
	char	   *text;

	begin_entry(number);
	text = expand(entry->a);
	for (char *line = text; line != NULL; line = strchr(line, '\n'))
	{
		line += *line == '\n';
		cast_letter(*line, actors);
	}
	for (int i = 0; i < MAX_SESSIONS; i++)
		if (actors[i] >= 0 && session_status(actors[i]) != PQTRANS_IDLE)
			add_to_scene("rollback", actors[i], strdup("ROLLBACK"));
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		add_line(entry->feature, cast_letter(line[0], actors), line);
	free(text);
}

static bool
play_scene(Step *step)
{
	if (scene_next == scene_length || percent(8))
		return false;
	*step = scene[scene_next++];
	if (strncmp(step->sql, "BEGIN", 5) == 0)
		depth[step->session] = 0;
	if (scene_next == scene_length)
		scene_next = scene_length = 0;
	return true;
}

/* ---- what comes next -------------------------------------------------------- */

/* What changes something, as often as the mood has it; or NULL for a read. */
static const Entry *
pick_change(Step *step)
{
	int			what = below(100);

	if (what < mood.acts)
		return pick_entry(1u << ENTRY_ACT);
	if (what < mood.acts + mood.admin)
	{
		step->session = percent(50) ? 0 : 1;
		return pick_entry(1u << ENTRY_ADMIN |
						  (session_status(step->session) == PQTRANS_IDLE ? 1u << ENTRY_ALONE : 0));
	}
	return what < mood.acts + mood.admin + mood.sets ? pick_entry(1u << ENTRY_SET) : NULL;
}

void
generate_step(Steps *steps, int number)
{
	static const unsigned reads = 1u << ENTRY_FETCH | 1u << ENTRY_PAIR | 1u << ENTRY_SELF;
	const Entry *entry;
	Step	   *step = &steps->step[steps->n];

	memset(step, 0, sizeof(Step));
	if (scene_length == 0 && percent(mood.scenes) &&
		(entry = pick_entry(1u << ENTRY_SCENE)) != NULL)
		begin_scene(entry, number);
	if (play_scene(step))
		return;
	step->session = cast[below(mood.n_sessions)];
	if (steer(step, session_status(step->session), number))
		return;
	entry = pick_change(step);
	if (entry == NULL && percent(mood.repeats) && repeat_read(step, steps))
		return;
	if (entry == NULL)
		entry = pick_entry(reads);
	fill_step(step, entry, number);
}

static void
add_setup(Steps *steps, const char *name, const char *sql, bool keep)
{
	Step	   *step = &steps->step[steps->n++];

	memset(step, 0, sizeof(Step));
	step->kind = STEP_SETUP;
	step->name = name;
	step->sql = strdup(sql);
	step->keep = keep;
}

/* For --tracking: with it cache_attach makes no rule. */
static const char *const attach_nothing =
"ALTER FUNCTION cache_attach(regclass, text, text[], text[], text, text[], text, text[]) RENAME TO cache_attach_rule;"
"CREATE FUNCTION cache_attach(rel regclass, key text DEFAULT NULL, tags text[] DEFAULT NULL,"
" columns text[] DEFAULT NULL, mode text DEFAULT 'invalidate', rows text[] DEFAULT NULL) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'";

/* The beginning of each run, by a superuser. */
void
generate_setup(Steps *steps)
{
	for (int i = 0; i < catalogue_size; i++)
	{
		if (can_pick(i, 1u << ENTRY_SETUP))
			add_setup(steps, catalogue[i].feature, catalogue[i].a,
					  (catalogue[i].flags & KEEP) != 0);
		if (i == 0 && options.tracking)
			add_setup(steps, "core", attach_nothing, true);
	}
	if (options.without_rules)
		add_setup(steps, "core", "ALTER TABLE t1 DISABLE TRIGGER USER; ALTER TABLE t2 DISABLE TRIGGER USER", true);
}
