#!/usr/bin/env python3
"""Runs the tests of a build, and ends with a line of what passed and what it cost.

  tools/test.py [--times] [NAME...]    of the build in $BUILD, or build/

A NAME is that of a folder of tests, of a part of it (sim-2), or of a script
(e2e-stop). The CPU time is that of all processes, also of those which outlive their
parents: the guards and what they guard."""
import argparse
import ctypes
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

import totals

PR_SET_CHILD_SUBREAPER = 36


def chosen(build, names):
    """The tests that the names mean; exits if one means none."""
    listed = subprocess.run(["meson", "test", "-C", build, "--list", "--no-rebuild"],
                            check=True, capture_output=True, text=True).stdout
    tests = [line.split(" / ")[-1].split(":")[-1] for line in listed.split()]
    found = []
    for name in names:
        those = [test for test in tests if re.fullmatch(re.escape(name) + r"(-\d+)?", test)]
        if not those:
            sys.exit(f"test: no test is called {name}: {' '.join(tests)}")
        found += those
    return found


def run(command):
    """Runs it and reaps what falls to this process meanwhile. Returns its exit code."""
    child = subprocess.Popen(command)
    while True:
        try:
            pid, status = os.wait()
        except KeyboardInterrupt:  # which the child got, too
            continue
        if pid == child.pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return child.returncode


def times(build):
    """Prints how long each test took, and when it began."""
    rows = totals.suites(build)
    first = min(row["starttime"] for row in rows)
    print(" begin   took  test")
    for row in sorted(rows, key=lambda row: -row["duration"]):
        name = row["name"].split(" / ")[-1]
        print(f"{row['starttime'] - first:6.1f} {row['duration']:6.1f}  {name}")


def main():
    parser = argparse.ArgumentParser(prog="make test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", action="store_true", help="show how long each test took")
    parser.add_argument("name", nargs="*")
    options = parser.parse_args()
    build = os.environ.get("BUILD", "build")
    if subprocess.run(["ninja", "--quiet", "-C", build], check=False).returncode:
        sys.exit(1)
    names = chosen(build, options.name) if options.name else []
    # Guards leave their parents, and fall to the next process above that says so.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    totals.forget(build)
    built = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    # A third of the time of a test is waiting, so one more runs than there are processors.
    lanes = str(len(os.sched_getaffinity(0)) + 1)
    code = run(["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs",
                "--num-processes", lanes, *names])
    wall = time.monotonic() - begin
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - built.ru_utime - built.ru_stime
    if options.times:
        times(build)
    count = totals.count([build])
    print(f"{totals.line(count)}: {wall:.0f} s, {cpu:.0f} s of CPU")
    sys.exit(1 if code or count["failed"] else 0)


main()
