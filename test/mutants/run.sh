#!/bin/sh
# Plants one bug at a time into a copy of the sources and runs the simulator's
# tests: they must fail. A mutant that survives is a rule without a test. TAP.
#
#   test/mutants/run.sh [NAME]   only mutants whose name has NAME in it
#   CC, SCHEDULES                compiler; seeds of the random programs
# Perl is in single quotes; the quotes in the flags are the compiler's.
# shellcheck disable=SC2016,SC2030,SC2031,SC2089,SC2090
set -eu
unset TEND_TEST

cc=${CC:-cc}
for tool in "$cc" perl pkg-config; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "1..0 # SKIP $tool is not installed"
		exit 0
	fi
done
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
only=${1:-}
number=0
failed=0
flags="-std=gnu11 -O1 -w -pthread -fno-omit-frame-pointer -D_GNU_SOURCE -DTEND_SIM
 -DTEND_VERSION=\"0\" -DTEND_GUARD_PATH=\"/nonexistent\""

say() { # ok, NAME, [# a remark]
	if [ "$1" = yes ]; then
		echo "ok $number - $2"
	else
		failed=1
		echo "not ok $number - $2"
	fi
}

# Of the simulator's build come the objects of the tests and the library: an object that is
# given before the library stands in the place of its member.
build=${BUILD:-$here/build}
case $build in
/*) ;;
*) build=$here/$build ;;
esac
if ! ninja -C "$build" test/test_sim >"$work/ninja" 2>&1; then
	tail -n 20 "$work/ninja" >&2
	echo "mutants: there must be a build with tests in $build; run make test first" >&2
	exit 1
fi
# Most of a link reads what is for debuggers.
parts=$work
ld -r -o "$parts/tests.o" "$build"/test/test_sim.p/*.o
cp "$build/src/libtend-sim.a" "$parts/library.a"
strip -g "$parts/tests.o" "$parts/library.a"
link() { # [OBJECT]
	# shellcheck disable=SC2046
	$cc -pthread -o "$work/test_sim" "$@" "$parts/tests.o" "$parts/library.a" $(pkg-config --libs check)
}

# The tests, the cheap ones first, in pieces, because the first failure is enough.
pieces='1/6=scenarios 2/6=scenarios 3/6=scenarios 4/6=scenarios 5/6=scenarios 6/6=scenarios
	1/1=sweep 1/1=random 1/1=every_schedule 1/1=process_test'
run_piece() { # PIECE, SECONDS
	# A program of processes takes twenty times as long as another.
	case ${1#*=} in
	process_test) seeds=50 ;;
	*) seeds=1000 ;;
	esac
	CK_TAP_LOG_FILE_NAME="$work/tap" CK_VERBOSITY=silent SEEDS=60 SCHEDULES="${SCHEDULES:-$seeds}" \
		timeout "$2" "$work/test_sim" --part "${1%=*}" "${1#*=}" >"$work/log" 2>&1
}

# The name of the first that fails, with the assertion that failed if one did, or nothing. A test
# or a piece of the scenarios that takes five times as long as a piece without a mutant hangs, and
# any other piece that takes twenty times as long as that.
limit=
first_failure() { # the TEST that is tried first, or nothing
	for piece in ${1:+1/1=$1} $pieces; do
		case $piece in
		*=scenarios | "1/1=${1:-}") run_piece "$piece" $limit ;;
		*) run_piece "$piece" $((20 * limit)) ;;
		esac && continue
		sed -n 's/^not ok [0-9]* - [^:]*:\([a-z0-9_]*\):.*/\1/p' "$work/tap" | sed -n 1p |
			grep . || echo "${piece#*=}, by a crash or a hang"
		sed -n 's/.* broken invariant: \(.*\)/by the assertion \1/p' "$work/log" | sed -n 1p
		return
	done
}

# One bug: a perl substitution over one .c file. It must apply, and compile. The test that is
# known to see the bug comes first, because without it most of the time goes to tests that do
# not; any test may catch a mutant. Each lane takes its turn.
mutant() { # NAME, FILE, EXPRESSION, [TEST]
	turn=$((turn + 1))
	[ $((turn % lanes)) -eq "$lane" ] || return 0
	number=$turn
	case $1 in
	*"$only"*) ;;
	*) return 0 ;;
	esac
	perl -0p -e "$3" "$here/$2" >"$work/mutant.c"
	if cmp -s "$here/$2" "$work/mutant.c"; then
		say no "$1: nothing in $2 matches"
		return 0
	fi
	# shellcheck disable=SC2086
	if ! $cc $flags -I"$here/include" -I"$here/src" -c "$work/mutant.c" -o "$work/mutant.o" \
		2>"$work/errors"; then
		say no "$1: it does not compile: $(sed -n 1p "$work/errors")"
	else
		link "$work/mutant.o"
		by=$(first_failure "${4:-}")
		if [ -n "$by" ]; then
			say yes "$1: caught by $(echo $by)"
		else
			say no "$1: nothing noticed it"
		fi
	fi
}

lanes=$(nproc)
link
number=1
begun=$(date +%s)
if run_piece 1/6=scenarios 3600; then
	say yes "without a mutant the scenarios pass"
else
	say no "without a mutant the scenarios pass"
	sed 's/^/# /' "$work/tap" "$work/log"
fi
limit=$((5 * ($(date +%s) - begun + 1)))

