/*
 * lease.pml - the lease of a key in Redis: leaders of the writing server and
 * of a standby that miss the same key. Checked by run.sh.
 *
 * Modelled: the key's hash in Redis (value, lease, fences, tombstone); LEADERS
 * sessions of the writing server and STANDBYS of the standby, each leading its
 * flight for one read; WRITERS transactions that invalidate the key, as in
 * tags.pml. Who finds neither value nor fence is granted the lease; who finds
 * another's waits until it is filled or gone. Only the lease allows to fill, and
 * a fence drops it. Each script is one step. There are no time-outs of waiting.
 *
 * The tombstone is the LSN that a standby must have replayed to be granted the
 * lease. It can be lost with the hash, so it follows the rules of a tag's
 * version: only a fill by the writing server makes one where there is none, and
 * while there is one, each transaction in its commit window has a fence.
 *
 * Claim ONE LOAD (-DONE_LOAD; nothing is written, nothing fails, the key has
 * its tombstone): one leader of all runs the query, the others take its value.
 *	-DNO_WAIT		who finds another's lease loads
 *	-DTAKE_OVER		he gets the lease
 *
 * Claim FRESH: no read on the writing server gives less than what was visible
 * when it began, none on the standby less than what that had replayed; nobody
 * waits for ever. Faults, each once at most:
 *	-DDEATH			a leader dies and leaves its lease, which expires
 *	-DEXPIRE		a lease expires while its owner loads
 *	-DEVICT			Redis evicts the hash
 *	-DCRASH			the writing server restarts, and its fences expire
 * Rules:
 *	-DNO_LEASE		a fill does not need the lease
 *	-DKEEP_LEASE	a fence does not drop it
 *	-DNO_EXPIRY		a lease does not expire
 *	-DNO_LOCAL		the writing server fills without a look at the key's clock
 *	-DNO_TOMBSTONE	the standby does not compare LSNs
 *	-DLATE_LSN		it reads its own after the lease was granted
 *	-DNEW_TOMBSTONE	it is granted the lease where there is no tombstone
 *	-DSETTLE_NEW	settling makes a tombstone also where the fence found none
 *	-DPURGE_KEEP	who purges an expired fence leaves the tombstone
 */
#ifndef LEADERS
#define LEADERS 1
#endif
#ifndef STANDBYS
#define STANDBYS 2
#endif
#ifndef WRITERS
#define WRITERS 1
#endif

#define BIT(me) (1 << (me - 1))
#define MAX(a, b) (a > b -> a : b)

/* the database */
byte lsn = 0;
byte wal[WRITERS + 1];	/* by LSN: the bit of the transaction that it commits */
byte visible = 0;		/* on the writing server: a bit a transaction */
byte replayed_lsn = 0;
byte replayed = 0;		/* on the standby */

/* shared memory of the writing server: the key's clock */
byte boot = 0;
byte pending = 0;
byte seq = 0;
byte window = 0;		/* who has fenced and not settled; the model's */

typedef Hash {
	bool filled;
	byte value;
	byte lease;			/* its owner; 0 is none */
	byte fences;		/* a bit a transaction */
	bool known;			/* there is a tombstone */
	byte tombstone
}
Hash hash;

byte loads = 0;
byte gone = 0;			/* owners of leases that died, a bit each */
bool died = false;

inline drop()
{
	hash.filled = false; hash.value = 0;
#ifndef KEEP_LEASE
	hash.lease = 0
#endif
}

inline drop_tombstone()
{
	hash.known = false; hash.tombstone = 0
}

proctype writer(byte me)
{
	byte started, mine;

	{
		atomic { started = boot; pending++ }
		atomic {				/* fence */
			drop();
			hash.fences = hash.fences | BIT(me);
			window = window | BIT(me)
		}
		if
		:: atomic { lsn++; mine = lsn; wal[lsn] = BIT(me) }
		:: atomic {
				hash.fences = hash.fences & ~BIT(me);
				window = window & ~BIT(me)
			}
			goto finish
		fi;
		visible = visible | BIT(me);
		atomic {				/* settle */
			window = window & ~BIT(me);
			drop();
			if
			:: (hash.fences & BIT(me)) != 0 ->
				hash.fences = hash.fences & ~BIT(me);
				if
#ifdef SETTLE_NEW
				:: hash.known = true; hash.tombstone = MAX(hash.tombstone, mine)
#else
				:: hash.known -> hash.tombstone = MAX(hash.tombstone, mine)
				:: else
#endif
				fi
			:: else
			fi
		}
finish:
		atomic {
			if
			:: mine > 0 -> seq++
			:: else
			fi;
			pending--
		}
	} unless { boot != started };
	atomic { started = 0; mine = 0 }
}

/* Beside a step of who owns the lease. */
#ifdef DEATH
#define MAY_DIE :: atomic { owner && !died -> died = true; gone = gone | BIT(me); goto done }
#else
#define MAY_DIE
#endif

#ifdef NO_WAIT
#define WAIT_OR_LOAD skip
#else
#define WAIT_OR_LOAD goto wait
#endif

#ifdef NO_LEASE
#define MAY_FILL owner
#else
#define MAY_FILL (owner && hash.lease == me)
#endif

inline run_query(table)
{
	atomic {
		v = table;				/* the snapshot */
		loads++;
#ifdef ONE_LOAD
		assert(loads == 1)
#endif
	}
}

#define UNMOVED (open && pending == 0 && seq == stamp)

