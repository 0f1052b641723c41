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

object() { echo "$work/$(echo "$1" | tr / _).o"; }

compile() { # SOURCE, [in TREE]
	# shellcheck disable=SC2086
	$cc $flags -I"${2:-$here}/include" -I"${2:-$here}/src" -I"$here/test" \
		-I"$here/test/scenarios" -c "${2:-$here}/$1" -o "$(object "$1")"
}

# The tests, the cheap ones first, in pieces, because the first failure is enough.
pieces='1/6=scenarios 2/6=scenarios 3/6=scenarios 4/6=scenarios 5/6=scenarios 6/6=scenarios
	1/1=sweep 1/1=random 1/1=every_schedule'
run_piece() { # PIECE, SECONDS
	CK_TAP_LOG_FILE_NAME="$work/tap" CK_VERBOSITY=silent SEEDS=60 SCHEDULES="${SCHEDULES:-1000}" \
		timeout "$2" "$work/test_sim" --part "${1%=*}" "${1#*=}" >"$work/log" 2>&1
}

# The name of the first that fails, with the assertion that failed if one did, or nothing. A
# piece that takes five times as long as without a mutant hangs; `limits` says how long that is.
limits=
first_failure() {
	for piece in $pieces; do
		run_piece "$piece" "$(echo "$limits" | sed -n "s|^$piece ||p")" && continue
		sed -n 's/^not ok [0-9]* - [^:]*:\([a-z0-9_]*\):.*/\1/p' "$work/tap" | sed -n 1p |
			grep . || echo "${piece#*=}, by a crash or a hang"
		sed -n 's/.* broken invariant: \(.*\)/by the assertion \1/p' "$work/log" | sed -n 1p
		return
	done
}

