#!/bin/sh
# The demo: a stack of real programs in one tree. On a terminal it runs until
# Ctrl-C; elsewhere it shows itself, stops itself and looks that nothing is left.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
TEND=$(realpath "${TEND:-$BUILD/tend}") && programs=$(realpath "$BUILD/examples") || exit 1
PATH=$programs:$PATH
export PATH
file=examples/demo/tend.yaml

# A directory of its own, so that the demo meddles with nothing of yours.
dir=$(mktemp -d "${TMPDIR:-/tmp}/tend-demo-XXXXXX") || exit 1
up=
finish()
{
	if [ -n "$up" ] && kill "$up" 2>/dev/null; then
		wait "$up"
	fi
	rm -rf "$dir"
}
trap finish EXIT
XDG_RUNTIME_DIR=$dir
export XDG_RUNTIME_DIR

if [ -t 0 ] && [ -t 1 ]; then
	cat <<END_OF_TEXT
The stack of $file runs here. In another terminal, try:

  export XDG_RUNTIME_DIR=$dir
  $TEND tree            the tree, with the fibers inside of the programs
  $TEND status flaky    what has become of one
  $TEND logs web        what it wrote
  $TEND down            stop it all, or Ctrl-C here; twice is by force

END_OF_TEXT
	trap : INT TERM # tend up has it as well, and ends; then this does
	"$TEND" up -f $file
	exit $?
fi

trap 'exit 130' INT TERM
"$TEND" up -f $file >"$dir/up.log" 2>&1 &
up=$!
# Until the fibers and threads inside of the programs are there, and flaky has
# been restarted.
shown=0
for _ in $(seq 150); do
	tree=$("$TEND" tree 2>/dev/null)
	case $tree in
	*cruncher-2*attempt*conn\ *)
		shown=1
		break
		;;
	esac
	kill -0 "$up" 2>/dev/null || break
	sleep 0.2
done
if [ $shown -eq 0 ]; then
	echo "demo: the tree does not show the fibers, the threads and the restart:" >&2
	printf '%s\n' "$tree" >&2
	tail -n 30 "$dir/up.log" >&2
	exit 1
fi
printf '$ tend tree\n%s\n\n' "$tree"
echo '$ tend status flaky'
"$TEND" status flaky
printf '\n$ tend logs load\n'
"$TEND" logs load
printf '\n$ tend down\n'
"$TEND" down
down=$?
wait "$up"
ended=$?
up=

bad=0
if [ $down -ne 0 ] || [ $ended -ne 0 ]; then
	echo "demo: tend down answered $down, tend up $ended" >&2
	bad=1
fi
left=$(find "$dir" ! -type d ! -path "$dir/up.log")
if [ -n "$left" ]; then
	echo "demo: files are left behind: $left" >&2
	bad=1
fi
# What the stack started has its runtime directory; what looks for it has not.
unset XDG_RUNTIME_DIR
left=$(grep -lzsx "XDG_RUNTIME_DIR=$dir" /proc/[0-9]*/environ)
if [ -n "$left" ]; then
	echo "demo: processes are left behind: $left" >&2
	bad=1
fi
if [ $bad -eq 0 ]; then
	printf '\nNothing is left behind. On a terminal, make demo stays up: try it.\n'
fi
exit $bad
