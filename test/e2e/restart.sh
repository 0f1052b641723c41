#!/bin/sh
# test/e2e/restart.sh - when a task runs again: codes, times, retries.
. "$(dirname "$(realpath "$0")")/common.inc"

stack restart <<'END'
  grows: {shell: "echo x >>grows; exit 3", restart: {delay: 2ms, factor: 1.5, max_delay: 4ms, jitter: full, retries: 4}}
  fatal: {shell: "echo x >>fatal; exit 4", restart: {delay: 1ms, fatal: [4]}}
  fine: {shell: "echo x >>fine; exit 5", restart: {delay: 1ms, success: [5]}}
  late: {shell: "echo x >>late; exec sleep 1000", timeout: 50ms, restart: {delay: 1ms, retries: 1}}
  tick: {shell: "echo x >>tick", every: 10ms}
  after: {shell: "echo x >>after", needs: [fine]}
END
ticks() { [ "$(grep -c x tick)" -ge 4 ]; }
over() { "$TEND" wait --for ended -t 300s "restart/$1" >/dev/null 2>err; }

# outcome TASK - as `tend status` tells it.
outcome()
{
	"$TEND" status --json "restart/$1" >card
	sed -n 's/.*"outcome":"\([a-z]*\)".*/\1/p' card
}

up restart
check "a task that always runs again does" soon ticks
for task in grows fatal late; do
	over "$task"
	is "$task is given up" $? 3
	is "$task has failed" "$(outcome "$task")" failed
done
over fine
is "a code of the list is a success" $? 0
is "the task has completed" "$(outcome fine)" completed
over after
is "a task that needs it has run" "$(grep -c x after)" 1
is "retries are restarts" "$(grep -c x grows)" 5
is "a fatal code is not followed by a restart" "$(grep -c x fatal)" 1
is "what took too long is started again" "$(grep -c x late)" 2
"$TEND" status restart/late >out 2>&1
has "why it was stopped is told" out "it took longer than 50ms"
"$TEND" down >/dev/null 2>err
ended
is "a stack that was stopped has succeeded" "$CODE" 0

finish
