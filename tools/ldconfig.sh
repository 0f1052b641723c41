#!/bin/sh
# After an installation by root into this system: the loader finds the new library.
if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" -eq 0 ] && PATH=$PATH:/sbin:/usr/sbin command -v ldconfig >/dev/null; then
	PATH=$PATH:/sbin:/usr/sbin ldconfig
fi
