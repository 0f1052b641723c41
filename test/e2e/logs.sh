#!/bin/sh
# test/e2e/logs.sh - what a task wrote, and what it goes on to write.
. "$(dirname "$(realpath "$0")")/common.inc"

stack talk <<'END'
  a: {shell: 'echo one; echo two; until test -e go-1; do sleep 0.02; done; echo three; printf "Name? "; until test -e go-2; do sleep 0.02; done; echo Ann; until test -e go-3; do sleep 0.02; done; rm go-3; exit 3', restart: {delay: 20ms}}
  b: {shell: "printf '\\033[31mred\\033[0m\\r\\nno end'; exec sleep 1000"}
  once: {shell: "echo one", restart: temporary}
END
up talk
soon in_state once ended
soon in_state a running

# follow ARGUMENT... - in the background, with its output in the file "followed".
follow()
{
	rm -f followed
	"$TEND" logs -f "$@" >followed 2>err &
	FOLLOWER=$!
	UPS="$UPS $FOLLOWER"
}

# followed - waits for its end, $CODE is its exit code.
followed()
{
	soon dead "$FOLLOWER" || kill -KILL "$FOLLOWER"
	wait "$FOLLOWER"
	CODE=$?
}

shows()
{
	[ "$(cat followed)" = "$1" ]
}

run "$TEND" logs once -f
is "the logs of a task that has ended end" "$CODE" 0
is "with its output" "$(xargs <out)" "==> talk/once, attempt 1 (ended) <== one"
follow a
check "the last output comes first" soon shows "==> talk/a, attempt 1 <==
one
two"
touch go-1
check "then what follows, and the beginning of a line" soon shows "==> talk/a, attempt 1 <==
one
two
three
Name? "
touch go-2
check "then its end" soon shows "==> talk/a, attempt 1 <==
one
two
three
Name? Ann"
touch go-3
check "the next attempt has its own head" soon grep -q 'attempt 2' followed
soon test ! -e go-3
soon in_state a running
run "$TEND" logs a
has "without -f there is the attempt before, too" out "==> talk/a, attempt 1 (ended) <=="

run "$TEND" logs -n 2 a
is "the last lines, under the heads of their attempts" "$(xargs <out)" \
	"==> talk/a, attempt 2 <== three Name? Ann"
run "$TEND" logs --lines 0 a
is "or none" "$(cat out)" ""
run "$TEND" logs -n 2 -f once
is "also with -f" "$(xargs <out)" "==> talk/once, attempt 1 (ended) <== one"
run "$TEND" logs --grep '^(one|Name. A)' a
is "lines that match" "$(sed '/^==>/d' out | xargs)" "one Name? Ann one Name? Ann"
run "$TEND" logs --grep '^red$' b
is "colours do not match" "$(sed '/^==>/d' out)" red
run "$TEND" logs --grep 'end$' b
is "a last line without its end is one" "$(sed '/^==>/d' out)" "no end"
run "$TEND" logs --grep nothing b
is "no match is no error" "$CODE $(cat out)" "0 "
run "$TEND" logs -t once
check "each line has its time" grep -qE '^20[0-9-]{8}T[0-9:]{8}[.][0-9]{3}Z one$' out
at=$(sed -n 's/ one$//p' out)
run "$TEND" logs --since "$at" once
is "a time as it is shown begins there" "$(sed '/^==>/d' out)" one
run "$TEND" logs --since "2100-01-01T00:00:00.5Z" once
is "a later time has nothing" "$(cat out)" ""
run "$TEND" logs --since 1000h once
is "nor has a length of time less than all" "$(sed '/^==>/d' out)" one
run "$TEND" logs once --json -t
check "JSON has the time" grep -qE '"at":"20[^"]*Z","text":"one"}$' out
run "$TEND" logs once -f --json --name talk
check "and is the same with -f" grep -qE '"attempt":1,"live":false,"at":"20[^"]*Z","text":"one"}$' out
for wrong in '--grep (' '--grep a --grep b' '--since soon' '--since 2026-11-29' '-n x' '-n -1'; do
	# shellcheck disable=SC2086
	run "$TEND" logs $wrong once
	is "wrong use is 2: $wrong" "$CODE" 2
done

# What a reader that is slow or gone means.
follow b
soon grep -q 'no end' followed
kill -INT "$FOLLOWER" 2>/dev/null || kill "$FOLLOWER"
kill "$FOLLOWER" 2>/dev/null
followed
run timeout 60 "$TEND" status b
is "a follower that leaves is no trouble" "$CODE" 0
"$TEND" logs -f a >/dev/full 2>err
is "output that cannot be written ends it" "$?" 1
"$TEND" logs -f a 2>err | head -n 1 >out
ok "so does a reader that leaves, though no line follows"
run "$TEND" down
ended

stack flood <<'END'
  a: {shell: 'until test -e flood; do sleep 0.02; done; seq 1 400000; until test -e go-on; do sleep 0.02; done; echo last', restart: temporary}
END
up flood
soon in_state a running
mkfifo slow
"$TEND" logs -f a >slow 2>err &
FOLLOWER=$!
UPS="$UPS $FOLLOWER"
exec 3<slow
touch flood
flooded()
{
	"$TEND" logs -n 1 a | grep -q '^400000$'
}
check "a follower that does not read holds nobody up" soon flooded
touch go-on
cat <&3 >followed
exec 3<&-
followed
has "it is told what it has lost" followed "bytes before this are lost"
is "and has the end" "$(tail -n 1 followed)" last
ended

up talk
rm -f go-1 go-2
soon in_state a running
follow a
soon grep -q two followed
kill -KILL "$UP"
followed
is "without its stack it is 5" "$CODE" 5
has "and says so" err "before it answered"
ended
rm -rf run/tend
finish
