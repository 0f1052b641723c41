#!/bin/sh
# Each public header alone, and a use of each public call and macro, in every language
# that the headers are for.
cd "$(dirname "$0")/.." || exit 1
bad=0
flags="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only -Iinclude"
for std in c99 c11 c17; do
	for file in include/tend/*.h test/uses.c; do
		gcc -std=$std $flags -x c "$file" || bad=1
	done
	clang-19 -std=$std $flags test/uses.c || bad=1
done
for std in c++11 c++14 c++17 c++20; do
	for file in include/tend/*.h test/uses.c; do
		g++ -std=$std $flags -x c++ "$file" || bad=1
	done
	clang-19 -std=$std $flags -x c++ test/uses.c || bad=1
done
# The calls, and the macros that take arguments; a name that ends with _ is not for programs.
for name in $(cat include/tend/*.h | grep -v '^ \*' | tr '\n' ' ' | tr ';#' '\n\n' |
	sed -n 's/.*TEND_API[^(]*\b\(tend_[a-z0-9_]*\)(.*/\1/p; s/^define \([Tt][A-Za-z_]*\)(.*/\1/p' |
	grep -v -e '_$' -e '^TEND_PRINTF$' -e '^TEND_STRING$' | sort -u); do
	grep -q "\\b$name(" test/uses.c || {
		echo "headers: test/uses.c does not use $name"
		bad=1
	}
done
exit $bad
