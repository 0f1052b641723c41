#!/usr/bin/env python3
"""Adds up the cases of meson's test runs: a case is a line of TAP. A suite that
crashed or ran out of time without a failed case counts as one. Prints "N passed,
M failed, K skipped", after a line for each failure."""
import json
import os
import sys
import xml.etree.ElementTree as xml

BAD = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}


def cases(logs):
    """Of each suite: the names of its cases, by what became of them."""
    found = {}
    for suite in xml.parse(os.path.join(logs, "testlog.junit.xml")).getroot().iter("testsuite"):
        for case in suite.iter("testcase"):
            bad = case.find("failure") is not None or case.find("error") is not None
            kind = "failed" if bad else "skipped" if case.find("skipped") is not None else "passed"
            row = found.setdefault(suite.get("name").split(".")[-1], {})
            row.setdefault(kind, []).append(case.get("name"))
    return found


def suites(build):
    """The rows of the last run's log, one for each test."""
    with open(os.path.join(build, "meson-logs", "testlog.json"), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def forget(build):
    """Removes the logs, so that a run which makes none is not taken for the last."""
    for log in ("testlog.json", "testlog.junit.xml"):
        try:
            os.remove(os.path.join(build, "meson-logs", log))
        except FileNotFoundError:
            pass


def count(builds):
    """How many cases passed, failed, were skipped; prints a line for each failure."""
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for build in builds:
        try:
            found = cases(os.path.join(build, "meson-logs"))
            rows = suites(build)
        except (OSError, ValueError, xml.ParseError) as error:
            print(f"FAIL {build}: no test log: {error}")
            total["failed"] += 1
            continue
        for suite in rows:
            name, result = suite["name"].split(" / ")[-1], suite["result"]
            row = found.get(name, {})
            failed = row.get("failed", [])
            if result in BAD and not failed:
                failed = [f"{result.lower()}, and no case of it failed"]
            for case in failed:
                print(f"FAIL {build} {name}: {case}")
            total["failed"] += len(failed)
            for kind in ("passed", "skipped"):
                total[kind] += len(row.get(kind, []))
    return total


def line(total):
    return "{passed} passed, {failed} failed, {skipped} skipped".format(**total)


if __name__ == "__main__":
    all_of_them = count(sys.argv[1:])
    print(line(all_of_them))
    sys.exit(1 if all_of_them["failed"] else 0)
