#!/usr/bin/env python3
"""Removes what `make install` of the build in $BUILD has installed, below $DESTDIR if that is
set. Files of that name that came from elsewhere go as well; folders go if they are empty and
have our name."""
import json
import os
import subprocess

build = os.environ.get("BUILD", "build")
destdir = os.environ.get("DESTDIR", "")
installed = json.loads(subprocess.run(["meson", "introspect", "--installed", build],
                                      check=True, capture_output=True, text=True).stdout)
paths = {destdir + path for path in installed.values()}
gone = 0
for path in sorted(paths):
    if os.path.lexists(path):
        os.unlink(path)
        gone += 1
for folder in {os.path.dirname(path) for path in paths}:
    if os.path.basename(folder) == "tend" and os.path.isdir(folder) and not os.listdir(folder):
        os.rmdir(folder)
if gone and not destdir and os.geteuid() == 0:
    subprocess.run("PATH=$PATH:/sbin:/usr/sbin; ldconfig", shell=True, check=False)
print(f"{gone} files removed")
