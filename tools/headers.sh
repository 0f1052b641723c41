#!/bin/sh
# Each public header alone, in every language it is for.
cd "$(dirname "$0")/.." || exit 1
bad=0
flags="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only -Iinclude"
for header in include/tend/*.h; do
	for std in c99 c11 c17; do
		gcc -std=$std $flags -x c "$header" || bad=1
	done
	for std in c++11 c++20; do
		g++ -std=$std $flags -x c++ "$header" || bad=1
	done
done
exit $bad
