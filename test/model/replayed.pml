/*
 * replayed.pml - plain SELECTs on a standby, checked by spin. Rules 61 to 63 of docs/consistency.md.
 *
 * A statement's snapshot is taken before anybody asks whether it may be kept, or answered. So a
 * load notes P (what has been replayed), takes another snapshot, and is kept, with lsn = P, only
 * if both are the same. A hit for an old snapshot is one only if a snapshot that is taken
 * after the look is the same.
 *
 * Records are replayed one by one: replaying; shown; sessions are told (of definitions);
 * replayed. Each may change what the statement reads, or not: the reader of the WAL notes that in
 * the history, and then publishes how far it has read. An entry is current if that is as
 * far as what is being replayed, and the history is not above its lsn.
 *
 * Claims: a hit shows all that was shown when the statement began, and nothing that is not
 * shown by now; for an old snapshot (-DOLD) exactly what that shows.
 *
 * -DPLAN: the records are changes of definitions. A plan was made of what the session had been
 * told by then, and is as old as P from before that. What it gives is kept only if the history
 * has no change of definitions since.
 *
 * Rules, each dropped by: -DNO_SAME (the load's snapshots are not compared), -DLATE_P (P is read
 * after the comparison), -DNO_SAME_HIT, -DEARLY_SAME (the second snapshot of a hit is taken before
 * the look), -DNO_VALID (the plan's age is not looked at), -DNO_VALID_GATE (the history is
 * looked at though it has not caught up), -DLATE_PLAN_P (P is read after planning).
 * -DSEEK forbids hits, and must break.
 */
#ifndef RECORDS
#define RECORDS 2
#endif
#ifndef SESSIONS
#define SESSIONS 2
#endif
#ifndef READS
#define READS 2
#endif
#define BIT(n) (1 << (n))

byte replaying, replayed, shown, told, processed, history;
bool changes[RECORDS + 1];      /* what the statement reads */
byte relevant;                  /* the same, as bits */

bool filled;
byte entry_v, entry_lsn;

proctype replay()
{
	do
	:: replaying < RECORDS ->
		replaying++;
		shown = shown | BIT(replaying);
		told = told | BIT(replaying);
		replayed = replaying
	:: else -> break
	od
}

proctype wal_reader()
{
	byte n = 1;

	do
	:: n <= RECORDS ->
		if
		:: changes[n] -> history = n
		:: else
		fi;
		processed = n;
		n++
	:: else -> break
	od
}

inline check()
{
#ifdef SEEK
	assert(false);
#endif
#ifdef OLD
	assert(v == (s & relevant));
#else
	assert((v & s & relevant) == (s & relevant));
	assert((v & ~shown) == 0);
#endif
}

proctype session()
{
	byte n, s, second, v, p, r, plan_p, plan_v;
	bool hit, valid;

	do
	:: n < READS ->
#ifdef PLAN
		if
		:: n == 0 || true ->
#ifdef LATE_PLAN_P
			plan_v = told;
			plan_p = replayed
#else
			plan_p = replayed;
			plan_v = told
#endif
		:: n > 0                /* the plan of the time before */
		fi;
#endif
		s = shown;
#ifdef EARLY_SAME
		second = shown;
#endif
		r = replaying;
		hit = processed >= r;
		d_step {
			hit = hit && filled && history <= entry_lsn;
			if
			:: hit -> v = entry_v
			:: else
			fi
		}
#ifdef OLD
#ifndef EARLY_SAME
		second = shown;
#endif
#ifndef NO_SAME_HIT
		hit = hit && second == s;
#endif
#endif
		if
		:: hit -> d_step { check() }
		:: else ->
#ifndef LATE_P
			p = replayed;
#endif
			second = shown;
#ifdef NO_SAME
			second = s;
#endif
			valid = (second == s);
#ifdef LATE_P
			p = replayed;
#endif
#if defined(PLAN) && !defined(NO_VALID)
			r = replaying;
#ifndef NO_VALID_GATE
			valid = valid && processed >= r;
#endif
			valid = valid && history <= plan_p;
#endif
			d_step {
				if
				:: valid && history <= p ->
					filled = true; entry_lsn = p;
#ifdef PLAN
					entry_v = plan_v & relevant
#else
					entry_v = s & relevant
#endif
				:: else
				fi
			}
		fi;
		d_step { v = 0; p = 0; r = 0; s = 0; second = 0; hit = false; valid = false; n++ }
	:: else -> break
	od
}

init {
	byte i;

	atomic {
		i = 1;
		do
		:: i <= RECORDS ->
			if
			:: changes[i] = true; relevant = relevant | BIT(i)
			:: true
			fi;
			i++
		:: else -> break
		od;
		run replay(); run wal_reader();
		i = 0;
		do
		:: i < SESSIONS -> run session(); i++
		:: else -> break
		od
	}
}
