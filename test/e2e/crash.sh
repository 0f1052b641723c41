#!/bin/sh
# test/e2e/crash.sh - supervisors that are killed, and two of the same stack.
. "$(dirname "$(realpath "$0")")/common.inc"

stack shop <<'END'
  a:
    shell: "trap '' TERM; echo $$ >a.pid; (trap '' TERM HUP; echo $$ >/dev/null; exec sleep 1000) & echo $! >b.pid; while :; do sleep 0.05; done"
  daemon:
    shell: "setsid sh -c 'echo $$ >c.pid; exec sleep 1000' & wait; sleep 1000"
END
up shop
soon test -s a.pid
soon test -s b.pid
soon test -s c.pid
run "$TEND" up -f shop.yaml
is "a second up of the same stack is refused" "$CODE" 1
has "and names the first" err "stack shop is already running, pid $UP"
run "$TEND" tree
is "which runs on" "$CODE" 0

kill -KILL "$UP"
wait "$UP" 2>/dev/null
for name in a b c; do
	check "after kill -9 of up process $name is gone" soon dead "$(cat $name.pid)"
done
run "$TEND" tree --name shop
is "a stack that was killed cannot be reached" "$CODE" 5
has "and its socket is said to be stale" err "stale"
rm -f a.pid
up shop
check "the next up replaces it" soon test -s a.pid
run "$TEND" tree
is "and answers" "$CODE" 0
kill -STOP "$UP"
kill -CONT "$UP"
run "$TEND" down --now
is "down stops it" "$CODE" 0
ended
check "nothing is left" nothing_left

stack plain <<'END'
  a: {shell: "echo $$ >a.pid; exec sleep 1000", restart: {delay: 100ms}}
  b: {shell: "echo $$ >b.pid; exec sleep 1000", restart: {delay: 100ms}}
END
parent()
{
	sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status"
}
rm -f a.pid b.pid
up plain
soon test -s a.pid
soon test -s b.pid
first=$(cat a.pid)
second=$(cat b.pid)
changed()
{
	[ -s a.pid ] && [ -s b.pid ] && [ "$(cat a.pid)" != "$first" ] && [ "$(cat b.pid)" != "$second" ]
}
guard=$(parent "$(parent "$first")")
kill -KILL "$guard"
check "what a guard had is gone with it" soon dead "$first"
check "a guard that was killed is a failure of its tasks, which start again" \
	soon grep -q 'a .*attempt 2' log
has "and is told" log "tend-guard died"
check "the stack runs on" soon changed

one=$(cat a.pid) two=$(cat b.pid)
guard=$(parent "$(parent "$one")")
kill -KILL "$UP" "$guard"
wait "$UP" 2>/dev/null
check "with supervisor and guard killed together, their children die" soon dead "$one"
check "all of them" soon dead "$two"
finish
