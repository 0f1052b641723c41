#!/bin/sh
# test/e2e/service.sh - the main() of a daemon: signals, and the words of a service manager.
. "$(dirname "$(realpath "$0")")/common.inc"

if ! python3 -c 'pass' 2>/dev/null; then
	echo "1..0 # SKIP there is no python3"
	exit 0
fi
PHASES="$(dirname "$TEND")/test/phases"
DAEMON="${TEND_EXAMPLES:?is the folder of the examples}/daemon"

# Writes each message to `notes`, its lines joined by spaces.
cat >manager.py <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\0"))
notes = open("notes", "a", buffering=1)
print("listening", file=notes)
while True:
    print(" ".join(s.recv(4096).decode().split("\n")), file=notes)
END

# manager ADDRESS
manager()
{
	: >notes
	python3 manager.py "$1" &
	MANAGER=$!
	UPS="$UPS $MANAGER"
	soon grep -q listening notes
}

# begin [ARGUMENT...] - the daemon in the background: $UP is its pid.
begin()
{
	: >log
	env --default-signal=HUP,INT,QUIT "$DAEMON" "$@" >log 2>err &
	UP=$!
	UPS="$UPS $UP"
}

count() # WORD: how many messages have it
{
	grep -cF -- "$1" notes
}

at_least() # N WORD
{
	[ "$(count "$2")" -ge "$1" ]
}

# ---- A life ----

echo 5 >step
manager "$HERE/manager"
export NOTIFY_SOCKET="$HERE/manager"
WATCHDOG_USEC=200000 begin step
soon grep -q READY=1 notes
is "the service says what it does before it is ready" \
	"$(grep -e STATUS=s -e READY notes | head -n 2 | tr -d '\n')" "STATUS=steps of 5READY=1 STATUS= "
check "and a sign of life follows the other" soon at_least 3 WATCHDOG=1
has "each phase asks for its time" notes "EXTEND_TIMEOUT_USEC=35000000"
kill -QUIT "$UP"
check "SIGQUIT shows the tree" soon grep -q 'counter' err
echo 7 >step
kill -HUP "$UP"
soon grep -q 'steps of 7' notes
soon at_least 2 READY=1
is "SIGHUP is a reload" "$(grep -c 'RELOADING=1 MONOTONIC_USEC=[0-9]' notes)" 1
echo nothing >step
kill -HUP "$UP"
check "a reload that fails is told" soon grep -q "STATUS=reload failed: step has no number" notes
has "also on standard error" err "daemon: reload failed: step has no number above 0"
kill -TERM "$UP"
ended
is "SIGTERM is a clean end" "$CODE" 0
has "with its reason" log "stopped: SIGTERM, at "
check "the manager is told of the stop" soon grep -q 'STOPPING=1 EXTEND_TIMEOUT_USEC=10000000' notes
kill "$MANAGER"

manager "@tend-e2e-$$"
NOTIFY_SOCKET="@tend-e2e-$$" begin
check "a socket may have no file" soon grep -q READY=1 notes
kill -INT "$UP"
ended
has "SIGINT ends the service, too" log "stopped: SIGINT"
is "cleanly" "$CODE" 0
is "nobody watches who has not asked for it" "$(count WATCHDOG)" 0
kill "$MANAGER"

# ---- What fails ----

NOTIFY_SOCKET="$HERE/manager" begin
ended_by_term()
{
	soon grep -q counting log
	kill -TERM "$UP"
	ended
}
ended_by_term
has "a manager that is gone is told" err "daemon: NOTIFY_SOCKET cannot be used: Connection refused"
is "and the service runs all the same" "$CODE" 0
unset NOTIFY_SOCKET
begin nothing-there
ended
is "a start that fails is 1" "$CODE" 1
is "and says why" "$(cat err)" "daemon: pre_start failed: nothing-there has no number above 0"

phases() # PLAN CODE ORDER
{
	run "$PHASES" $1
	is "the exit code after $1" "$CODE" "$2"
	is "and its phases" "$(xargs <out)" "$3"
}
phases run=code 3 "pre_start on_start run on_stop post_stop"
phases run=fail 1 "pre_start on_start run on_stop post_stop"
phases run=panic 70 "pre_start on_start run on_stop post_stop"
phases pre_start=panic 70 "pre_start"
phases on_start=fail 1 "pre_start on_start post_stop"
phases on_stop=fail 1 "pre_start on_start run on_stop post_stop"

# ---- Signals that hurry ----

# in_phase PHASE PLAN - the service in the background, in that phase.
in_phase()
{
	: >log
	"$PHASES" "$2" >log 2>err &
	UP=$!
	UPS="$UPS $UP"
	soon grep -q "$1" log
}

in_phase on_start on_start=wait
kill -TERM "$UP"
ended
is "a signal ends a start" "$CODE $(xargs <log)" "0 pre_start on_start post_stop"
in_phase run run=wait
kill -HUP "$UP"
ended
is "SIGHUP without a hook is a stop" "$CODE $(xargs <log)" "0 pre_start on_start run on_stop post_stop"

# again - a later wish, because the service has told of the stop.
again()
{
	soon grep -q STOPPING=1 notes
	sleep 1.1
	kill -TERM "$UP"
}

manager "$HERE/hurry"
export NOTIFY_SOCKET="$HERE/hurry"
in_phase on_stop on_stop=wait
kill -TERM "$UP"
again
ended
is "a signal in a stop ends its hooks" "$CODE $(xargs <log)" \
	"0 pre_start on_start run on_stop post_stop"
: >notes
in_phase run run=stay
kill -TERM "$UP"
again
ended
is "and the wait for what stays" "$CODE" 1
has "which is named" err "run did not return"
has "with the report" err "  fiber  cancel"
in_phase on_stop on_stop=stay
until dead "$UP"; do
	kill -TERM "$UP"
	sleep 1.1
done
ended
is "a third ends the process" "$CODE" 143
unset NOTIFY_SOCKET
kill "$MANAGER"

# ---- Under tend ----

stack s <<END
  d: {command: ["$DAEMON", step], ready: {notify: sd}, alive: {notify: sd, timeout: 300s}}
END
echo 3 >step
up s
check "tend up is a service manager" soon grep -q 'ready after' log
run "$TEND" down --name s
ended
is "which stops the service" "$CODE" 0
has "as it asks for" log "stopped: SIGTERM"

check "nothing is left" nothing_left
finish
