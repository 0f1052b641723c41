#!/bin/sh
# The lints, and the tests under other compilers and sanitizers; or, with their
# names, some of them: lint clang14 clang19 asan tsan bare. Ends with a line of totals,
# and exits with 1 if anything failed.
#
# make test repeats what is to be repeated. Here a test repeats as often as it takes
# to see what only this compiler or sanitizer finds; --full has the long counts
# everywhere, and is for the end of a larger change.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
export BUILD
LOGS=$BUILD/check
mkdir -p "$LOGS"
passed=0
failed=0

# Sets `clock`: seconds of the clock, and of CPU that all children had. A subshell
# would have no children.
tick() {
	times >"$LOGS/times.$$"
	clock=$(awk -v now="$(date +%s)" 'NR == 2 {
		gsub(/[ms]/, " ")
		split($0, t)
		printf "%d %d", now, t[1] * 60 + t[2] + t[3] * 60 + t[4] }' "$LOGS/times.$$")
}

# Sets `took`.
since() { # an earlier clock
	tick
	took=$(echo "$1 $clock" | awk '{ printf "%d s, %d s of CPU", $3 - $1, $4 - $2 }')
}

one() { # name, command...
	name=$1
	tick
	begun=$clock
	shift
	if "$@" >"$LOGS/$name.log" 2>&1 </dev/null; then
		passed=$((passed + 1))
		since "$begun"
		echo "ok   $name, $took"
		return 0
	fi
	failed=$((failed + 1))
	since "$begun"
	echo "FAIL $name, $took; the end of $LOGS/$name.log:"
	tail -n 40 "$LOGS/$name.log" | sed 's/^/     /'
	return 1
}

# A script that prints TAP counts case by case.
tap() { # name, script
	[ -x "$2" ] || return
	tick
	begun=$clock
	"./$2" >"$LOGS/$1.log" 2>&1 </dev/null
	code=$?
	good=$(grep -c '^ok ' "$LOGS/$1.log")
	bad=$(grep -c '^not ok ' "$LOGS/$1.log")
	[ $code -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
	passed=$((passed + good))
	failed=$((failed + bad))
	since "$begun"
	[ "$bad" -eq 0 ] && echo "ok   $1: $good cases, $took" && return
	echo "FAIL $1: $bad of $((good + bad)), $took; the end of $LOGS/$1.log:"
	tail -n 40 "$LOGS/$1.log" | sed 's/^/     /'
}

configure() { # folder, meson options...
	[ -f "$1/build.ninja" ] && set -- "$@" --reconfigure
	meson setup "$@" -Dtests=enabled
}

# Adds up what meson has logged of a run.
judge() { # name, build, begin of the run
	./tools/totals.py "$2" >"$LOGS/$1.totals"
	read -r good _ bad _ <<-END
		$(tail -n 1 "$LOGS/$1.totals")
	END
	passed=$((passed + good))
	failed=$((failed + bad))
	since "$3"
	[ "$bad" -eq 0 ] && echo "ok   $1: $good cases, $took" && return
	grep '^FAIL' "$LOGS/$1.totals"
	echo "FAIL $1: $bad of $((good + bad)), $took; of $LOGS/$1.log:"
	grep -E -A 30 'Sanitizer|runtime error|stderr:' "$LOGS/$1.log" | head -n 80 | sed 's/^/     /'
}

tests() { # name, build, tests or ""
	rm -f "$2/meson-logs/testlog.junit.xml"
	tick
	begun=$clock
	# shellcheck disable=SC2086
	TEND_TEST=$counts meson test -C "$2" --print-errorlogs $3 >"$LOGS/$1.log" 2>&1 </dev/null
	judge "$1" "$2" "$begun"
}

suite() { # name, compiler, what to build, tests or "", meson options...
	build=$1 CC=$2 target=$3 some=$4
	export CC
	shift 4
	[ "$counts" = full ] && some=
	one "$build-configure" configure "$BUILD/$build" "$@" &&
		one "$build-build" ninja -C "$BUILD/$build" "$target" &&
		tests "$build" "$BUILD/$build" "$some"
}

counts=quick
seconds=10
if [ "${1:-}" = --full ]; then
	counts=full
	seconds=120
	shift
	[ $# -gt 0 ] || set -- lint long clang14 clang19 asan tsan bare
fi
FUZZ_SECONDS=${FUZZ_SECONDS:-$seconds}
export FUZZ_SECONDS
# What a compiler may break: the switch, the atomics, the vectors of the reader.
of_a_compiler='core-1 core-2 registry-1 registry-2 threads-1 sim-1 config cli refusals'

# Without a name the lints run beside the tests, because neither keeps two processors busy.
# asan is a build of clang 14 as well, and tsan of clang 19, each with all warnings of its compiler.
if [ $# -eq 0 ]; then
	./tools/check.sh lint >"$LOGS/lint.out" 2>&1 &
	./tools/check.sh asan tsan | tee "$LOGS/tests.out"
	wait
	cat "$LOGS/lint.out"
	tail -qn 1 "$LOGS/tests.out" "$LOGS/lint.out" | tr -d , | awk '
		$2 == "passed" { passed += $1; failed += $3; ends++ }
		END { print passed + 0 " passed, " failed + 2 - ends " failed" }' | tee "$LOGS/total"
	! grep -qv ' 0 failed$' "$LOGS/total"
	exit
fi
for part; do
	case $part in
	lint)
		one format ./tools/format.sh
		one layers ./tools/layers.sh
		one headers ./tools/headers.sh
		one tidy ./tools/tidy.sh
		one prose ./tools/prose.py
		[ -f "$BUILD/build.ninja" ] && one installed ./tools/installed.sh
		tap model test/model/run.sh
		tap planted test/planted/run.sh
		tap planted-layers test/planted/layers.sh
		tap fuzz test/fuzz/run.sh
		tap mutants test/mutants/run.sh
		[ -x "$BUILD/bench/bench_count" ] && tap counts tools/counts.sh
		;;
	# make test, with a hundred thousand random programs and as much of all else.
	long) tests long "$BUILD" "" ;;
	clang14) suite clang14 clang-14 all "$of_a_compiler" ;;
	clang19) suite clang19 clang-19 all "$of_a_compiler" ;;
	# Half the optimization is half the time of these builds.
	asan) suite asan clang-14 all "" -Doptimization=1 -Db_sanitize=address,undefined ;;
	tsan) suite tsan clang-19 meson-test-prereq "" -Doptimization=1 -Db_sanitize=thread ;;
	bare) one bare ./tools/bare.sh ;;
	*)
		echo "check: no such part: $part (lint long clang14 clang19 asan tsan bare)" >&2
		exit 2
		;;
	esac
done

rm -f "$LOGS/times.$$"
echo "$passed passed, $failed failed" | tee "$LOGS/total"
[ "$failed" -eq 0 ]
