#!/bin/sh
# test/e2e/groups.sh - groups of tasks: what is started again together, and giving up.
. "$(dirname "$(realpath "$0")")/common.inc"

cat >g.yaml <<'END'
version: 1
name: g
groups:
  app: {strategy: one_for_all, tasks: [db, web], intensity: {restarts: any}}
  rest: {strategy: rest_for_one, tasks: [a, b, c], intensity: {restarts: any}}
tasks:
  db: {shell: "echo up; exec sleep 1000", restart: {delay: 1ms}}
  web: {shell: "echo up; exec sleep 1000", restart: {delay: 1ms}, needs: [db]}
  a: {shell: "echo up; exec sleep 1000", restart: {delay: 1ms}}
  b: {shell: "echo up; exec sleep 1000", restart: {delay: 1ms}, needs: [a, web]}
  c: {shell: "echo up; exec sleep 1000", restart: {delay: 1ms}, needs: [b]}
  free: {shell: "echo up; exec sleep 1000", restart: {delay: 1ms}}
END

attempts() # TASK: how often it has said that it is up
{
	grep -c "^$1 *| up" log
}

ups() # TASK N
{
	[ "$(attempts "$1")" -ge "$2" ]
}

"$TEND" up -f g.yaml >log 2>err &
UP=$!
UPS="$UPS $UP"
for task in db web a b c free; do
	soon ups $task 1
done
run "$TEND" tree g
check "a group is a scope of the tree" grep -q "app  *scope" out
run "$TEND" status web --json
is "the path of a task names its group" "$(grep -o '"path":"[^"]*"' out)" '"path":"g/app/web"'
run "$TEND" status g/app/web
is "and finds it" "$CODE" 0
run "$TEND" logs g/app/web
has "also in its logs" out up

run "$TEND" signal -s KILL db
for task in db web; do
	check "one_for_all starts $task again" soon ups $task 2
done
is "and nothing else" "$(attempts a)$(attempts b)$(attempts c)$(attempts free)" 1111
run "$TEND" signal -s KILL b
for task in b c; do
	check "rest_for_one starts $task again" soon ups $task 2
done
is "and not the task that is needed" "$(attempts a)$(attempts web)$(attempts free)" 121

run "$TEND" stop app
is "a command for a group is for all its tasks" "$CODE $(sort out | xargs)" \
	"0 g/app/db: stopped g/app/web: stopped"
run "$TEND" start g/app web
is "each of them once" "$CODE $(grep -c started out)" "0 2"
run "$TEND" stop apps
is "another name is refused" "$CODE" 4
run "$TEND" down
ended
is "the stack ends in order" "$CODE" 0
is "what needs a task ends before it, across groups" \
	"$(grep -nE '^(b|web|db|c) .*(exited|ended|stop|signal)' log | sed 's/.*:\([a-z]*\) .*/\1/' | uniq | tail -n 4 | xargs)" \
	"c b web db"

# ---- Giving up ----

cat >h.yaml <<'END'
version: 1
name: h
groups:
  app: {strategy: one_for_all, tasks: [db, web], intensity: {restarts: 2, period: 1000s}}
tasks:
  db: {shell: "exec sleep 1000"}
  web: {shell: "exit 3", restart: {delay: 1ms}, needs: [db]}
END
run "$TEND" up -f h.yaml
is "a group that fails too often gives up, and the stack with the code of the failure" "$CODE" 3
has "with a line" out "group app has given up: 3 restarts in "
has "which names the last failure" out "last: web failed with 3"
check "nothing is left" nothing_left
finish
