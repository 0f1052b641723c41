/* admission.pml - enter, leave, cancel, close: admit.c, leave.c, cancel.c and end.c
 * of src/scope.
 *
 * A parent and a child scope. One spawner enters the child and one the parent,
 * while a canceler cancels both; or, with SIBLINGS, two enter the child. A closer
 * waits until the parent is empty, and then closes it. Whatever the order:
 *
 *   - while a task is live in the child, the parent's count is not 0  (assert)
 *   - who waits for empty is woken                                    (end states, ltl)
 *   - a spawn that won is awaited by the close                        (assert)
 *   - a canceled or closed scope admits nobody                        (assert)
 *   - a scope that has ended is not touched                           (assert)
 *   - in the end all counts are 0                                     (assert)
 *
 * Variants that must fail:
 *   PLAIN        the step to 0 is a plain write under the lock, beside exchanges
 *   CHILD_FIRST  a spawn counts in the child before it does in the parent
 *   NO_LOCK      the step to 0 is made without the scope's lock
 *   TWO_STEPS    looks at the flags, and then adds */

#define PARENT 0
#define CHILD 1
#define LIVE 1
#define CLOSED 2
#define CANCELED 4
#define ONE 8
#define count(w) ((w) / ONE)

int word[2] = LIVE;
bool locked[2];
bool waits[2];     /* a waiter is in the scope's list */
bool woken[2];
bool ended[2];     /* its memory is another's */
byte live[2];      /* ghost: tasks admitted to it that have not left */
bool shut[2];      /* ghost: a cancel or close has told it */
bool tree;
bool emptied, closed;

#define lock(l) atomic { !l -> l = true }
#define unlock(l) l = false

/* A task is live from the exchange that admits it to the one that lets it go.
 * These two are part of those exchanges. */
inline admitted(s)
{
	assert(!shut[s] && count(word[PARENT]) > 0);
	live[s]++
}
inline let_go(s, task)
{
	live[s] = live[s] - task;
	assert(live[CHILD] == 0 || count(word[PARENT]) > 0)
}

/* tend__scope_leave(): `task` is whether it is a task's own count. */
inline leave(s, task)
{
	do
	:: true ->
		assert(!ended[s]);
		old = word[s];
		assert(count(old) > 0);
		if
		:: count(old) > 1 ->
			atomic {
				if
				:: word[s] == old ->
					word[s] = old - ONE; let_go(s, task); break
				:: else
				fi
			}
		:: else ->
#ifndef NO_LOCK
			lock(locked[s]);
#endif
			old = word[s];
#ifdef PLAIN
			if
			:: count(old) == 1 ->
				atomic { word[s] = old - ONE; let_go(s, task) }
			:: else -> unlock(locked[s]); skip
			fi;
			if
			:: count(old) == 1 -> goto_zero(s); break
			:: else
			fi
#else
			do
			:: count(old) != 1 -> last = false; break
			:: else ->
				atomic {
					if
					:: word[s] == old ->
						word[s] = old - ONE; let_go(s, task);
						last = true; break
					:: else -> old = word[s]
					fi
				}
			od;
			if
			:: last -> goto_zero(s); break
			:: else ->
#ifndef NO_LOCK
				unlock(locked[s]);
#endif
				skip
			fi
#endif
		fi
	od
}

/* Under the lock still: wakes, and unlocks. */
inline goto_zero(s)
{
	assert(!ended[s]);
	if
	:: waits[s] -> waits[s] = false; woken[s] = true
	:: else
	fi;
#ifndef NO_LOCK
	unlock(locked[s]);
#endif
	last = true
}

/* tend__scope_enter(parent, .., false): the parent's parent is left out. */
inline enter_parent()
{
	do
	:: true ->
		old = word[PARENT];
		atomic {
			if
			:: !(old & LIVE) -> up = false; break
			:: (old & LIVE) && word[PARENT] == old ->
				word[PARENT] = old + ONE; up = true; break
			:: else
			fi
		}
	od
}

inline leave_child()
{
	last = false;
	leave(CHILD, 1);
	if
	:: last -> last = false; leave(PARENT, 0)
	:: else
	fi;
	last = false
}

