/* inbox.pml - posts to a worker that may be going to sleep: tend__post() and
 * tend__take_inbox() of src/runtime/queue.c, tend__idle() of src/runtime/idle.c.
 *
 * Two producers push two posts each; the worker takes them and sleeps when there
 * are none. Whatever the order:
 *
 *   - every post is run, so the worker does not sleep on one  (end states, ltl)
 *   - each once, and in the order of its producer             (assert)
 *
 * Variants that must fail:
 *   NO_RECHECK  sleeps after it announced it, without a second look
 *   REORDERED   looks before it announces: what a store that is not seq_cst may do
 *   NO_REVERSE  runs a batch as it lies in the stack: last in, first out */

#define PRODUCERS 2
#define EACH 2
#define POSTS 4

byte top;              /* of the stack, 0: empty */
byte below[POSTS + 1]; /* links */
bool sleeping;
byte wakes;            /* of the poller, taken by its wait */
byte ran;
byte last[PRODUCERS];  /* number of the last post run of each */

proctype producer(byte p)
{
	byte post = 1 + p * EACH, seen, was;

	do
	:: post <= (p + 1) * EACH ->
		/* tend__post(): a push by exchange */
		seen = top;
		do
		:: true ->
			below[post] = seen;
			atomic {
				if
				:: top == seen -> top = post; break
				:: else -> seen = top
				fi
			}
		od;
		if
		:: sleeping ->
			atomic { was = sleeping; sleeping = false };
			if
			:: was -> wakes = 1
			:: else
			fi
		:: else
		fi;
		post++
	:: else -> break
	od
}

proctype worker()
{
	byte in, list, next, p;

	do
	:: ran == POSTS -> break
	:: else ->
		atomic { in = top; top = 0 };
		if
		:: in != 0 ->
#ifdef NO_REVERSE
			list = in;
#else
			list = 0;
			do
			:: in != 0 -> d_step { next = below[in]; below[in] = list; list = in; in = next }
			:: else -> break
			od;
#endif
			do
			:: list != 0 ->
				p = (list - 1) / EACH;
				assert(list > last[p]);
				d_step { last[p] = list; ran++; list = below[list] }
			:: else -> break
			od
		:: else ->
#ifdef REORDERED
			next = top;
			sleeping = true;
#else
			sleeping = true;
			next = top;
#endif
#ifdef NO_RECHECK
			next = 0;
#endif
			if
			:: next == 0 -> atomic { wakes > 0 -> wakes = 0 } /* the poller's wait */
			:: else
			fi;
			sleeping = false;
			next = 0
		fi
	od
}

init { atomic { run producer(0); run producer(1); run worker() } }

ltl every_post_runs { <> (ran == POSTS) }
