/*
 * adopt.pml - a claim that a standby has given, whose value is set on the server that writes.
 * Checked by run.sh.
 *
 * Modelled: one key of the writing server: its clock (pending, number), its history (an LSN), its
 * claim (a token, whether it has begun), the value in memory. Commits of WRITERS transactions
 * change what the value is made of, and invalidate it; the standby replays them later. HOLDERS
 * clients claim on the standby: LSN of what is replayed, then compute from what it shows then, and
 * set on the writing server, which adopts the claim. Redis vouches for any claim that was ever
 * given, at any time, also for two at once. A local client claims on the writing server, and sets.
 *
 * Claims: no value is older than a change that was acknowledged before it is read; a set by a local
 * claim that has begun is not refused for another's sake; no value takes the place of one that was set
 * after its own claim was given.
 *	-DNO_HISTORY	the history is not asked
 *	-DLATE_LSN		the claim has the LSN of when its value was computed
 *	-DLATE_STAMP	it is stamped where it is adopted after the history was asked
 *	-DTAKE_AWAY		a local claim that has begun gives way
 *	-DNO_CHECK		the clock is not asked when the value is stored
 */
#ifndef HOLDERS
#define HOLDERS 1
#endif
#ifndef WRITERS
#define WRITERS 2
#endif

byte lsn = 1;					/* the end of the last commit */
byte seq = 0, pending = 0;		/* the key's clock */
byte noted = 0;					/* its history */
byte visible = 0, acked = 0;	/* changes, on the writing server */
byte replayed = 1, shown = 0;	/* the standby: up to which LSN, and the changes that it shows */
byte lsn_of[8], change_of[8];	/* commits in the order of the WAL */
byte ncommits = 0;
bool there = false;				/* the value: */
byte value = 0;					/* changes that it shows, */
byte set_at = 0;				/* and the LSN of the commit that set it */
byte owner = 0;					/* the claim here: 0 none, 1 the local client's, 2.. adopted */
bool begun = false;

#define FRESH assert(!there || value >= acked)

/* A commit that changes the key: an invalidation, or a set (made: what the value shows, or 0). */
inline raise()
{
	pending++;
	d_step { there = false }
}

inline commit_change()
{
	d_step {
		visible++;
		lsn++;
		mine = visible;
		at = lsn;
		lsn_of[ncommits] = at;
		change_of[ncommits] = visible;
		ncommits++
	}
}

inline settle()
{
	d_step { noted = (at > noted -> at : noted) }
	d_step { seq++; pending-- }
}

proctype writer()
{
	byte mine, at;

	raise();
	commit_change();
	settle();
	d_step { acked = (mine > acked -> mine : acked); FRESH }
}

/* Replays commit by commit; what is shown comes after what is replayed is said, and before. */
proctype standby()
{
	byte i = 0;

end:
	do
	:: i < ncommits -> shown = change_of[i]; replayed = lsn_of[i]; i++
	od
}

inline store()
{
	/* The commit is visible: rule 40, under the lock under which the clocks are asked. */
	d_step {
		if
#ifdef NO_CHECK
		:: good ->
#else
		:: good && pending == 0 && seq <= stamp ->
#endif
			assert(!there || from >= set_at);
			there = true;
			value = made;
			lsn++;
			seq++;				/* a set moves the key's clock, too */
			noted = lsn;
			set_at = lsn;
			lsn_of[ncommits] = lsn;
			change_of[ncommits] = visible;
			ncommits++;
			FRESH
		:: else
		fi
	}
}

proctype holder(byte token)
{
	byte from, made, stamp;
	bool good = true;

#ifndef LATE_LSN
	from = replayed;
#endif
	made = shown;
#ifdef LATE_LSN
	from = lsn;
#endif
	/* On the writing server. Redis vouches for it. */
#ifndef LATE_STAMP
	stamp = seq;
#endif
	d_step {
		if
#ifdef TAKE_AWAY
		:: true ->
#else
		:: owner == 0 || !begun ->
#endif
			owner = token;
			begun = true
#ifndef TAKE_AWAY
		:: else -> good = false
#endif
		fi
	}
#ifndef NO_HISTORY
	good = good && noted <= from;
#endif
#ifdef LATE_STAMP
	stamp = seq;
#endif
	if
	:: good -> good = owner == token; store()
	:: else
	fi;
	d_step {
		if
		:: owner == token -> owner = 0; begun = false
		:: else
		fi
	}
}

/* Claims here, by Redis or without it; it may find that its place was taken before it has begun. */
proctype client()
{
	byte from, made, stamp;
	bool good = true;

	d_step {
		if
		:: owner == 0 -> owner = 1; begun = false
		:: else -> good = false
		fi
	}
	if
	:: !good -> goto done
	:: else
	fi;
	from = lsn;
	stamp = seq;
	d_step {
		if
		:: owner == 1 -> begun = true
		:: else -> good = false
		fi
	}
	if
	:: !good -> goto done
	:: else
	fi;
	made = visible;
	assert(owner == 1);
	store();
	d_step {
		if
		:: owner == 1 -> owner = 0; begun = false
		:: else
		fi
	}
done:
	skip
}

init {
	byte i = 0;

	atomic {
		run standby();
		do
		:: i < HOLDERS -> run holder(i + 2); i++
		:: else -> break
		od;
		run client();
		i = 0;
		do
		:: i < WRITERS -> run writer(); i++
		:: else -> break
		od
	}
}