proctype leader(byte me)
{
	byte started, least, stamp, now_lsn, v;
	bool open, hit, owner;

	atomic { started = boot; least = visible; stamp = seq; open = (pending == 0) }
	{
		now_lsn = lsn;
look:
		atomic {
			if
			:: hash.filled -> hit = true; v = hash.value
			:: !hash.filled && hash.fences == 0 &&
#ifdef TAKE_OVER
				true ->
#else
				hash.lease == 0 ->
#endif
				owner = true; hash.lease = me
			:: !hash.filled && hash.fences == 0 && hash.lease != 0 -> WAIT_OR_LOAD
			:: else
			fi
		}
		if
		:: hit ->
			atomic {
				if
				:: UNMOVED -> assert((v & least) == least); goto done
				:: else -> hit = false
				fi
			}
		:: else
		fi;
		if
		:: run_query(visible)
		MAY_DIE
		fi;
		if
#ifdef NO_LOCAL
		:: true ->
#else
		:: UNMOVED ->
#endif
			if
			:: atomic {			/* fill */
				if
				:: MAY_FILL ->
					hash.filled = true; hash.value = v; hash.lease = 0;
					if
					:: hash.known
					:: else -> hash.known = true; hash.tombstone = now_lsn
					fi
				:: else
				fi }
			MAY_DIE
			fi
		:: else ->
			atomic {			/* give the lease back */
				if
				:: owner && hash.lease == me -> hash.lease = 0
				:: else
				fi
			}
		fi;
		goto done;
wait:
		hash.filled || hash.lease == 0 || hash.fences != 0;
		atomic { stamp = seq; open = (pending == 0) }
		now_lsn = lsn;
		goto look;
done:
		skip
	} unless { boot != started };
	atomic {
		/* a restart ends the owner as well */
		if
		:: boot != started && hash.lease == me -> gone = gone | BIT(me)
		:: else
		fi;
		started = 0; least = 0; stamp = 0; now_lsn = 0; v = 0;
		open = false; hit = false; owner = false
	}
}

proctype standby_leader(byte me)
{
	byte least, at_lsn, v;
	bool owner;

	least = replayed;
look:
#ifndef LATE_LSN
	at_lsn = replayed_lsn;
#endif
	atomic {
		if
		:: hash.filled ->
			v = hash.value;
			assert((v & least) == least);
			goto done
		:: !hash.filled && hash.fences == 0 &&
#ifndef TAKE_OVER
			hash.lease == 0 &&
#endif
#ifndef NEW_TOMBSTONE
			hash.known &&
#endif
#if !defined(NO_TOMBSTONE) && !defined(LATE_LSN)
			at_lsn >= hash.tombstone &&
#endif
			true ->
			owner = true; hash.lease = me
		:: !hash.filled && hash.fences == 0 && hash.lease != 0 -> WAIT_OR_LOAD
		:: else
		fi
	}
	if
	:: run_query(replayed)
	MAY_DIE
	fi;
	if
	:: atomic {					/* fill */
		if
#ifdef LATE_LSN
		:: MAY_FILL && replayed_lsn < hash.tombstone -> hash.lease = 0
		:: MAY_FILL && replayed_lsn >= hash.tombstone ->
#else
		:: MAY_FILL ->
#endif
			hash.filled = true; hash.value = v; hash.lease = 0
		:: else
		fi }
	MAY_DIE
	fi;
	goto done;
wait:
	hash.filled || hash.lease == 0 || hash.fences != 0;
	goto look;
done:
	atomic { least = 0; at_lsn = 0; v = 0; owner = false }
}

proctype replay()
{
end:
	do
	:: atomic {
		replayed_lsn < lsn ->
			replayed_lsn++;
			replayed = replayed | wal[replayed_lsn]
		}
	od
}

proctype faults()
{
	bool evicted = false, expired = false, crashed = false;

end:
	do
	:: atomic { (hash.fences & ~window) != 0 ->
		hash.fences = hash.fences & window;
#ifndef PURGE_KEEP
		drop_tombstone()
#endif
		}
#ifndef NO_EXPIRY
	:: atomic { hash.lease != 0 && (gone & BIT(hash.lease)) != 0 -> hash.lease = 0 }
#endif
#ifdef EXPIRE
	:: atomic { hash.lease != 0 && !expired -> expired = true; hash.lease = 0 }
#endif
#ifdef EVICT
	:: atomic { !evicted ->
		evicted = true;
		drop(); hash.lease = 0; hash.fences = 0; drop_tombstone() }
#endif
#ifdef CRASH
	:: atomic { !crashed ->
		crashed = true;
		boot++; pending = 0; seq = 0; window = 0; visible = 0;
		if
		:: lsn > 0 -> visible = wal[1]
		:: else
		fi;
		if
		:: lsn > 1 -> visible = visible | wal[WRITERS]
		:: else
		fi }
#endif
	od
}

init {
	byte i = 1;

	atomic {
#ifdef ONE_LOAD
		hash.known = true;
#else
		if
		:: hash.known = true
		:: skip
		fi;
		do
		:: i <= WRITERS -> run writer(i); i++
		:: else -> break
		od;
		i = 1;
#endif
		do
		:: i <= LEADERS -> run leader(i); i++
		:: i > LEADERS && i <= LEADERS + STANDBYS -> run standby_leader(i); i++
		:: else -> break
		od;
		run replay();
		run faults()
	}
}
