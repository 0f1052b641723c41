#!/bin/sh
# test/e2e/crowd.sh - many tasks that crash again and again: each attempt is accounted for, and
# nothing is left of it. TEND_CROWD is their number.
. "$(dirname "$(realpath "$0")")/common.inc"

N=${TEND_CROWD:-100}
RUNS=3
DELAY=${TEND_CROWD_DELAY:-10ms}

# The runs of a task are the lines of its file.
mkdir runs
awk -v n="$N" -v delay="$DELAY" -v retries=$((RUNS - 1)) 'BEGIN {
	for (i = 1; i <= n; i++)
		printf "  c%d: {shell: \"echo >>runs/%d; exit 3\", restart: {delay: %s, retries: %d, reset_after: 1h}}\n",
			i, i, delay, retries
	print "  stays: {command: [sleep, \"100000\"]}"
}' | stack crowd

# below PID - the processes below it, one a line: pid and state.
below()
{
	ps -e -o ppid=,pid=,stat= | awk -v up="$1" '
		{ parent[$2] = $1; state[$2] = $3 }
		END {
			for (pid in state)
				for (p = pid; p > 1; p = parent[p])
					if (parent[p] == up) { print pid, state[pid]; break }
		}'
}

# attempts - of the tasks that crash, as `tend status` tells it.
attempts()
{
	"$TEND" status --json crowd 2>/dev/null | tr '{' '\n' | grep '"path":"crowd/c' |
		sed 's/.*"attempt":\([0-9]*\).*/\1/' | awk '{ n += $1 } END { print n + 0 }'
}

in_state_are() # STATE
{
	"$TEND" status --json crowd 2>/dev/null | tr '{' '\n' | grep '"path":"crowd/c' |
		grep -c "\"state\":\"$1\""
}
given_up() { [ "$(in_state_are ended)" = "$N" ]; }
stays_alone() { [ "$(below "$UP" | grep -cv ' Z')" = "$PROCESSES" ]; }

# A stack in which nothing crashes is the measure.
stack idle <<'END'
  stays: {command: [sleep, "100000"]}
END
up idle
soon in_state idle/stays running
DESCRIPTORS=$(ls "/proc/$UP/fd" | wc -l)
PROCESSES=$(below "$UP" | wc -l)
"$TEND" down >/dev/null
ended

up crowd
check "the stack answers while its tasks crash" soon in_state crowd/stays running
check "all tasks are given up" soon given_up
is "each attempt has run" "$(cat runs/* | wc -l)" $((N * RUNS))
is "and is counted" "$(attempts)" $((N * RUNS))
for i in 1 $((N / 2)) "$N"; do
	is "by task $i as well" "$(wc -l <"runs/$i")" $RUNS
done
check "no process is left of them" soon stays_alone
is "and none has ended without being reaped" "$(below "$UP" | grep -c ' Z')" 0
is "no descriptor is left of them" "$(ls "/proc/$UP/fd" | wc -l)" "$DESCRIPTORS"
run "$TEND" down
is "the stack can be stopped" "$CODE" 0
ended
check "nothing is left" soon nothing_left
finish
