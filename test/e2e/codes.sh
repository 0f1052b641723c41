#!/bin/sh
# test/e2e/codes.sh - what up answers, by how its tasks end.
. "$(dirname "$(realpath "$0")")/common.inc"

# ends RULE CODE - runs the stack that standard input describes.
ends()
{
	stack s
	run "$TEND" up -f s.yaml
	is "$1" "$CODE" "$2"
}

ends "success is 0" 0 <<'END'
  a: {command: ["true"]}
END
ends "the code of a child" 7 <<'END'
  a: {shell: "exit 7", restart: temporary}
END
ends "the worst of several" 9 <<'END'
  a: {shell: "exit 7", restart: temporary}
  b: {shell: "exit 9", restart: temporary}
  c: {command: ["true"]}
END
ends "a signal is 128 and its number" 137 <<'END'
  a: {shell: "kill -9 $$", restart: temporary}
END
ends "a failure made good by a restart does not count" 0 <<'END'
  a: {shell: "[ -e again ] || { touch again; exit 5; }", restart: {delay: 50ms}}
END
ends "a code that the task calls a success is 0" 0 <<'END'
  a: {shell: "exit 5", restart: {success: [5]}}
END
ends "the code of the significant task that ended the stack" 7 <<'END'
  a: {shell: "exit 7", restart: temporary, significant: true}
  b: {shell: "trap 'exit 9' TERM; sleep 1000"}
END
ends "a significant task that is started again has not ended" 0 <<'END'
  a: {shell: "[ -e more ] || { touch more; exit 5; }", restart: {delay: 5ms}, significant: true}
  b: {shell: "exec sleep 1000"}
END
printf 'one\n' >words
stack s <<'END'
  a: {shell: "cat >copy", stdin: inherit, significant: true}
  b: {shell: "exec sleep 1000"}
END
timeout -k 1 300 "$TEND" up -f s.yaml <words >out 2>err
is "a task reads the input of up" "$?.$(cat copy)" 0.one
ends "a program that is not there is 1" 1 <<'END'
  a: {command: [sleep, "1000"]}
  b: {command: [no-such-program], needs: [a]}
END
has "it is told with the place, the task and why" err \
	"s.yaml:5:17: error: task b could not start: no-such-program:"
has "with the sentence of the error" err "No such file or directory"
has "and what had begun is stopped" out "a  canceled"
printf '#!/bin/sh\r\nexit 0\r\n' >dos
chmod +x dos
ends "a script with the ends of lines of DOS is 1" 1 <<'END'
  a: {command: [./dos]}
END
has "and says why" err "its '#!' line ends in a carriage return"
ends "a program without permission is 1" 1 <<'END'
  a: {command: [/etc/passwd]}
END
has "and says so" err "Permission denied"
ends "a directory that is not there is 1" 1 <<'END'
  a: {command: ["true"], cwd: /no/such/directory}
END
has "with the place of the directory" err "s.yaml:4:"
has "and says that it is the directory" err "could not enter the working directory"

# A tool with no guard beside it, where none is installed either.
mkdir alone
cp "$TEND" alone/tend
stack guardless <<'END'
  a: {command: [touch, began]}
END
if [ ! -e /usr/local/libexec/tend/tend-guard ]; then
	run alone/tend up -f guardless.yaml
	is "without a guard up answers 1" "$CODE" 1
	has "and says where it has looked" err "there is no tend-guard at $HERE/alone/tend-guard:/"
fi

stack limited <<'END'
  a: {command: [touch, began]}
END
# The runtime of a sanitizer may write a file of its own, and die of the limit.
if (ulimit -f 0 && exec "$TEND" --version) >/dev/null 2>&1; then
	(ulimit -f 0 && exec "$TEND" up -f limited.yaml) 2>&1 | cat >err
	has "a limit of the size of files is told with the remedy" err "ulimit -f unlimited"
	check "and nothing is started" test ! -e began
fi

stack need <<'END'
  quick: {command: ["false"], restart: temporary}
  slow: {shell: "until test -e go-on; do sleep 0.05; done; exit 3", restart: temporary}
  after-quick: {command: [touch, after-quick.began], needs: [quick], restart: temporary}
  ok: {command: ["true"], restart: temporary}
  after-ok: {command: [touch, after-ok.began], needs: [ok], restart: temporary}
  after-slow: {command: [touch, after-slow.began], needs: [slow], restart: temporary}
END
up need
check "a need that is never started again and runs has started" soon test -e after-slow.began
check "the dependant of a need that fails at once does not start" test ! -e after-quick.began
run "$TEND" status after-quick
has "which status tells" out "never started: it needs quick, which exited with code 1"
check "the dependant of a need that succeeds at once starts" soon test -e after-ok.began
touch go-on
ended

run "$TEND" nosuch
is "no such command is 2" "$CODE" 2
run "$TEND" up --nosuch
is "no such option is 2" "$CODE" 2
run "$TEND" logs
is "a missing argument is 2" "$CODE" 2
run "$TEND" down --timeout soon
is "a time that is none is 2" "$CODE" 2
run "$TEND" --version
is "--version is 0" "$CODE" 0
for command in run up down check plan tree status start stop restart cancel signal logs wait events attach completion; do
	run "$TEND" $command --help
	is "$command --help is 0" "$CODE" 0
done
for command in down tree status wait events attach; do
	run "$TEND" $command
	is "$command without a stack is 5" "$CODE" 5
	run "$TEND" $command --json
	has "$command --json then has the error" out '"error":{"exit_code":5'
done
run "$TEND" tree 999999999
is "no such process is 4" "$CODE" 4
run "$TEND" tree $$
is "a process without libtend is 4" "$CODE" 4
finish
