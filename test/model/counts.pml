/*
 * counts.pml - row rules are believed only as far as PostgreSQL's own counts bear
 * them out. One table, one row that readers cache, other rows, a rule whose trigger
 * tells rows apart (A), and a second rule of the table (B). Checked by run.sh.
 *
 * Modelled: capture/witness.c with the same array and indexes; PostgreSQL's
 * counts of a table by level of subtransaction (pgstat_relation.c); what commit.c,
 * writeset.c and epoch.c make of them. A session runs TXNS transactions of OPS steps
 * in all: it changes the row or others, seen or unseen by each trigger (replica
 * role, a partition's clone that is off), disables and enables A's trigger by DDL,
 * truncates where no hook tells it (logical replication), switches track_counts off
 * and on, sets, releases and rolls back savepoints, reads what it has written, commits
 * or rolls back; and another library may write after we have looked (-DLATE).
 * An owner beside it disables the trigger, and enables it again.
 *
 * A reader who believes that the trigger is enabled depends on the row's tag, that of
 * the rule, and the epoch of the database; else on the table's tag and the epoch. It
 * believes what it was last told: that is broadcast after the COMMIT callbacks, before
 * locks are released.
 *
 * Claims: a read that begins after a commit was acknowledged shows it; the session's
 * own reads show its own changes; and no rule is said to have missed anything
 * that has missed nothing.
 *	-DNO_COMPARE	the rule's trigger is believed				(cf_witness_pre_commit)
 *	-DANY_CALL		believed if it was called at all			(compare)
 *	-DSUM			counted by table, not by trigger			(compare)
 *	-DNO_TRUNCATED	counts are compared after a TRUNCATE, too	(compare)
 *	-DROWS_ONLY		a table without changed rows is unchanged	(is_changed)
 *	-DNO_TAKE_AWAY	calls of a subtransaction that is rolled back stay	(take_away)
 *	-DNO_RESTORE	they go, but what was counted before is not found	(take_away)
 *	-DNO_GIVE		calls stay with the level of what is committed	(give_to_parent)
 *	-DNO_ADD		the parent's calls go where both have some		(give_to_parent)
 *	-DNO_RESET		calls outlive their transaction				(cf_witness_reset)
 *	-DNO_BLIND		who has not counted moves nothing			(cf_writeset_begin_commit)
 *	-DNO_SKIP		... and is compared all the same			(cf_witness_pre_commit)
 *	-DBLIND_NOW		blind is who does not count at the end		(assign_track_counts)
 *	-DBLIND_OFF		... or has switched it off				(assign_track_counts)
 *	-DNO_OWN		own reads ask for the log alone				(cf_witness_touches)
 *	-DNO_SUMS		own reads compare level by level				(add_to_sum)
 *	-DNO_LATE		what is written late is not looked for		(is_written_since)
 *	-DNO_RULE_TAG	entries do not depend on the rule			(proof.c)
 *	-DNO_CHANGED	a trigger that is disabled moves nothing		(rule_changed)
 *	-DSHORT_EPOCH	what DDL raises falls in the COMMIT callback	(cf_epoch_finish)
 * -DSEEK forbids hits after other rows have changed, and must break.
 * Not needed with the epoch: that DDL moves the tag of the rule (-DEPOCH_ALONE); nor,
 * with a tag of the rule that falls as late as the epoch, the epoch (-DLONG_TAG).
 */
#ifndef OPS
#define OPS 4
#endif
#ifndef TXNS
#define TXNS 1
#endif
#ifndef READS
#define READS 1
#endif
#ifndef DDL
#define DDL 0			/* steps of the owner */
#endif
#define LEVELS 3
#define A 0
#define B 1

/* clocks, by bit; the last is the epoch of the database */
#define ROW 0
#define RULE 1
#define TABLE 2
#define EPOCH 3
#define BIT(c) (1 << c)

