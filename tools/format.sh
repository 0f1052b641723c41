#!/bin/sh
# clang-format decides; what it would change is printed. With --fix it does.
cd "$(dirname "$0")/.." || exit 1
format=$(command -v clang-format-14 || echo clang-format)
files=$(git ls-files '*.c' '*.h')
if [ "${1:-}" = --fix ]; then
	# shellcheck disable=SC2086
	exec "$format" -i $files
fi
# One process looks at all of them, because to start it takes longer than a file does.
# shellcheck disable=SC2086
said=$("$format" --dry-run --Werror $files 2>&1) && exit 0
for file in $(echo "$said" | sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: error: .*/\1/p' | sort -u); do
	"$format" "$file" | diff -u --label "$file" --label "$file, formatted" "$file" -
	found=yes
done
[ "${found:-}" ] || echo "$said"
echo "format: run tools/format.sh --fix"
exit 1
