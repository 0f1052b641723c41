#!/bin/sh
# test/e2e/nested.sh - the tree goes through processes: a program linked with
# libtend shows its tasks below its process. The program is the tool itself.
. "$(dirname "$(realpath "$0")")/common.inc"

stack deep <<'END'
  end: {command: [sleep, "1000"]}
END
stack inner <<END
  leaf: {command: [sleep, "1000"]}
  nest: {command: ["$TEND", up, -f, deep.yaml]}
END
for name in left right alien; do
	stack "$name" <<'END'
  own: {command: [sleep, "1000"]}
END
done
stack outer <<END
  direct: {command: ["$TEND", up, -f, inner.yaml]}
  plain: {command: [sleep, "1000"]}
  pair: {shell: "'$TEND' up -f left.yaml & '$TEND' up -f right.yaml & wait"}
  orphan: {command: [env, -u, TEND_PARENT, "$TEND", up, -f, alien.yaml]}
END
up outer
shown()
{
	"$TEND" tree --name outer --json | grep -q '"path":"outer/direct/inner/leaf"'
}
check "a process that is linked with libtend shows its tasks" soon shown
paths_of() # ARGUMENT... - the paths of the tree
{
	"$TEND" tree "$@" --json | grep -o '"path":"[^"]*"' | cut -d'"' -f4
}
whole()
{
	for path in direct/inner/nest/deep/end pair/left/own pair/right/own; do
		paths_of --name outer | grep -qx "outer/$path" || return 1
	done
}
check "a process below a process stands below its own task" soon whole
is "and nowhere else" "$(paths_of --name outer | grep -c 'deep/end$')" 1
alien_runs()
{
	paths_of --name alien | grep -qx alien/own
}
check "a process may run a stack without saying whose child it is" soon alien_runs
is "what does not say whose child it is has no place" \
	"$(paths_of --name outer | grep -c alien)" 0
run "$TEND" tree --name outer
has "in text too" out "leaf"
is "the process by its number has them as well" \
	"$(paths_of "$UP" | sed '/^outer.detached$/d')" "$(paths_of --name outer)"
run "$TEND" tree "$UP"
has "in text, too" out "leaf"
run "$TEND" restart --name outer direct
check "each attempt has the tree of its process" soon whole
is "and only that" "$(paths_of --name outer | grep -c 'deep/end$')" 1
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