byte pending[4];
byte settled[4];
byte next = 1;

byte visible = 0;		/* the row's value */
byte must = 0;			/* as acknowledged */
bool rule_on = true;	/* A's trigger, in the catalog */
bool believed = true;	/* as broadcast */
byte locked = 0;		/* the table: 1 by the session, 2 by the owner */

#ifdef NO_RULE_TAG
#define BY_ROW (BIT(ROW) | BIT(EPOCH))
#else
#define BY_ROW (BIT(ROW) | BIT(RULE) | BIT(EPOCH))
#endif

byte l1_value = 0;		/* what all know at the start */
byte l1_stamp = 0;
byte l1_deps = BY_ROW;

/* ---- the session ---- */

byte nops = 0;
byte level = 1;
byte lock_level = 0;	/* at which it locked the table; 0: it has not */
bool counting;			/* track_counts */
bool blind = false;

/* PostgreSQL's counts, by level */
byte rows[LEVELS + 1];
bool truncated[LEVELS + 1];

/* what the transaction has, by level: the row, the log, the catalog */
byte value[LEVELS + 1];
bool log_row[LEVELS + 1];
bool log_rule[LEVELS + 1];
bool ddl[LEVELS + 1];
bool own_on[LEVELS + 1];
bool unseen[LEVELS + 1];	/* ghost: A has missed a change */

/* calls of triggers; as an index 0 is none, n is count n - 1 */
typedef Count {
	byte trigger;
	byte level;
	byte calls;
	byte older
}
Count counts[2 * LEVELS];
byte ncounts = 0;
byte newest[2];

#define CURRENT(c, deps, stamp) \
	(!(deps & BIT(c)) || (pending[c] == 0 && settled[c] <= stamp))
#define ALL_CURRENT(deps, stamp) \
	(CURRENT(ROW, deps, stamp) && CURRENT(RULE, deps, stamp) && \
	 CURRENT(TABLE, deps, stamp) && CURRENT(EPOCH, deps, stamp))

hidden byte at, kept, first, calls, sum, moves;

/* As the code finds it among few, without a hash table: it must be the same. */
inline check_newest(t)
{
	at = ncounts;
	do
	:: at > 0 && counts[at - 1].trigger != t -> at--
	:: else -> break
	od;
	assert(at == newest[t])
}

inline event(t)
{
	if
	:: newest[t] != 0 && counts[newest[t] - 1].level == level ->
		counts[newest[t] - 1].calls++
	:: else ->
		counts[ncounts].trigger = t;
		counts[ncounts].level = level;
		counts[ncounts].calls = 1;
		counts[ncounts].older = newest[t];
		ncounts++;
		newest[t] = ncounts
	fi
}

inline clear_count(i)
{
	counts[i].trigger = 0; counts[i].level = 0; counts[i].calls = 0; counts[i].older = 0
}

inline find_first()
{
	first = ncounts;
	do
	:: first > 0 && counts[first - 1].level >= level -> first--
	:: else -> break
	od
}

inline take_away()
{
	find_first();
#ifndef NO_TAKE_AWAY
	do
	:: ncounts > first ->
		ncounts--;
#ifdef NO_RESTORE
		newest[counts[ncounts].trigger] = 0;
#else
		newest[counts[ncounts].trigger] = counts[ncounts].older;
#endif
		clear_count(ncounts)
	:: else -> break
	od
#endif
}

inline give_to_parent()
{
	find_first();
#ifndef NO_GIVE
	kept = first;
	at = first;
	do
	:: at < ncounts ->
		if
		:: counts[at].older != 0 && counts[counts[at].older - 1].level == level - 1 ->
#ifdef NO_ADD
			counts[counts[at].older - 1].calls = counts[at].calls;
#else
			counts[counts[at].older - 1].calls =
				counts[counts[at].older - 1].calls + counts[at].calls;
#endif
			newest[counts[at].trigger] = counts[at].older
		:: else ->
			counts[kept].trigger = counts[at].trigger;
			counts[kept].calls = counts[at].calls;
			counts[kept].older = counts[at].older;
			counts[kept].level = level - 1;
			kept++;
			newest[counts[kept - 1].trigger] = kept
		fi;
		at++
	:: else -> break
	od;
	do
	:: ncounts > kept -> ncounts--; clear_count(ncounts)
	:: else -> break
	od
#endif
}

