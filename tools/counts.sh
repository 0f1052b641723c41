#!/bin/sh
# Counts the instructions of some operations under callgrind, against the numbers of
# bench/counts: neither more nor less, for what got faster is to stay so. Prints TAP;
# with --store it writes the numbers anew.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
PERCENT=5 # a count may be off by as much, or by LEAST
LEAST=4
N=5000
OPERATIONS='join wait yield hop cancel snapshot restart'
stored=bench/counts
program=$BUILD/bench/bench_count
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

total() { # operation, n
	valgrind --tool=callgrind --callgrind-out-file="$tmp/out" \
		"$program" "$1" n="$2" >"$tmp/log" 2>&1 &&
		sed -n 's/^\(totals\|summary\): *//p' "$tmp/out" | head -n 1
}

# What twice as many add is free of the start and the end of the program.
count() { # operation
	once=$(total "$1" $N) && twice=$(total "$1" $((2 * N))) || return
	echo $(((twice - once + N / 2) / N))
}

fail() { # line, file with more
	echo "not ok $1"
	sed 's/^/# /' "$2" | tail -n 10
	bad=1
}

check() { # operation, stored
	[ -n "$2" ] || { fail "$1: $stored has no number for it" /dev/null && return; }
	now=$(count "$1") || { fail "$1: it does not run" "$tmp/log" && return; }
	room=$(($2 * PERCENT / 100))
	[ $room -lt $LEAST ] && room=$LEAST
	if [ "$now" -gt $(($2 + room)) ]; then
		fail "$1: $now instructions, not $2" /dev/null
	elif [ "$now" -lt $(($2 - room)) ]; then
		fail "$1: only $now instructions, not $2: store it by tools/counts.sh --store" /dev/null
	else
		echo "ok $1: $now instructions, stored $2"
	fi
}

bad=0
case ${1:-} in
--store)
	for operation in $OPERATIONS; do
		now=$(count "$operation") || { cat "$tmp/log" >&2 && exit 1; }
		echo "$operation $now"
	done >"$tmp/counts" && cat "$tmp/counts" >$stored && cat $stored
	;;
'')
	for operation in $OPERATIONS; do
		check "$operation" "$(sed -n "s/^$operation //p" $stored)"
	done
	;;
*)
	echo "usage: $0 [--store]" >&2
	exit 2
	;;
esac
exit $bad
