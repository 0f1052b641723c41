#!/bin/sh
# test/e2e/stop.sh - the order of a stop, its deadline, and force.
. "$(dirname "$(realpath "$0")")/common.inc"

stack order <<'END'
  db:
    shell: "trap 'date +%s.%N >db.end; exit 0' TERM; echo ready; while :; do sleep 0.02; done"
  web:
    shell: "trap 'touch web.begin; until test -e worker.begin; do sleep 0.02; done; date +%s.%N >web.end; exit 0' TERM; echo ready; while :; do sleep 0.02; done"
    needs: [db]
  worker:
    shell: "trap 'touch worker.begin; until test -e web.begin; do sleep 0.02; done; date +%s.%N >worker.end; exit 0' TERM; echo ready; while :; do sleep 0.02; done"
    needs: [db]
END
up order
for task in db web worker; do
	soon grep -q "^$task .*| ready" log
done
kill -INT "$UP"
ended
is "Ctrl-C once stops in order, and up dies of it" "$CODE" 130
check "what is needed stops after all that need it" \
	test "$(cat web.end worker.end db.end | sort -n | tail -1)" = "$(cat db.end)"
# Each waits for the other to begin: one after the other they would never end.
check "those that need nothing of each other stop at the same time" test -s web.end
check "both ways round" test -s worker.end
has "progress is shown" log "waiting for 3: db, web, worker;"
has "the report has every task" log "worker  canceled   exited with code 0"
check "nothing is left" nothing_left

stack deaf <<'END'
  deaf:
    shell: "trap '' TERM; echo $$ >pid; while :; do sleep 0.05; done"
    stop: {timeout: 60s}
  kind: {command: [sleep, "1000"]}
END
up deaf
soon test -s pid
soon in_state kind running
# All are pending when the first is read.
kill -STOP "$UP"
kill -TERM "$UP"
kill -INT "$UP"
kill -HUP "$UP"
kill -CONT "$UP"
check "SIGTERM begins a stop" soon grep -q "waiting for 1: deaf" log
run "$TEND" status deaf
is "a stack that is stopping answers" "$CODE" 0
has "and says so" out "stopping"
is "signals that come together are one wish" "$(grep -c "killing what is left" log)" 0
# A second after the first, any signal but SIGHUP is another wish.
again()
{
	kill -INT "$UP" 2>/dev/null
	dead "$UP"
}
soon again
ended
check "the second signal kills: $CODE" test "$CODE" -ge 128
check "what is killed is dead" dead "$(cat pid)"
has "and reported as killed" log "killed     killed by SIGKILL"

rm -f pid
up deaf
soon test -s pid
run "$TEND" down --timeout 1s
is "down --timeout kills what has not ended by then" "$CODE" 0
has "which it shows" out "killed"
ended
is "and up ends with 0" "$CODE" 0

rm -f pid
up deaf
soon test -s pid
run "$TEND" down -t 0
is "no time at all is the same as --now" "$CODE" 0
has "and kills" out "killed"
ended

rm -f pid
up deaf
soon test -s pid
run "$TEND" down --now --json
is "down --now kills at once" "$CODE" 0
has "and reports" out '"abandoned":0'
ended

stack slow <<'END'
  a:
    shell: "trap '' TERM; echo $$ >pid; while :; do sleep 0.05; done"
    stop: {timeout: 300ms}
END
rm -f pid
up slow
soon test -s pid
kill -HUP "$UP"
ended
is "SIGHUP stops, and a stop timeout that ends in SIGKILL is a stop" "$CODE" 0
has "that the report does not hide" log "killed by SIGKILL: it had not ended 300ms after SIGTERM"

stack lost <<'END'
  a: {shell: "echo $$ >pid; exec sleep 1000", stop: {timeout: 300ms}}
