#!/bin/sh
# The samples of the documents: every C program compiles without a warning and ends with 0,
# and where a block of output follows, writes that; every tend.yaml is one. A block of ```C is
# a part of a program.
pages=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$(dirname "$0")/common.inc"
lib=$(dirname "$TEND")/src/libtend.a

# A sanitized library needs the flags of its build.
if nm "$lib" 2>/dev/null | grep -qE ' U __(a|t)san_'; then
	echo "1..0 # SKIP the library is sanitized"
	exit 0
fi

# Blocks go to NAME-1.c, NAME-2.yaml and so on; what a block of output says to NAME-1.want.
split()
{
	awk -v name="$(basename "$1" .md)" '
	/^```/ && !inside {
		inside = 1
		kind = substr($0, 4)
		if (kind == "c" || kind == "yaml") { n++; file = name "-" n "." kind }
		else if (kind == "" && after == "c") file = name "-" n ".want"
		else file = "/dev/null"
		next
	}
	/^```/ { inside = 0; after = kind; close(file); next }
	inside { print > file }
	/^#/ { after = "" }' "$1"
}
# The example of the page of the library, as it is shown.
sed -n '/^\.Bd -literal/,/^\.Ed/p' "$pages/doc/man/libtend.7" | sed -e '/^\.[BE]d/d' -e 's/\\e/\\/g' >libtend.7.c
for page in "$pages"/README.md "$pages"/doc/*.md; do
	split "$page"
done

# The programs of README are those of examples/, without the comment on top.
for pair in README-1:first README-2:hello README-3:restart; do
	sed '0,/\*\/$/d' "$pages/examples/${pair#*:}.c" >want
	check "${pair%:*} is examples/${pair#*:}.c" diff -bB want "${pair%:*}.c"
done

# The page of the tool has each option of each command, and no other.
"$TEND" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >commands
while read -r command; do
	"$TEND" "$command" --help | grep -oE '^ +(-.,)? *--[a-z-]+' | sed 's/.*--/-/'
done <commands | grep -vx -e -help -e -usage -e -version | sort -u >options
grep -v '^\.B' "$pages/doc/man/tend.1" | grep -oE ' -[a-z][a-z-]+' | sed 's/ //' |
	grep -vx -e -help -e -version | sort -u >in-page
check "tend has commands with options" test "$(wc -l <commands)" -gt 9 -a "$(wc -l <options)" -gt 20
check "the page of tend has each option" diff options in-page

# The schema for editors has each key that is read, and no other.
cat "$pages"/cli/config/*.c | grep -oE '\{"[a-z_]+", read_' | cut -d'"' -f2 | sort -u >keys
python3 - "$pages/doc/tend.schema.json" <<'END' | sort -u >in-schema
import json, sys
def keys(node):
    if isinstance(node, dict):
        print(*node.get("properties", {}), sep="\n", end="\n")
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        keys(child)
keys(json.load(open(sys.argv[1])))
END
sed -i '/^$/d' in-schema
check "tend.yaml has keys" test "$(wc -l <keys)" -gt 20
check "the schema has each key" diff keys in-schema

# Times and shares differ from run to run.
plain()
{
	sed -e '/^\$ /d' -e 's/[0-9][0-9.]*\(ms\|s\|m[0-9]*s\)/T/g' -e 's/  *T/ T/g' "$1"
}
ln -s "$(dirname "$TEND")/tend-guard" tend-guard # found beside the program
for program in *.c; do
	name=${program%.c}
	grep -q 'int main' "$program" || {
		not_ok "$name is a whole program"
		continue
	}
	# In the folder that the output names.
	mkdir -p examples && cp "$program" "examples/$name.c"
	gcc -std=gnu11 -Wall -Wextra -Werror -I"$pages/include" "examples/$name.c" "$lib" -fno-lto -lpthread \
		-o "./$name" >log 2>&1 || {
		not_ok "$name compiles"
		continue
	}
	run "./$name"
	is "$name ends with 0" "$CODE" 0
	[ -s "$name.want" ] || continue
	for text in "$name.want" out; do
		plain "$text" | sed -e 's/[A-Za-z0-9-]*\.c:[0-9]*/SITE/' -e 's/^[A-Za-z0-9-]* *scope/NAME scope/' >"$text.plain"
	done
	check "$name writes what stands there" diff -b "$name.want.plain" out.plain
done
for file in *.yaml; do
	grep -q '^version:' "$file" || continue
	mkdir -p web
	run "$TEND" check -f "$file"
	is "${file%.yaml} is a tend.yaml" "$CODE" 0
done
finish