inline reset_witness()
{
	skip;
#ifndef NO_RESET
	do
	:: ncounts > 0 -> ncounts--; clear_count(ncounts)
	:: else -> break
	od;
	newest[A] = 0; newest[B] = 0
#endif
}

inline add_calls(t)
{
	at = newest[t];
	do
	:: at != 0 -> calls = calls + counts[at - 1].calls; at = counts[at - 1].older
	:: else -> break
	od
}

/* calls: those that A's rule is judged by */
inline find_calls()
{
	calls = 0;
#ifdef SUM
	add_calls(B);
#endif
	add_calls(A)
}

#ifdef ANY_CALL
#define DIFFERS(n) (calls == 0)
#else
#define DIFFERS(n) (calls != n)
#endif
#ifdef NO_TRUNCATED
#define MISSED(n, t) DIFFERS(n)
#else
#define MISSED(n, t) (t || DIFFERS(n))
#endif
#ifdef ROWS_ONLY
#define CHANGED(n, t) (n != 0)
#else
#define CHANGED(n, t) (n != 0 || t)
#endif

#ifdef BLIND_NOW
#define BLIND (!counting)
#else
#define BLIND (blind || !counting)
#endif

#ifdef NO_BLIND
#define BLIND_MOVES false
#else
#define BLIND_MOVES BLIND
#endif

inline assign(on)
{
#ifdef BLIND_OFF
	blind = blind || !on;
#else
	blind = blind || !on || !counting;
#endif
	counting = on
}

inline change()
{
	if
	:: counting -> rows[level]++
	:: else
	fi
}

inline lock()
{
	locked = 1;
	if
	:: lock_level == 0 -> lock_level = level
	:: else
	fi
}

/* The row (of_it) or another one. */
inline write(of_it, seen_a, seen_b)
{
	lock();
	change();
	if
	:: of_it -> value[level] = 2 * nops
	:: else
	fi;
	if
	:: seen_a -> event(A); log_row[level] = log_row[level] || of_it
	:: else -> unseen[level] = true
	fi;
	if
	:: seen_b -> event(B)
	:: else
	fi
}

inline clear_level(l)
{
	rows[l] = 0; truncated[l] = false; value[l] = 0; log_row[l] = false; log_rule[l] = false;
	ddl[l] = false; own_on[l] = false; unseen[l] = false
}

inline savepoint()
{
	level++;
	value[level] = value[level - 1];
	own_on[level] = own_on[level - 1]
}

inline release()
{
	give_to_parent();
	if
	:: truncated[level] -> rows[level - 1] = rows[level]; truncated[level - 1] = true
	:: else -> rows[level - 1] = rows[level - 1] + rows[level]
	fi;
	value[level - 1] = value[level];
	log_row[level - 1] = log_row[level - 1] || log_row[level];
	log_rule[level - 1] = log_rule[level - 1] || log_rule[level];
	ddl[level - 1] = ddl[level - 1] || ddl[level];
	own_on[level - 1] = own_on[level];
	unseen[level - 1] = unseen[level - 1] || unseen[level];
	if
	:: lock_level == level -> lock_level--
	:: else
	fi;
	clear_level(level);
	level--
}

/* So do the locks that it has taken. */
inline roll_back()
{
	take_away();
	if
	:: lock_level == level -> lock_level = 0; locked = 0
	:: else
	fi;
	clear_level(level);
	level--
}

