#!/bin/sh
# test/e2e/act.sh - commands for single tasks of a stack.
. "$(dirname "$(realpath "$0")")/common.inc"

stack shop <<'END'
  web: {shell: "trap 'echo got USR1' USR1; echo up; while :; do sleep 0.02; done"}
  db: {shell: "trap 'echo got USR1' USR1; echo up; while :; do sleep 0.02; done"}
  never: {shell: "exit 3", restart: temporary}
  dependant: {command: [sleep, "1000"], needs: [never]}
END
up shop
for task in web db; do
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
has "with the tasks there are" err "stack shop has no task nosuch; it has web, db, never, dependant"
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

run "$TEND" down
ended
run "$TEND" signal -s HUP web
is "without a stack it is 5" "$CODE" 5
check "nothing is left" nothing_left
finish
