#!/bin/sh
# test/e2e/wait.sh - a script waits until a task has started or ended.
. "$(dirname "$(realpath "$0")")/common.inc"

# waits NAME ARGUMENT... - in the background, with its output in NAME.out and NAME.err.
waits()
{
	name=$1
	shift
	"$TEND" wait "$@" >"$name.out" 2>"$name.err" &
	WAITER=$!
	UPS="$UPS $WAITER"
}

# done_with PID - $CODE is its exit code.
done_with()
{
	soon dead "$1" || kill -KILL "$1"
	wait "$1"
	CODE=$?
}

stack shop <<'END'
  db: {command: [sleep, "1000"], restart: temporary}
  web: {command: [sleep, "1000"], needs: [db]}
  good: {shell: 'until test -e go-good; do sleep 0.02; done', restart: temporary}
  bad: {shell: 'until test -e go-bad; do sleep 0.02; done; exit 3', restart: temporary}
END
up shop
soon in_state good running
run "$TEND" wait good
is "a task that has started" "$CODE $(cat out)" "0 "
run "$TEND" wait shop/good --for ended -t 0
is "one that has not ended, without time" "$CODE" 124
has "is told with its state" err "good has not ended; it is running"
waits good good --for ended
good=$WAITER
waits bad bad --for ended --json
bad=$WAITER
waits all --for ended
all=$WAITER
run "$TEND" wait --timeout 300s
is "all tasks have started" "$CODE" 0
touch go-good
done_with "$good"
is "success is 0" "$CODE" 0
touch go-bad
done_with "$bad"
is "any other end is 3" "$CODE" 3
has "and is told, as JSON too" bad.out '"message":"bad is failed: exited with code 3"'
done_with "$all"
is "one that failed decides for all" "$CODE $(cat all.err)" \
	"3 tend: bad is failed: exited with code 3"
run "$TEND" wait good --json
has "JSON has the rows" out '"schema":"tend.wait/1"'
run "$TEND" wait nosuch
is "no such task is 4" "$CODE" 4
run "$TEND" wait web --for soon
is "another goal is wrong use" "$CODE" 2
has "and told" err "--for wants started, ready or ended, not 'soon'"
waits web web --for ended
connected()
{
	readlink "/proc/$WAITER/fd"/* | grep -q socket
}
soon connected
run "$TEND" down
done_with "$WAITER"
is "a task that was stopped has not succeeded" "$CODE" 3
ended
run "$TEND" wait web
is "without a stack it is 5" "$CODE" 5
finish
