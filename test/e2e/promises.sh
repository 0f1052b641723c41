#!/bin/sh
# test/e2e/promises.sh - what tend(1) says in half a sentence, and no other script shows.
. "$(dirname "$(realpath "$0")")/common.inc"

stack one <<'END'
  talk: {shell: "i=1; while [ $i -le 1500 ]; do echo line $i; i=$((i+1)); done; exec sleep 1000"}
END
stack two <<'END'
  red: {shell: "printf '\\033[31mred\\033[0m\\n'; exec sleep 1000"}
END
run "$TEND" up -d -f one.yaml
is "one stack runs" "$CODE" 0
run "$TEND" up -d -f two.yaml
is "and another" "$CODE" 0

# ---- Which stack ----

for command in tree status "status talk" wait down attach events; do
	# shellcheck disable=SC2086 # two words
	run "$TEND" $command
	is "$command of one of two stacks is 2" "$CODE" 2
	has "$command names both" err "2 stacks are running: one, two; choose one with --name"
done
is "a socket chooses" "$("$TEND" status -s run/tend/two.sock | cut -d ' ' -f 1)" two/red
is "so does the variable" "$(TEND_SOCKET=run/tend/one.sock "$TEND" status | cut -d ' ' -f 1)" \
	one/talk

# ---- attach, tree ----

talked()
{
	"$TEND" logs -s run/tend/one.sock talk | grep -q 'line 1500$'
}
lines_of_attach()
{
	timeout -k 1 300 "$TEND" attach -n one >attached 2>/dev/null &
	ATTACHED=$!
	UPS="$UPS $ATTACHED"
	soon grep -q 'line 1500$' attached
	kill -INT "$ATTACHED"
	wait "$ATTACHED"
	[ "$(grep -c ' line ' attached)" -le 1024 ] && ! grep -q 'line 1$' attached
}
soon talked
check "attach shows at most the last 1024 lines" lines_of_attach
run "$TEND" status -n one
is "and the stack goes on" "$CODE" 0
run "$TEND" tree -n one
is "the rows of the tool are hidden" "$(grep -c '[.]tend' out)" 0
run "$TEND" tree -n one --all
check "unless they are asked for" grep -q '[.]tend  *scope' out
run "$TEND" tree -n one --json
id=$(sed 's/.*"id":"\([0-9]*\)","parent":null.*/\1/' out)
has "a row names the row that it stands in" out "\"parent\":\"$id\",\"path\":\"one/talk\""
has "and says whether it is torn" out '"torn":false'
run "$TEND" tree -n one --ascii
is "a tree without UTF-8 has none" "$(LC_ALL=C tr -d '\000-\177' <out | wc -c)" 0

# ---- On a terminal ----

if command -v script >/dev/null; then
	on_a_terminal()
	{
		TERM=xterm timeout -k 1 300 script -qec "$TEND logs -s run/tend/two.sock red" /dev/null </dev/null
	}
	esc=$(printf '\033')
	check "a task keeps its colours on a terminal" grep -q "$esc\[31m" - <<END
$(NO_COLOR='' on_a_terminal)
END
	check "but not with NO_COLOR" test "$(NO_COLOR=1 on_a_terminal | grep -c "$esc\[")" = 0
fi

run "$TEND" down -n one
is "down stops the one" "$CODE" 0
run "$TEND" status
is "and the other is the only one" "$CODE $(cut -d ' ' -f 1 out)" "0 two/red"
run "$TEND" wait -t 0 --for ended
is "a wait that takes too long is 124" "$CODE" 124
run "$TEND" down
is "down stops the other" "$CODE" 0
check "nothing is left" soon nothing_left
finish