link() {
	# shellcheck disable=SC2046
	$cc -pthread -o "$work/test_sim" "$work"/*.o $(pkg-config --libs check)
}

# One bug: a perl substitution over one file. It must apply, and compile. Each lane
# takes its turn.
mutant() { # NAME, FILE, EXPRESSION
	turn=$((turn + 1))
	[ $((turn % lanes)) -eq "$lane" ] || return 0
	number=$turn
	case $1 in
	*"$only"*) ;;
	*) return 0 ;;
	esac
	rm -rf "$work/tree"
	mkdir "$work/tree"
	cp -R "$here/src" "$here/include" "$work/tree/"
	perl -0pi -e "$3" "$work/tree/$2"
	if cmp -s "$here/$2" "$work/tree/$2"; then
		say no "$1: nothing in $2 matches"
		return 0
	fi
	cp "$(object "$2")" "$work/kept"
	if ! compile "$2" "$work/tree" 2>"$work/errors"; then
		say no "$1: it does not compile: $(sed -n 1p "$work/errors")"
	else
		link
		by=$(first_failure)
		if [ -n "$by" ]; then
			say yes "$1: caught by $(echo $by)"
		else
			say no "$1: nothing noticed it"
		fi
	fi
	cp "$work/kept" "$(object "$2")"
}

lanes=$(nproc)
for source in $(cd "$here" && ls src/*/*.c src/*/*/*.c src/*/*/*.S test/suite.c test/sim/*.c test/scenarios/*.c); do
	compile "$source" &
	number=$((number + 1))
	[ $((number % lanes)) -ne 0 ] || wait
done
wait
# It says what is missing if something did not compile.
link
number=1
measured=
for piece in $pieces; do
	begun=$(date +%s)
	if ! run_piece "$piece" 3600; then
		say no "without a mutant every test passes: not $piece"
		sed 's/^/# /' "$work/tap" "$work/log"
	fi
	# The lanes take each other's time.
	measured="$measured$piece $((5 * lanes * ($(date +%s) - begun + 1)))
"
done
limits=$measured
[ $failed -ne 0 ] || say yes "without a mutant every test passes"

mutants() {

# ---- Park and wake ----
mutant "a notify of a running task leaves no bit" src/task/state.c \
	's/new = old \| TEND__NOTIFIED;/return false;/'
mutant "a park does not look at the bit" src/task/state.c \
	's/if \(old & TEND__NOTIFIED\) \{/if (0) {/'
mutant "a wait looks for a cancel only before it parks" src/runtime/park.c \
	's/&& tend__cancel_visible\(t\) \? -ECANCELED/&& !parked && tend__cancel_visible(t) ? -ECANCELED/'
mutant "a cancel beats a hand-over that was made" src/runtime/park.c \
	's/if \(w->done \|\|/if ((w->done && !tend__cancel_visible(t)) ||/;
	 s/if \(tend__load_relaxed\(&w->done_here\)\)/if (0)/'
mutant "a task looks for a cancel before a cancel can find it" src/runtime/park.c \
	's/\t\tlink_to_scope\(t\);\n\t\treturn t;/\t\treturn t;/'
mutant "a timeout wakes nobody" src/runtime/park.c \
	's/t->timed_out = true;\n\tif \(tend__task_notify\(t\)\)/t->timed_out = true;\n\tif (0)/'

# ---- Admission and counts ----
mutant "a child counts in its parent after its own first" src/scope/admit.c \
	's/\(tend__scope_count\(word\) != 0 \|\| inside \|\| !parent\)/1/;
	 s/if \(!error && tend__scope_count\(word\) == 0 && !inside && parent\) \{/if (!error && tend__scope_count(word) == 0 && parent) { (void)enter_empty(parent, parent->id, 1, false); return 0; }\nif (0) {/'
mutant "the last to leave wakes nobody" src/scope/leave.c \
	's/while \(tend__linked\(&s->waiters\)\)/while (0)/'
mutant "a waiter looks, then begins to listen" src/scope/empty.c \
	's/(\ttend__lock\(&s->home.lock\);\n\t\/\* Under the lock, so)/\tuint32_t seen = tend__scope_count(tend__load_acquire(&s->home.record->word));\n$1/;
	 s/tend__scope_count\(tend__load_acquire\(&s->home.record->word\)\) == 0\) \{/seen == 0) {/'
mutant "a seal is not looked at" src/scope/admit.c \
	's/admit && \(word & TEND__SCOPE_SEALED\)/0/'
mutant "a cancel does not refuse" src/scope/admit.c \
	's/admit && \(word & \(TEND__SCOPE_CANCELED \| TEND__SCOPE_CLOSED\)\)/admit \&\& (word \& TEND__SCOPE_CLOSED)/'
mutant "who takes places does not look for those who wait" src/scope/batch.c \
	's/if \(!may_reserve\(s\)\)\n\s*tend__places_return\(w\);/;/'
mutant "who waits leaves the places that others hold" src/scope/batch.c \
	's/(\ttend__add\(&s->awaited, 1\);\n)\ttend__places_revoke\(s->rt\);/$1/'
mutant "who looks counts the places that nobody has" src/scope/empty.c \
	's/\ttend__places_revoke\(top->rt\);//; s/ \+ tend__unused_places\(s->rt, s->id\)//'
mutant "places are held where somebody waits" src/scope/batch.c \
	's/if \(tend__load\(&s->awaited\)\)\n\s*break;/;/'
mutant "places are taken where some are left" src/scope/batch.c \
	's/tend__load_relaxed\(&w->places.word\) \|\| !may_reserve/!may_reserve/;
	 s/tend__assert\(!tend__load_relaxed\(&w->places.word\)\);/;/'
mutant "a place is spent in a scope that is sealed" src/scope/admit.c \
	's/!admission\(tend__load_acquire\(&s->home.record->word\), id, true\) &&/1 \&\&/'
mutant "places that nobody has are counted as tasks" src/scope/end.c \
	's/in -= tend__unused_places\(s->rt, s->id\);/;/'
mutant "a scope without an owner is kept by places that nobody has" src/scope/owner.c \
	's/\ttend__places_revoke\(rt\);\n//'
mutant "a prefix matches parts of a segment" src/scope/path.c \
	's/for \(size_t i = 0; i < len; i\+\+\)/for (size_t i = 0; i < len && path[i]; i++)/;
	 s/path \+= len;/path += __builtin_strlen(path) < len ? __builtin_strlen(path) : len;/'
mutant "a walk of the registry is taken for an instant" src/scope/path.c \
	's/if \(live \|\| births\(rt\) == before\)/if (1)/'

# ---- Cancel ----
mutant "the reason is written after the flag" src/scope/cancel.c \
	's/\ts->reason = \*reason;\n(\tuint64_t before = .*?\ttend__lock\(&s->home.lock\);\n)/$1\ts->reason = *reason;\n/s'
mutant "the last reason wins" src/scope/cancel.c \
	's/\telse if \(tend__load_acquire\(&top->home.record->word\) & TEND__SCOPE_CANCELED\)\n\t\terror = -EALREADY;//;
	 s/into = !\(tend__load_acquire\(&s->home.record->word\) & TEND__SCOPE_CANCELED\) &&/into =/'
mutant "a cancel stays in its scope" src/scope/cancel.c \
	's/s = tend__scope_next\(s, top, into\)\)/s = NULL)/'
mutant "a cancel wakes nobody" src/scope/cancel.c \
	's/if \(tend__task_notify\(t\)\)/if (0)/'
mutant "a scope below a canceled one is born healthy" src/scope/open.c \
	's/if \(\(above & TEND__SCOPE_CANCELED\) && !s->shield\)/if (0)/'

# ---- Ends ----
mutant "a cancel beats a crash" src/scope/finish.c \
	's/\tif \(t->ending\)\n\t\treturn t->ending;\n\tif \(t->was_canceled\)\n\t\treturn TEND_CANCELED;/\tif (t->was_canceled)\n\t\treturn TEND_CANCELED;\n\tif (t->ending)\n\t\treturn t->ending;/'
mutant "a critical failure cancels after its joiners know" src/scope/finish.c \
	's/(\tif \(outcome == TEND_FAILED \|\| outcome == TEND_PANICKED\)\n\t\tfailed\(s, t, outcome\);\n)//;
	 my $failed = $1; s/(\n\t\/\* seq_cst, against the waiter)/\n$failed$1/'
mutant "an owner leaves its scopes to nobody" src/scope/finish.c \
	's/\tif \(t->owns\)\n\t\ttend__disown\(t\);/\t;/'
mutant "an entry leaves the count before it has ended" src/scope/finish.c \
	's/\tif \(defers\)\n\t\ttend__leave_defer\(w, s, outcome\);\n\telse\n\t\t(tend__add_relaxed.*?;\n)/\t$1\ttend__scope_leave(s, 1);\n/;
	 s/\tif \(!defers\)\n\t\ttend__scope_leave\(s, 1\);\n\}/}/'
mutant "what has ended is not counted until it has left" src/scope/end.c \
	's/uint32_t owed = tend__deferred_leaves\(s->rt, s->id, i\);/uint32_t owed = 0;/'
mutant "a worker goes to sleep in debt" src/runtime/switch.c \
	's/w->leaves.home && \(!t \|\| t->home != w->leaves.home\)/w->leaves.home \&\& t \&\& t->home != w->leaves.home/'
mutant "who was notified before it parks is forgotten" src/runtime/switch.c \
	's/if \(tend__task_park\(t, wait\)\)\n/(void)!tend__task_park(t, wait);\n/'
mutant "fresh ones go before all others" src/runtime/switch.c \
	's/if \(w->turn < TURN && tend__has_fresh\(w\)\)/if (tend__has_fresh(w))/'
mutant "others go before all fresh ones" src/runtime/switch.c \
	's/if \(w->turn < TURN && tend__has_fresh\(w\)\)/if (!w->started.first \&\& tend__has_fresh(w))/'
mutant "who yields is forgotten" src/runtime/switch.c \
	's/\ttend__queue_push\(&t->worker->started, &t->post\);\n\tgo_on/\tgo_on/'
mutant "the end of a task tells no path that it is empty" src/scope/finish.c \
	's/if \(tend__load\(&rt->path_waiters\)\)/if (0)/'
mutant "deferred cleanups are forgotten" src/runtime/switch.c \
	's/while \(t->defers\) \{/while (0) {/'

# ---- Callers from outside ----
mutant "a close frees what callers from outside use" src/runtime/visit.c \
	's/if \(!tend__load\(&e->inside\) \|\| error\)/if (1)/'
mutant "the last caller from outside does not wake the close" src/runtime/visit.c \
	's/\|\| !tend__load\(&e->awaited\)/|| 1/'
mutant "a caller finds the runtime before it counts itself in" src/runtime/visit.c \
	's/\ttend__add\(&e->inside, 1\);\n\ttend_runtime \*rt = tend__load\(&e->rt\);/\ttend_runtime *rt = tend__load(&e->rt);\n\ttend__add(&e->inside, 1);/'

# ---- Channels, shutdown ----
mutant "who takes an item lets no sender in" src/sync/channel.c \
	's/if \(tend__linked\(&c->senders\)\) \{\n\t\t\ttend__assert/if (0) {\n\t\t\ttend__assert/'
mutant "a closed channel leaves its receivers asleep" src/sync/channel.c \
	's/while \(tend__linked\(&c->receivers\)\)/while (0)/'
mutant "a shutdown cancels before its cleanups" src/scope/shutdown.c \
	's/if \(!cleaned && !op->retry && now < due\(op, empty\)\)/if (0)/'
mutant "a shutdown waits for a cleanup that does not come back" src/scope/shutdown.c \
	's/at = last_part\(op->report->begun, op->deadline\);/at = TEND_FOREVER;/'
mutant "a shutdown is over before its cleanups" src/scope/shutdown.c \
	's/if \(empty && cleaned\)/if (empty)/'
mutant "a cleanup hears the cancel of its root" src/task/task.h \
	's/!\(t->flags & TEND__OWN_CANCEL\)/1/'
mutant "a late cleanup is never told" src/scope/shutdown.c \
	's/if \(late->cleaner\)/if (0)/'
mutant "a cleanup that panics takes the others along" src/scope/shutdown.c \
	's/bool more = op->cleanups && !failed;/bool more = false;/; s/op->retry = op->cleanups \? tend__clock\(\) \+ RETRY_NS : 0;/op->cleanups = NULL;/'
mutant "a later shutdown cannot make the deadline earlier" src/scope/shutdown.c \
	's/else if \(deadline < op->deadline\) \{/else if (0) {/'
}

# A lane for each processor, with objects of its own.
for lane in $(seq 0 $((lanes - 1))); do
	mkdir "$work/lane$lane"
	cp "$work"/*.o "$work/lane$lane"
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
