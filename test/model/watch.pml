/* watch.pml - src/runtime/idle.c: no task lies in the ring of a busy worker while
 * another sleeps.
 *
 * Three workers: one spawns once, another gets work now and then, and each of the two
 * may be busy for ever, as with one long task; they and the third run out of work, watch
 * for a nap, and sleep until they are called. With TWO, both spawn and then are busy,
 * and the third gets work.
 * A ring stands for the ring and the batches behind it. While a worker moves a batch, the
 * tasks are in neither; after that it looks for a watcher, as after a spawn.
 * What a worker puts into its ring waits in its store buffer until the processor, a
 * locked instruction of its own or the kernel makes it seen.
 *
 *   - when nothing moves any more, and one of them sleeps, all rings are empty  (assert)
 *
 * Variants that must fail:
 *   SLEEPS_BLINDLY  no barrier before the last look of who falls asleep
 *   LEAVES_BLINDLY  no barrier before the look of who stops watching
 *   LEAVES          who stops watching does not look
 *   STOPS_EARLY     who falls asleep stops watching before work may come for it
 *   COUNTS_FIRST    who calls a watcher counts it before it has one */

#define N 3
#ifdef COUNTS_FIRST /* needs them */
#define TWO
#endif
#ifdef TWO
#define SPAWNS (me < 2)
#define RUNS_OUT (me == 2)
#define POSTED 2
#else
#define SPAWNS (me == 1)
#define RUNS_OUT true
#define POSTED 0
#endif
#define SLEEPS 1
#define CALLED 2

bool ring[N], pending[N]; /* holds a task; will, when the store is seen */
byte sleeping[N];
bool token[N];            /* of its poller */
bool asleep[N];           /* in it, without an end */
bool inbox[N], posted;
byte sleepers;
short watchers;

inline drain(i)
{
	if
	:: pending[i] -> ring[i] = true; pending[i] = false
	:: else
	fi
}

active proctype processor()
{
end:	do
	:: atomic { pending[0] -> drain(0) }
	:: atomic { pending[1] -> drain(1) }
	od
}

inline barrier() { atomic { drain(0); drain(1) } }

inline rouse(v, why)
{
	roused = false;
	if
	:: sleeping[v] == SLEEPS ->
		atomic {
			drain(me);
			if
			:: sleeping[v] == SLEEPS -> sleeping[v] = why; roused = true
			:: else
			fi
		};
		if
		:: roused -> token[v] = true
		:: else
		fi
	:: else
	fi
}

inline call_watcher()
{
#ifdef COUNTS_FIRST
	atomic { drain(me); watchers++ };
#endif
	rouse((me + 1) % N, CALLED);
	if
	:: !roused -> rouse((me + 2) % N, CALLED)
	:: else
	fi;
#ifdef COUNTS_FIRST
	if
	:: !roused -> atomic { drain(me); watchers-- }
	:: else
	fi
#else
	if
	:: roused -> atomic { drain(me); watchers++; roused = false }
	:: else
	fi
#endif
}

/* Two loads, one after the other. */
inline if_nobody_watches_call()
{
	if
	:: sleepers > 0 ->
		if
		:: watchers <= 0 -> call_watcher()
		:: else
		fi
	:: else
	fi
}

inline stop_watching()
{
	if
	:: watches -> atomic { drain(me); watchers--; watches = false }
	:: else
	fi
}

inline watches_no_more()
{
	stop_watching();
	called = false;
#ifndef LEAVES
	if
	:: sleepers > 0 ->
		if
		:: sleepers + 1 != N ->
#ifndef LEAVES_BLINDLY
			barrier()
#endif
		:: else
		fi
	:: else
	fi;
	if
	:: ring[0] || ring[1] || pending[me] -> if_nobody_watches_call()
	:: else
	fi
#endif
}

inline steal(v)
{
	atomic {
		if
		:: v != me && ring[v] -> drain(me); ring[v] = false; got = true
		:: else
		fi
	}
}

inline fall_asleep()
{
	atomic { drain(me); sleepers++ };
	atomic { drain(me); sleeping[me] = SLEEPS }
}

inline awake()
{
	atomic { drain(me); was = sleeping[me]; sleeping[me] = 0 };
	atomic { drain(me); sleepers--; token[me] = false };
	if
	:: was == CALLED && watches -> atomic { drain(me); watchers-- }
	:: else
	fi;
	if
	:: was == CALLED -> watches = true; called = true
	:: else
	fi;
	was = 0
}

proctype worker(byte me)
{
	bool watches, called, worked, roused, got, naps, spawned;
	byte was;

	if
	:: me == 2 -> goto idle
	:: else
	fi;
work:
	worked = true;
	if
	:: watches -> watches_no_more()
	:: else
	fi;
	do
	:: SPAWNS && !spawned -> /* its ring is empty, or else it would be two tasks */
		spawned = true;
		pending[me] = true;
		if_nobody_watches_call()
	:: atomic { ring[me] || pending[me] -> drain(me); ring[me] = false }
	:: atomic { RUNS_OUT && !ring[me] && !pending[me] -> break }
	:: me < 2 -> goto busy
	od;
idle:
	if
	:: inbox[me] -> inbox[me] = false; goto work
	:: else
	fi;
	got = false;
	steal((me + 1) % N);
	if
	:: !got -> steal((me + 2) % N)
	:: else
	fi;
	if
	:: got -> got = false; watches_no_more(); goto work
	:: else
	fi;
	/* watches_on() */
	naps = called || (worked && sleepers + 1 != N);
	if
	:: naps && !watches -> atomic { drain(me); watchers++; watches = true }
	:: else
	fi;
	worked = false;
	called = false;
#ifdef STOPS_EARLY
	if
	:: !naps -> stop_watching()
	:: else
	fi;
#endif
	fall_asleep();
	if
	:: inbox[me] || naps -> naps = false
	:: else -> /* nothing_to_take() */
		stop_watching();
		if
		:: sleepers == N -> goto sleep
		:: else
		fi;
#ifndef SLEEPS_BLINDLY
		barrier();
#endif
		if
		:: ring[0] || ring[1] ->
			atomic { drain(me); watchers++; watches = true }
		:: else ->
sleep:			atomic { asleep[me] = true };
end:			atomic { token[me] -> asleep[me] = false }
		fi
	fi;
	awake();
	goto idle;
busy:
	skip
}

/* A post from elsewhere. */
active proctype post()
{
	byte me = 0, v;
	bool roused;

	if
	:: v = POSTED
	fi;
	inbox[v] = true;
	if
	:: sleeping[v] == SLEEPS ->
		atomic {
			if
			:: sleeping[v] == SLEEPS -> sleeping[v] = 0; roused = true
			:: else
			fi
		};
		if
		:: roused -> token[v] = true
		:: else
		fi
	:: else
	fi
}

active proctype monitor()
{
	timeout;
	assert(!((asleep[0] || asleep[1] || asleep[2]) &&
	         (ring[0] || ring[1] || pending[0] || pending[1])))
}

init
{
	atomic { run worker(0); run worker(1); run worker(2) }
}
