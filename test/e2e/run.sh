#!/bin/sh
# test/e2e/run.sh - one program in the place of the tool.
. "$(dirname "$(realpath "$0")")/common.inc"

# begin COMMAND... - runs it in the background: output in log and err, $UP is its pid. The
# signals that a shell ignores in the background are as in the foreground.
begin()
{
	rm -f log err
	env --default-signal=HUP,INT,QUIT "$TEND" run "$@" >log 2>err &
	UP=$!
	UPS="$UPS $UP"
}

# ---- What it hands on ----

run "$TEND" run -- sh -c 'echo out; echo err >&2; exit 7'
is "the exit code is the program's" "$CODE" 7
is "so is the output" "$(cat out)" out
is "and the other output" "$(cat err)" err
run "$TEND" run sh -c 'kill -9 $$'
is "a signal is 128 and its number" "$CODE" 137
run "$TEND" run -- echo -n -- --name
is "the options of the program are its own" "$(cat out)" "-- --name"
head -c 300000 /dev/urandom >bytes
"$TEND" run cat <bytes 2>err | cmp - bytes >out
is "input and output are handed on byte for byte" "$?" 0
"$TEND" run --logs cat <bytes 2>err | cmp - bytes >out
is "also when the output is kept" "$?" 0
"$TEND" run --logs sh -c 'echo a; echo b >&2' >out 2>err
is "which keeps the streams apart" "$(cat out) $(cat err)" "a b"
X=outer Y=outer run "$TEND" run -e X=1 --env Z= -C / -- sh -c 'echo "$X $Y ${Z-unset} $PWD"; pwd'
is "the environment is handed on, and a directory is the program's PWD" \
	"$(xargs <out)" "1 outer / /"
mkdir real && ln -s real link
(cd link && PWD=$HERE/link "$TEND" run -- sh -c 'pwd') >out
is "a directory keeps the name by which the user came" "$(cat out)" "$HERE/link"
"$TEND" run true >&- 2>&- <&-
is "with all three streams closed it runs" $? 0
"$TEND" run yes 2>err | head -n 1 >out
"$TEND" run --logs yes 2>err | head -n 1 >out
ok "a program whose reader leaves ends"
if command -v script >/dev/null; then
	script -qec "'$TEND' run -- sh -c 'test -t 0 && test -t 1 && test -t 2 && stty size && tty'" \
		/dev/null </dev/null >out 2>err
	has "a terminal is the program's" out "/dev/pts/"
fi

# ---- What cannot run ----

run "$TEND" run nosuch
is "a program that is not there is 127" "$CODE" 127
has "and is told" err "could not find the program: No such file or directory"
run "$TEND" run /etc/passwd
is "one that cannot be run is 126" "$CODE" 126
printf '#!/bin/sh\r\nexit 0\r\n' >dos
chmod +x dos
run "$TEND" run ./dos
has "a script with the ends of lines of DOS is told" err "ends in a carriage return"
run "$TEND" run -C /no/such/directory true
is "a directory that is not there is 1" "$CODE" 1
has "and is told" err "cannot enter /no/such/directory: No such file or directory"
for wrong in '' '--restart always -- true' '--retries 3 true' '--env X true' '--env =X true' \
	'--stop-signal NO true' '--delay soon true' '--retries x -r transient true' '--name 1x true' \
	'-r transient --delay 2s --max-delay 1s true' '--nosuch'; do
	# shellcheck disable=SC2086
	run "$TEND" run $wrong
	is "wrong use is 2: $wrong" "$CODE" 2
done
run "$TEND" run --restart always true
has "with the word that was meant" err "did you mean 'permanent'?"

# ---- Signals ----