inline raise(mask)
{
	raised = raised | (mask);
	at = 0;
	do
	:: at < 4 ->
		if
		:: (BIT(at) & (mask)) != 0 -> pending[at]++
		:: else
		fi;
		at++
	:: else -> break
	od
}

inline settle(mask)
{
	next++;
	at = 0;
	do
	:: at < 4 ->
		if
		:: (raised & BIT(at) & (mask)) != 0 -> settled[at] = next; pending[at]--
		:: else
		fi;
		at++
	:: else -> break
	od;
	raised = raised & ~(mask)
}

#ifdef LONG_TAG
#define DDL_CLOCKS BIT(RULE)
#define FALL_EARLY (BIT(ROW) | BIT(TABLE))
#else
#define FALL_EARLY (BIT(ROW) | BIT(TABLE) | BIT(RULE))
#if defined(EPOCH_ALONE)
#define DDL_CLOCKS BIT(EPOCH)
#elif defined(NO_CHANGED)
#define DDL_CLOCKS 0
#else
#define DDL_CLOCKS (BIT(RULE) | BIT(EPOCH))
#endif
#endif
#ifdef SHORT_EPOCH
#define FALL_FIRST 15
#else
#define FALL_FIRST FALL_EARLY
#endif

inline end_transaction()
{
	reset_witness();
	do
	:: level > 0 -> clear_level(level); level--
	:: else -> break
	od;
	level = 1;
	blind = false;
	value[1] = visible;
	own_on[1] = rule_on;
	if
	:: lock_level > 0 -> lock_level = 0; locked = 0
	:: else
	fi
}

/* What the session has changed itself, as cf_commit_touches says. */
inline own_read()
{
	touched = 0;
	at = 0; sum = 0; any = false; missed = false;
	find_calls();
	at = 1;
	do
	:: at <= level ->
		if
		:: CHANGED(rows[at], truncated[at]) ->
#ifdef NO_SUMS
			missed = missed || MISSED(rows[at], truncated[at]);
#endif
			any = true
		:: else
		fi;
		sum = sum + rows[at];
		late = late || truncated[at];
		touched = touched | (log_row[at] -> BIT(ROW) : 0) | (log_rule[at] -> BIT(RULE) : 0) |
			(ddl[at] -> 15 : 0);
		at++
	:: else -> break
	od;
#ifndef NO_SUMS
	missed = any && MISSED(sum, late);
#endif
#ifdef NO_OWN
	missed = false;
#endif
	touched = touched | (any -> BIT(TABLE) : 0) |
		(missed && own_on[level] && !BLIND -> BIT(RULE) : 0) | (BLIND -> 15 : 0);
	assert(!ALL_CURRENT(l1_deps, l1_stamp) || (l1_deps & touched) != 0 ||
		   l1_value == value[level]);
	touched = 0; sum = 0; any = false; late = false; missed = false
}

