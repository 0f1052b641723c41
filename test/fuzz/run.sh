#!/bin/sh
# Each fuzzer over its corpus, and some seconds further. TAP.
#
#   FUZZ_SECONDS   for each; default 20
cd "$(dirname "$0")/../.." || exit 1
command -v clang-19 >/dev/null || {
	echo "1..0 # SKIP clang-19 is not installed"
	exit 0
}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
flags="-std=gnu11 -D_GNU_SOURCE -DTEND_VERSION=\"0\" -DTEND_GUARD_PATH=\"/nonexistent\" -O1 -g -w \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Iinclude -Isrc -Icli"

fuzz() { # number, name, corpus, flags of the fuzzer, sources and libraries...
	n=$1 name=$2 corpus=$3 more=$4 log=$dir/$2.log
	shift 4
	mkdir -p "$dir/$name.corpus"
	# shellcheck disable=SC2086
	if clang-19 $flags -o "$dir/$name" "$@" >"$log" 2>&1 &&
		"$dir/$name" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 \
			-artifact_prefix="$dir/" $more "$dir/$name.corpus" "$corpus" >"$log" 2>&1; then
		echo "ok $n - $name finds nothing"
	else
		echo "not ok $n - $name finds nothing"
		tail -n 40 "$log" | sed 's/^/# /'
		return 1
	fi
}

# shellcheck disable=SC2046
fuzz 1 fuzz_config test/fuzz/corpus_config -dict=test/fuzz/config.dict test/fuzz/fuzz_config.c \
	$(ls cli/config/*.c) cli/show/text.c src/base/text.c src/base/error.c -lyaml -ljansson &
pids=$!
# shellcheck disable=SC2046
fuzz 2 fuzz_segment test/fuzz/corpus_segment "" test/fuzz/fuzz_segment.c \
	$(./tools/sources.sh $(find src -type d ! -name sim)) -lpthread &
pids="$pids $!"
bad=0
for pid in $pids; do
	wait "$pid" || bad=1
done
echo "1..2"
exit $bad
