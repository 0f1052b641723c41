#!/bin/sh
# What make install leaves: a program builds and runs with the pkg-config files
# alone, against each of the libraries; what they export is what the headers say.
# Paths are set here, because the files are below a folder of their own; tools/bare.sh
# sets none.
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT
bad=0

complain() {
	echo "installed: $*"
	bad=1
}

ninja --quiet -C "$BUILD" installed >/dev/null || exit 1
ninja -C "$BUILD" -t inputs installed | grep -e '^test/' -e '^examples/' -e '^bench/' &&
	complain "to install, what is not installed is built"
meson install -C "$BUILD" --destdir "$root" --no-rebuild >/dev/null || exit 1
so=$(find "$root" -name libtend.so.0)
[ -n "$so" ] || {
	complain "no libtend.so.0"
	exit 1
}
libs=$(dirname "$so")
case ${libs#"$root"} in
/usr/local/*)
	cat /etc/ld.so.conf.d/*.conf | grep -qx "${libs#"$root"}" || complain "the loader does not look in $libs"
	case :$(pkg-config --variable pc_path pkg-config): in
	*:"${libs#"$root"}/pkgconfig":*) ;;
	*) complain "pkg-config does not look in $libs/pkgconfig" ;;
	esac
	;;
esac
readelf -SW "$libs/libtend.a" | grep -q '\.gnu\.lto' && complain "libtend.a is of one compiler"
for file in bin/tend libexec/tend/tend-guard include/tend/tend.h share/man/man1/tend.1 \
	share/bash-completion/completions/tend.bash share/zsh/site-functions/_tend \
	share/fish/vendor_completions.d/tend.fish; do
	[ -n "$(find "$root" -path "*/$file*")" ] || complain "no $file"
done

export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_LIBDIR="$libs/pkgconfig"
builds() { # name, source, flags...
	name=$1 source=$2
	shift 2
	# shellcheck disable=SC2086,SC2068
	gcc -std=gnu11 -o "$root/$name" "$source" $@ || {
		complain "$name does not build"
		return 1
	}
	LD_LIBRARY_PATH=$libs "$root/$name" >"$root/out" 2>&1 || {
		complain "$name does not run"
		cat "$root/out"
	}
}
cat >"$root/sim.c" <<'END'
#include <tend/tend.h>
#include <tend/sim.h>
#include <stddef.h>
static int nothing(void *arg) { return arg != NULL; }
int main(void) { return tend_sim_run(NULL, nothing, NULL, NULL); }
END
builds shared examples/hello.c "$(pkg-config --cflags --libs tend)" -Wl,--as-needed
builds static examples/hello.c "$(pkg-config --static --cflags --libs tend)" -static
builds sim "$root/sim.c" "$(pkg-config --cflags --libs tend-sim)"
cat >"$root/plus.cpp" <<'END'
#include <tend/tend.h>
static int seven(void *) { return 7; }
int main()
{
	tend_runtime *rt;
	tend_task task;
	struct tend_outcome end;
	if (tend_runtime_open(TEND_RUNTIME_OPTS(.name = "plus", .workers = 1), &rt) ||
	    tend_spawn(tend_root(rt), seven, nullptr, TEND_TASK_OPTS(.name = "seven"), &task) ||
	    tend_join(task, &end, tend_after(TEND_SEC)))
		return 1;
	return tend_runtime_close(rt, tend_after(TEND_SEC)) || end.result != 7;
}
END
if command -v g++ >/dev/null; then
	# shellcheck disable=SC2046
	g++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -o "$root/plus" "$root/plus.cpp" $(pkg-config --cflags --libs tend) &&
		LD_LIBRARY_PATH=$libs "$root/plus" || complain "a C++ program does not build and run"
fi

# A program that ends without closing its runtime is what the suppressions are for.
cat >"$root/open.c" <<'END'
#include <tend/tend.h>
static int waits(void *arg) { return tend_sleep(*(uint64_t *)arg); }
int main(void)
{
	static uint64_t long_time = 3600 * TEND_SEC;
	tend_runtime *rt;
	return tend_runtime_open(NULL, &rt) || tend_spawn(tend_root(rt), waits, &long_time, NULL, NULL) ||
	       tend_spawn_thread(tend_root(rt), waits, &long_time, NULL, NULL) || tend_sleep(50 * TEND_MS);
}
END
builds open "$root/open.c" "$(pkg-config --cflags --libs tend)"
if command -v valgrind >/dev/null; then
	LD_LIBRARY_PATH=$libs valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=all \
		--errors-for-leak-kinds=definite,possible --suppressions=tools/tend.supp \
		"$root/open" >"$root/out" 2>&1 || {
		complain "valgrind complains of a runtime that was not closed"
		cat "$root/out"
	}
fi

readelf -d "$so" | grep -q 'SONAME.*\[libtend\.so\.0\]' || complain "the SONAME is not libtend.so.0"
needed=$(readelf -d "$so" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -v -e '^libc\.so' -e '^ld-linux')
[ -z "$needed" ] || complain "libtend needs more than libc:" $needed

nm -D --defined-only "$so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$root/exported"
# Of each declaration, the first name before a parenthesis.
for header in include/tend/*.h; do
	[ "$header" = include/tend/sim.h ] || cat "$header"
done | grep -v '^#' | tr '\n' ' ' | tr ';' '\n' |
	sed -n 's/.*TEND_API[^(]*\b\(tend_[a-z0-9_]*\)(.*/\1/p' | sort >"$root/declared"
diff "$root/declared" "$root/exported" >"$root/diff" ||
	complain "declared (<) and exported (>) are not the same: $(grep '^[<>]' "$root/diff" | tr '\n' ' ')"
DESTDIR=$root BUILD=$BUILD ./tools/uninstall.py >/dev/null
left=$(find "$root/usr" ! -type d 2>/dev/null)
[ -z "$left" ] || complain "make uninstall leaves" $left
exit $bad
