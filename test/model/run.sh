#!/bin/sh
# Checks each model, and that each of its variants fails. TAP.
set -eu

for tool in spin gcc; do
	if ! command -v $tool >/dev/null 2>&1; then
		echo "1..0 # SKIP $tool is not installed: apt-get install $tool"
		exit 0
	fi
done
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0
failed=0

report() { # ok NAME
	number=$((number + 1))
	if [ "$1" = yes ]; then
		echo "ok $number - $2"
	else
		failed=1
		echo "not ok $number - $2"
		sed 's/^/# /' "$work/out"
	fi
}

# Errors that the checker found, with and without the temporal claim: with it,
# end states are not looked at.
errors() { # MODEL SPIN-FLAGS
	model=$1
	shift
	rm -rf "$work/pan" && mkdir "$work/pan" && cd "$work/pan"
	spin "$@" -a "$here/$model.pml" >"$work/out" 2>&1 || return 1
	gcc -w -DNOCLAIM -DSAFETY -DCOLLAPSE $optimize -o safe pan.c >>"$work/out" 2>&1 || return 1
	./safe -m200000 >"$work/out" 2>&1 || return 1
	grep -q 'max search depth too small' "$work/out" && return 1
	found=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$work/out")
	if [ "$found" = 0 ] && grep -q '^ltl' "$here/$model.pml"; then
		gcc -w -DCOLLAPSE -DNFAIR=3 $optimize -o claim pan.c >>"$work/out" 2>&1 || return 1
		./claim -a -f -m400000 >"$work/out" 2>&1 || return 1
		grep -q 'max search depth too small' "$work/out" && return 1
		found=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$work/out")
	fi
}

# Each lane takes its turn.
turn=0
mine() {
	turn=$((turn + 1))
	number=$((turn - 1))
	[ $((turn % lanes)) -eq "$lane" ]
}

holds() { # MODEL [SPIN-FLAGS]
	mine || return 0
	found=none optimize=-O1
	if errors "$@" && [ "$found" = 0 ]; then report yes "$* holds"; else report no "$* holds"; fi
}

fails() { # MODEL VARIANT
	mine || return 0
	# An error is found sooner than the compiler has optimized.
	found=none optimize=-O0
	if errors "$1" "-D$2" && [ "$found" != 0 ]; then
		report yes "$1 fails with $2"
	else
		report no "$1 fails with $2"
	fi
}

models() {
holds park
for variant in NO_BIT LOOK_FIRST LATE_NOTIFY TAKE_BACK; do fails park $variant; done
holds admission
holds admission -DSIBLINGS
for variant in PLAIN CHILD_FIRST NO_LOCK TWO_STEPS; do fails admission $variant; done
holds credit
for variant in NO_LOOK LOOK_FIRST NO_RECALL LATE NO_EXCHANGE; do fails credit $variant; done
holds lock
for variant in NO_BARRIER LATE LOOK_FIRST BLIND; do fails lock $variant; done
holds watch
holds watch -DTWO
for variant in SLEEPS_BLINDLY LEAVES_BLINDLY LEAVES STOPS_EARLY COUNTS_FIRST; do
	fails watch $variant
done
holds inbox
for variant in NO_RECHECK REORDERED NO_REVERSE; do fails inbox $variant; done
}

# A lane for each processor.
lanes=$(nproc)
for lane in $(seq 0 $((lanes - 1))); do
	mkdir "$work/lane$lane"
	(
		trap - EXIT
		work=$work/lane$lane
		models
		exit $failed
	) &
	pids="${pids:-} $!"
done
echo "1..33"
for pid in $pids; do
	wait "$pid" || failed=1
done
exit $failed
