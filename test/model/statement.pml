/*
 * statement.pml - plain SELECTs on a server that writes, checked by spin. Rules 3 and 64 to 66 of
 * docs/consistency.md.
 *
 * A statement reads table A, and calls a function that reads table B. Its snapshot is there before
 * anybody looks for its rows, so what runs after a miss stamps, and is kept only if a snapshot
 * of then is the same. Or its plan is made late, after the stamp: then it runs on a new snapshot,
 * and so does the function. A hit may be verified: the statement runs all the same, and
 * its rows are compared with the entry's.
 *
 * A writer changes A, B or both: raises their clocks, is visible, settles them. A snapshot is the
 * set of the writers that it shows; the rows of a table are those of them that change it.
 *
 * Claims: a hit shows all that was visible when the statement began, of both tables, and nothing
 * that is not visible by now, and of a writer of both all or nothing; the self-check finds
 * no entry wrong.
 *
 * Rules, each dropped by: -DNO_SAME (snapshots are not compared before rows are kept),
 * -DNO_SAME_VERIFY (nor before they are compared), -DEARLY_SAME (the second is taken before the
 * look), -DNO_UNMOVED (verified without another look), -DEARLY_UNMOVED (which is before the
 * snapshot of a late plan), -DNO_ACTIVE (functions read on the statement's snapshot), -DNO_RUN_DEPS
 * (what functions read is not depended on), -DKEEP_FOLDED (what the function gives is in the
 * plan, of when that was made, and is kept). -DSEEK=0 forbids hits, -DSEEK=1 comparisons,
 * -DSEEK=2 those of late plans: each must break.
 */
#ifndef WRITERS
#define WRITERS 1
#endif
#ifndef SESSIONS
#define SESSIONS 2
#endif
#ifndef READS
#define READS 2
#endif
#define BIT(n) (1 << (n))
#define A 0
#define B 1

byte counter = 1;
byte pending[2], number[2];     /* of each table's clock */
byte shown;                     /* writers that are visible, as bits */
byte changes[2];                /* those that change a table */

/* The entry: what its rows of each table show, its stamp, and which fill it is. */
bool filled;
byte entry_a, entry_b, entry_stamp, entry_fill, fills;

proctype writer(byte me)
{
	bool a = (changes[A] & BIT(me)) != 0;
	bool b = (changes[B] & BIT(me)) != 0;

	if :: a -> pending[A]++ :: else fi;
	if :: b -> pending[B]++ :: else fi;
	shown = shown | BIT(me);
	if :: a -> d_step { counter++; number[A] = counter } :: else fi;
	if :: b -> d_step { counter++; number[B] = counter } :: else fi;
	if :: a -> pending[A]-- :: else fi;
	if :: b -> pending[B]-- :: else fi
}

/* Is what depends on both clocks current as of this stamp? Pending is looked at first (rule 2). */
inline unmoved(stamp)
{
	ok = (pending[A] == 0);
	ok = ok && number[A] <= stamp;
#ifndef NO_RUN_DEPS
	ok = ok && pending[B] == 0;
	ok = ok && number[B] <= stamp;
#endif
}

inline check_hit()
{
#if defined(SEEK) && SEEK == 0
	assert(false);
#endif
	assert((s & changes[A] & ~v_a) == 0 && (s & changes[B] & ~v_b) == 0);
	assert((v_a & ~shown) == 0 && (v_b & ~shown) == 0);
	assert(((v_a ^ v_b) & changes[A] & changes[B]) == 0)
}

inline check_verified()
{
#if defined(SEEK) && SEEK == 1
	assert(false);
#endif
#if defined(SEEK) && SEEK == 2
	assert(!late);
#endif
	assert(((v_a ^ run_a) & changes[A]) == 0 && ((v_b ^ run_b) & changes[B]) == 0)
}

/* Runs the statement: what its rows show, and whether they may be kept or compared. */
inline execute()
{
	stamp = counter;
	if
	:: late = true;
#ifdef EARLY_UNMOVED
		if :: verifies -> look_again() :: else fi;
#endif
		run_a = shown;
		may = true
	:: late = false;
		run_a = s;
#ifndef EARLY_SAME
		second = shown;
#endif
		may = (second == s)
	fi;
#ifdef NO_ACTIVE
	run_b = s;
#else
	run_b = run_a;
#endif
#ifdef KEEP_FOLDED
	run_b = folded;
#endif
#ifdef NO_SAME
	may = may || !verifies;
#endif
#ifdef NO_SAME_VERIFY
	may = may || verifies;
#endif
}

/* Is the entry that was hit still there, and current? */
inline look_again()
{
	still = (filled && entry_fill == v_fill);
	unmoved(v_stamp);
	still = still && ok
}

proctype session()
{
	byte n, s, second, stamp, v_a, v_b, v_stamp, v_fill, run_a, run_b, folded;
	bool hit, verifies, late, may, ok, still;

#ifdef KEEP_FOLDED
	folded = shown;
#endif
	do
	:: n < READS ->
		s = shown;
#ifdef EARLY_SAME
		second = shown;
#endif
		d_step {
			hit = filled;
			v_a = entry_a;
			v_b = entry_b;
			v_stamp = entry_stamp;
			v_fill = entry_fill
		}
		if
		:: hit -> unmoved(v_stamp); hit = ok
		:: else
		fi;
		if
		:: hit -> d_step { check_hit() }
		:: else
		fi;
		verifies = hit;
		if
		:: hit              /* the client has it */
		:: true ->
			execute();
			if
			:: may && verifies ->
#ifdef NO_UNMOVED
				still = true;
#else
#ifndef EARLY_UNMOVED
				look_again();
#else
				if :: !late -> look_again() :: else fi;
#endif
#endif
				if
				:: still -> d_step { check_verified() }
				:: else
				fi
			:: may && !verifies ->
				unmoved(stamp);
				/* Somebody's newer entry stays (rule of a put). */
				if
				:: ok && !(filled && entry_stamp > stamp) ->
					d_step {
						fills++;
						filled = true;
						entry_a = run_a;
						entry_b = run_b;
						entry_stamp = stamp;
						entry_fill = fills
					}
				:: else
				fi
			:: !may
			fi
		fi;
		d_step {
			n++;
			s = 0; second = 0; stamp = 0; v_a = 0; v_b = 0; v_stamp = 0; v_fill = 0; run_a = 0; run_b = 0;
			hit = false; verifies = false; late = false; may = false; ok = false; still = false
		}
	:: else -> break
	od
}

init
{
	byte i;

	atomic {
		do
		:: i < WRITERS ->
			if
			:: changes[A] = changes[A] | BIT(i)
			:: changes[B] = changes[B] | BIT(i)
			:: changes[A] = changes[A] | BIT(i); changes[B] = changes[B] | BIT(i)
			fi;
			run writer(i);
			i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < SESSIONS -> run session(); i++
		:: else -> break
		od
	}
}