proctype spawn_child()
{
	int old, mine;
	bool up = false, won = false, last = false;

	do
	:: true ->
		mine = word[CHILD];
		if
		:: (mine & (CLOSED | CANCELED)) || !(mine & LIVE) -> break
		:: else
		fi;
#ifdef CHILD_FIRST
		atomic {
			if
			:: word[CHILD] == mine ->
				word[CHILD] = mine + ONE; admitted(CHILD); won = true
			:: else
			fi
		}
		if
		:: won && count(mine) == 0 -> enter_parent(); break
		:: won -> break
		:: else
		fi
#else
		if
		:: count(mine) == 0 && !up -> enter_parent()
		:: else ->
#ifdef TWO_STEPS
			atomic { mine = word[CHILD]; word[CHILD] = mine + ONE; admitted(CHILD);
			         won = true }
#else
			atomic {
				if
				:: word[CHILD] == mine ->
					word[CHILD] = mine + ONE; admitted(CHILD); won = true
				:: else
				fi
			}
#endif
			if
			:: won && up && count(mine) != 0 -> last = false; leave(PARENT, 0); break
			:: won && !(up && count(mine) != 0) -> break
			:: else
			fi
		fi
#endif
	od;
	if
	:: won -> leave_child()
	:: !won && up -> leave(PARENT, 0)
	:: else
	fi
}

proctype spawn_parent()
{
	int old, mine;
	bool won = false, last = false;

	do
	:: true ->
		mine = word[PARENT];
		if
		:: (mine & (CLOSED | CANCELED)) || !(mine & LIVE) -> break
		:: else
		fi;
		atomic {
			if
			:: word[PARENT] == mine ->
				word[PARENT] = mine + ONE; admitted(PARENT); won = true; break
			:: else
			fi
		}
	od;
	if
	:: won -> leave(PARENT, 1)
	:: else
	fi
}

proctype canceler()
{
	lock(tree);
	if
	:: !ended[PARENT] ->
		atomic { word[PARENT] = word[PARENT] | CANCELED; shut[PARENT] = true };
		atomic { word[CHILD] = word[CHILD] | CANCELED; shut[CHILD] = true }
	:: else
	fi;
	unlock(tree)
}

/* tend__scope_await() of the parent. */
inline await_empty()
{
#ifdef NO_LOCK
	if
	:: count(word[PARENT]) == 0
	:: else -> waits[PARENT] = true; woken[PARENT]; woken[PARENT] = false
	fi
#else
	lock(locked[PARENT]);
	if
	:: count(word[PARENT]) == 0 -> unlock(locked[PARENT])
	:: else ->
		waits[PARENT] = true;
		unlock(locked[PARENT]);
		woken[PARENT];
		woken[PARENT] = false
	fi
#endif
}

/* end_one() of src/scope/end.c */
inline end_one(s)
{
	lock(locked[s]);
	old = word[s];
	atomic {
		if
		:: count(old) == 0 && word[s] == old -> word[s] = old & ~LIVE; gone = true
		:: else -> gone = false
		fi
	}
	unlock(locked[s])
}

/* tend_scope_wait_empty(), then tend_scope_close(). */
proctype closer()
{
	int old;
	bool gone = false;

	await_empty();
	emptied = true;
	lock(tree);
	atomic { word[PARENT] = word[PARENT] | CLOSED; shut[PARENT] = true };
	atomic { word[CHILD] = word[CHILD] | CLOSED; shut[CHILD] = true };
	unlock(tree);
	do
	:: true ->
		await_empty();
		lock(tree);
		gone = ended[CHILD];
		if
		:: !gone ->
			end_one(CHILD);
			if
			:: gone -> assert(live[CHILD] == 0); ended[CHILD] = true
			:: else
			fi
		:: else
		fi;
		if
		:: gone -> end_one(PARENT)
		:: else
		fi;
		unlock(tree);
		if
		:: gone -> break
		:: else
		fi
	od;
	assert(live[PARENT] == 0 && live[CHILD] == 0);
	ended[PARENT] = true;
	closed = true
}

init {
	atomic {
		run spawn_child();
#ifdef SIBLINGS
		run spawn_child();
#else
		run spawn_parent();
		run canceler();
#endif
		run closer()
	}
	closed;
	(_nr_pr == 1);
	assert(count(word[PARENT]) == 0 && count(word[CHILD]) == 0)
}

ltl the_close_ends { <> closed }
