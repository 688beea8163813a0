/*
 * claim.pml - claims of cache_claim: clients that want the same value, which no query gives.
 * Checked by run.sh.
 *
 * Modelled: one value in memory; its claim in the table (a token, whether its time is over,
 * whether a commit has pinned it); the count of events that those who wait sleep on;
 * the key's clock, with what is pending. CLIENTS clients look for the value, ask for
 * the claim, compute (from what is visible then), and set; who does not get the claim sleeps.
 * A set checks token and clock in PRE_COMMIT, and stores after the commit. WRITERS
 * transactions change what the value is made of, and invalidate the key.
 *
 * Claim SET: no value is older than a change that was acknowledged; none takes the place
 * of a value by a later token; nobody sleeps for ever.
 *	-DNO_CLOCK		a set does not ask the clock
 *	-DLATE_STAMP	the claim is stamped when the value is computed
 *	-DCHECK_ONCE	the clock is asked in PRE_COMMIT, and not when the value is stored
 *	-DNO_TOKEN		a set does not need the token
 *	-DNO_PIN		one that is about to be set can be inherited
 *	-DLATE_EVENTS	who waits reads the count of events after he has looked and asked
 *	-DNO_WAKE		the end of a claim is no event
 * Faults: -DEXPIRE, the time of a claim is over at any moment; -DDEATH, a client dies with
 * its claim (once), which ends by its time:
 *	-DNO_TIME		it has none
 *
 * Claim ONE (-DONE; nothing is written, nothing fails): one computes. With -DEXPIRE_ONCE: two.
 *	-DNO_RECHECK	who gets the claim does not look again
 *	-DEND_FIRST		the claim ends before the value is stored
 *	-DALL_INHERIT	when the time is over, each who waits computes
 */
#ifndef CLIENTS
#define CLIENTS 2
#endif
#ifndef WRITERS
#define WRITERS 1
#endif

bool there = false;				/* the value: */
byte value = 0;					/* changes that it shows, */
byte by = 0;					/* and the token that it was set by */
byte owner = 0;					/* the claim's token; 0: there is none */
byte last_token = 0;
bool over = false, pinned = false;
byte events = 0;
byte seq = 0, pending = 0;		/* the key's clock */
byte visible = 0, acked = 0;
byte computed = 0;
bool died = false, expired = false;

#define FRESH assert(!there || value >= acked)

#ifdef NO_WAKE
#define WAKE skip
#else
#define WAKE events++
#endif

#ifdef NO_PIN
#define FREE (owner == 0 || over)
#else
#define FREE (owner == 0 || (over && !pinned))
#endif

#ifdef NO_TOKEN
#define MINE true
#else
#define MINE (owner == token && !pinned)
#endif

#ifdef NO_CLOCK
#define UNMOVED true
#else
#define UNMOVED (pending == 0 && seq <= stamp)
#endif

#ifdef CHECK_ONCE
#define STILL true
#else
#define STILL UNMOVED
#endif

inline give()
{
	last_token++;
	token = last_token;
	owner = token;
	over = false;
	pinned = false
}

/* Of the token that has it. */
inline end_claim()
{
	d_step {
		if
		:: owner == token -> owner = 0; over = false; pinned = false; WAKE
		:: else
		fi
	}
}

proctype client()
{
	byte seen, token = 0, stamp, made;
	bool good;

ask:
#ifndef LATE_EVENTS
	seen = events;
#endif
	if
	:: there -> goto done
	:: else
	fi;
	atomic {
		if
		:: FREE -> give()
#ifdef ALL_INHERIT
		:: owner != 0 && over -> token = owner
#endif
		:: else
		fi
	}
	if
	:: token == 0 ->
#ifdef LATE_EVENTS
		seen = events;
#endif
		(events != seen || over) -> goto ask
	:: else
	fi;
#ifndef NO_RECHECK
	if
	:: there -> end_claim(); goto done
	:: else
	fi;
#endif
#ifndef LATE_STAMP
	stamp = seq;
#endif
	d_step { made = visible; computed++ }
#ifdef LATE_STAMP
	stamp = seq;
#endif
#ifdef DEATH
	if
	:: true
	:: d_step { !died -> died = true } -> goto done
	fi;
#endif
	/* PRE_COMMIT */
	d_step {
		good = MINE;
		if
		:: good && owner == token -> pinned = true
		:: else
		fi;
	}
	if
	:: !good -> goto done
	:: else
	fi;
	good = UNMOVED;
#ifdef END_FIRST
	end_claim();
#endif
	/* The commit is visible: stored under the lock under which clocks are asked. */
	d_step {
		if
		:: good && STILL ->
			assert(!there || by <= token);
			there = true;
			value = made;
			by = token;
			FRESH
		:: else
		fi
	}
	end_claim();
done:
	skip
}

proctype writer()
{
	byte mine;

	pending++;
	d_step { there = false; by = 0 }
	d_step { visible++; mine = visible }
	d_step { seq++; pending-- }
	d_step { acked = (mine > acked -> mine : acked); FRESH }
}

proctype clock()
{
end:
	do
#ifdef EXPIRE
	:: d_step { owner != 0 && !over -> over = true }
#elif defined(EXPIRE_ONCE)
	:: d_step { owner != 0 && !over && !expired -> over = true; expired = true }
#elif defined(DEATH) && !defined(NO_TIME)
	:: d_step { died && owner != 0 && !over -> over = true }
#endif
	:: false
	od
}

init {
	byte i = 0;

	atomic {
		run clock();			/* first: processes go in the opposite order */
		do
		:: i < CLIENTS -> run client(); i++
		:: else -> break
		od;
#ifndef ONE
		i = 0;
		do
		:: i < WRITERS -> run writer(); i++
		:: else -> break
		od
#endif
	}
#ifdef ONE
	(_nr_pr == 2);
#ifdef EXPIRE_ONCE
	assert(computed <= 2)
#else
	assert(computed == 1)
#endif
#endif
}
