#!/bin/sh
# The suite under sanitizers and other compilers, and the lints; or, with their
# names, some of them: lint clang14 clang19 asan tsan. Ends with a line of totals,
# and exits with 1 if anything failed.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
export BUILD
LOGS=$BUILD/check
mkdir -p "$LOGS"
passed=0
failed=0

one() { # name, command...
	name=$1
	shift
	if "$@" >"$LOGS/$name.log" 2>&1 </dev/null; then
		passed=$((passed + 1))
		echo "ok   $name"
		return 0
	fi
	failed=$((failed + 1))
	echo "FAIL $name; the end of $LOGS/$name.log:"
	tail -n 40 "$LOGS/$name.log" | sed 's/^/     /'
	return 1
}

# A script that prints TAP counts case by case.
tap() { # name, script
	[ -x "$2" ] || return
	"./$2" >"$LOGS/$1.log" 2>&1 </dev/null
	code=$?
	good=$(grep -c '^ok ' "$LOGS/$1.log")
	bad=$(grep -c '^not ok ' "$LOGS/$1.log")
	[ $code -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
	passed=$((passed + good))
	failed=$((failed + bad))
	[ "$bad" -eq 0 ] && echo "ok   $1: $good cases" && return
	echo "FAIL $1: $bad of $((good + bad)); the end of $LOGS/$1.log:"
	tail -n 40 "$LOGS/$1.log" | sed 's/^/     /'
}

configure() { # folder, meson options...
	[ -f "$1/build.ninja" ] && set -- "$@" --reconfigure
	meson setup "$@" -Dtests=enabled
}

suite() { # name, compiler, meson options...
	name=$1 CC=$2 dir=$BUILD/$1
	export CC
	shift 2
	one "$name-configure" configure "$dir" "$@" && one "$name-build" ninja -C "$dir" || return
	rm -f "$dir/meson-logs/testlog.junit.xml"
	meson test -C "$dir" --print-errorlogs >"$LOGS/$name.log" 2>&1 </dev/null
	./tools/totals.py "$dir" >"$LOGS/$name.totals"
	read -r good _ bad _ <<-END
		$(tail -n 1 "$LOGS/$name.totals")
	END
	passed=$((passed + good))
	failed=$((failed + bad))
	[ "$bad" -eq 0 ] && echo "ok   $name: $good cases" && return
	grep '^FAIL' "$LOGS/$name.totals"
	echo "FAIL $name: $bad of $((good + bad)); of $LOGS/$name.log:"
	grep -E -A 30 'Sanitizer|runtime error|stderr:' "$LOGS/$name.log" | head -n 80 | sed 's/^/     /'
}

[ $# -gt 0 ] || set -- lint clang14 clang19 asan tsan
for part; do
	case $part in
	lint)
		one format ./tools/format.sh
		one layers ./tools/layers.sh
		one headers ./tools/headers.sh
		one tidy ./tools/tidy.sh
		[ -f "$BUILD/build.ninja" ] && one installed ./tools/installed.sh
		tap model test/model/run.sh
		tap planted test/planted/run.sh
		tap planted-layers test/planted/layers.sh
		tap fuzz test/fuzz/run.sh
		tap mutants test/mutants/run.sh
		[ -x "$BUILD/bench/bench_count" ] && tap counts tools/counts.sh
		# A hundred thousand random programs; the suite itself runs fewer.
		[ -x "$BUILD/test/test_sim" ] &&
			one schedules env SCHEDULES=100000 "$BUILD/test/test_sim" random
		;;
	clang14) suite clang14 clang-14 ;;
	clang19) suite clang19 clang-19 ;;
	asan) suite asan gcc -Db_sanitize=address,undefined ;;
	tsan) suite tsan clang-19 -Db_sanitize=thread ;;
	*)
		echo "check: no such part: $part (lint clang14 clang19 asan tsan)" >&2
		exit 2
		;;
	esac
done

echo "$passed passed, $failed failed" | tee "$LOGS/total"
[ "$failed" -eq 0 ]