cat >report.sh <<'END'
for s in HUP INT QUIT TERM USR1 USR2; do trap "echo $s" $s; done
trap 'exit 9' WINCH
echo ready
while :; do sleep 0.02; done
END
cat >want <<'END'
ready
HUP
INT
QUIT
USR1
USR2
TERM
END
# signals RULE - sends each to $1 and waits until the program has said so.
signals()
{
	soon grep -q ready log
	for signal in HUP INT QUIT USR1 USR2 TERM; do
		kill -s $signal "$1"
		soon grep -q "^$signal\$" log
	done
	kill -s WINCH "$1"
}
begin sh report.sh
signals "$UP"
ended
is "every signal reaches the program" "$(grep -c . log)" "$(grep -c . want)"
check "and no other does" diff want log
is "and does not end the tool" "$CODE" 9

begin -r permanent --delay 10ms -- sh -c 'echo up; exec sleep 1000'
soon grep -q up log
kill -s INT "$UP"
ended
is "after Ctrl-C a program is not started again" "$(cat log)" up
is "and the tool dies of it, so that a script ends" "$CODE" 130
begin -r permanent --delay 10ms -- sh -c 'echo up; exec sleep 1000'
soon grep -q up log
kill -s HUP "$UP"
ended
is "nor after a hangup that ends it" "$(cat log)" up
begin --stop-signal USR1 -- sh -c 'trap "exit 5" USR1; echo up; while :; do sleep 0.02; done'
soon grep -q up log
kill "$UP"
ended
is "a stop uses the signal of the program" "$CODE" 5
begin --logs -- sh -c 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.02; done'
soon grep -q up log
kill "$UP"
ended
is "the last words of a program that is stopped are copied, too" "$(xargs <log)" "up bye"
begin --stop-timeout 100ms -- sh -c 'trap "" TERM; echo up; while :; do sleep 0.02; done'
soon grep -q up log
kill "$UP"
ended
is "and kills it when its time is over" "$CODE" 137
begin sh -c 'sleep 1000 & echo $!; exec sleep 1000'
soon grep -q . log
kill -KILL "$UP"
ended
check "kill -9 of the tool leaves nothing" soon dead "$(cat log)"

# ---- The first process of a container ----

if unshare -Urpf --mount-proc true 2>/dev/null; then
	rm -f log
	env --default-signal=HUP,INT,QUIT unshare -Urpf --mount-proc "$TEND" run sh report.sh >log 2>err &
	UP=$!
	UPS="$UPS $UP"
	soon grep -q ready log
	signals "$(cat "/proc/$UP/task/$UP/children")"
	ended
	check "as process 1 it hands every signal on" diff want log
	is "and has the program's code" "$CODE" 9
	# An orphan of a process that the program has not started falls to process 1.
	rm -f log
	unshare -Urpf --mount-proc "$TEND" run sh -c \
		'echo up; until test -e reaped; do sleep 0.02; done' >log 2>err &
	UP=$!
	UPS="$UPS $UP"
	soon grep -q up log
	init=$(cat "/proc/$UP/task/$UP/children")
	if nsenter -t "${init% }" -U -p -m --preserve-credentials true 2>/dev/null; then
		nsenter -t "${init% }" -U -p -m --preserve-credentials sh -c 'sleep 0.1 & exit'
		no_zombie()
		{
			[ "$(cat /proc/*/stat 2>/dev/null | grep -c "Z ${init% } ")" = 0 ] &&
				! grep -l "^PPid:[[:space:]]${init% }\$" /proc/[0-9]*/status 2>/dev/null |
				xargs grep -h '^Name:' 2>/dev/null | grep -q sleep
		}
		check "as process 1 it reaps orphans" soon no_zombie
	else
		ok "as process 1 it reaps orphans # SKIP nsenter is not allowed"
	fi
	touch reaped
	ended
else
	ok "as process 1 # SKIP unshare -Urpf is not allowed here"
fi
begin sleep 1000
chmod 500 run
run "$TEND" run echo out
chmod 700 run
is "with a directory for sockets that exists it runs" "$(cat out)" out
kill "$UP"
ended
if [ "$(id -u)" != 0 ]; then
	chmod 500 run && rm -rf run/tend
	run "$TEND" run echo out
	is "without a directory for sockets it runs, too" "$(cat out)" out
	has "and says that no command finds it" err "no other command will find this program"
	chmod 700 run