proctype session()
{
	byte txn, raised, touched, before;
	bool any, missed, late;

	do
	:: txn < TXNS ->
		txn++;
		do
		:: atomic { nops < OPS && locked != 2 ->
			nops++;
			if
#ifdef TWO
			:: d_step { true -> write(true, false, false) }
			:: d_step { true -> write(true, false, true) }
			:: d_step { own_on[level] -> write(false, true, true) }
			:: d_step { own_on[level] -> write(false, true, false) }
#else
			:: d_step { true -> write(true, false, false) }
			:: d_step { own_on[level] -> write(true, true, false) }
			:: d_step { own_on[level] -> write(false, true, false) }
			:: d_step { true -> write(false, false, false) }
#endif
			:: d_step { true -> lock(); rows[level] = 0; truncated[level] = true; value[level] = 2 * nops }
#if DDL > 0
			:: d_step { true -> lock(); own_on[level] = !own_on[level];
				ddl[level] = ((DDL_CLOCKS) & BIT(EPOCH)) != 0;
				log_rule[level] = log_rule[level] || ((DDL_CLOCKS) & BIT(RULE)) != 0 }
#endif
			:: d_step { counting -> assign(false) }
			:: d_step { !counting -> assign(true) }
			:: d_step { level < LEVELS -> savepoint() }
			:: d_step { level > 1 -> release() }
			:: d_step { level > 1 -> roll_back() }
			fi;
			d_step {
				check_newest(A); check_newest(B);
				own_read()
			} }
		:: break
		od;
		if
		:: d_step { true -> end_transaction() }
		:: true ->
			d_step {
				do
				:: level > 1 -> release()
				:: else -> break
				od;
				find_calls();
				before = rows[1];
				any = CHANGED(rows[1], truncated[1]);
				missed = any && own_on[1] && MISSED(rows[1], truncated[1]);
#ifndef NO_SKIP
				missed = missed && !BLIND;
#endif
				assert(!missed || unseen[1] || truncated[1]);
#ifdef NO_COMPARE
				missed = false;
#endif
				moves = (log_row[1] -> BIT(ROW) : 0) | (any -> BIT(TABLE) : 0);
				moves = moves | (missed || log_rule[1] -> BIT(RULE) : 0);
				moves = moves | (ddl[1] || BLIND_MOVES -> BIT(EPOCH) : 0);
				raise(moves)
			}
#ifdef LATE
			if
			:: true
			:: d_step { locked != 2 && nops > 0 -> late = true; lock(); rows[1]++; value[1] = 2 * nops + 1 }
			:: d_step { locked != 2 && nops > 0 && counting -> late = true; assign(false);
				lock(); value[1] = 2 * nops + 1 }
			fi;
#endif
			d_step {
				visible = value[1];
				if
				:: lock_level > 0 -> rule_on = own_on[1]
				:: else
				fi
			}
			d_step {
				settle(FALL_FIRST);
#ifndef NO_LATE
				if
				:: rows[1] != before || late -> next++; settled[EPOCH] = next
				:: else
				fi
#endif
			}
			if
			:: lock_level > 0 -> believed = rule_on
			:: else
			fi;
			d_step { end_transaction() }
			d_step { settle(15); must = visible; any = false; missed = false; late = false; before = 0 }
		fi
	:: else -> break
	od
}

#if DDL > 0
proctype owner()
{
	byte n, raised;

	do
	:: n < DDL ->
		d_step { locked == 0 -> locked = 2; n++; raise(DDL_CLOCKS) }
		d_step {
			rule_on = !rule_on;
			at = level;
			do
			:: at > 0 -> own_on[at] = rule_on; at--
			:: else -> break
			od
		}
		d_step { settle(FALL_FIRST) }
		believed = rule_on;
		locked = 0;
		d_step { settle(15) }
	:: else -> break
	od
}
#endif

proctype reader()
{
	byte n, least, got, stamp, deps;
	bool hit;

	do
	:: n < READS ->
		d_step { n++; least = must }
		d_step {
			hit = ALL_CURRENT(l1_deps, l1_stamp);
			assert(!hit || l1_value >= least);
#ifdef SEEK
			assert(!hit || settled[TABLE] <= l1_stamp)
#endif
		}
		if
		:: !hit ->
			stamp = next;
			deps = (believed -> BY_ROW : BIT(TABLE) | BIT(EPOCH));
			got = visible;
			d_step {
				if
				:: ALL_CURRENT(deps, stamp) -> l1_value = got; l1_stamp = stamp; l1_deps = deps
				:: else
				fi;
				got = 0; stamp = 0; deps = 0
			}
		:: else
		fi;
		d_step { hit = false; least = 0 }
	:: else -> break
	od
}

init
{
	atomic {
		own_on[1] = true;
		if
		:: counting = true
		:: counting = false
		fi;
		run session();
		run reader();
#if DDL > 0
		run owner();
#endif
	}
}
