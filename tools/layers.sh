#!/bin/sh
# layers.sh [ROOT [BUILD]] - the folders of src/ form a line: each uses what stands
# before it, never after. Symbols of the built objects are the proof, because a
# prototype written by hand needs no #include. Prints what breaks a rule:
#
#   - a file includes, or calls, something of a folder that stands after its own, in
#     the order of the list in src/meson.build;
#   - a folder's head file lists its files (a comment line "Files, each uses only
#     those above it:" and a line "NAME.c  what it is" for each), and a file uses one
#     that stands below it in the list, or is not in the list;
#   - files of src/, of cli/ or of guard/ use each other in a circle.
#
# An upward call that is meant goes through a hook: a pointer in the lower layer that
# the upper one fills. The one exception is tend__step(), which every atomic operation
# of the simulated build calls.
ROOT=${1:-$(dirname "$0")/..}
BUILD=${2:-${BUILD:-build}}
cd "$ROOT" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The folders, each once, in their order.
LAYERS=$(sed -n "/^folders *=/,/\]/p; /^sim_sources/,/^endforeach/p" src/meson.build |
	grep -o "src/[a-z]*" | cut -d/ -f2 | awk '!seen[$0]++')

# The simulator's sources are compiled into its library alone, so its folder is placed
# by name: in src/platform/sim it belongs to platform, in src/sim it stands last.
sed -n 's|^ *"file": "\(\.\./\)*\(.*\)",$|file \2|p; s|^ *"output": "\(.*\)"$|output \1|p' \
	"$BUILD/compile_commands.json" | awk '
	$1 == "file" { file = $2 }
	$1 == "output" { print $2, file }' >"$work/objects"

symbols() { # pattern of outputs: "file U|D symbol" of each object
	awk -v pattern="$1" '$1 ~ pattern && $2 ~ /^(src|cli|guard)\//' "$work/objects" >"$work/some"
	(cd "$BUILD" && cut -d' ' -f1 "$work/some" | xargs -r ls -d 2>/dev/null |
		xargs -r nm -A -g -P 2>/dev/null) | awk '
		NR == FNR { file[$1] = $2; next }
		{ sub(/:$/, "", $1) }
		$3 == "U" || $3 == "w" { print file[$1], "U", $2 }
		$3 ~ /^[TDBRCG]$/ { print file[$1], "D", $2 }' "$work/some" -
}

edges() { # from "file U|D symbol": "user used symbol"
	awk '
		$2 == "D" { where[$3] = $1 }
		$2 == "U" && $3 != "tend__step" { user[++n] = $1; what[n] = $3 }
		END {
			for (i = 1; i <= n; i++)
				if (what[i] in where && where[what[i]] != user[i])
					print user[i], where[what[i]], what[i]
		}' "$1" | sort -u
}

includes() { # "user folder header"
	grep -rn '^#include "[a-z]*/' src --include='*.[ch]' |
		sed -n 's|^\([^:]*\):[0-9]*:#include "\([a-z]*\)/\([^"]*\)".*|\1 \2 \2/\3|p'
}

# "folder place file": the lists of the head files.
lists() {
	grep -rl 'Files, each uses only those above it:' src cli guard --include='*.[ch]' 2>/dev/null |
		while read -r head; do
			awk -v folder="$(dirname "$head")" '
				/Files, each uses only those above it:/ { on = 1; next }
				on && $1 == "*" && $2 ~ /\.[chS]$/ { print folder, ++place, folder "/" $2; next }
				on && $1 == "*" && NF > 2 { next } # a description goes on
				on { exit }' "$head"
		done
}

: >"$work/all"
for library in '^src/libtend\.' '^src/libtend-sim\.' '^(tend|libtool\.a)\.p/' '^tend-guard\.p/'; do
	symbols "$library" >"$work/symbols"
	edges "$work/symbols" >>"$work/all"
	cut -d' ' -f1 "$work/symbols" >>"$work/files"
done
sort -u -o "$work/all" "$work/all"
sort -u -o "$work/files" "$work/files"
lists >"$work/lists"
includes >"$work/includes"
if ! grep -q '^src/' "$work/files"; then
	echo "layers: no objects in $BUILD; run make first"
	exit 1
fi

awk -v layers="$LAYERS" '
	function layer(file) { split(file, part, "/"); return part[1] == "src" ? part[2] : "" }
	function folder_of(file) { sub(/\/[^\/]*$/, "", file); return file }
	function bad(text) { print text; failed = 1 }
	BEGIN {
		n = split(layers, name)
		for (i = 1; i <= n; i++)
			level[name[i]] = i
		if (!("sim" in level))
			level["sim"] = n + 1
	}
	FILENAME ~ /files$/ {
		file[$1] = 1
		own = layer($1)
		if (own != "" && !(own in level))
			bad($1 ": its folder is not in the list of src/meson.build")
	}
	FILENAME ~ /includes$/ {
		own = layer($1)
		if ($2 in level && own in level && level[$2] > level[own])
			bad($1 ": " own " includes " $3 ", which stands after " own)
	}
	FILENAME ~ /lists$/ { listed[$1] = 1; place[$1, $3] = $2 }
	FILENAME ~ /all$/ {
		own = layer($1)
		used = layer($2)
		if (own != "" && used != "" && own != used && level[used] > level[own])
			bad($1 ": calls " $3 " of " $2 ", which stands after " own)
		for (folder in listed)
			if (((folder, $1) in place) && ((folder, $2) in place) &&
			    place[folder, $2] > place[folder, $1])
				bad($1 ": calls " $3 " of " $2 ", which stands below it in the list of " folder)
	}
	END {
		for (folder in listed)
			for (one in file)
				if (folder_of(one) == folder && !((folder, one) in place))
					bad(one ": not in the list of files of " folder)
		exit failed
	}' "$work/files" "$work/includes" "$work/lists" "$work/all"
failed=$?

for tree in src cli guard; do
	awk -v tree="$tree/" 'index($1, tree) == 1 && index($2, tree) == 1 { print $1, $2 }' "$work/all" |
		sort -u | tsort >/dev/null 2>"$work/circles" || true
	grep -q . "$work/circles" || continue
	echo "$tree: files use each other in a circle:"
	sed 's/^tsort: /  /' "$work/circles"
	failed=1
done
exit $failed
