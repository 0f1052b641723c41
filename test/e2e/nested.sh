#!/bin/sh
# test/e2e/nested.sh - the tree goes through processes: a program linked with
# libtend shows its tasks below its process. The program is the tool itself.
. "$(dirname "$(realpath "$0")")/common.inc"

stack inner <<'END'
  leaf: {command: [sleep, "1000"]}
END
stack outer <<END
  direct: {command: ["$TEND", up, -f, inner.yaml]}
  plain: {command: [sleep, "1000"]}
END
up outer
shown()
{
	"$TEND" tree --name outer --json | grep -q '"path":"outer/direct/inner/leaf"'
}
check "a process that is linked with libtend shows its tasks" soon shown
run "$TEND" tree --name outer
has "in text too" out "leaf"
run "$TEND" tree --name outer direct --json
has "the tree of one task has them" out '"path":"outer/direct/inner'
is "and nothing of others" "$(grep -c 'outer/plain' out)" 0
task=$(sed 's/.*"id":"\([0-9]*\)".*"path":"outer\/direct",.*/\1/' out)
has "the root of a process names the task as its parent" out "\"parent\":\"$task\",\"path\":\"outer/direct/inner\""
inner=$(tr '{' '\n' <out | sed -n 's|"id":"\([0-9:]*\)".*"path":"outer/direct/inner",.*|\1|p')
run "$TEND" tree --name outer "direct/inner#$inner" --json
is "a row is found by its path and id" "$CODE" 0
has "with what stands below it" out '"path":"outer/direct/inner/leaf"'
pid=$(head -n 1 run/tend/inner.lock)
run "$TEND" tree "$pid"
is "the process answers by its number" "$CODE" 0
has "with the same" out "leaf"
kill -STOP "$pid"
run "$TEND" tree "$pid"
is "also while it is stopped" "$CODE" 0
has "with all that it runs" out "leaf"
run timeout 10 "$TEND" tree --name outer
has "and within the tree of its stack" out "leaf"
kill -CONT "$pid"
run "$TEND" down --name outer
is "down stops both" "$CODE" 0
ended
check "nothing is left" nothing_left
finish
