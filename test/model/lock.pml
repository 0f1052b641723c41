/* lock.pml - src/platform/lock.h: a lock that is given back by a plain store.
 *
 * Each thread takes the lock twice. A store waits in the thread's store buffer until
 * the processor, a locked instruction or the kernel makes it seen, as on x86; what is
 * weaker orders no more than that where it has a release.
 *
 *   - one thread at most has the lock          (assert)
 *   - who sleeps for it is woken               (end states, ltl)
 *
 * Variants that must fail:
 *   NO_BARRIER   who sleeps has the others pass no barrier
 *   LATE         has them pass it, and then counts itself
 *   LOOK_FIRST   whoever unlocks looks for sleepers, and then stores
 *   BLIND        sleeps whatever the word is by then */

#define N 3

bool word;         /* held */
bool pending[N];   /* the store of a false is in the buffer */
bool sleeps[N];
byte counter;
byte inside, over;

/* What a locked instruction and a system call do first. */
inline drain(i)
{
	if
	:: pending[i] -> word = false; pending[i] = false
	:: else
	fi
}

active proctype processor()
{
end:	do
	:: atomic { pending[0] -> drain(0) }
	:: atomic { pending[1] -> drain(1) }
	:: atomic { pending[2] -> drain(2) }
	od
}

inline take(got)
{
	atomic {
		drain(me);
		got = !word;
		word = true
	}
}

inline lock()
{
	take(got);
	if
	:: got
	:: else ->
#ifndef LATE
		atomic { drain(me); counter++ };
#endif
#ifndef NO_BARRIER
		atomic { drain(0); drain(1); drain(2) };
#endif
#ifdef LATE
		atomic { drain(me); counter++ };
#endif
		do
		:: true ->
			take(got);
			if
			:: got -> break
			:: else
			fi;
			atomic { /* futex_wait() */
				drain(me);
#ifdef BLIND
				sleeps[me] = true
#else
				sleeps[me] = word
#endif
			}
			!sleeps[me]
		od;
		atomic { drain(me); counter-- }
	fi
}

inline wake_one()
{
	atomic {
		drain(me);
		if
		:: sleeps[0] -> sleeps[0] = false
		:: sleeps[1] -> sleeps[1] = false
		:: sleeps[2] -> sleeps[2] = false
		:: !sleeps[0] && !sleeps[1] && !sleeps[2]
		fi
	}
}

inline unlock()
{
#ifdef LOOK_FIRST
	seen = counter;
	pending[me] = true;
#else
	pending[me] = true;
	seen = counter;
#endif
	if
	:: seen -> wake_one()
	:: else
	fi
}

proctype thread(byte me)
{
	bool got;
	byte seen, i;

	for (i : 1 .. 2) {
		lock();
		inside++;
		assert(inside == 1);
		inside--;
		unlock()
	}
	over++
}

init { atomic { run thread(0); run thread(1); run thread(2) } }

ltl all_come_through { <> (over == N) }
