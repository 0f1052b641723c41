#!/bin/sh
# test/e2e/stack.sh - a stack from up to down.
. "$(dirname "$(realpath "$0")")/common.inc"

stack shop <<'END'
  web:
    shell: "echo web is up; while :; do sleep 0.05; done"
    needs: [db]
  db:
    shell: "echo db is up; while :; do sleep 0.05; done"
  flaky:
    shell: "echo try; [ -e go-on ] || exit 3; exec sleep 1000"
    restart: {policy: transient, delay: 100ms}
END
up shop
check "a stack starts" soon in_state web running
check "output has the name of its task before it" soon grep -q '^web *| web is up$' log
check "a task starts after what it needs" \
	test "$(grep -n 'db .*started' log | cut -d: -f1)" -lt "$(grep -n 'web .*started' log | cut -d: -f1)"
check "a task that fails is started again" soon grep -q 'flaky .*attempt 3' log
touch go-on
check "until it works" soon in_state flaky running

run "$TEND" tree
is "tree answers" "$CODE" 0
has "tree shows the stack" out "shop"
has "tree shows a task with its state" out "process  running"
run "$TEND" tree --json
has "tree --json is an envelope" out '"schema":"tend.tree/1"'
has "with no error" out '"error":null'
for field in id path kind state wait attempt age_ns pid site outcome torn ready restarts \
	due_ns last last_error; do
	has "a row has $field" out "\"$field\":"
done
paths=$(grep -o '"path":"[^"]*"' out | tr '\n' ' ')
is "rows are sorted by path" "$paths" \
	'"path":"shop" "path":"shop/db" "path":"shop/flaky" "path":"shop/web" '

run "$TEND" status flaky
has "status shows how it last ended" out "exit code 3"
run "$TEND" status shop/flaky --json
for field in '"exit_code":3' '"signal":null' '"restarts":' '"last_error":"exited with code 3"' \
	'"output_tail":"try\n"'; do
	has "status --json has $field" out "$field"
done
run "$TEND" status
has "status without a path has a line for each task" out "shop/web"
run "$TEND" logs flaky
is "logs shows the attempt that runs and the one before it" "$(grep -c '^try$' out)" 2
run "$TEND" logs web --json
is "logs --json prints one document a line" "$(sed 's/"at":"[0-9T:.Z-]*",//' out)" \
	'{"path":"shop/web","attempt":1,"live":true,"text":"web is up"}'

run "$TEND" status nosuch
is "no such task is exit code 4" "$CODE" 4
has "which is told with what there is" err "it has web, db, flaky"
run "$TEND" logs nosuch --json
is "also as JSON" "$CODE" 4
has "in an envelope with the error" out '"data":null,"error":{"exit_code":4'

run "$TEND" down
is "down answers 0" "$CODE" 0
has "down reports how each ended" out "shop/web"
ended
is "up then ends with 0" "$CODE" 0
has "and reports how each ended" log "flaky  canceled"
check "nothing is left of it" nothing_left

stack short <<'END'
  ok: {command: ["true"]}
  also: {command: ["true"], needs: [ok]}
END
run "$TEND" up -f short.yaml
is "a stack that is done ends by itself" "$CODE" 0

stack where <<'END'
  a: {command: [sleep, "1000"]}
END
mv where.yaml tend.yaml
up tend
check "up runs" soon in_state a running
run "$TEND" tree --name where
is "a stack is found by its name" "$CODE" 0
run "$TEND" tree --socket "$HERE/run/tend/where.sock"
is "and by its socket" "$CODE" 0
(cd / && "$TEND" tree >"$HERE/out" 2>"$HERE/err")
is "and from elsewhere if it is the only one" $? 0
run "$TEND" down --now
is "down --now answers 0" "$CODE" 0
ended
finish
