/* park.pml - park, wake and cancel: src/task/state.c, src/runtime/park.c and the
 * walk of src/scope/cancel.c.
 *
 * Two tasks of one scope receive from one object; one sender hands over one
 * item; one canceler cancels the scope. Whatever the order:
 *
 *   - both tasks end: no wake-up is lost                     (end states, ltl)
 *   - the item is received once or is still in the object    (assert, at the end)
 *   - one park is followed by one place in the run queue     (assert)
 *   - nobody looks at the stack of a waiter that has gone on (assert)
 *
 * Variants that must fail:
 *   NO_BIT       a notify of a task that is not parked leaves nothing behind
 *   LOOK_FIRST   looks whether it is canceled, and then links to its scope
 *   LATE_NOTIFY  the sender notifies after it gave the object's lock back
 *   TAKE_BACK    a cancel beats a hand-over that was committed */

#define TASKS 2

mtype = {READY, RUNNING, PARKED};
mtype state[TASKS] = RUNNING;
bool notified[TASKS];
byte queued[TASKS];   /* places in the run queue */
bool linked[TASKS];   /* in the scope's list */
bool waiting[TASKS];  /* in the object's list */
bool done[TASKS];     /* of the waiter, on the task's stack */
bool on_stack[TASKS] = true;
bool received[TASKS];
bool ended[TASKS];
bool canceled;
byte items;           /* in the object, unclaimed */
bool object_lock, scope_lock;

#define lock(l) atomic { !l -> l = true }
#define unlock(l) l = false

/* tend__task_notify(), then tend__task_wake() if it is for the caller to do. */
inline notify(t)
{
	atomic {
		if
		:: state[t] == PARKED -> state[t] = READY; won = true
		:: else ->
#ifndef NO_BIT
			notified[t] = true;
#endif
			won = false
		fi
	}
	if
	:: won -> atomic { queued[t]++; assert(queued[t] == 1) }
	:: else
	fi;
	won = false
}

inline link_to_scope(t)
{
	if
	:: !linked[t] -> lock(scope_lock); linked[t] = true; unlock(scope_lock)
	:: else
	fi
}

proctype task(byte t)
{
	bool told = false;

#ifndef LOOK_FIRST
	link_to_scope(t);
#endif
	lock(object_lock);
	if
	:: items > 0 -> items--; received[t] = true; goto out
	:: else -> waiting[t] = true
	fi;
	do
	:: true ->
#ifdef TAKE_BACK
		told = canceled;
		if
		:: told -> waiting[t] = false; break
		:: else
		fi;
#endif
		if
		:: done[t] -> received[t] = true; break
		:: else
		fi;
		told = canceled;
		if
		:: told -> waiting[t] = false; break
		:: else
		fi;
		unlock(object_lock);
#ifdef LOOK_FIRST
		link_to_scope(t);
#endif
		/* tend__task_park() */
		atomic {
			if
			:: notified[t] -> notified[t] = false
			:: else -> state[t] = PARKED
			fi
		}
		if
		:: state[t] != RUNNING ->
			/* the worker pops it */
			atomic { queued[t] > 0 -> queued[t]-- };
			assert(state[t] == READY);
			state[t] = RUNNING
		:: else
		fi;
		lock(object_lock)
	od;
out:	unlock(object_lock);
	on_stack[t] = false;
	/* tend__task_finish() */
	if
	:: linked[t] -> lock(scope_lock); linked[t] = false; unlock(scope_lock)
	:: else
	fi;
	ended[t] = true
}

/* tend_channel_send(): to the first receiver, or into the object. */
proctype sender()
{
	bool won = false;
	byte t = 0;

	lock(object_lock);
	do
	:: t < TASKS && waiting[t] ->
		waiting[t] = false;
		done[t] = true;
#ifdef LATE_NOTIFY
		unlock(object_lock);
		assert(on_stack[t]); /* reads w->task */
		notify(t);
#else
		assert(on_stack[t]);
		notify(t);
		unlock(object_lock);
#endif
		break
	:: t < TASKS && !waiting[t] -> t++
	:: t == TASKS -> items++; unlock(object_lock); break
	od
}

/* mark() of src/scope/cancel.c */
proctype canceler()
{
	bool won = false;
	byte t = 0;

	canceled = true;
	lock(scope_lock);
	do
	:: t < TASKS ->
		if
		:: linked[t] -> notify(t)
		:: else
		fi;
		t++
	:: else -> break
	od;
	unlock(scope_lock)
}

init {
	atomic { run task(0); run task(1); run sender(); run canceler() }
	(_nr_pr == 1);
	assert(items + received[0] + received[1] == 1)
}

ltl every_task_ends { <> (ended[0] && ended[1]) }
