#!/bin/sh
# test/e2e/idle.sh - a stack in which nothing happens costs nothing: no thread of the tool wakes.
. "$(dirname "$(realpath "$0")")/common.inc"

# ThreadSanitizer has a thread of its own, which wakes.
if nm "$TEND" | grep -q __tsan_init; then
	echo "1..0 # SKIP a thread of the sanitizer wakes"
	exit 0
fi

# switches PID - how often the threads of a process have waked from a wait.
switches()
{
	cat "/proc/$1"/task/*/status 2>/dev/null |
		awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n + 0 }'
}

# A process in which nothing happens wakes never, however slow the machine is; and a second of
# silence shows any poll of up to a second. What happened before may take a while to end.
falls_silent()
{
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		before=$(switches "$1")
		sleep 1.2
		[ "$before" -gt 0 ] && [ "$(switches "$1")" = "$before" ] && return
	done
	false
}

parent()
{
	sed -n 's/^PPid:[^0-9]*//p' "/proc/$1/status"
}

stack idle <<'END'
  db: {command: [sleep, "1000"]}
  web: {command: [sleep, "1000"], needs: [db]}
  once: {command: ["true"], restart: temporary}
  no-end: {shell: "printf 'a line without its end'; exec sleep 1000"}
END
up idle
for task in db web no-end; do
	soon in_state $task running
done
soon in_state once ended
check "a running stack does not wake while nothing happens" falls_silent "$UP"
keeper=$(parent "$(sed -n 's/^db .*started, pid //p' log)")
guard=$(parent "$keeper")
is "the guard is found" "$(cat "/proc/$guard/comm")" tend-guard
check "nor does its guard" falls_silent "$guard"
check "nor the guard's process for each task" falls_silent "$keeper"

# The files are kept without a look every second.
soon test -S run/tend/idle.sock
rm run/tend/idle.sock
check "an unlinked socket is made again" soon test -S run/tend/idle.sock
check "the stack answers" in_state db running
mv run/tend run/elsewhere
check "and in a directory that was moved away" soon test -S run/tend/idle.sock
check "the stack answers" in_state db running
check "and sleeps again" falls_silent "$UP"
kill -TERM "$UP"
ended
is "a stack that slept stops" "$CODE" 0
rm -rf run/elsewhere
check "nothing is left" nothing_left
finish
