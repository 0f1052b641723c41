#!/bin/sh
# What the shells complete: the commands, options and arguments of the tables of the tool, and
# the stacks and tasks that run.
. "$(dirname "$0")/common.inc"
for shell in bash zsh fish; do
	run "$TEND" completion $shell
	cp out "tend.$shell"
done
mkdir bin && ln -s "$TEND" bin/tend
commands=$("$TEND" --help | sed -n '/^Commands:/,/^$/s/^  *\([a-z]*\) .*/\1/p' | xargs)
stack many <<'END'
  first: {command: [sleep, 1000]}
  second: {command: [sleep, 1000]}
END

# completed WORD... - the candidates for the last word of a line that begins with tend.
completed()
{
	bash -c 'source "$1"
	shift
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_tend "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	echo "${COMPREPLY[*]}"' completion ./tend.bash "$TEND" "$@"
}

is "bash: commands" "$(completed stat)" status
is "bash: every command" "$(completed '')" "$commands"
is "bash: options of a command" "$(completed logs --j)" --json
is "bash: options of the tool" "$(completed --v)" --version
is "bash: no option that a command does not have" "$(completed check --socket)" ""
is "bash: words of an option" "$(completed run --restart per)" permanent
is "bash: words behind a =" "$(completed run --restart = t)" "temporary transient"
is "bash: a signal" "$(completed run --stop-signal WIN)" WINCH
is "bash: no option behind the program" "$(completed run -r permanent cat --j)" ""
is "bash: no option as the value of one" "$(completed run --env --j)" ""
is "bash: a program" "$(PATH=$PWD/bin:$PATH completed run -- ten | xargs -n 1 | sort -u | grep -x tend)" tend
is "bash: shells" "$(completed completion '')" "bash zsh fish"
is "bash: no task without a stack" "$(completed logs '')" ""
up many
soon in_state second running
is "bash: tasks" "$(completed logs '')" "first second"
is "bash: a task after an option" "$(completed status --json s)" second
is "bash: a task of a stack" "$(completed status --name many f)" first
is "bash: a second task" "$(completed signal -s HUP first s)" second
is "bash: none of another" "$(completed status --name other f)" ""
is "bash: stacks" "$(completed down --name '')" many
is "bash: stacks behind a =" "$(completed down --name = '')" many

if command -v fish >/dev/null; then
	completed()
	{
		env PATH="$PWD/bin:$PATH" HOME="$PWD" fish -c "source tend.fish; complete -C '$1'" 2>err |
			cut -f 1 | sort | xargs
	}
	is "fish: commands" "$(completed 'tend stat')" status
	is "fish: every command" "$(completed 'tend ')" "$(echo "$commands" | xargs -n 1 | sort | xargs)"
	is "fish: options" "$(completed 'tend logs --j')" --json
	is "fish: words of an option" "$(completed 'tend run --restart per')" permanent
	is "fish: tasks" "$(completed 'tend logs ')" "first second"
	is "fish: a task of a stack" "$(completed 'tend status --name many f')" first
	is "fish: stacks" "$(completed 'tend down --name ')" many
	is "fish: it writes nothing else" "$(cat err)" ""
else
	ok "fish # SKIP there is no fish"
fi

if command -v zsh >/dev/null; then
	mkdir functions && cp tend.zsh functions/_tend
	# Writes to the file "got" what the line is after a Tab.
	cat >ask.zsh <<'END'
zmodload zsh/zpty
export PATH=$PWD/bin:$PATH TERM=xterm
rm -f got
zpty z "zsh -f -i"
zpty -w z "fpath=($PWD/functions \$fpath); autoload -Uz compinit; compinit -D -u"
zpty -w z 'dump() { print -r -- "$BUFFER" >new; mv new got }; zle -N dump; bindkey "^X" dump'
zpty -w z 'echo REA""DY'
zpty -r -m z line '*READY*'
zpty -w -n z "$1"$'\t\x18'
until [[ -e got ]]; do zpty -r -t z line || sleep 0.05; done
END
	# makes RULE LINE WANT - what zsh makes of the line.
	makes()
	{
		timeout 300 zsh -f ask.zsh "$2" >out 2>err
		is "zsh: $1" "$(cat got)" "$3"
	}
	check "zsh: it can be read" zsh -n tend.zsh
	makes "a command" "tend stat" "tend status "
	makes "an option" "tend check --j" "tend check --json "
	makes "an option with a value" "tend run --rest" "tend run --restart="
	makes "its words" "tend run --restart per" "tend run --restart permanent "
	makes "a task" "tend logs f" "tend logs first "
	makes "a task of a stack" "tend status -n many s" "tend status -n many second "
	makes "a stack" "tend down --name m" "tend down --name many "
	makes "a folder" "tend run -C func" "tend run -C functions/"
else
	ok "zsh # SKIP there is no zsh"
fi
run "$TEND" completion powershell
is "another shell is wrong use" "$CODE" 2
run "$TEND" completion
has "and so is none" err "which shell? bash, zsh or fish"
"$TEND" completion bash >/dev/full 2>err
is "a script that cannot be written is an error" "$?" 1
run "$TEND" down
ended
finish
