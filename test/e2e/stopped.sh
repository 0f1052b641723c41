#!/bin/sh
# test/e2e/stopped.sh - a supervisor that is stopped: its registry tells what it runs.
. "$(dirname "$(realpath "$0")")/common.inc"

stack shop <<'END'
  db: {command: [sleep, "1000"]}
  web: {command: [sleep, "1000"], needs: [db]}
  later: {command: ["true"], needs: {db: completed}}
END
up shop
soon in_state web running
run "$TEND" tree --all
has "tree --all shows what tend itself runs" out ".tend"
run "$TEND" tree
check "which is hidden otherwise" test "$(grep -c '[.]tend' out)" = 0
has "a row has its place in the file" out "shop.yaml:4"
run "$TEND" tree "$UP"
check "also in the tree of the process" test "$(grep -c '[.]tend' out)" = 0
run "$TEND" tree "$UP" --all --json
has "whose rows are all there on request" out '"path":".tend"'

kill -STOP "$UP"
# A command that waited for the supervisor would never end.
run "$TEND" tree
is "the tree of a stopped supervisor is there" "$CODE" 0
has "with its tasks" out "web"
has "and with what a task waits for" out "needs db completed"
run "$TEND" tree shop/web --json
has "also of one task" out '"path":"shop/web"'
run "$TEND" tree --name shop nosuch
is "no such task is 4" "$CODE" 4
has "with what there is" err "it has db, later, web"
run "$TEND" status web
is "status answers, too" "$CODE" 0
has "with the state" out "running for"
has "and says who does not" err "stack shop (pid $UP) does not answer"
run "$TEND" status --json
is "for all tasks" "$(grep -o '"path":"[^"]*"' out | tr '\n' ' ')" \
	'"path":"shop/db" "path":"shop/later" "path":"shop/web" '
kill -CONT "$UP"
run "$TEND" down
is "it goes on" "$CODE" 0
ended
check "nothing is left" nothing_left
finish
