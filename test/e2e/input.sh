#!/bin/sh
# test/e2e/input.sh - files and directories that are not as they should be: a
# clear error, and nothing is started.
. "$(dirname "$(realpath "$0")")/common.inc"

# refused RULE TEXT - up of bad.yaml answers 78 and the text.
refused()
{
	rm -f started
	run "$TEND" up -f bad.yaml
	is "$1: 78" "$CODE" 78
	has "$1: $2" err "$2"
	check "$1: nothing is started" test ! -e started
}

start='  a: {command: [touch, started]}'

printf 'version: 1\nname: s\ntasks:\n%s\n  b: {comand: [x]}\n' "$start" >bad.yaml
refused "an unknown key" "unknown key 'comand' (did you mean 'command'?)"
printf 'version: 1\nname: s\ntasks:\n%s\n  b: {command: 7}\n' "$start" >bad.yaml
refused "a wrong type" "bad.yaml:5:"
printf 'version: 1\nname: s\ntasks:\n%s\n%s\n' "$start" "$start" >bad.yaml
refused "a name twice" "bad.yaml:5:"
printf 'version: 1\nname: s\ntasks:\n%s\n  b: {command: [x], needs: [c]}\n  c: {command: [x], needs: [b]}\n' \
	"$start" >bad.yaml
refused "a cycle" "bad.yaml:"
printf 'version: 1\nname: s\ntasks:\n%s\n  b: {command: ["\377"]}\n' "$start" >bad.yaml
refused "invalid UTF-8" "bad.yaml:5:"
printf 'version: 1\nname: s\ntasks:\n%s\n  "b\\e": {command: [x]}\n' "$start" >bad.yaml
refused "control characters in a name" "bad.yaml:5:"
{
	printf 'version: 1\nname: s\ntasks:\n%s\n# ' "$start"
	head -c 10000000 /dev/zero | tr '\0' x
} >bad.yaml
refused "a file of 10 MB" "bad.yaml"
rm bad.yaml
refused "a missing file" "there is no such file"
: >bad.yaml
refused "an empty file" "bad.yaml"

stack good <<END
$start
END
rm -f started
export XDG_RUNTIME_DIR="$HERE/missing"
run "$TEND" up -f good.yaml
is "a missing runtime directory: 78" "$CODE" 78
has "a missing runtime directory: the remedy" err "set XDG_RUNTIME_DIR"
: >file
export XDG_RUNTIME_DIR="$HERE/file"
run "$TEND" up -f good.yaml
is "a runtime directory that is a file: 78" "$CODE" 78
mkdir -p open/tend
chmod 777 open/tend
export XDG_RUNTIME_DIR="$HERE/open"
run "$TEND" up -f good.yaml
is "a runtime directory that is open to others: 78" "$CODE" 78
has "a runtime directory that is open to others: the remedy" err "chmod 700"
export XDG_RUNTIME_DIR="relative"
run "$TEND" up -f good.yaml
is "a runtime directory that is not absolute: 78" "$CODE" 78
check "nothing was started" test ! -e started
if [ "$(id -u)" -ne 0 ]; then
	mkdir -m 500 closed
	export XDG_RUNTIME_DIR="$HERE/closed"
	run "$TEND" up -f good.yaml
	is "an unwritable runtime directory: 78" "$CODE" 78
fi
finish
