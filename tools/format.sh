#!/bin/sh
# clang-format decides; what it would change is printed. With --fix it does.
cd "$(dirname "$0")/.." || exit 1
format=$(command -v clang-format-14 || echo clang-format)
files=$(git ls-files '*.c' '*.h')
if [ "${1:-}" = --fix ]; then
	# shellcheck disable=SC2086
	exec "$format" -i $files
fi
bad=0
for file in $files; do
	"$format" "$file" | diff -u --label "$file" --label "$file, formatted" "$file" - || bad=1
done
[ $bad -eq 0 ] || echo "format: run tools/format.sh --fix"
exit $bad
