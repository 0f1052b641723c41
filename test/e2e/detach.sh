#!/bin/sh
# test/e2e/detach.sh - a stack without a terminal of its own, and how it is seen.
. "$(dirname "$(realpath "$0")")/common.inc"

stack shop <<'END'
  db: {shell: 'echo db up; exec sleep 1000'}
  web: {shell: 'echo web up; until test -e go-on; do sleep 0.02; done; echo bye; rm go-on; exit 3', needs: [db], restart: {delay: 20ms}}
END
exec 9>held
run "$TEND" up -d -f shop.yaml
exec 9>&-
is "it returns" "$CODE" 0
check "and says what runs" grep -qE '^shop: 2 tasks have started, pid [0-9]+; see it with tend attach' out
UP=$(sed 's/.*pid \([0-9]*\);.*/\1/' out)
UPS="$UPS $UP"
check "all tasks run then" in_state web running
is "it has a session of its own" "$(sed 's/.*) //' "/proc/$UP/stat" | cut -d ' ' -f 4)" "$UP"
is "and no terminal" "$(readlink "/proc/$UP/fd/0" "/proc/$UP/fd/1" "/proc/$UP/fd/2" | sort -u)" /dev/null
check "nor a file of its caller" test "$(readlink "/proc/$UP/fd"/* | grep -c held)" = 0
run "$TEND" up -d -f shop.yaml
is "a second time is refused" "$CODE" 1
has "with the remedy" err "tend down --name shop"

"$TEND" attach >attached 2>attached.err &
ATTACHED=$!
UPS="$UPS $ATTACHED"
check "attach shows the last lines" soon grep -q '^web  | web up$' attached
touch go-on
check "and those to come" soon grep -q '^web  [|] bye$' attached
soon test ! -e go-on
env --default-signal=INT "$TEND" attach --name shop >left 2>err &
LEFT=$!
UPS="$UPS $LEFT"
soon grep -q 'db up' left
kill -INT "$LEFT"
soon dead "$LEFT"
has "Ctrl-C leaves it" err "the stack goes on; stop it with tend down"
check "and the stack goes on" in_state db running
"$TEND" attach 2>err | head -n 1 >out
ok "a reader that leaves is no trouble"
run timeout 60 "$TEND" events
check "events have their times" grep -qE '^20[0-9-]{8}T[0-9:.]{12}Z web: exited with code 3; restart 1 in ' out
check "and are no output" test "$(grep -c bye out)" = 0
run "$TEND" events --json
has "as JSON too" out '"name":"db","text":"started, pid'
has "with the events of the library" out '"path":"shop/db","kind":"process","attempt":1,'
has "each with its type" out '"type":"began"'
for type in began 'attempt ended' backoff; do
	check "such as $type" grep -q "\"text\":\"$type, attempt 1.*\"path\":\"shop/web\"" out
done
check "and nothing of what tend runs itself" test "$(grep -c '/[.]' out)" = 0
run "$TEND" events
has "in text with the path" out 'shop/web: attempt ended, attempt 1: failed with 3'
"$TEND" events -f >events 2>events.err &
EVENTS=$!
UPS="$UPS $EVENTS"
soon grep -q 'db: started' events
"$TEND" attach --json >attached.json 2>err &
JSON=$!
UPS="$UPS $JSON"
soon grep -q '"from":"tend"' attached.json
run "$TEND" down
for pid in "$ATTACHED" "$EVENTS" "$JSON"; do
	soon dead "$pid" || kill -KILL "$pid"
	wait "$pid"
	is "its end is the end" "$?" 0
done
has "attach shows the report" attached "how the tasks ended:"
has "events have the stop" events "shop: stopping: tend down"
has "the last document is the envelope" attached.json '{"schema":"tend.attach/1"'
check "up is gone" soon dead "$UP"

# ---- A client that is too slow ----

stack flood <<'END'
  a: {shell: 'until test -e flood; do sleep 0.02; done; seq 1 300000; echo last; exec sleep 1000'}
END
run "$TEND" up -d -f flood.yaml
"$TEND" attach >attached 2>err &
ATTACHED=$!
UPS="$UPS $ATTACHED"
soon grep -q 'a     [*] started' attached
kill -STOP "$ATTACHED"
touch flood
flooded()
{
	"$TEND" logs -n 1 a | grep -q last
}
check "holds nobody up" soon flooded
kill -CONT "$ATTACHED"
run "$TEND" down
soon dead "$ATTACHED"
check "and is told what it has lost" grep -qE '^flood [*] [0-9]+ lines were not shown' attached
has "and has the end" attached "a     | last"

# ---- A stack that does not get so far ----

stack bad <<'END'
  a: {command: [no-such-program]}
END
run "$TEND" up -d -f bad.yaml
is "a program that is not there is 1" "$CODE" 1
has "with its place" err "bad.yaml:4:17: error: task a could not start"
stack bad <<'END'
  a: {shell: 'exit 3', restart: temporary}
END
run "$TEND" up -d -f bad.yaml
is "a stack that ends at once has its code" "$CODE" 3
has "and what happened is told" err "a   * exited with code 3"
run "$TEND" up -d -f missing.yaml
is "a missing file is 78" "$CODE" 78
stack slow <<'END'
  a: {shell: 'echo $$ >pid; exec sleep 1000', restart: temporary}
END
env --default-signal=INT timeout -s INT 300 "$TEND" up -d -f slow.yaml >out 2>err &
UP=$!
UPS="$UPS $UP"
soon test -s pid
kill -INT "$UP"
ended
check "Ctrl-C before it has started stops it, or comes too late" \
	sh -c "[ $CODE = 130 ] || [ $CODE = 0 ] || [ $CODE = 124 ]"
run "$TEND" down
is "a reader of its output sees the end" "$("$TEND" up -d -f shop.yaml | wc -l)" 1
run "$TEND" down --now
run "$TEND" up -d --json -f shop.yaml
has "--json is an envelope" out '"data":{"name":"shop","pid":'
run "$TEND" down --now
run "$TEND" attach
is "without a stack attach is 5" "$CODE" 5
check "nothing is left" soon nothing_left
finish
