#!/bin/sh
# Plants an upward call of each sort in a small tree, and sees tools/layers.sh name it. TAP.
cd "$(dirname "$0")/../.." || exit 1
layers=$PWD/tools/layers.sh
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
n=0
bad=0

put() { # file, text
	mkdir -p "$dir/tree/$(dirname "$1")"
	printf '%s\n' "$2" >"$dir/tree/$1"
}

# Two layers; the upper one has two files whose head lists their order, and the tool has two.
plant_nothing() {
	rm -rf "$dir/tree"
	put src/meson.build "folders = ['src/base', 'src/task']"
	put src/base/base.h "int base(void);"
	put src/base/base.c '#include "base/base.h"
int base(void) { return 1; }'
	put src/task/task.h "/* task/task.h - a head.
 *
 * Files, each uses only those above it:
 *   low.c   what is used
 *   high.c  what uses it,
 *           in two lines
 */
int low(void);
int high(void);"
	put src/task/low.c 'int base(void);
int low(void); int low(void) { return base(); }'
	put src/task/high.c '#include "task/task.h"
int high(void) { return low(); }'
	put cli/one.c 'int one(void); int one(void) { return 1; }'
	put cli/two.c 'int one(void); int two(void); int two(void) { return one(); }'
}

compile() {
	cd "$dir/tree" || exit 1
	mkdir -p build/src build/tend.p
	echo '[' >build/compile_commands.json
	for file in $(find src cli -name '*.c'); do
		case $file in
		src/*) object=src/libtend.so.p/$(echo "$file" | tr / _).o ;;
		*) object=tend.p/$(echo "$file" | tr / _).o ;;
		esac
		mkdir -p "build/$(dirname "$object")"
		cc -c -Isrc -o "build/$object" "$file" || exit 1
		printf '  {\n    "file": "../%s",\n    "output": "%s"\n  },\n' "$file" "$object" \
			>>build/compile_commands.json
	done
	cd "$OLDPWD" || exit 1
}

expect() { # what is planted, what is printed; "" for a tree without a fault
	n=$((n + 1))
	compile
	out=$("$layers" "$dir/tree" "$dir/tree/build" 2>&1)
	code=$?
	if [ -z "$2" ]; then
		[ $code -eq 0 ] && [ -z "$out" ]
	else
		[ $code -eq 1 ] && echo "$out" | grep -qF "$2"
	fi && echo "ok $n - $1" && return
	bad=1
	echo "not ok $n - $1"
	echo "$out" | sed 's/^/# /'
}

plant_nothing
expect "a tree in order passes" ""

plant_nothing
put src/base/base.h '#include "task/task.h"'
expect "an #include of an upper folder is named" "src/base/base.h: base includes task/task.h"

plant_nothing
put src/base/base.c 'int low(void); int base(void); int base(void) { return low(); }'
put src/task/low.c 'int low(void); int low(void) { return 1; }'
expect "a call of an upper folder by a prototype of its own is named" \
	"src/base/base.c: calls low of src/task/low.c, which stands after base"

plant_nothing
put src/task/low.c 'int high(void); int low(void); int low(void) { return high(); }'
put src/task/high.c 'int high(void); int high(void) { return 1; }'
expect "a call against the list of a head file is named" \
	"src/task/low.c: calls high of src/task/high.c, which stands below it"

plant_nothing
put src/task/more.c 'int more(void); int more(void) { return 1; }'
expect "a file that the list of its head does not have is named" \
	"src/task/more.c: not in the list of files of src/task"

plant_nothing
put src/other/other.c 'int other(void); int other(void) { return 1; }'
expect "a folder without a place in the line is named" \
	"src/other/other.c: its folder is not in the list"

plant_nothing
put cli/one.c 'int one(void); int two(void); int one(void) { return two(); }'
expect "files of the tool that use each other in a circle are named" \
	"cli: files use each other in a circle:"

echo "1..$n"
exit $bad
