#!/bin/sh
# test/e2e/procfile.sh - a Procfile as it stands.
. "$(dirname "$(realpath "$0")")/common.inc"
unset PORT
mkdir shop && cd shop || exit 1
cat >Procfile <<'END'
# The programs.
web: echo "$PORT $PS $A $B $OUTER"; touch web.began; exec sleep 1000

worker: echo "$PORT"; pwd; until test -e go-on; do sleep 0.05; done; exit 3
END
printf 'A=1\nB="x y"\n' >.env
OUTER=outer "$TEND" up -f Procfile >log 2>err &
UP=$!
UPS="$UPS $UP"
soon in_state worker running
soon grep -q 'web    | ' log
has "a task has its port and its variables" log "web    | 5000 web.1 1 x y outer"
has "the next has the next port" log "worker | 5100"
has "and begins in the directory of the file" log "worker | $HERE/shop"
touch go-on
check "a failure is started again" soon grep -q "exited with code 3; restart 1 in " log
mkdir ../other && cd ../other || exit 1
printf 'version: 1\nname: other\ntasks: {a: {command: [sleep, 1000]}}\n' >tend.yaml
"$TEND" up >log 2>err &
other=$!
UPS="$UPS $other"
soon in_state a running
cd ../shop || exit 1
run "$TEND" down
has "in its directory a command is for the stack of the Procfile" out "shop: stopped"
ended
run "$TEND" down --name other
UP=$other
ended

run "$TEND" check -f Procfile
is "the file has no error" "$CODE" 0
has "it has the port" out '    env: {PORT: "5000", PS: web.1}'
has "and the names of .env" out "# and in each env, from .env: A, B"
check "but not the values" test "$(grep -c 'x y' out)" = 0
cp out means.yaml
"$TEND" check -f Procfile --json 2>err | sed 's/.*"tasks":\(.*\),"order".*/\1/; s/,"line":[0-9]*,"column":[0-9]*//g; s/"env":\["A","B",/"env":[/g' >of-procfile
"$TEND" check means.yaml --json 2>err | sed 's/.*"tasks":\(.*\),"order".*/\1/; s/,"line":[0-9]*,"column":[0-9]*//g' >of-yaml
check "what it prints means the same" cmp of-procfile of-yaml
run "$TEND" up
has "without a tend.yaml up names the Procfile" err "run this with -f Procfile"
printf 'web: x\nworker\n' >Procfile.dev
run "$TEND" up -f Procfile.dev
is "an error is 78" "$CODE" 78
has "with its place" err "Procfile.dev:2:1: error: 'worker' is no line NAME: COMMAND"
mkdir .env.d && rm .env && mkdir .env
run "$TEND" check -f Procfile
has "an .env that cannot be read is an error" err ".env: it is a directory"
rmdir .env
PORT=8000 run "$TEND" check -f Procfile
has "the first port may come from the environment" out 'PORT: "8100", PS: worker.1'
finish
