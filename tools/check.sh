#!/bin/sh
# The suite under sanitizers and other compilers, and the lints. Ends with a line
# of totals; exits with 1 if anything failed.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
LOGS=$BUILD/check
mkdir -p "$LOGS"
passed=0
failed=0

one() { # name, command...
	name=$1
	shift
	if "$@" >"$LOGS/$name.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok   $name"
	else
		failed=$((failed + 1))
		echo "FAIL $name"
		tail -n 40 "$LOGS/$name.log" | sed 's/^/     /'
	fi
}

# Adds up the cases of a meson test run from its TAP, by the JUnit it leaves.
count() { # build folder
	junit=$1/meson-logs/testlog.junit.xml
	[ -f "$junit" ] || return
	cases=$(grep -c '<testcase' "$junit")
	bad=$(grep -c -e '<failure' -e '<error' "$junit")
	passed=$((passed + cases - bad))
	failed=$((failed + bad))
}

suite() { # name, compiler, test? , meson options...
	name=$1 compiler=$2 run=$3
	shift 3
	dir=$BUILD/$name
	if [ ! -f "$dir/build.ninja" ]; then
		CC=$compiler meson setup "$dir" "$@" >"$LOGS/$name.setup.log" 2>&1 || {
			one "$name" cat "$LOGS/$name.setup.log" /nonexistent
			return
		}
	fi
	one "$name-build" ninja -C "$dir"
	[ "$run" = yes ] || return
	if meson test -C "$dir" --print-errorlogs >"$LOGS/$name.log" 2>&1; then
		echo "ok   $name-suite"
	else
		echo "FAIL $name-suite"
		failed=$((failed + 1))
		grep -E 'FAIL|ERROR|TIMEOUT|not ok|Sanitizer' "$LOGS/$name.log" | head -60 | sed 's/^/     /'
	fi
	count "$dir"
}

case ${1:-all} in
all | lint)
	one format ./tools/format.sh
	one layers ./tools/layers.sh
	one headers ./tools/headers.sh
	one tidy ./tools/tidy.sh
	[ -x test/model/run.sh ] && one model ./test/model/run.sh
	[ -x test/planted/run.sh ] && one planted ./test/planted/run.sh
	[ -x test/fuzz/run.sh ] && one fuzz ./test/fuzz/run.sh
	;;
esac
case ${1:-all} in
all | build)
	suite clang14 clang-14 no
	suite clang19 clang-19 no
	;;
esac
case ${1:-all} in
all | asan) suite asan gcc yes -Db_sanitize=address,undefined ;;
esac
case ${1:-all} in
all | tsan) suite tsan clang-19 yes -Db_sanitize=thread ;;
esac

echo "$passed passed, $failed failed" | tee "$LOGS/total"
[ "$failed" -eq 0 ]