fi
: >plain
XDG_RUNTIME_DIR=$HERE/plain run "$TEND" run echo out
is "where there can be no socket it runs, too" "$CODE $(cat out)" "0 out"
has "and says that no command finds it" err "no other command will find this program"
XDG_RUNTIME_DIR=$HERE/plain run "$TEND" run --name x echo out
is "but not with a name" "$CODE $(cat out)" "78 "

# ---- Restarts ----

run "$TEND" run -r transient --delay 20ms --max-delay 30ms --retries 3 -- sh -c 'echo a; exit 3'
is "retries are restarts" "$(grep -c a out)" 4
is "the code is that of the last attempt" "$CODE" 3
has "each restart is told" err "exited with code 3; restart 1 in 20ms"
has "the delay doubles up to its limit" err "restart 3 in 30ms"
has "and so is the last failure" err "not started again after 4 failures"
run "$TEND" run --restart transient --retries 1 --delay 1ms --ready 1 --ready-timeout 100ms \
	-- sleep 1000
is "a program that is not ready in time is stopped" "$CODE" 143
has "and why is told" err "not ready within 100ms: tcp:127.0.0.1:1: "
run "$TEND" run --ready 1 --ready-timeout 100ms -- sleep 1000
has "also of a program that runs once" err "not ready within 100ms: tcp:127.0.0.1:1: "
for wrong in '--ready x true' '--ready https://127.0.0.1 true' '--ready-timeout 1s true' \
	'--jitter big true' '--factor 0.5 true' '--factor 2 true'; do
	# shellcheck disable=SC2086
	run "$TEND" run $wrong
	is "wrong usage: run $wrong" "$CODE" 2
done
# retried ARGUMENT... - how often a program runs that fails until the fourth time.
retried()
{
	rm -f runs
	"$TEND" run -r transient --delay 1ms --retries 1 "$@" -- \
		sh -c 'echo >>runs; sleep 0.1; test "$(wc -l <runs)" = 4' 2>err
	wc -l <runs
}
is "a short attempt makes up for no failure" "$(retried)" 2
is "a long attempt makes up for all before" "$(retried --reset-after 50ms)" 4
is "with 0 none does" "$(retried --reset-after 0)" 2
run "$TEND" run -r transient --delay 10ms -- sh -c 'test -e again || { touch again; exit 5; }'
is "a failure made good is a success" "$CODE" 0

# ---- A stack like any other ----

begin sleep 1000
first=$UP
soon in_state sleep running
run "$TEND" tree
has "tree shows it" out "sleep  process  running"
run "$TEND" status sleep
has "status too" out "defined at  tend run"
run "$TEND" logs sleep
is "logs has nothing" "$CODE" 1
has "and says why" err "tend run --logs keeps it"
begin sleep 1000
soon test -e run/tend/sleep-2.sock
ok "a second program of the same name has a number"
run "$TEND" run --name sleep true
is "a name that runs is refused" "$CODE" 1
has "with the remedy" err "tend down --name sleep"
run "$TEND" down --name sleep-2
ended
is "down ends it, and its code is the program's" "$CODE" 143
UP=$first
run "$TEND" down
ended
begin --logs --name kept -- sh -c 'echo a; exec sleep 1000'
soon grep -q a log
run "$TEND" logs kept
has "with --logs the output is there" out "==> kept/kept, attempt 1 <=="
has "and is shown as well" log a
run "$TEND" down --name kept
ended
begin -r transient --delay 1000s --name waits -- sh -c 'exit 3'
soon in_state waits backoff
kill "$UP"
ended
is "a stop ends the wait for a restart" "$CODE" 3
run "$TEND" run -- "$(printf '/bin/ls\377')"
is "a name that is no text is no trouble" "$CODE" 127
check "nothing is left" nothing_left
finish
