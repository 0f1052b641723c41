#!/bin/sh
# test/e2e/output.sh - where the output goes, and what it may do on the way.
. "$(dirname "$(realpath "$0")")/common.inc"

stack talk <<'END'
  a: {shell: "echo out; echo err >&2; printf 'no end'", restart: temporary}
  bb: {shell: "printf '\\033[2Jx\\rtab\\there\\n\\377\\n'", restart: temporary}
END
"$TEND" up -f talk.yaml </dev/null >out 2>err
is "without a terminal it runs" $? 0
has "standard output is shown" out "a    | out"
has "standard error too" out "a    | err"
has "and a last line without its end" out "a    | no end"
has "control bytes are escaped" out 'bb   | \x1b[2Jx'
has "a carriage return ends a line" out 'bb   | tab	here'
has "and bytes that are no text" out 'bb   | \xff'
is "there is no colour in a file" "$(grep -c "$(printf '\033')" out)" 0

"$TEND" up -f talk.yaml >&- 2>err
is "with standard output closed it runs" $? 0
"$TEND" up -f talk.yaml <&- >&- 2>&-
is "with all three closed too" $? 0
"$TEND" up -f talk.yaml 2>err | true
ok "a reader that leaves does not hang it"
"$TEND" tree >/dev/full 2>err
check "an answer that cannot be written is an error" test $? -ne 0

stack order <<'END'
  a: {shell: 'i=1; while [ $i -le 100 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done', restart: temporary}
END
run "$TEND" up -f order.yaml
is "both streams come in the order they were written" \
	"$(sed -n 's/^a  *| //p' out | tr '\n' ' ')" "$(seq 100 | tr '\n' ' ')"

stack prompt <<'END'
  a: {shell: 'printf "10%%\\r20%%\\r\\n\\033[32mName? "; until test -e go-on; do sleep 0.05; done; echo Ann; exec sleep 1000'}
END
up prompt
check "a line that does not end is shown" soon grep -q '^a      | Name? $' log
touch go-on
check "and its rest is marked" soon grep -q '^a      + Ann$' log
is "there is no colour in logs, and a carriage return ends a line" \
	"$("$TEND" logs a | tr '\n' '|')" "==> prompt/a, attempt 1 <==|10%|20%|Name? Ann|"
run "$TEND" status a
has "nor in status" out "    20%"
run "$TEND" logs a --json
has "nor in logs --json" out '"text":"Name? Ann"'
run "$TEND" status a --json
has "nor in status --json" out 'Name? Ann\n"'
if command -v script >/dev/null; then
	TERM=xterm script -qec "'$TEND' logs a" /dev/null </dev/null >out 2>err
	has "but on a terminal" out "$(printf '\033[32mName? ')"
fi
run "$TEND" down
ended

# A line that grows all the time is shown, too.
rm -f go-on
stack slow <<'END'
  a: {shell: 'until test -e go-on; do printf .; sleep 0.1; done', restart: temporary}
END
up slow
check "a line that grows slowly is shown before its end" soon grep -q '^a    | [.]' log
touch go-on
ended

if command -v python3 >/dev/null; then
	stack much <<'END'
  a: {shell: 'seq 10000; echo last; exec sleep 1000'}
END
	up much
	soon grep -q last log
	cat >nonblocking.py <<'END'
import fcntl, os, re, subprocess, sys
def plain(text):  # ages differ
    return re.sub(rb"\d+", b"", text)
want = subprocess.run(sys.argv[1:], capture_output=True).stdout
r, w = os.pipe()
fcntl.fcntl(w, 1031, 4096)  # F_SETPIPE_SZ
os.set_blocking(w, False)
p = subprocess.Popen(sys.argv[1:], stdout=w)
os.close(w)
got = b""
while True:
    piece = os.read(r, 100)
    if not piece:
        break
    got += piece
sys.exit(p.wait() or len(got) <= 4096 or plain(got) != plain(want))
END
	for command in "logs a" "logs a --json" "status a --json" "completion bash"; do
		# shellcheck disable=SC2086 # words
		check "a pipe that does not block gets the whole answer: $command" \
			python3 nonblocking.py "$TEND" $command
	done
	run "$TEND" down
	ended
fi

run "$TEND" up -f talk.yaml --json
has "--json writes a document a line" out '{"name":"a","from":"task","text":"out"}'
is "the last one is the envelope" "$(tail -n 1 out | cut -c 1-21)" '{"schema":"tend.up/1"'
run "$TEND" up -f missing.yaml --json
has "which also tells that it could not begin" out '"error":{"exit_code":78'
mkfifo stuck
tail -f /dev/null <stuck &
reader=$!
stack flood <<'END'
  flood: {command: [yes, "a line of some length that is written for ever and ever"]}
  a: {command: [sleep, "1000"]}
END
"$TEND" up -f flood.yaml >stuck 2>err &
UP=$!
UPS="$UPS $UP $reader"
soon in_state flood running
run timeout 10 "$TEND" status flood
is "a flood to a reader that is stuck does not stop answers" "$CODE" 0
flooded()
{
	"$TEND" status flood --json | grep -q '"output_dropped":[1-9]'
}
check "what is lost of a flood is counted" soon flooded
run "$TEND" logs flood
check "at most 64 KiB are kept" test "$(wc -c <out)" -lt 70000
has "which is said" out "bytes before this are lost"
memory=$(sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$UP/status")
check "memory does not grow with it: $memory kB" test "$memory" -lt 65536
run timeout 20 "$TEND" down
is "and it is stopped" "$CODE" 0
ended
kill "$reader"
finish
