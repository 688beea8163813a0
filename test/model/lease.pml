/*
 * lease.pml - the lease of a key in Redis: leaders, of any servers, that miss the
 * same key. Checked by run.sh.
 *
 * Modelled: the key's hash in Redis (value, lease); LEADERS sessions, each leading its
 * flight for one read; WRITERS transactions that change what the key is made of. Who
 * finds no value asks for the lease, loads under it, and fills; who finds another's
 * waits until that has filled, or the lease is gone or has run out. A commit becomes
 * visible, has the key dropped, and is then acknowledged (redis_commit = 'sync').
 * Each script is one step. There are no time-outs of waiting. Whether a value is fresh
 * is not asked here, for no reader goes by what Redis has: see history.pml.
 *
 * Claim ONE LOAD (-DONE_LOAD; nothing is written, nothing fails): one leader of all runs
 * the query, the others take its value.
 *	-DNO_WAIT		who finds another's lease loads
 *	-DTAKE_OVER		he gets the lease
 *	-DLATE_LEASE	who asks for the lease is not told that there is a value by now
 *
 * Claim TOLD: who has seen COMMIT finds no older value in Redis, though he only reads
 * that; and nobody waits for ever. Faults, each once at most:
 *	-DDEATH			a leader dies and leaves its lease, which runs out
 *	-DEXPIRE		a lease runs out while its owner loads, who may fill all the same
 *	-DEVICT			Redis evicts the hash
 * Rules:
 *	-DNO_LEASE		a fill does not need the lease
 *	-DKEEP_LEASE	dropping the key leaves the lease
 *	-DDROP_FIRST	the key is dropped before the commit is visible
 *	-DNO_EXPIRY		a lease is for ever
 */
#ifndef LEADERS
#define LEADERS 2
#endif
#ifndef WRITERS
#define WRITERS 1
#endif

bool filled = false;
byte value = 0;					/* commits that it shows */
byte lease = 0;					/* whose; 0: nobody's */
bool expired = false;
byte visible = 0, acked = 0;
byte loads = 0;
bool died = false;

#ifdef TAKE_OVER
#define FREE true
#elif defined(NO_EXPIRY)
#define FREE (lease == 0)
#else
#define FREE (lease == 0 || expired)
#endif

/* Has nobody filled since the look? */
#ifdef LATE_LEASE
#define NONE_YET true
#else
#define NONE_YET !filled
#endif

#ifdef NO_LEASE
#define OURS true
#else
#define OURS (lease == me)
#endif

#define TOLD assert(!filled || value >= acked)

proctype leader(byte me)
{
	byte snapshot;
	bool granted = false;

look:
	if
	:: filled -> goto done
	:: else
	fi;
	atomic {
		if
		:: NONE_YET && FREE -> lease = me; expired = false; granted = true
		:: else
		fi
	}
	if
	:: granted
#ifdef NO_WAIT
	:: !granted
#else
	:: !granted -> (filled || FREE) -> goto look
#endif
	fi;
#ifdef DEATH
	if
	:: true
	:: d_step { granted && !died -> died = true } -> goto done
	fi;
#endif
	d_step { snapshot = visible; loads++ }
	d_step {
		if
		:: granted && OURS -> filled = true; value = snapshot; lease = 0; expired = false; TOLD
		:: else
		fi
	}
done:
	skip
}

proctype writer()
{
	byte mine;

#ifdef DROP_FIRST
	d_step { filled = false; lease = 0 }
	d_step { visible++; mine = visible }
#else
	d_step { visible++; mine = visible }
	d_step {
		filled = false;
#ifndef KEEP_LEASE
		lease = 0; expired = false
#endif
	}
#endif
	d_step { acked = (mine > acked -> mine : acked); TOLD }
}

proctype redis()
{
	bool evicted = false;

end:
	do
#ifdef EXPIRE
	:: d_step { lease != 0 && !expired -> expired = true }
#elif defined(DEATH)
	:: d_step { died && lease != 0 && !expired -> expired = true }
#endif
#ifdef EVICT
	:: d_step { !evicted -> evicted = true; filled = false; lease = 0; expired = false }
#endif
	:: false
	od
}

init {
	byte i = 0;

	atomic {
		do
		:: i < LEADERS -> run leader(i + 1); i++
		:: else -> break
		od;
		i = 0;
#ifndef ONE_LOAD
		do
		:: i < WRITERS -> run writer(); i++
		:: else -> break
		od;
		run redis()
#endif
	}
#ifdef ONE_LOAD
	(_nr_pr == 1);
	assert(loads == 1)
#endif
}
