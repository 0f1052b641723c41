#!/bin/sh
# The demo: a stack of real programs in one tree. On a terminal it runs until
# Ctrl-C; elsewhere it shows itself, stops itself and looks that nothing is left.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
TEND=$(realpath "${TEND:-$BUILD/tend}")
PATH=$(realpath "$BUILD/examples"):$PATH
export PATH
file=examples/demo/tend.yaml

# A directory of its own, so that the demo meddles with nothing of yours.
dir=$(mktemp -d "${TMPDIR:-/tmp}/tend-demo-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap : INT TERM
XDG_RUNTIME_DIR=$dir
export XDG_RUNTIME_DIR

if [ -t 1 ] && [ -t 0 ]; then
	cat <<END
The stack of $file runs here. In another terminal, try:

  export XDG_RUNTIME_DIR=$dir
  $TEND tree            the tree, with the fibers inside of the programs
  $TEND status flaky    what has become of one
  $TEND logs web        what it wrote
  $TEND down            stop it all, or Ctrl-C here; twice is by force

END
	"$TEND" up -f $file
	exit $?
fi

"$TEND" up -f $file >"$dir/up.log" 2>&1 &
up=$!
# Until the fibers and threads inside of the programs are there, and flaky has
# been restarted.
for try in $(seq 100); do
	"$TEND" tree >"$dir/tree" 2>/dev/null
	if grep -q 'conn ' "$dir/tree" && grep -q 'cruncher-2' "$dir/tree" &&
		grep -q 'flaky.*attempt' "$dir/tree"; then
		break
	fi
	sleep 0.2
done
echo "\$ tend tree"
cat "$dir/tree"
echo
echo "\$ tend status flaky"
"$TEND" status flaky
echo
echo "\$ tend logs load"
"$TEND" logs load
echo
echo "\$ tend down"
"$TEND" down
code=$?
wait $up
up_code=$?

bad=0
grep -q 'conn ' "$dir/tree" || { echo "demo: no fibers of web in the tree" >&2; bad=1; }
grep -q 'cruncher-2' "$dir/tree" || { echo "demo: no threads of crunch in the tree" >&2; bad=1; }
[ $code -eq 0 ] && [ $up_code -eq 0 ] || { echo "demo: tend down answered $code, tend up $up_code" >&2; bad=1; }
left=$(ls "$dir" | grep -v -e '^tree$' -e '^up.log$' -e '^tend$')
[ -z "$left" ] || { echo "demo: left behind: $left" >&2; bad=1; }
if grep -lz "^XDG_RUNTIME_DIR=$dir\$" /proc/[0-9]*/environ 2>/dev/null | grep -v "/proc/$$/" | grep -q .; then
	# This shell's own helpers have it too; only children of the stack count.
	for pid in $(grep -lz "^XDG_RUNTIME_DIR=$dir\$" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3); do
		[ -d "/proc/$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null |
			grep -qE '^(web|load|crunch|tend-guard)' && { echo "demo: process $pid is left" >&2; bad=1; }
	done
fi
[ $bad -eq 0 ] && echo "Nothing is left behind. On a terminal, make demo stays up: try it."
exit $bad
