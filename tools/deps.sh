#!/bin/sh
# Installs the Debian packages of tools/packages that are missing, for the uses
# given ("build test"). TEND_DEPS=no says what is missing, and fails.
cd "$(dirname "$0")" || exit 1

wanted=
for use; do
	wanted="$wanted $(sed -n "s/^$use //p" packages)"
done
wanted=$(echo $wanted)
[ -n "$wanted" ] || exit 0
command -v dpkg-query >/dev/null || {
	echo "tend: this is not Debian, so see to these yourself: $wanted" >&2
	exit 0
}
# shellcheck disable=SC2086
have=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null)
missing=
for package in $wanted; do
	case "
$have
" in
	*"
$package installed
"*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

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
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
quiet() {
	$sudo env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 </dev/null
}
echo "tend: installing them with apt-get; this can take some minutes"
quiet apt-get update || echo "tend: apt-get update failed; trying with the lists there are" >&2
# shellcheck disable=SC2086
quiet apt-get install -y --no-install-recommends $missing || {
	tail -n 20 "$log" >&2
	echo "tend: could not install them; run: apt-get install$missing" >&2
	exit 1
}
