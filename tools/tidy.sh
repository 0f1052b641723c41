#!/bin/sh
# What a reader would complain about and a compiler does not.
cd "$(dirname "$0")/.." || exit 1
bad=0
code=$(git ls-files '*.c' '*.h' '*.S')
all=$(git ls-files | grep -v -e '^tools/tidy.sh$' -e '\.svg$' -e '^test/fuzz/corpus' -e '/corpus/')

complain() { # what, matches
	[ -z "$2" ] && return
	echo "$1:"
	echo "$2" | head -10 | sed 's/^/  /'
	bad=1
}

# shellcheck disable=SC2086
{
complain "atomic_thread_fence: ThreadSanitizer cannot see it" \
	"$(grep -nE 'atomic_thread_fence *\(' $code)"
complain "an atomic that the explorer cannot see: use base/atomic.h" \
	"$(grep -nE '\batomic_(load|store|exchange|fetch|compare)' $(git ls-files 'src/*.[ch]') |
		grep -v -e '^src/base/atomic.h' -e '^src/base/alloc.c' -e '^src/segment/layout.h' -e '^src/platform/sim/')"
complain "// comment" "$(grep -nE '(^|[^:"])//' $code | grep -v '://' | grep -v '"[^"]*//[^"]*"')"
complain "unfinished" "$(grep -nE '\b(TODO|FIXME|XXX)\b' $code)"
complain "banned call" "$(grep -nE '\b(strcpy|strcat|sprintf|gets|alloca|strtok)\(' $(git ls-files 'src/*.[ch]' 'cli/*.[ch]' 'guard/*.[ch]'))"
complain "a path of one machine" "$(grep -nE '/(work|home|root)/[a-z]' $all | grep -v '^test/')"
complain "a file called util" "$(git ls-files | grep -i util)"
complain "a line over 100 columns" \
	"$(for f in $code; do expand -t 8 "$f" | awk -v f="$f" 'length($0) > 100 { print f ":" NR }'; done)"
}
# Every public function has a comment before it.
for header in include/tend/*.h; do
	complain "$header: a function without its comment" \
		"$(awk '/^TEND_API/ && prev !~ /\*\/$/ && prev !~ /^(TEND_API|#define|	|typedef|enum|struct|[a-z])/ && prev !~ /;$/ { print FNR ": " $0 } { if ($0 != "") prev = $0 }' "$header")"
done
exit $bad
