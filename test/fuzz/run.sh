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
n=0
bad=0

fuzz() { # name, corpus, flags of the fuzzer, sources and libraries...
	name=$1 corpus=$2 more=$3
	shift 3
	n=$((n + 1))
	mkdir -p "$dir/$name.corpus"
	# shellcheck disable=SC2086
	if clang-19 $flags -o "$dir/$name" "$@" >"$dir/log" 2>&1 &&
		"$dir/$name" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 \
			-artifact_prefix="$dir/" $more "$dir/$name.corpus" "$corpus" >"$dir/log" 2>&1; then
		echo "ok $n - $name finds nothing"
	else
		echo "not ok $n - $name finds nothing"
		tail -n 40 "$dir/log" | sed 's/^/# /'
		bad=1
	fi
}

# shellcheck disable=SC2046
fuzz fuzz_config test/fuzz/corpus_config -dict=test/fuzz/config.dict test/fuzz/fuzz_config.c \
	$(ls cli/config/*.c) cli/show/text.c -lyaml -ljansson
# shellcheck disable=SC2046
fuzz fuzz_segment test/fuzz/corpus_segment "" test/fuzz/fuzz_segment.c \
	$(./tools/sources.sh src/base src/platform/linux src/platform/context src/segment src/task \
		src/runtime src/scope src/sync src/io src/kinds src/kinds/process src/registry src/open) -lpthread
echo "1..$n"
exit $bad
