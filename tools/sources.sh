#!/bin/sh
# Prints the sources in the folders given, sorted, so that meson.build need not
# name each of them.
cd "$(dirname "$0")/.." || exit 1
for dir; do
	for file in "$dir"/*.c "$dir"/*.S; do
		[ -f "$file" ] && echo "$file"
	done
done
exit 0
