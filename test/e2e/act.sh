#!/bin/sh
# test/e2e/act.sh - commands for single tasks of a stack.
. "$(dirname "$(realpath "$0")")/common.inc"

stack shop <<'END'
  web: {shell: "trap 'echo got USR1' USR1; echo up; while :; do sleep 0.02; done"}
  db: {shell: "trap 'echo got USR1' USR1; echo up; while :; do sleep 0.02; done"}
  once: {shell: "echo up; exec sleep 1000", restart: temporary}
  deaf: {shell: "trap '' TERM; echo up; while :; do sleep 0.02; done", stop: {timeout: 300s}}
  never: {shell: "exit 3", restart: temporary}
  dependant: {command: [sleep, "1000"], needs: [never]}
END
up shop
for task in web db once deaf; do
	soon grep -q "^$task .*| up" log
done
soon in_state dependant ended

run "$TEND" signal -s USR1 shop/web --json
is "signal answers 0" "$CODE" 0
has "in an envelope with --json" out '"verb":"signal","tasks":[{"path":"shop/web","done":true'
check "the signal comes" soon grep -q '^web .*got USR1' log
is "to the named task alone" "$(grep -c '^db .*got USR1' log)" 0
run "$TEND" signal --signal SIGUSR1 web db
is "several tasks get a signal at once" "$CODE $(sort out | tr '\n' ' ')" \
	"0 shop/db: signaled shop/web: signaled "
check "each of them" soon grep -q '^db .*got USR1' log
run "$TEND" signal -s KILL web nosuch
is "with a task that is not there the command is refused" "$CODE" 4
has "with the tasks there are" err "stack shop has no task nosuch; it has web, db, once, deaf, never, dependant"
check "and no task is touched" in_state web running
run "$TEND" signal -s USR1 dependant
is "a task without a process is a failure" "$CODE" 1
has "and told" err "shop/dependant: it has no process now; it is ended"
run "$TEND" signal -s USR1 web dependant
is "one of two is 7" "$CODE" 7
run "$TEND" signal web
is "no signal is wrong use" "$CODE" 2
run "$TEND" signal -s 0 web
is "and so is a signal that is none" "$CODE" 2
run "$TEND" signal -s HUP
is "or no task" "$CODE" 2
has "with an example" err "which task? For example: tend signal -s HUP web"

# ---- Stop, start, restart, cancel ----

pid_of()
{
	"$TEND" status "$1" --json | sed -n 's/.*"pid":\([0-9]*\).*/\1/p'
}
first=$(pid_of web)
run "$TEND" stop web db
is "stop answers when it is done" "$CODE $(sort out | tr '\n' ' ')" "0 shop/db: stopped shop/web: stopped "
check "the process is gone then" dead "$first"
check "and the task is stopped" in_state web stopped
run "$TEND" tree
check "which the tree shows" grep -qE 'web .*process +stopped' out
run "$TEND" start web
is "start answers 0" "$CODE $(cat out)" "0 shop/web: started"
check "it runs again" soon in_state web running
check "the other stays stopped" in_state db stopped
second=$(pid_of web)
run "$TEND" restart web db
is "restart answers 0" "$CODE" 0
another()
{
	[ -n "$(pid_of web)" ] && [ "$(pid_of web)" != "$second" ]
}
check "it has another process" soon another
check "a stopped task starts with it" soon in_state db running
run "$TEND" restart once
is "a temporary task can be restarted, too" "$CODE" 0
soon grep -q '^once .*attempt 2' log
run "$TEND" start deaf
is "to start a task that runs is nothing" "$CODE" 0
run "$TEND" stop deaf -t 50ms
is "a stop that takes longer is 124" "$CODE" 124
has "and stands" err "shop/deaf: not within the time; the command stands"
run "$TEND" signal -s KILL deaf
check "so the task stops after all" soon in_state deaf stopped
run "$TEND" cancel deaf db
is "cancel answers 0" "$CODE" 0
check "the task has ended" in_state db ended
run "$TEND" start db
is "and cannot be started" "$CODE" 1
has "which is told" err "shop/db: it has no process now; it is ended"

run "$TEND" down
ended
run "$TEND" signal -s HUP web
is "without a stack it is 5" "$CODE" 5
check "nothing is left" nothing_left
finish
