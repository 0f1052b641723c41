#!/bin/sh
# test/e2e/kills.sh - kill -9 of tasks and of tend up, again and again: each attempt is accounted
# for, and nothing of it is left.
. "$(dirname "$(realpath "$0")")/common.inc"

KILLS=12
UPS_KILLED=3
[ "${TEND_TEST:-}" != full ] || KILLS=200 UPS_KILLED=20

# Each attempt has a line, written at once: its pid, and that of a process below it.
stack kills <<'END'
  group: {shell: "sleep 100000 & echo $$ $! >>group; wait", restart: &now {policy: permanent, delay: 1ms, max_delay: 1ms}}
  daemon: {shell: "setsid sleep 100000 & echo $$ $! >>daemon; wait", restart: *now}
END
lines() { [ "$(wc -l <"$1" 2>/dev/null)" = "$2" ]; }
begun() { soon lines group "$1" && soon lines daemon "$1"; }
all_dead()
{
	for pid in $(cat killed group daemon); do
		dead "$pid" || return
	done
}
attempt() { "$TEND" status --json "kills/$1" | sed 's/.*"attempt":\([0-9]*\).*/\1/'; }

up kills
check "the tasks begin" begun 1
n=1
while [ $n -le $KILLS ] && begun $n; do
	for task in group daemon; do
		kill -KILL "$(tail -n 1 $task | cut -d ' ' -f 1)"
	done
	n=$((n + 1))
done
check "after each kill -9 a task begins again" begun $((KILLS + 1))
for task in group daemon; do
	is "each attempt of $task is counted" "$(attempt $task)" $((KILLS + 1))
	is "one for one" "$("$TEND" status --json kills/$task | grep -c '"restarts":'$KILLS,)" 1
done
sed '$d' group >killed
sed '$d' daemon >>killed
mv group group.all
mv daemon daemon.all
touch group daemon
check "of no killed attempt a process is left" soon all_dead
tail -q -n 1 group.all daemon.all >>killed

n=0
while [ $n -lt $UPS_KILLED ]; do
	kill -KILL "$UP"
	wait "$UP" 2>/dev/null
	cat group daemon >>killed
	rm -f group daemon
	up kills
	begun 1 || break
	n=$((n + 1))
done
is "after each kill -9 of up the next up begins" $n $UPS_KILLED
kill -KILL "$UP"
wait "$UP" 2>/dev/null
check "and what it ran is gone with it" soon all_dead
up kills
check "the last one begins" begun 2
"$TEND" down >/dev/null 2>err
ended
check "what is stopped leaves nothing" soon all_dead
check "of its files neither" nothing_left
finish
