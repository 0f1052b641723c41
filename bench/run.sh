#!/bin/sh
# Runs each benchmark three times and says on what machine.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
sed -n 's/^model name[^:]*: /machine: /p' /proc/cpuinfo | head -1
echo "cpus: $(nproc), kernel: $(uname -r), compiler: $(cc --version | head -1)"
for program in "$BUILD"/bench/bench_*; do
	[ -f "$program" ] && [ -x "$program" ] || continue
	for round in 1 2 3; do
		echo "# ${program##*/}, round $round"
		"$program" || exit 1
	done
done