END
# Traced, it is killed and stays until its tracer is gone.
rm -f pid
up lost
soon test -s pid
soon in_state a running
"$(dirname "$TEND")/test/hold" "$(cat pid)" >held &
HOLD=$!
held() { test -s held || ! kill -0 "$HOLD" 2>/dev/null; }
soon held
if test -s held; then
	run "$TEND" down --json
	is "down answers 124 when something outlives the deadline" "$CODE" 124
	has "and names it" out '"path":"lost/a","state":"abandoned"'
	ended
	is "up answers 124 too" "$CODE" 124
	has "and reports it" log "1 of 1 tasks did not end"
	kill -KILL "$HOLD"
	check "it is gone as soon as it can be" soon dead "$(cat pid)"
	check "the files are gone all the same" nothing_left
else
	run "$TEND" down
	ended
fi
wait "$HOLD"

# What the leader leaves has the time of the stop, and is named when it is killed.
stack rest <<'END'
  a:
    shell: "trap '' TERM; sleep 1000 & echo $! >pid; trap - TERM; while :; do sleep 0.05; done"
    stop: {timeout: 300ms}
END
rm -f pid
up rest
soon test -s pid
run "$TEND" down
ended
is "a stop that has to kill what a program leaves is a stop" "$CODE" 0
has "and the report names it" log "ended by SIGTERM; 1 killed below it: sleep ("
check "and it is dead" dead "$(cat pid)"

# A guard that is stopped is made to go on.
parent()
{
	sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status"
}
rm -f pid
stack stopped <<'END'
  a: {shell: "echo $$ >pid; exec sleep 1000"}
END
up stopped
soon test -s pid
soon in_state a running
kill -STOP "$(parent "$(parent "$(cat pid)")")"
run "$TEND" down
is "a guard that is stopped does not hold up a stop" "$CODE" 0
ended

stack signal <<'END'
  a:
    shell: "trap 'echo got INT; exit 0' INT; echo ready; while :; do sleep 0.05; done"
    stop: {signal: INT}
END
up signal
soon grep -q ready log
run "$TEND" down
ended
has "the stop signal of the file is sent" log "a      | got INT"

cat >script <<END
$TEND up -f script.yaml >log 2>err
echo goes on
END
cat >ctrl-c.py <<'END'
import os, signal, subprocess, sys, time
# A group of its own stands for that of the terminal, which a Ctrl-C reaches as a whole.
p = subprocess.Popen(["bash", "script"], stdout=open("out", "w"), preexec_fn=os.setsid,
                     restore_signals=True)
while "started" not in open("log").read() if os.path.exists("log") else True:
    time.sleep(0.05)
os.killpg(p.pid, signal.SIGINT)
sys.exit(p.wait() != -signal.SIGINT)
END
stack script <<'END'
  a: {command: [sleep, "1000"]}
END
if command -v python3 >/dev/null && command -v bash >/dev/null; then
	rm -f log
	check "a script ends with a Ctrl-C during up" python3 ctrl-c.py
	is "and does not go on" "$(cat out)" ""
fi

stack again <<'END'
  a: {shell: "exit 1", restart: {delay: 60s}}
END
up again
check "a task between two attempts is in backoff" soon in_state a backoff
run "$TEND" down
is "and does not hold up a stop" "$CODE" 0
ended
# ---- Steps ----

stack steps <<'END'
  a: {shell: "trap 'echo INT >>a.got' INT; trap 'echo TERM >>a.got; exit 0' TERM; touch a.up; while :; do sleep 0.05; done", stop: [{signal: INT, timeout: 100ms}, {signal: TERM, timeout: 5m}]}
  b: {shell: "trap '' INT; touch b.up; sleep 1000", stop: [{signal: INT, timeout: 100ms}, {signal: TERM, timeout: 5m}]}
  c: {shell: "trap '' INT; echo x >>c.runs; sleep 1000", timeout: 100ms, restart: {delay: 1ms, retries: 1}, stop: [{signal: INT, timeout: 50ms}, {signal: TERM, timeout: 5m}]}
END
up steps
for file in a.up b.up; do
	soon test -e $file
done
check "an attempt that takes too long is stopped in steps" soon in_state c ended
"$TEND" down --name steps >out 2>&1
ended
is "a stop in steps ends" "$CODE" 0
is "the signals come in their order" "$(tr '\n' ' ' <a.got)" "INT TERM "
has "the end by a later step is that of a stop" log "b  canceled   ended by SIGTERM"

finish
