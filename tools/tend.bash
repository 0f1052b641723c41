# Completion of `tend` in bash. Commands, options and tasks are those that `tend` itself names.
_tend()
{
	local cur=$2 prev=$3 command='' word words='' i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		[[ $word == -* ]] || { command=$word && break; }
	done
	case $prev in
	-f | --file | -s | --socket)
		compopt -o default 2>/dev/null
		return
		;;
	esac
	if [[ -z $command ]]; then
		words=$("$1" --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  *\([a-z-][a-z-]*\) .*/\1/p')
		[[ $cur != -* ]] || words=--help\ --version
	elif [[ $cur == -* ]]; then
		words=$("$1" "$command" --help 2>/dev/null |
			sed -n 's/^  \{1,\}\(-., \)\{0,1\}\(--[a-z-]*\).*/\2/p')
	elif [[ $command == status || $command == logs ]]; then
		words=$("$1" status --json 2>/dev/null | grep -o '"path":"[^"]*"' | sed 's/.*[/"]\([^"]*\)"$/\1/')
	else
		compopt -o default 2>/dev/null
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _tend tend
