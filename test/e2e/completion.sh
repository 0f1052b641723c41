#!/bin/sh
# What bash completes: the commands, options and tasks that the tool itself names.
completion=$(cd "$(dirname "$0")/../.." && pwd)/tools/tend.bash
. "$(dirname "$0")/common.inc"

# completed WORD... - the candidates for the last word of a line that begins with tend.
completed()
{
	bash -c 'source "$1"
	shift
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_tend "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	echo "${COMPREPLY[*]}"' completion "$completion" "$TEND" "$@"
}

is "commands" "$(completed s)" "status"
is "every command" "$(completed '')" "$("$TEND" --help | sed -n '/^Commands:/,/^$/s/^  *\([a-z]*\) .*/\1/p' | xargs)"
is "options of a command" "$(completed logs --j)" "--json"
is "options of the tool" "$(completed --v)" "--version"
is "no option that a command does not have" "$(completed check --socket)" ""
is "no task without a stack" "$(completed logs '')" ""
stack many <<'END'
  first: {command: [sleep, 1000]}
  second: {command: [sleep, 1000]}
END
up many
soon in_state second running
is "tasks" "$(completed logs '')" "first second"
is "a task after an option" "$(completed status --json s)" "second"
run "$TEND" down
ended
finish
