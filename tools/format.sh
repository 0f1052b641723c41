#!/bin/sh
# clang-format decides. With --fix it is applied.
cd "$(dirname "$0")/.." || exit 1
files=$(git ls-files '*.c' '*.h')
if [ "${1:-}" = --fix ]; then
	# shellcheck disable=SC2086
	exec clang-format-14 -i $files
fi
# shellcheck disable=SC2086
clang-format-14 --dry-run -Werror $files 2>&1 | grep 'error:' | sed 's/ error: code should be.*//' | sort -u | head -40
# shellcheck disable=SC2086
clang-format-14 --dry-run -Werror $files >/dev/null 2>&1
