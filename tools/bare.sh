#!/bin/sh
# README's commands on a Debian 12 that has nothing but make: the packages come, what is
# installed is found without any variable, and make uninstall leaves nothing. Needs
# mmdebstrap, and a mirror of Debian.
cd "$(dirname "$0")/.." || exit 1
command -v mmdebstrap >/dev/null || {
	echo "bare: install mmdebstrap first" >&2
	exit 1
}
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
mkdir "$here/tend" && git ls-files -z | tar --null -T - -cf - | tar -C "$here/tend" -xf - || exit 1

cat >"$here/try" <<'END'
set -eux
cd /tend
find /usr/local ! -type d >/before
make install
cd /tmp
cp /tend/examples/first.c first.c
gcc first.c $(pkg-config --cflags --libs tend) -o first
./first
# The plain archive, with another linker plugin or none.
gcc -fno-use-linker-plugin -std=gnu11 /tend/examples/hello.c /usr/local/lib/libtend.a -o hello
./hello
printf 'version: 1\nname: bare\ntasks:\n  one: {shell: "exit 0", restart: temporary}\n' >tend.yaml
tend --version
tend check
XDG_RUNTIME_DIR=/tmp tend up
bash -c '. /usr/local/share/bash-completion/completions/tend.bash
COMP_WORDS=(tend s) COMP_CWORD=1
_tend tend s tend
[ "${COMPREPLY[*]}" = status ]'
make -C /tend uninstall
find /usr/local ! -type d | diff /before -
[ ! -e /usr/local/include/tend ] && [ ! -e /usr/local/libexec/tend ]
echo "bare: installed, found, used and removed"
END
mmdebstrap --quiet --variant=minbase --include=make \
	--customize-hook="copy-in $here/tend $here/try /" \
	--customize-hook='env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin HOME=/root chroot "$1" sh /try' \
	bookworm /dev/null
