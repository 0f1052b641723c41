/* credit.pml - places taken ahead: tend__scope_admit() of src/scope/admit.c and
 * tend__await_begin() of src/scope/batch.c.
 *
 * A task spawns two into a scope below its own, ends them and one that was there, and
 * then goes on without a switch until somebody's wait for the scope to be empty has
 * ended. Leaving is one step here; admission.pml has its own.
 *
 *   - who waits for empty is woken though the spawner goes on  (end states, ltl)
 *   - and not while one is live                                (assert)
 *   - in the end nothing counts                                (assert)
 *
 * Variants that must fail:
 *   NO_LOOK      takes places, and does not look again whether somebody waits
 *   LOOK_FIRST   looks, and then makes them known
 *   NO_RECALL    who waits leaves the places where they are
 *   LATE         takes them back, and then says that it waits
 *   NO_EXCHANGE  spends a place by a look and a store */

byte count = 1, live = 1; /* one that was there before */
byte credit;
bool awaited, waits, woken, done;

inline leave(n, tasks)
{
	atomic {
		assert(count >= n);
		count = count - n;
		live = live - tasks;
		if
		:: count == 0 && waits -> assert(live == 0); waits = false; woken = true
		:: else
		fi
	}
}

inline take_back()
{
	atomic { n = credit; credit = 0 };
	if
	:: n > 0 -> leave(n, 0)
	:: else
	fi
}

proctype spawner()
{
	byte n, i;

	/* Three places, if nobody waits: one of them for the first. */
	if
	:: !awaited -> n = 3
	:: awaited -> n = 1
	fi;
	atomic { count = count + n; live++ };
	if
	:: n == 3 ->
#ifdef LOOK_FIRST
		if
		:: awaited -> leave(2, 0)
		:: else -> credit = 2
		fi
#else
		credit = 2;
#ifndef NO_LOOK
		if
		:: awaited -> take_back()
		:: else
		fi
#endif
#endif
	:: else
	fi;
	/* The second takes one of them, or its own. */
#ifdef NO_EXCHANGE
	n = credit;
	if
	:: n > 0 -> atomic { credit = n - 1; live++ }
	:: else -> atomic { count++; live++ }
	fi;
#else
	atomic {
		if
		:: credit > 0 -> credit--; live++
		:: else -> count++; live++
		fi
	}
#endif
	i = 3;
	do
	:: i > 0 -> leave(1, 1); i--
	:: else -> break
	od;
	done; /* computes till then */
	take_back()
}

proctype waiter()
{
	byte n;

#ifndef LATE
	awaited = true;
#endif
#ifndef NO_RECALL
	take_back();
#endif
#ifdef LATE
	awaited = true;
#endif
	atomic {
		if
		:: count == 0 -> assert(live == 0); woken = true
		:: else -> waits = true
		fi
	}
	woken;
	done = true
}

init {
	atomic { run spawner(); run waiter() }
	(_nr_pr == 1);
	assert(count == 0 && credit == 0 && live == 0)
}

ltl the_wait_ends { <> done }
