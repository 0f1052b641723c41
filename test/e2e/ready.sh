#!/bin/sh
# test/e2e/ready.sh - tasks that show that they are ready and alive, and tasks that wait for this.
. "$(dirname "$(realpath "$0")")/common.inc"

# The server takes any free port.
cat >server.py <<'END'
import http.server, os, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if os.path.exists("healthy") else 503)
        self.end_headers()
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
open("port.new", "w").write(str(server.server_port))
os.rename("port.new", "port")
server.serve_forever()
END

if ! python3 -c 'pass' 2>/dev/null; then
	echo "1..0 # SKIP there is no python3"
	exit 0
fi
python3 server.py &
SERVER=$!
UPS="$UPS $SERVER"
soon test -e port
PORT=$(cat port)

cat >notify.py <<'END'
import os, socket, time
path = os.environ["NOTIFY_SOCKET"]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b"STATUS=loading", path)
if os.path.exists("again"):
    print("second attempt", flush=True)
    time.sleep(1000)
s.sendto(b"STATUS=serving\nREADY=1\nUNKNOWN=1\n", path)
open("again", "w")
for i in range(20):
    s.sendto(b"READY=1", path)
os.kill(os.getpid(), 9)
END

stack ready <<END
  http: {command: [sleep, "1000"], ready: {http: "http://127.0.0.1:$PORT/x", every: 20ms, timeout: 5m}}
  tcp: {command: [sleep, "1000"], ready: {tcp: "127.0.0.1:$PORT", every: 20ms}}
  log: {shell: "until test -e go-log; do sleep 0.02; done; echo listening on 5; exec sleep 1000", ready: {log: 'listening on [0-9]+'}}
  exec: {command: [sleep, "1000"], ready: {exec: [test, -e, go-exec], every: 20ms}}
  never: {command: [sleep, "1000"], ready: {exec: ["false"], every: 10ms, timeout: 100ms}, restart: {delay: 1ms, retries: 1}}
  mute: {command: [sleep, "1000"], alive: {log: beat, timeout: 100ms}, restart: {delay: 1ms, retries: 1}}
  job: {shell: "until test -e go-job; do sleep 0.02; done"}
  notify: {command: [python3, notify.py], ready: {notify: sd}, restart: {delay: 1ms, retries: 1}}
  fd: {shell: "until test -e go-fd; do sleep 0.02; done; echo nearly >&2; echo >&\$NOTIFY_FD; exec sleep 1000", ready: {notify: fd}}
  silent: {shell: "printf ready >&3; exec sleep 1000", ready: {notify: fd, timeout: 100ms}, restart: temporary}
  g: {shell: "touch g-began; exec sleep 1000", needs: {fd: ready}}
  f: {shell: "touch f-began; exec sleep 1000", needs: {notify: ready}}
  a: {shell: "touch a-began; exec sleep 1000", needs: [http, tcp]}
  b: {shell: "touch b-began; exec sleep 1000", needs: {log: ready, exec: ready}}
  c: {shell: "touch c-began; exec sleep 1000", needs: {exec: started}}
  d: {shell: "touch d-began; exec sleep 1000", needs: {never: ready}}
  e: {shell: "touch e-began; exec sleep 1000", needs: {job: completed}}
END
waits() { "$TEND" wait --for "$1" -t 300s "ready/$2" >out 2>err; }

up ready
check "a need that has started is enough where the file says so" soon waits started c
waits ended never
is "an attempt that is not ready in time has failed" $? 3
has "why is told" err "not ready within 100ms: "
waits ended d
is "a task that needs it ready never starts" $? 3
waits ended mute
is "an attempt without a sign of life has failed" $? 3
has "which sign is told" err "no sign of life for 100ms: no line of its output matched beat"
check "a connection is enough" waits ready tcp
"$TEND" wait --for ready -t 50ms ready/http >out 2>err
is "a URL that answers 503 is not ready" $? 124
has "the answer is told" err "not ready: http://127.0.0.1:$PORT/x: the answer is 503"
check "and nobody who needs it has started" test ! -e a-began
"$TEND" status ready/a >out 2>&1
has "what it waits for is told" out "needs http ready"
touch healthy
check "a URL that answers 200 is ready" waits ready http
check "and the task that needs it starts" soon test -e a-began
touch go-exec
check "a program that ends with 0 is enough" waits ready exec
check "one of two needs is not" test ! -e b-began
touch go-log
check "a line of the output is enough" waits ready log
check "both needs are" soon test -e b-began
check "a need that has not completed holds a task" test ! -e e-began
touch go-job
check "its success lets it go" soon test -e e-began
check "a message is enough" soon test -e f-began
waits ended silent
is "a descriptor without a newline is not enough" $? 3
has "what was awaited is told" err "not ready within 100ms: no newline came on descriptor 3"
check "a task that needs it has not started" test ! -e g-began
touch go-fd
check "a newline is enough" waits ready fd
check "the task that needs it starts" soon test -e g-began
check "the attempt that sent it is over" soon grep -q 'notify *| second attempt' log
is "and its messages say nothing of the next" "$(grep -c 'notify *\* ready after' log)" 1
"$TEND" down >out 2>err
ended
is "probes do not outlive the stack" "$CODE" 0

# The detached one returns when all is ready.
stack late <<'END'
  a: {shell: "touch began; until test -e go-a; do sleep 0.02; done; echo up; exec sleep 1000", ready: {log: '^up$'}}
END
"$TEND" up --detach -f late.yaml >log 2>&1 &
DETACHED=$!
UPS="$UPS $DETACHED"
soon test -e began
check "a detached stack is not there before it is ready" kill -0 "$DETACHED"
touch go-a
wait "$DETACHED"
is "and then it is" $? 0
"$TEND" down --name late >/dev/null 2>&1

finish
