#!/bin/sh
# Plants bugs in fibers, and forgotten locks, and sees each of them reported. TAP.
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
# shellcheck disable=SC2046
sources=$(./tools/sources.sh $(find src -type d ! -name sim))
flags="-std=gnu11 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer -Iinclude -Isrc -DTEND_VERSION={0}"
n=0
bad=0

build() { # name, compiler, flags of the library, flags of the program
	# shellcheck disable=SC2086
	mkdir -p "$dir/$1.o" && (cd "$dir/$1.o" && for s in $sources; do
		echo "$s"
	done | (cd "$OLDPWD" && xargs -P 2 -I{} sh -c \
		"$2 $flags $3 -c {} -o $dir/$1.o/\$(echo {} | tr / _).o")) &&
		$2 $flags $4 -o "$dir/$1" test/planted/planted.c "$dir/$1.o"/*.o -lpthread
}

expect() { # program, bug, what the report says; "" for none
	n=$((n + 1))
	out=$("$dir/$1" "$2" 2>&1)
	code=$?
	if [ -z "$3" ]; then
		[ $code -eq 0 ] && ok=ok || ok="not ok"
		echo "$ok $n - $1 reports nothing in a program without a bug ($2)"
	else
		[ $code -ne 0 ] && echo "$out" | grep -q "$3" && ok=ok || ok="not ok"
		echo "$ok $n - $1 reports a planted $2"
	fi
	[ "$ok" = ok ] || {
		bad=1
		echo "$out" | head -30 | sed 's/^/# /'
	}
}

# Locks: what the compiler says with the warnings that meson.build gives it.
warnings=$(grep -o -e '-Wthread-safety[a-z-]*' meson.build)
forgets() { # macro, what the compiler says; "" for nothing
	n=$((n + 1))
	# shellcheck disable=SC2086
	if out=$(clang-19 $flags -Wall -Werror $warnings $1 -fsyntax-only test/planted/locks.c 2>&1); then
		said=
	else
		said=$(echo "$out" | grep -o -e '-Wthread-safety-analysis' | head -n 1)
		[ -n "$said" ] || said=$out
	fi
	[ "$said" = "$2" ] && ok=ok || ok="not ok" bad=1
	echo "$ok $n - clang 19 says '$2' of locks.c ${1:-as it is}"
	[ "$ok" = ok ] || echo "$out" | head -30 | sed 's/^/# /'
}
forgets "" ""
forgets -DFIELD -Wthread-safety-analysis
forgets -DCALL -Wthread-safety-analysis

export ASAN_OPTIONS=detect_stack_use_after_return=1 TSAN_OPTIONS=halt_on_error=1
build asan gcc "-fsanitize=address,undefined" "-fsanitize=address,undefined" || exit 1
expect asan clean ""
expect asan hold ""
expect asan overflow stack-buffer-overflow
expect asan return stack-use-after-return
expect asan leak "detected memory leaks"

# The library annotated and not instrumented: its switches order nothing, so that
# two fibers of one worker are as two threads.
build tsan clang-19 "-DTEND_TSAN_FIBERS" "-fsanitize=thread" || exit 1
expect tsan clean ""
expect tsan race "data race"

build valgrind gcc "" "" || exit 1
if command -v valgrind >/dev/null; then
	n=$((n + 1))
	if valgrind -q --error-exitcode=9 "$dir/valgrind" clean >"$dir/out" 2>&1; then
		echo "ok $n - valgrind follows the switches"
	else
		echo "not ok $n - valgrind follows the switches"
		head -30 "$dir/out" | sed 's/^/# /'
		bad=1
	fi
fi
echo "1..$n"
exit $bad
