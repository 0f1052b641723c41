#!/bin/sh
# What a reader would complain about and a compiler does not.
cd "$(dirname "$0")/.." || exit 1
bad=0
code=$(git ls-files '*.c' '*.h' '*.S')
core=$(git ls-files 'src/*.[ch]')
product=$(git ls-files 'src/*.[ch]' 'cli/*.[ch]' 'guard/*.[ch]' 'include/*.h')
texts=$(git ls-files | grep -v -e '^tools/tidy.sh$' -e '\.svg$' -e '/corpus')

complain() { # what, matches
	[ -z "$2" ] && return
	echo "$1:"
	echo "$2" | head -10 | sed 's/^/  /'
	bad=1
}

# shellcheck disable=SC2086
{
complain "not ASCII, and not in a string" "$(for file in $code; do
	sed 's/"[^"]*"\{0,1\}//g' "$file" | LC_ALL=C grep -n "$(printf '[\200-\377]')" | sed "s|^|$file:|"
done)"
complain "atomic_thread_fence: ThreadSanitizer cannot see it" \
	"$(grep -n 'atomic_thread_fence *(' $code)"
complain "an atomic that the explorer cannot see: use base/atomic.h" \
	"$(grep -nE '\batomic_(load|store|exchange|fetch|compare)' $core |
		grep -v -e '^src/base/atomic.h:' -e '^src/base/alloc.c:' -e '^src/segment/layout.h:' -e '^src/platform/')"
complain "// comment" "$(grep -nE '(^|[[:space:];{}])//' $code | grep -vE '"[^"]*//')"
complain "unfinished" "$(grep -nE '\b(TODO|FIXME|XXX)\b' $code)"
complain "banned call" "$(grep -nE '\b(strcpy|strcat|sprintf|gets|alloca|strtok)\(' $product)"
complain "a path of one machine" \
	"$(grep -nE '(^|[^[:alnum:]_.$])/(work|home|root)/[a-z]' $texts | grep -v '^test/')"
complain "a file called util" "$(git ls-files | grep -iE '(^|/)utils?[./]')"
complain "a line over 100 columns" "$(for file in $code; do
	expand -t 8 "$file" | awk -v f="$file" 'length($0) > 100 { print f ":" NR }'
done)"
complain "doc/internals.md names what is not there" "$(
	grep -oE '`[a-z_]+\(\)`' doc/internals.md | tr -d '`()' | sort -u | while read -r name; do
		grep -qw "$name" $product || echo "$name()"
	done
	grep -oE '`[a-z_/]+\.[ch]`' doc/internals.md | tr -d '`' | sort -u | while read -r file; do
		git ls-files "*$file" | grep -qE '^(src|cli|guard|include)/' || echo "$file"
	done)"
complain "blanks at the end of a line" "$(grep -nE '[[:blank:]]+$' $code $(git ls-files '*.sh'))"
}
# A public function stands below a comment: its own, or that of the ones it
# follows without an empty line.
for header in include/tend/*.h; do
	complain "$header: a function without its comment" "$(awk '
		/^$/ { told = 0 }
		/\*\/$/ { told = 1 }
		/^TEND_API/ && !told { print FNR ": " $0 }' "$header")"
done
exit $bad
