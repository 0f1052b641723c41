#!/bin/sh
# Installs the Debian packages of tools/packages that are missing, for the uses
# given ("build test"). TEND_DEPS=no says what is missing, and fails.
cd "$(dirname "$0")" || exit 1

command -v dpkg-query >/dev/null || {
	echo "tend: not a Debian system; you need what tools/packages lists" >&2
	exit 0
}
missing=
for use; do
	for package in $(sed -n "s/^$use //p" packages); do
		dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' ||
			missing="$missing $package"
	done
done
[ -z "$missing" ] && exit 0

echo "tend: missing Debian packages:$missing"
if [ "${TEND_DEPS:-yes}" = no ]; then
	echo "tend: TEND_DEPS=no, so they are not installed; run: apt-get install$missing" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
	sudo=sudo
	command -v sudo >/dev/null || {
		echo "tend: neither root nor sudo; as root, run: apt-get install$missing" >&2
		exit 1
	}
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq || echo "tend: apt-get update failed; trying with the lists there are" >&2
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
