#!/bin/sh
# The folders of src/ form a line: each includes what stands before it, never
# after. Prints what breaks it.
cd "$(dirname "$0")/../src" || exit 1
LAYERS="base platform segment task runtime scope sync io kinds registry supervise inspect open"
bad=0

level() {
	n=0
	for layer in $LAYERS; do
		n=$((n + 1))
		[ "$layer" = "$1" ] && break
	done
	echo $n
}

for file in $(find . -name '*.[ch]' | sort); do
	own=$(echo "$file" | cut -d/ -f2)
	for used in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file" | sort -u); do
		case " $LAYERS " in
		*" $used "*) ;;
		*) continue ;; # tend/, or a folder of its own
		esac
		if [ "$(level "$used")" -gt "$(level "$own")" ]; then
			echo "src/${file#./}: $own includes $used, which stands after it"
			bad=1
		fi
	done
done
exit $bad
