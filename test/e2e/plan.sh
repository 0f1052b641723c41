#!/bin/sh
# test/e2e/plan.sh - tend plan shows the rests that tend up then takes.
. "$(dirname "$(realpath "$0")")/common.inc"

cat >tend.yaml <<'END'
version: 1
name: plan
tasks:
  grows: {shell: "exit 3", restart: {delay: 2ms, factor: 1.5, max_delay: 6ms, retries: 5, fatal: [78, 99]}}
  ticks: {shell: "true", every: 1h, timeout: 5m, restart: {jitter: full, reset_after: 0s, success: [7]}}
  once: {shell: "true", restart: temporary}
END

run "$TEND" plan
is "a valid file is 0" "$CODE" 0
cat >want <<'END'
grows: transient
  78, 99: a failure after which it is not started again
  failure 1    rests 2ms      2ms in all
  failure 2    rests 3ms      5ms in all
  failure 3    rests 4ms      9ms in all
  failure 4    rests 6ms      15ms in all
  and 6ms after each later failure
  failure 6 in a row: it is not started again
  a success, or an attempt of 10.0s: failures count from 1 again
ticks: permanent
  an attempt of 5m00s is stopped, and has failed
  7: a success, as 0
  a success rests 1h00m
  failure 1    rests 100ms    100ms in all
  failure 2    rests 200ms    300ms in all
  failure 3    rests 400ms    700ms in all
  failure 4    rests 800ms    1.5s in all
  failure 5    rests 1.6s     3.1s in all
  failure 6    rests 3.2s     6.3s in all
  failure 7    rests 6.4s     12.7s in all
  failure 8    rests 12.8s    25.5s in all
  failure 9    rests 25.6s    51.1s in all
  failure 10   rests 30.0s    1m21s in all
  and 30.0s after each later failure
  jitter: a rest is drawn from nothing up to this length
  a success: failures count from 1 again
once: temporary
END
check "all tasks are shown" diff want out

run "$TEND" plan plan/once
is "a task has a path" "$(cat out)" "once: temporary"
run "$TEND" plan --json grows
has "the document has the rests" out '"rests_ns":[2000000,3000000,4500000,6000000],"last_repeats":true,"given_up_at":6'
run "$TEND" plan grow
is "no such task is 4" "$CODE" 4
has "what was meant is told" err "there is no task grow in plan; did you mean grows?"
run "$TEND" plan --json xyz
has "an error is a document, too" out '"error":{"exit_code":4'

sed 's/factor: 1.5/factor: 0.5/' tend.yaml >wrong.yaml
run "$TEND" plan -f wrong.yaml
is "a wrong file is 78" "$CODE" 78
has "its place is told" err "wrong.yaml:4:"
run "$TEND" plan a b
is "two tasks are wrong usage" "$CODE" 2

# What was planned is what happens.
grep -v -e ticks -e once tend.yaml >run.yaml
up run
ended
is "the last code is that of the stack" "$CODE" 3
grep -o 'restart [0-9] in .*' log >rests
printf 'restart %s in %s\n' 1 2ms 2 3ms 3 4ms 4 6ms 5 6ms >want
check "the rests are those of the plan" diff want rests

finish
