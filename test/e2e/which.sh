#!/bin/sh
# test/e2e/which.sh - which stack a command is for, and what happens to the files of one.
. "$(dirname "$(realpath "$0")")/common.inc"

mkdir -p one/shop two/shop three
printf 'version: 1\ntasks:\n  db: {command: [sleep, "1000"]}\n' >one/shop/tend.yaml
printf 'version: 1\ntasks:\n  mail: {command: [sleep, "2000"]}\n' >two/shop/tend.yaml
printf 'version: 1\nname: other\ntasks: {\n' >three/tend.yaml

up one/shop/tend
soon in_state db running

# from FOLDER COMMAND...
from()
{
	folder=$1
	shift
	(cd "$folder" && timeout -k 1 300 "$TEND" "$@" >"$HERE/out" 2>"$HERE/err")
	CODE=$?
}

for command in "tree" "status" "logs mail" "down"; do
	# shellcheck disable=SC2086 # two words
	from two/shop $command
	is "$command beside a file of the same name is refused" "$CODE" 5
	has "$command names the file that runs" err "$HERE/one/shop/tend.yaml"
	has "$command names the file beside it" err "$HERE/two/shop/tend.yaml"
done
from two/shop up
is "up of a file of the same name is refused" "$CODE" 1
has "up names the file that runs" err "from $HERE/one/shop/tend.yaml"
has "up names its own file" err "$HERE/two/shop/tend.yaml another name"
from two/shop status --name shop
is "a name that is given decides" "$CODE" 0

for command in "tree" "status" "logs db" "down"; do
	# shellcheck disable=SC2086 # two words
	from three $command
	is "$command beside a file that is not valid is refused" "$CODE" 78
	has "$command tells the error" err "tend.yaml:"
done
from three down --json
has "also as JSON" out '"error":{"exit_code":78'
mkdir four
ln -s /nonexistent four/tend.yaml
from four down
is "down beside a file that cannot be read is refused" "$CODE" 78
from one/shop status
is "the stack still runs" "$CODE" 0

printf 'version: 1\nname: renamed\ntasks: {' >one/shop/tend.yaml
from one/shop status
is "a stack is found by its file, whatever the file says now" "$CODE" 0
printf 'version: 1\nname: renamed\ntasks:\n  db: {command: [sleep, "1000"]}\n' >one/shop/tend.yaml
from one/shop up
is "and does not run twice under two names" "$CODE" 1
has "which is told" err "running as stack shop"

ln -s ../one/shop/tend.yaml two/tend.yaml
from two status
is "a link to the file is the file" "$CODE" 0

rm -r run/tend 2>/dev/null # or the stack is quicker, and its files are there again
run "$TEND" up -f one/shop/tend.yaml
is "a stack whose files were unlinked does not start again" "$CODE" 1
check "the files are made again" soon test -S run/tend/shop.sock
soon test -s run/tend/shop.lock
from one/shop status
is "and the stack answers" "$CODE" 0
has "which it tells" log "the socket of the stack was removed"
rm run/tend/shop.sock
check "the socket alone is made again too" soon test -S run/tend/shop.sock
from one/shop down
is "down stops it" "$CODE" 0
ended
check "nothing is left" nothing_left

stack place <<'EOF'
  a: {command: [touch, started]}
EOF
for kind in lock sock; do
	echo "notes of mine" >"run/tend/place.$kind"
	run "$TEND" up -f place.yaml
	is "a file in the place of the $kind is refused" "$CODE" 78
	has "by its name ($kind)" err "run/tend/place.$kind"
	is "and is left as it is ($kind)" "$(cat "run/tend/place.$kind")" "notes of mine"
	rm "run/tend/place.$kind"
done
check "and nothing was started" test ! -e started

rm -f "$HERE/run/tend/"*
stack cron <<'EOF'
  a: {command: [sleep, "1000"]}
EOF
if [ "$(id -u)" -ne 0 ]; then
	unset XDG_RUNTIME_DIR
	mv cron.yaml tend.yaml
	sed -i "s/name: cron/name: cron-$$/" tend.yaml
	"$TEND" up >log 2>err &
	UP=$!
	UPS="$UPS $UP"
	check "without XDG_RUNTIME_DIR up runs" soon in_state a running
	is "in a private directory" "$(stat -c %a-%u "/tmp/tend-$(id -u)")" "700-$(id -u)"
	run "$TEND" down
	is "and down finds it" "$CODE" 0
	ended
fi
finish