mutants() {

# ---- Park and wake ----
mutant "a notify of a running task leaves no bit" src/task/state.c \
	's/new = old \| TEND__NOTIFIED;/return false;/' \
	au_01_a_shutdown_cancels_what_it_waits_for
mutant "a park does not look at the bit" src/task/state.c \
	's/if \(old & TEND__NOTIFIED\) \{/if (0) {/' \
	au_01_a_shutdown_cancels_what_it_waits_for
mutant "a wait looks for a cancel only before it parks" src/runtime/park.c \
	's/while \(!w->done\) \{/for (int parked = 0; !w->done; parked++) {/;
	 s/&& tend__cancel_visible\(t\) \? -ECANCELED/&& !parked && tend__cancel_visible(t) ? -ECANCELED/' \
	au_01_a_shutdown_cancels_what_it_waits_for
mutant "a cancel beats a hand-over that was made" src/runtime/park.c \
	's/while \(!w->done\)/while (!w->done || tend__cancel_visible(t))/;
	 s/if \(tend__load_relaxed\(&w->done_here\)\)/if (0)/' \
	cancel_sweep_every_wait_canceled_in_turn_leaves_nothing
mutant "a task looks for a cancel before a cancel can find it" src/runtime/park.c \
	's/\t\ttend__task_link\(t\);\n\t\treturn t;/\t\treturn t;/' \
	au_01_a_shutdown_cancels_what_it_waits_for
mutant "a timeout does not wake" src/runtime/park.c \
	's/t->timed_out = true;\n\tif \(tend__task_notify\(t\)\)/t->timed_out = true;\n\tif (0)/' \
	rule_13_concurrent_shutdowns_share_one_result

# ---- Admission and counts ----
mutant "a child counts in its parent after its own first" src/scope/admit.c \
	's/\(tend__scope_count\(word\) != 0 \|\| inside \|\| !parent\)/1/;
	 s/if \(!error && tend__scope_count\(word\) == 0 && !inside && parent\) \{/if (!error && tend__scope_count(word) == 0 && parent) { (void)enter_empty(parent, parent->id, 1, false); return 0; }\nif (0) {/' \
	every_schedule_of_two_into_an_empty_child
mutant "the last task to leave wakes no waiter" src/scope/leave.c \
	's/while \(tend__linked\(&s->waiters\)\)/while (0)/' \
	au_09_so_does_its_cancel_and_its_panic
mutant "a waiter looks, then begins to listen" src/scope/empty.c \
	's/(\ttend__lock\(&s->home.lock\);\n\t\/\* Under the lock, so)/\tuint32_t seen = tend__scope_count(tend__load_acquire(&s->home.record->word));\n$1/;
	 s/tend__scope_count\(tend__load_acquire\(&s->home.record->word\)\) == 0\) \{/seen == 0) {/' \
	bp_13_a_panic_of_a_holder_ends_the_scope_it_holds
mutant "a seal is not looked at" src/scope/admit.c \
	's/admit && \(word & TEND__SCOPE_SEALED\)/0/' \
	places_taken_ahead_are_not_counted_and_admit_nobody_too_late
mutant "a cancel does not refuse" src/scope/admit.c \
	's/admit && \(word & \(TEND__SCOPE_CANCELED \| TEND__SCOPE_CLOSED\)\)/admit \&\& (word \& TEND__SCOPE_CLOSED)/' \
	places_taken_ahead_are_not_counted_and_admit_nobody_too_late
mutant "a worker that takes places does not look for waiters" src/scope/batch.c \
	's/if \(!may_reserve\(s\)\)\n\s*tend__places_return\(w\);/;/' \
	places_taken_ahead_keep_nobody_waiting
mutant "a waiter leaves the places that other workers hold" src/scope/batch.c \
	's/(\ttend__add\(&s->awaited, 1\);\n)\ttend__places_revoke\(s->rt\);/$1/' \
	places_taken_ahead_keep_nobody_waiting
mutant "a live count has unused places in it" src/scope/empty.c \
	's/\ttend__places_revoke\(top->rt\);//; s/ \+ tend__unused_places\(s->rt, s->id\)//' \
	places_taken_ahead_are_not_counted_and_admit_nobody_too_late
mutant "places are reserved where a waiter waits" src/scope/batch.c \
	's/if \(tend__load\(&s->awaited\)\)\n\s*break;/;/' \
	places_taken_ahead_keep_nobody_waiting
mutant "places are taken where some are left" src/scope/batch.c \
	's/tend__load_relaxed\(&w->places.word\) \|\| !may_reserve/!may_reserve/;
	 s/tend__assert\(!tend__load_relaxed\(&w->places.word\)\);/;/' \
	places_in_a_scope_that_is_sealed_and_opened_again_are_not_lost
mutant "a place is spent in a scope that is sealed" src/scope/admit.c \
	's/!admission\(tend__load_acquire\(&s->home.record->word\), id, true\) &&/1 \&\&/' \
	places_taken_ahead_are_not_counted_and_admit_nobody_too_late
mutant "unused places are counted as tasks" src/scope/end.c \
	's/in -= tend__unused_places\(s->rt, s->id\);/;/' \
	places_taken_ahead_are_not_counted_and_admit_nobody_too_late
mutant "a scope without an owner is kept by unused places" src/scope/owner.c \
	's/\ttend__places_revoke\(rt\);\n//' \
	places_taken_ahead_keep_no_scope_whose_owner_has_ended
mutant "a prefix matches parts of a segment" src/scope/path.c \
	's/for \(size_t i = 0; i < len; i\+\+\)/for (size_t i = 0; i < len && path[i]; i++)/;
	 s/path \+= len;/path += __builtin_strlen(path) < len ? __builtin_strlen(path) : len;/' \
	bp_02_a_prefix_matches_whole_segments
mutant "a walk of the registry is taken for an instant" src/scope/path.c \
	's/if \(births\(rt\) == before\)/if (1)/' \
	rule_11_a_walk_by_path_misses_no_hand_over

# ---- Cancel ----
mutant "the reason is written after the flag" src/scope/cancel.c \
	's/\ts->reason = \*reason;\n(\tuint64_t before = .*?\ttend__lock\(&s->home.lock\);\n)/$1\ts->reason = *reason;\n/s' \
	rule_17_whoever_looks_finds_the_reason_with_the_cancel
mutant "the last reason wins" src/scope/cancel.c \
	's/\telse if \(tend__load_acquire\(&top->home.record->word\) & TEND__SCOPE_CANCELED\)\n\t\terror = -EALREADY;//;
	 s/into = !\(tend__load_acquire\(&s->home.record->word\) & TEND__SCOPE_CANCELED\) &&/into =/' \
	au_01_a_shutdown_cancels_what_it_waits_for
mutant "a cancel stays in its scope" src/scope/cancel.c \
	's/s = tend__scope_next\(s, top, into\)\)/s = NULL)/' \
	au_02_a_child_inherits_its_parents_cancel_also_while_idle
mutant "a cancel wakes no task" src/scope/cancel.c \
	's/if \(tend__task_notify\(t\)\)/if (0)/' \
	au_01_a_shutdown_cancels_what_it_waits_for
mutant "a scope below a canceled one is born healthy" src/scope/open.c \
	's/if \(\(above & TEND__SCOPE_CANCELED\) && !s->shield\)/if (0)/' \
	rule_02_a_cancel_of_an_idle_scope_is_kept

# ---- Ends ----
mutant "a cancel beats a crash" src/scope/finish.c \
	's/(\tif \(t->ending && t->ending != TEND_COMPLETED\)\n\t\treturn t->ending;\n)(\tif \(t->was_canceled\)\n\t\treturn TEND_CANCELED;\n)/$2$1/' \
	an_abort_waits_for_the_end_of_a_shield
mutant "a critical failure cancels after its joiners know" src/scope/finish.c \
	's/(\tif \(outcome == TEND_FAILED \|\| outcome == TEND_PANICKED\)\n\t\tfailed\(s, t, outcome\);\n)//;
	 my $failed = $1; s/(\n\t\/\* seq_cst, against the waiter)/\n$failed$1/' \
	rule_18_a_critical_failure_cancels_before_anyone_learns_of_it
mutant "an owner leaves its scopes to nobody" src/scope/finish.c \
	's/\tif \(t->owns\)\n\t\ttend__disown\(t\);/\t;/' \
	au_09_so_does_its_cancel_and_its_panic
mutant "an entry leaves the count before it has ended" src/scope/finish.c \
	's/\tif \(defers\)\n\t\ttend__leave_defer\(w, s, outcome\);\n\telse\n\t\t(tend__add_relaxed.*?;\n)/\t$1\ttend__scope_leave(s, 1);\n/;
	 s/\tif \(!defers\)\n\t\ttend__scope_leave\(s, 1\);\n\}/}/' \
	au_09_so_does_its_cancel_and_its_panic
mutant "what has ended is not counted until it has left" src/scope/end.c \
	's/uint32_t owed = tend__deferred_leaves\(s->rt, s->id, i\);/uint32_t owed = 0;/' \
	rule_07_every_way_out_leaves_the_registry_before_it_is_told
mutant "a worker goes to sleep in debt" src/runtime/switch.c \
	's/w->leaves.home && \(!t \|\| t->home != w->leaves.home\)/w->leaves.home \&\& t \&\& t->home != w->leaves.home/' \
	au_01_a_shutdown_cancels_what_it_waits_for
mutant "a task that was notified before its park is forgotten" src/runtime/switch.c \
	's/if \(tend__task_park\(t, wait\)\)\n/(void)!tend__task_park(t, wait);\n/' \
	au_01_a_shutdown_cancels_what_it_waits_for
mutant "fresh ones go before all others" src/runtime/switch.c \
	's/if \(w->turn < TURN && tend__has_fresh\(w\)\)/if (tend__has_fresh(w))/' \
	who_was_woken_runs_though_there_are_always_fresh_ones
mutant "others go before all fresh ones" src/runtime/switch.c \
	's/if \(w->turn < TURN && tend__has_fresh\(w\)\)/if (!w->started.first \&\& tend__has_fresh(w))/' \
	au_09_so_does_its_cancel_and_its_panic
mutant "a restart at once goes before tasks that are ready" src/runtime/switch.c \
	's/if \(w->started.first \|\| tend__has_fresh\(w\)\)\s*return false;\s*w->budget--/w->budget--/' \
	a_restart_at_once_lets_a_task_run_that_is_ready
mutant "restarts at once leave no round" src/runtime/switch.c \
	's/return false;\s*w->budget--;/return false;/' \
	a_restart_at_once_lets_a_task_run_that_is_woken_from_outside
mutant "a fiber that yields is forgotten" src/runtime/switch.c \
	's/\ttend__queue_push\(&t->worker->started, &t->post\);\n\tgo_on/\tgo_on/' \
	au_09_so_does_its_cancel_and_its_panic
mutant "the end of a task tells no path that it is empty" src/scope/finish.c \
	's/if \(tend__load\(&rt->path_waiters\)\)/if (0)/' \
	bp_04_wait_empty_waits_for_the_last_and_not_at_all_when_empty
mutant "deferred cleanups are forgotten" src/runtime/switch.c \
	's/while \(t->defers\) \{/while (0) {/' \
	what_a_drop_defers_runs_and_a_drop_runs_once

# ---- Callers from outside ----
mutant "a close frees what callers from outside use" src/runtime/visit.c \
	's/if \(!tend__load\(&e->inside\) \|\| error\)/if (1)/' \
	every_schedule_of_a_call_from_outside_against_the_close_of_its_runtime
mutant "the last caller from outside does not wake the close" src/runtime/visit.c \
	's/\|\| !tend__load\(&e->awaited\)/|| 1/' \
	every_schedule_of_a_call_from_outside_against_the_close_of_its_runtime
mutant "a caller finds the runtime before it counts itself in" src/runtime/visit.c \
	's/\ttend__add\(&e->inside, 1\);\n\ttend_runtime \*rt = tend__load\(&e->rt\);/\ttend_runtime *rt = tend__load(&e->rt);\n\ttend__add(&e->inside, 1);/' \
	every_schedule_of_a_call_from_outside_against_the_close_of_its_runtime

# ---- While a worker is busy ----
mutant "an early alarm does not wake the monitor" src/runtime/monitor.c \
	's/bool wakes = at < m->sleeps_until;/bool wakes = !at;/' \
	tv_048_an_attempt_that_takes_too_long_has_failed
mutant "the monitor sleeps beyond its alarms" src/runtime/monitor.c \
	's/: tend__timers_next\(&m->alarms\);/: TEND_FOREVER;/' \
	tv_048_an_attempt_that_takes_too_long_has_failed
mutant "a scope whose deadline has passed is born as any other" src/scope/open.c \
	's/\} else if \(opts->deadline && opts->deadline <= now\) \{/} else if (0) {/' \
	a_deadline_that_has_passed_cancels_at_once
mutant "a task whose deadline has passed is born as any other" src/kinds/birth.c \
	's/\(born_canceled \? \(uint32_t\)TEND__CANCELED : 0\)/0/' \
	a_deadline_that_has_passed_cancels_at_once
mutant "a thief takes from the ring only" src/runtime/idle.c \
	's/if \(tend__batches_take\(w, v, [^)]*\)\)/if (0)/' \
	an_idle_worker_takes_all_that_a_busy_worker_spawned
mutant "a worker falls asleep without a last look" src/runtime/idle.c \
	's/if \(filled\(&rt->workers\[i\]\)\) \{/if (0) {/' \
	a_worker_that_falls_asleep_leaves_no_task_to_a_busy_one
mutant "a worker that has work watches no more, and tells nobody" src/runtime/idle.c \
	's/if \(filled\(&rt->workers\[i\]\) && tend__nobody_watches\(rt\)\)/if (0)/' \
	a_worker_that_falls_asleep_leaves_no_task_to_a_busy_one
mutant "batches wait for an empty ring" src/runtime/loop.c \
	's/if \(tend__ring_length\(w\) <= TEND__RING - TEND__BATCH\)/if (0)/' \
	a_task_begins_although_others_spawn_without_end
mutant "a task whose waits never park goes on for ever" src/runtime/switch.c \
	's/\tw->budget = 0;\n\ttend__fiber_yield\(t\);/\treturn;/' \
	a_task_whose_waits_never_park_lets_others_run

# ---- Channels, shutdown ----
mutant "a receiver that takes an item lets no sender in" src/sync/channel.c \
	's/if \(tend__linked\(&c->senders\)\) \{\n\t\t\ttend__assert/if (0) {\n\t\t\ttend__assert/' \
	a_sender_is_let_in_when_an_item_is_taken
mutant "a closed channel leaves its receivers asleep" src/sync/channel.c \
	's/while \(tend__linked\(&c->receivers\)\)/while (0)/' \
	cancel_sweep_every_wait_canceled_in_turn_leaves_nothing
mutant "a shutdown cancels before its cleanups" src/scope/shutdown.c \
	's/if \(!cleaned && !op->retry && now < due\(op, empty\)\)/if (0)/' \
	rule_06_cleanups_run_before_the_cancel
mutant "a shutdown waits for a cleanup that does not come back" src/scope/shutdown.c \
	's/at = tend__last_part\(op->report->begun, op->deadline\);/at = TEND_FOREVER;/' \
	a_late_cleanup_is_named_and_the_deadline_holds
mutant "a shutdown is over before its cleanups" src/scope/shutdown.c \
	's/if \(empty && cleaned\)/if (empty)/' \
	a_cleanup_without_room_runs_after_the_cancel
mutant "a cleanup hears the cancel of its root" src/kinds/fiber.c \
	's/, \.flags = TEND__OWN_CANCEL//' \
	a_cleanup_is_shielded_until_the_deadline
mutant "a late cleanup is never told" src/scope/shutdown.c \
	's/phase == OVER \? op->cleaner : 0/0/' \
	a_late_cleanup_is_named_and_the_deadline_holds
mutant "a cleanup that panics takes the others along" src/scope/shutdown.c \
	's/bool more = op->cleanups && !failed;/bool more = false;/; s/op->retry = op->cleanups \? tend__clock\(\) \+ RETRY_NS : 0;/op->cleanups = NULL;/' \
	a_cleanup_that_panics_keeps_no_other_from_running
mutant "a later shutdown cannot make the deadline earlier" src/scope/shutdown.c \
	's/else if \(deadline < op->deadline\) \{/else if (0) {/' \
	rule_13_a_later_caller_makes_the_deadline_earlier
mutant "the begin of a fiber is not told" src/runtime/switch.c \
	's/t->worker->rt->began\(t\);/;/' every_schedule_of_a_watch_against_the_begin_of_a_task
mutant "an end is told before it is" src/scope/finish.c \
	's/(\tbool touched = !tend__task_end.*?)(\tif \(tend__listened.*?\}\);\n)/$2$1/s' \
	every_schedule_of_a_watch_against_the_end_of_a_task
mutant "a watch stays after the end" src/scope/changes.c \
	's/ring\(rt, event->id, ended\)/ring(rt, event->id, false)/' \
	a_watch_of_a_task_sets_the_event_until_its_end
mutant "a rest between two attempts is not told" src/scope/changes.c \
	's/tend__tell_all\(s, t->record, &\(struct tend__event\)\{\.id = t->id\}\);//' \
	every_schedule_of_a_watch_against_the_rest_of_a_task
mutant "a change is told to the own scope only" src/scope/changes.c \
	's/for \(; s; s = tend__parent\(s\)\)/if (s)/' each_change_of_a_scope_and_below_sets_the_event

# ---- Restarts ----
lives=restartable_tasks_live_as_the_reference_says
mutant "a rest counts the failure that it follows" src/policy/decide.c \
	's/d\.failures - 1, random/d.failures, random/' $lives
mutant "the last retry is not granted" src/policy/decide.c \
	's/d\.failures > p->retries/d.failures >= p->retries/' $lives
mutant "an attempt must be longer than what is stable" src/policy/decide.c \
	's/end->ran_ns >= p->stable_ns/end->ran_ns > p->stable_ns/' $lives
mutant "a success keeps the row of failures" src/policy/decide.c \
	's/d\.outcome == TEND__COMPLETED_WELL \|\| end->ran_ns/end->ran_ns/' $lives
mutant "a panic is judged by its result" src/policy/decide.c \
	's/end->late \| end->broken\)\s*return/end->late) return/' $lives
mutant "a task that is to end is judged by its policy" src/policy/decide.c \
	's/if \(end->ends \| end->fatal\)/if (end->fatal)/' $lives
mutant "a fatal result is tried again" src/policy/decide.c \
	's/\|\| fatal \|\| \(p->retries/|| (p->retries/' $lives
mutant "done is done once" src/policy/decide.c \
	's/ \|\| done\)/)/' $lives
mutant "an unasked cancel is a failure" src/policy/decide.c \
	's/if \(end->result == -ECANCELED\)/if (0)/' $lives
mutant "a list of successes is not read" src/policy/decide.c \
	's/ \|\| listed\(p->success, end->result\)//' $lives
mutant "a temporary task has retries" src/policy/decide.c \
	's/p->type == TEND__TEMPORARY \|\| fatal/fatal/' $lives
mutant "a transient task runs after a success" src/policy/decide.c \
	's/p->type != TEND__PERMANENT \|\| done/done/' $lives
mutant "a jitter starts from an unclamped delay" src/policy/backoff.c \
	's/base > max \/ 3 \? max : 3 \* base/3 * base/' $lives
mutant "equal jitter draws from the whole" src/policy/backoff.c \
	's/return base \/ 2 \+ between\(0, base - base \/ 2, random\)/return between(0, base, random)/' $lives
mutant "a delay has no maximum" src/policy/backoff.c \
	's/return delay < p->delay_max_ns \? delay : p->delay_max_ns;/return delay;/' $lives
mutant "a rest may be shorter than a millisecond" src/policy/backoff.c \
	's/return rest > TEND_MS \? rest : TEND_MS;/return rest;/' $lives
mutant "a close begins nothing" src/supervise/attempt.c \
	's/if \(l->attempts \|\| l->phase/if (1 || l->phase/' $lives
mutant "a rest is not seen by a cancel" src/supervise/attempt.c \
	's/(attempt_over\(struct.*?)if \(!t->in_cancel_list\)\s*tend__task_link\(t\);/$1/s' $lives
mutant "a panic sticks to the next attempt" src/supervise/attempt.c \
	's/t->ending = t->unwinding = t->shields = 0;/t->unwinding = t->shields = 0;/' $lives
mutant "an attempt does not await what the last one opened" src/supervise/attempt.c \
	's/tend__disown_attempt\(t\);//' $lives
mutant "an end for good awaits what the attempt opened" src/supervise/attempt.c \
	's/if \(d\.verdict != TEND__ENDS && !alone\)/if (!alone)/' $lives
mutant "the drop runs after each attempt" src/supervise/birth.c \
	's/t->drop = NULL;/l->drop = NULL;/' $lives
mutant "a listed failure beats a cancel" src/supervise/attempt.c \
	's/ \|\| canceled\)/)/' $lives
mutant "a close waits out the rests" src/scope/tree.c \
	's/if \(\(~before & flags\) && tend__scope_count\(before\)\)/if (0)/' $lives
mutant "readers are told of the attempt before" src/supervise/attempt.c \
	's/describe_attempt\(t, l->attempts, now\)/describe_attempt(t, l->attempts - 1, now)/' $lives
mutant "a task canceled at rest ends as its last attempt" src/supervise/attempt.c \
	's/if \(tend__is_canceled\(t\) \|\| l->attempt\.for_good\)\s*return 0;//' $lives
mutant "a closed scope does not end the attempts" src/supervise/attempt.c \
	's/\.ends = tend__is_to_end\(t\)/.ends = tend__cancel_requested(t)/' $lives
mutant "a time is not missed at its instant" src/supervise/ladder.c \
	's/if \(at <= now && !look->text\)/if (at + 1 <= now \&\& !look->text)/' $lives
mutant "ready is asked after it was said" src/supervise/ladder.c \
	's/if \(!l->ready\)\s*one_time/one_time/' $lives
mutant "alive counts from the beginning" src/supervise/ladder.c \
	's/tend__load_relaxed\(&l->alive_at\), l->rules->alive_ns/l->began, l->rules->alive_ns/' $lives
mutant "the ladder has one rung" src/supervise/ladder.c \
	's/return l->rung == TEND__RUNG_FORCED;/return false;/' $lives
mutant "a grace is twice as long" src/supervise/ladder.c \
	's/later\(l->attempt.stopped_at, l->rules->grace_ns\)/later(l->attempt.stopped_at, 2 * l->rules->grace_ns)/' $lives
mutant "the last reason of a stop wins" src/supervise/ladder.c \
	's/if \(l->rung != TEND__RUNG_NONE\)\s*return;//' $lives
mutant "a stop is a failure" src/policy/decide.c \
	's/end->ends \| end->stop \| end->again/end->ends/' $lives
mutant "late is asked before a stop" src/policy/decide.c \
	's/if \(end->stop\) \{/if (end->stop \&\& !end->late) {/' $lives
mutant "a restart waits for the backoff" src/policy/decide.c \
	's/if \(end->again\) \{/if (end->again \&\& d.outcome != TEND__HAS_FAILED) {/' $lives
mutant "a temporary task is restarted" src/policy/decide.c \
	's/p->type == TEND__TEMPORARY \? TEND__ENDS : TEND__RUNS/TEND__RUNS/' $lives
mutant "fatal is asked after a stop" src/policy/decide.c \
	's/if \(end->ends \| end->fatal\)/if (end->ends || (end->fatal \&\& !end->stop))/' $lives
mutant "a stop is forgotten by the next attempt" src/supervise/attempt.c \
	's/l->wish = TEND__WISH_NONE;\s*l->attempt.stop_code = 0;/l->attempt.stop_code = 0;/' $lives
mutant "a stop code sticks" src/supervise/attempt.c \
	's/l->attempt\.stop_code = 0;\s*l->attempt\.for_good/l->attempt.for_good/' $lives
mutant "fatal sticks" src/supervise/attempt.c \
	's/l->late = l->fatal = l->ready = false;/l->late = l->ready = false;/' $lives
mutant "late sticks" src/supervise/attempt.c \
	's/l->late = l->fatal = l->ready = false;/l->fatal = l->ready = false;/' $lives
mutant "a start does not end a rest" src/supervise/command.c \
	's/(static int start.*?l->wish = TEND__WISH_AGAIN;\s*)tend__life_look\(t\);/$1/s' $lives
mutant "a stop is not heard at rest" src/supervise/command.c \
	's/else\s*tend__life_look\(t\);\s*return 1;\s*\}\s*static int start/return 1; } static int start/s' $lives
mutant "a stop does not tell the attempt" src/supervise/command.c \
	's/tend__attempt_stop\(t, -ECANCELED, "the task was stopped"\);/;/' $lives
mutant "a start does not undo a stop" src/supervise/command.c \
	's/l->wish = TEND__WISH_START;/;/' $lives
mutant "a probe speaks of the next attempt" src/supervise/self.c \
	's/l->phase != TEND__LIFE_RUNS \|\| l->attempts != attempt/l->phase != TEND__LIFE_RUNS/g' $lives
mutant "a probe may fail a stopped attempt" src/supervise/self.c \
	's/else if \(tend__is_canceled\(t\) \|\| l->rung != TEND__RUNG_NONE\)/else if (0)/' $lives
mutant "fatal is not kept" src/supervise/self.c \
	's/->fatal = true;/->fatal = false;/' $lives
mutant "a caller of a stop is not told of the end" src/supervise/attempt.c \
	's/tend__callers_tell\(t, TEND__STEP_ENDED\);//' $lives
mutant "a caller of a start is not told" src/supervise/attempt.c \
	's/tend__callers_tell\(t, TEND__STEP_BEGUN\);//' $lives
mutant "callers are not told of the end for good" src/supervise/attempt.c \
	's/tend__callers_tell\(t, TEND__STEP_OVER\);//' $lives
mutant "an abort for a timeout is an abort" src/supervise/attempt.c \
	's/(missed a time has failed. \*\/\s*)t->ending = 0;/$1/' $lives
mutant "a timeout beats a cancel" src/supervise/attempt.c \
	's/if \(l->late && !canceled\)/if (l->late)/' $lives
mutant "a panic takes a fatal failure back" src/supervise/attempt.c \
	's/l->fatal && \(t->result < 0 \|\| t->ending\)/l->fatal \&\& t->result < 0/' $lives
mutant "a verdict that changes awaits nothing" src/supervise/attempt.c \
	's/if \(d\.verdict != TEND__ENDS && !alone\)/if (d.verdict == TEND__RUNS \&\& !alone)/' $lives
mutant "the window keeps what is a period old" src/policy/intensity.c \
	's/>= in->period_ns/> in->period_ns/' $lives
mutant "one restart more is no restart too many" src/policy/intensity.c \
	's/uint32_t room = in->restarts \+ 1;/uint32_t room = in->restarts + 2;/' $lives
mutant "a command counts in the intensity" src/supervise/attempt.c \
	's/ &&\s*l->wish == TEND__WISH_NONE//' $lives
mutant "a success counts in the intensity" src/supervise/attempt.c \
	's/failed && d\.verdict == TEND__RUNS/d.verdict == TEND__RUNS/' $lives
mutant "a scope that gives up lets the last run" src/supervise/attempt.c \
	's/if \(gives_up\)\s*d\.verdict = TEND__ENDS;//' $lives
mutant "a scope that gives up cancels nobody" src/supervise/attempt.c \
	's/if \(gives_up\)\s*tend__group_gives_up\(t, for_good\);//' $lives

# ---- Processes ----
mutant "a process that was canceled before its request is asked for" src/kinds/process/link.c \
	's/if \(tend__cancel_requested\(p->task\) \|\| wants_kill\(p\)\) \{/if (0) {/;
	 s/else if \(!p->asked && p->phase == TEND__PHASE_ASKING\)\n\t\t\tfail\(p, TEND__STAGE_KILLED, ECANCELED\);/;/' \
	a_process_that_is_canceled_before_its_request_never_starts
mutant "the stop of a process that found no room is forgotten" src/kinds/process/link.c \
	's/(the kernel may be out of\n\t \* memory for a while. \*\/\n\t)if \(error\)/$1if (0)/' \
	process_a_cancel_sends_the_stop_signal_and_then_kills
mutant "the start of a process that found no room is forgotten" src/kinds/process/link.c \
	's/if \(error == -EAGAIN \|\| error == -ETOOMANYREFS\) \{\n\t\tawait\(c\);/if (error == -EAGAIN || error == -ETOOMANYREFS) {/' \
	a_request_that_finds_no_room_is_repeated
mutant "the start of a process beyond the window is forgotten" src/kinds/process/link.c \
	's/(\t\tlost\(c\);\n)\tsend_all\(c\);/$1/; s/(continue\(&c->guard\);\n)\tsend_all\(c\);/$1/' \
	more_starts_than_the_guard_takes_at_once_wait_for_their_turn
mutant "the stop of a process is not sent" src/kinds/process/link.c \
	's/\ttend__monitor_post\(c->rt, &c->errand\);/\t;/' \
	a_request_that_finds_no_room_is_repeated
mutant "the death of the guard is told to no process" src/kinds/process/link.c \
	's/(tend__unlink\(&p->todo\);\n\t\t)notify\(p\);/$1;/; s/(not dead yet has no news to come.*?\*\/\n\t\t)await\(c\);/$1;/s' \
	the_death_of_a_guard_alone_is_seen
mutant "a process whose guard died is looked at once" src/kinds/process/link.c \
	's/if \(p->phase == TEND__PHASE_LOST\)\n\t\t\tnotify\(p\);/;/' \
	the_death_of_a_guard_is_seen_and_another_is_started
mutant "a process without a stack is not looked at again" src/kinds/process/link.c \
	's/(tend__unlink\(&p->starved\);\n\t\t)notify\(p\);/$1;/' \
	allocation_sweep_every_allocation_failing_leaves_nothing
mutant "a process that the dead guard never began was killed" src/kinds/process/machine.c \
	's/\|\| \(phase == TEND__PHASE_LOST && !p->pid\)/|| 0/' \
	a_guard_dies_at_each_moment_of_a_start
mutant "the start of a process that meets a dead guard is not repeated" src/kinds/process/link.c \
	's/\(!error \|\| !p->met_dead\)/!error/' \
	the_death_of_a_guard_is_seen_and_another_is_started
mutant "a guard that dies while it starts is not started again" src/kinds/process/link.c \
	's/another = c->starting = c->wanted;/another = c->starting = false;/' \
	the_start_of_a_guard_meets_other_spawns
mutant "a close does not wait for the start of a guard" src/kinds/process/link.c \
	's/if \(c->starting\)\n\t\t\(void\)await_start\(c\);\n\telse\n\t/if (1)\n\t/' \
	the_start_of_a_guard_meets_other_spawns
mutant "spawners do not share the start of a guard" src/kinds/process/link.c \
	's/starts = c->wanted && !c->starting;/starts = c->wanted;/' \
	the_start_of_a_guard_meets_other_spawns
mutant "a process whose guard died has ended at once" src/kinds/process/machine.c \
	's/\(phase == TEND__PHASE_LOST && seen_dead\(p\)\)/phase == TEND__PHASE_LOST/' \
	random_processes_end_and_leave_nothing
mutant "the end of a process is looked at after its output" src/kinds/process/machine.c \
	's/(\t\tany \|= tend__output_read\(p\);\n)/$1\tphase = tend__link_look(p, &pid);\n/' \
	every_schedule_of_output_against_exit
mutant "output of a process that is left takes no other turn" src/kinds/process/machine.c \
	's/\t\tif \(any\)\n\t\t\tagain\(t\);\n//' \
	process_a_flood_keeps_its_tail_and_counts_the_rest
mutant "a process that crashes after its cancel was canceled" src/kinds/process/machine.c \
	's/else if \(p->status != p->stop.signal \|\| !tend__cancel_requested\(p->task\)\)/else if (!tend__cancel_requested(p->task))/' \
	process_a_crash_after_a_cancel_is_a_failure
mutant "a process that its stop had to kill has crashed" src/kinds/process/machine.c \
	's/if \(p->status == SIGKILL && \(p->stop_sent \|\| p->kill_sent\)\)/if (0)/' \
	process_a_cancel_sends_the_stop_signal_and_then_kills
mutant "an exit code of a process after its cancel is a failure" src/kinds/process/machine.c \
	's/else if \(tend__cancel_requested\(p->task\)\)\n\t\tp->task->ending = TEND_CANCELED;\n//' \
	process_a_cancel_sends_the_stop_signal_and_then_kills
mutant "what was killed below a process is not named" src/kinds/process/machine.c \
	's/\tif \(!p->killed\)\n\t\treturn;\n\tsnprintf/\treturn;\n\tsnprintf/' \
	process_a_child_in_the_group_gets_the_time_of_the_stop
mutant "a process whose callback panicked lives on" src/kinds/process/machine.c \
	's/\ttend__link_kill\(p\);/\t;/' \
	process_a_panic_of_the_callback_kills_the_process
mutant "the last turn of a process drops on the monitor" src/kinds/process/machine.c \
	's/if \(p->calls && tend__tls.task != t\) \{/if (0) {/' \
	random_processes_end_and_leave_nothing
mutant "the tail of a process keeps its first bytes" src/kinds/process/output.c \
	's/t->first = \(t->first \+ old\) % size;/;/' \
	process_a_flood_keeps_its_tail_and_counts_the_rest
mutant "both streams of a process are the first" src/kinds/process/output.c \
	's/p->output\(p->output_arg, i \+ 1,/p->output(p->output_arg, 1,/' \
	process_the_callback_gets_both_streams_and_the_drop_comes_once
mutant "the end of the pipe of readiness says ready" src/kinds/process/ready.c \
	's/\t\ttend__ready_end\(p\);\n\telse/\t\tsay(p), tend__ready_end(p);\n\telse/' \
	ready_a_descriptor_closed_without_a_newline_says_nothing
mutant "any byte is a sign of readiness" src/kinds/process/ready.c \
	's/ && memchr\(bytes, .*?\(size_t\)n\)\)/)/' \
	ready_what_comes_before_the_newline_counts_for_nothing
mutant "the readiness of an attempt stands for the next" src/kinds/process/ready.c \
	's/\tp->said = false;\n//' \
	ready_each_attempt_says_it_by_a_pipe_of_its_own
mutant "the pipe of readiness is read after the phase only" src/kinds/process/machine.c \
	's/phase != TEND__PHASE_ASKING && tend__ready_read/phase == TEND__PHASE_STARTED && tend__ready_read/' \
	ready_last_words_are_heard
mutant "a close of the guard of processes leaves it watched" src/kinds/process/link.c \
	's/\ttend__monitor_unwatch\(c->rt, c->guard.pidfd\);\n\ttend__guard_close/\ttend__guard_close/' \
	process_an_exit_code_is_the_result

# ---- Restarts of a scope ----
# Rounds.
members=members_end_and_begin_as_the_reference_says
mutant "all members are told to end at once" src/supervise/round.c \
	's/(static void stops.*?)if \(!m->pending\)/$1/s' $members
mutant "members begin before their needs" src/supervise/round.c \
	's/\? r->phase == TEND__ROUND_STARTS && !m->pending/? r->phase == TEND__ROUND_STARTS/' \
	a_member_begins_when_the_one_before_is_ready
mutant "the rest is what needs it directly" src/supervise/round.c \
	's/if \(n->seen != r->walk\)\s*push\(r, n\);/cover(n);/' $members
mutant "a round does not wait for the rest of the failed" src/supervise/round.c \
	's/if \(!r->resting\)/if (1)/' a_round_waits_for_the_backoff_of_the_member_that_failed
mutant "a spawn does not wait for the round" src/supervise/round.c \
	's/\(l->attempts && l->phase != TEND__LIFE_STOPPED/(l->phase != TEND__LIFE_STOPPED/' \
	a_round_waits_for_the_backoff_of_the_member_that_failed
mutant "a member that leaves holds the round" src/supervise/round.c \
	's/rests_no_more\(r, m\);\s*if \(m->place != TEND__OUT\)/if (m->place != TEND__OUT)/' \
	a_member_that_leaves_while_it_rests_lets_the_others_begin
mutant "a member that is told to end has failed" src/supervise/attempt.c \
	's/l->wish == TEND__WISH_NONE &&\s*!tend__round_stops\(l\)/l->wish == TEND__WISH_NONE/' \
	a_member_that_cannot_be_stopped_holds_the_round
mutant "a failure for good is the affair of the member" src/supervise/attempt.c \
	's/s->gave_up = true;\s*return true;/return false;/' \
	a_member_that_fails_for_good_makes_a_group_give_up
mutant "a shutdown has no order" src/scope/shutdown.c \
	's/\? STOP : WAIT;/? CANCEL : WAIT;/' otp_a_shutdown_ends_the_children_in_reverse
mutant "the gate opens at the first need" src/supervise/gate.c \
	's/step\(n, \(uint32_t\)-1\) == 1/step(n, -tend__load_relaxed(\&n->missing))/' \
	a_child_begins_when_what_it_needs_has_completed
mutant "a need that broke rejects nobody" src/supervise/gate.c \
	's/!tend__member_is_open\(e->by\) &&/0 \&\&/' a_child_whose_need_failed_for_good_is_rejected_and_names_it
mutant "a need that began holds after its failure" src/supervise/gate.c \
	's/if \(m->outcome == TEND_COMPLETED\)\n\t\t\t\tcontinue/if (m->outcome)\n\t\t\t\tcontinue/' \
	a_child_that_waits_for_others_is_rejected_by_a_need_that_began_and_failed
mutant "a need in another scope is no matter in a shutdown" src/supervise/round.c \
	's/&m->needs\[i\].awaits, true/\&m->needs[i].awaits, false/' \
	a_shutdown_ends_a_task_before_its_need_in_another_scope
mutant "a task that has ended takes the order with it" src/supervise/over.c \
	's/return m->outcome && !tend__linked\(&m->needed\);/return m->outcome;/' \
	a_shutdown_ends_a_set_against_its_needs
mutant "a broken need is not told in another turn" src/supervise/gate.c \
	's/(&e->by->broke, &none, m\)\)\s*)look\(e->by\);/$1continue;/' \
	every_schedule_of_a_need_in_another_scope
mutant "a need that holds is not told in another turn" src/supervise/gate.c \
	's/\t\t\tlook\(n\);/\t\t\tcontinue;/' \
	every_schedule_of_a_need_in_another_scope
mutant "an edge that is taken back frees nobody" src/supervise/over.c \
	's/if \(r\)\s*tend__round_look_at\(r, e->of\);//' \
	every_schedule_of_a_shutdown_across_two_scopes
mutant "a completed task is not ready" src/supervise/gate.c \
	's/(tend__gate_holds\(m, TEND_NEED_)READY\);\s*tend__gate_holds/$1COMPLETED);\n\t\ttend__gate_holds/' \
	a_task_that_completed_without_a_word_is_ready_enough
mutant "a program that cannot run has begun" src/kinds/process/machine.c \
	's/if \(pid\)(\s*p->children->rt->attempt_begun)/if (pid >= 0)$1/' \
	a_program_that_cannot_run_has_never_begun
mutant "a stop is answered by a late beginning" src/supervise/caller.c \
	's/return l->attempts > c->attempt \? 0 : NOT_YET;/return 0;/' \
	a_start_of_a_process_is_answered_when_its_program_runs
mutant "a start is answered before the program runs" src/supervise/command.c \
	's/!waits && !l->begun/0/' a_start_of_a_process_is_answered_when_its_program_runs
mutant "the beginning of a process waits for a worker" src/kinds/process/machine.c \
	's/if \(p->heard && \(p->output \|\| p->calls\)\)/if (p->output || p->calls)/' \
	a_process_begins_while_every_worker_computes
mutant "a set together goes on" src/supervise/over.c \
	's/if \(failed && set->together/if (0/' \
	a_set_together_ends_with_its_first_failure_in_reverse

mutant "a scope gives up one restart late" src/supervise/group.c \
	's/g->in.restarts = restarts;/g->in.restarts = restarts - 1;/' \
	f28_a_scope_gives_up_at_one_restart_too_many
mutant "a scope that gave up lets attempts begin" src/supervise/attempt.c \
	's/return tend__group_counts\(t, now\);/return tend__group_counts(t, now) \&\& 0;/' \
	f28_a_scope_gives_up_at_one_restart_too_many
mutant "a restart by command is counted" src/supervise/attempt.c \
	's/failed && d\.verdict == TEND__RUNS && l->wish == TEND__WISH_NONE/failed \&\& d.verdict == TEND__RUNS/' \
	a_command_does_not_make_a_scope_give_up
mutant "a supervisor does not pass a cancel on" src/supervise/run.c \
	's/pass_on\(s, id\);//' \
	f4_a_stop_is_passed_on_to_the_scope_that_is_run
mutant "the close of a run hears no cancel" src/supervise/run.c \
	's/\(tend_scope_close\)\(scope, 0, &all\)/(tend_scope_close)(scope, deadline, \&all)/' \
	a_cancel_in_the_last_wait_of_a_run_is_passed_on
mutant "a rest that ends in a give-up is no rest that is canceled" src/supervise/attempt.c \
	's/rest->wait = await_cancel\(t, l\);/end_life(t, l), rest->wait = 0 ? await_cancel(t, l) : TEND__WAIT_NONE;/' \
	a_task_at_rest_whose_scope_gives_up_is_canceled
mutant "a stop in a scope that closes is refused" src/supervise/command.c \
	's/&& !ends\)/\&\& (!ends || 1))/' a_stop_ends_the_attempt_of_a_scope_that_closes
mutant "a start of a temporary task that stops ends it" src/supervise/command.c \
	's/l->wish = TEND__WISH_START;/l->wish = TEND__WISH_AGAIN;/' \
	a_start_undoes_the_stop_of_a_temporary_task
mutant "a start that a stop undoes is not answered" src/supervise/caller.c \
	's/if \(c->awaits == TEND__AWAITS_BEGIN\)\s*return -ECANCELED;//' \
	a_start_that_a_stop_overtakes_is_answered
mutant "a waiter for ready is answered by when it came" src/supervise/caller.c \
	's/AWAITS_READY && has_begun\)/AWAITS_READY \&\& has_begun \&\& 0)/' \
	an_attempt_that_is_over_and_was_never_ready_is_no_such_attempt
mutant "a supervisor takes the cancel of its scope for its own" src/supervise/run.c \
	's/== -ECANCELED \? -ESHUTDOWN/== -ECANCELED ? -ECANCELED/' \
	f18_a_supervisor_survives_the_cancel_of_its_scope
mutant "a close stops the times of an attempt" src/supervise/ladder.c \
	's/!= TEND__LIFE_RUNS \|\| tend__is_canceled\(t\)/!= TEND__LIFE_RUNS || tend__is_to_end(t)/' \
	every_schedule_of_a_request_against_a_timeout
mutant "the wait for the guard is time of an attempt" src/supervise/attempt.c \
	's/l->began = tend__clock\(\);//' \
	a_process_that_starts_late_has_all_of_its_timeout
mutant "restarts come at once, however many" src/supervise/attempt.c \
	's/at = tend__spread\(&next, now, gap\);/at = now;/' \
	f40_a_storm_of_restarts_is_spread
}

# A lane for each processor, with objects of its own.
for lane in $(seq 0 $((lanes - 1))); do
	mkdir "$work/lane$lane"
	(
		trap - EXIT
		work=$work/lane$lane turn=1
		mutants
		echo $turn >"$work/turn"
		exit $failed
	) &
	pids="${pids:-} $!"
done
for pid in $pids; do
	wait "$pid" || failed=1
done
echo "1..$(cat "$work/lane0/turn")"
exit $failed
