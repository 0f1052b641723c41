#!/usr/bin/env python3
"""Runs tend and its peers, alternating, and prints one table a row of plan.py: medians,
spread, the ratio to the best peer, and what tend must reach. A full run also writes
bench/results.json and doc/bench.svg. BUILD names the build folder."""
import argparse
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import picture
from plan import PLAN, PROGRAMS, SIZES, Row
from report import US, Result, Sample, Verdict, growth, judge, linear, table

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
# Ours, not those that may be installed.
os.environ.update(TEND=str(BUILD / "tend"), TEND_GUARD=str(BUILD / "tend-guard"))
ROUNDS, FEW = 5, 3
SMALL = 1 / 50  # of n, in the calibration, and twice as much
SLOW_S = 7  # a peer that would need more for all rounds of a row stops after a few
LIMIT_S = 120
# The shell forks: the peak RSS of a process that is only exec'ed begins with this one's.
FORKED = ["sh", "-c", '"$@"; exit $?', "sh"]
CPUS = sorted(os.sched_getaffinity(0))


class Failed(Exception):
    """A run that gave no sample, and why."""


@dataclass
class Options:
    quick: bool
    only: list[str]
    peers: list[str]
    json: Path | None


@contextmanager
def started(argv: list[str], cpu: int | None) -> Iterator[subprocess.Popen[str]]:
    """A program in a process group that is gone at the end, whatever happens."""
    pin = [] if cpu is None else ["taskset", "-c", str(cpu)]
    with subprocess.Popen(FORKED + pin + argv, text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def finish(process: subprocess.Popen[str]) -> Sample:
    """The line that a program ends with."""
    try:
        out, err = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {LIMIT_S} s") from None
    said = err.strip().splitlines()
    if process.returncode:
        why = "has no such case" if process.returncode == 3 else f"exit {process.returncode}"
        raise Failed(": ".join([why, *said[-1:]]))
    try:
        sample = json.loads(out.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise Failed(f"said no line of JSON, but {out[-80:]!r}") from None
    if not isinstance(sample, dict):
        raise Failed(f"said no object, but {out[-80:]!r}")
    return sample


def command(row: Row, peer: str, n: int) -> list[str]:
    if peer == US:
        program = [str(BUILD / "bench" / f"bench_{row.program}")]
    else:
        where = PROGRAMS[peer]
        program = [str((ROOT if where.startswith("bench/") else BUILD) / where), peer]
    if not os.access(program[0], os.X_OK):
        raise Failed(f"there is no program {os.path.relpath(program[0], ROOT)}")
    args = {"workers": row.workers, "n": n, **row.args}
    return program + [row.case] + [f"{key}={value}" for key, value in args.items()]


def listening(server: subprocess.Popen[str]) -> int:
    assert server.stdout
    ready, _, _ = select.select([server.stdout], [], [], LIMIT_S)
    line = server.stdout.readline() if ready else ""
    try:
        return int(json.loads(line)["port"])
    except (KeyError, TypeError, ValueError):
        finish(server)
        raise Failed(f"said no port, but {line!r}") from None


def echo(argv: list[str], n: int) -> Sample:
    """W9: a server on the first cpu, the client that all have in common on the last."""
    client = [str(BUILD / "peers/client"), "w9", f"n={n}"]
    with started(argv, CPUS[0]) as server:
        with started([*client, f"port={listening(server)}"], CPUS[-1]) as asking:
            asked = finish(asking)
        served = finish(server)
    served.update({k: asked[k] for k in ("req_s", "p50_us", "p99_us") if k in asked})
    served["cpu_us_req"] = float(served["cpu_s"]) * 1e6 / float(asked["requests"])
    return served


def measure(row: Row, peer: str, n: int) -> Sample:
    n = min(n, row.less.get(peer, n))
    argv = command(row, peer, n)
    if row.case == "w9":
        sample = echo(argv, n)
    else:
        with started(argv, CPUS[-1] if row.workers == 1 else None) as process:
            sample = finish(process)
    if not isinstance(sample.get(row.metric), int | float):
        raise Failed(f"did not say {row.metric}")
    for key, asked in (("peer", peer), ("workers", row.workers)):
        if sample.get(key) != asked:
            raise Failed(f"asked for {key} {asked}, measured {sample.get(key)}")
    return sample


class Progress:
    """How far the run is, and for how long it will go on. Each run of a program was
    estimated from two small ones; what the rows so far took beside their estimates
    corrects what is left."""

    def __init__(self, chosen: list["Cell"]) -> None:
        self.row, self.name, self.begun = 0, "", 0.0
        self.estimates = [self.estimate(k, chosen) for k in range(len(chosen))]
        self.tell("")
        say(f"bench: about {span(sum(self.estimates))} on this machine\n")
        self.begun = time.monotonic()

    def estimate(self, k: int, chosen: list["Cell"]) -> float:
        """Of the cell, all of its rounds."""
        result, peers, count = chosen[k]
        if sys.stderr.isatty():
            say(f"\r\033[Kbench: how long will it take? {k} of {len(chosen)}")
        whole = 0.0
        for peer in peers:
            try:
                once = one_run(result.row, peer, result.n)
            except Failed:
                continue
            slow = once * ROUNDS > SLOW_S
            whole += once * ((min(count, FEW) if slow else count) + result.row.discard)
        return whole

    def next(self, name: str) -> None:
        self.row += 1
        self.name = name
        if not sys.stderr.isatty():
            say(f"bench: {self}\n")

    def tell(self, what: str) -> None:
        if sys.stderr.isatty():
            say(f"\r\033[K{self}: {what}" if what else "\r\033[K")

    def __str__(self) -> str:
        elapsed = time.monotonic() - self.begun
        done, left = sum(self.estimates[: self.row - 1]), sum(self.estimates[self.row - 1 :])
        # The first rows alone say little.
        pace = elapsed / done if done > 0.1 * (done + left) else 1.0
        return (f"row {self.row} of {len(self.estimates)}, {span(elapsed)} gone,"
                f" about {span(max(left * pace, 0))} left: {self.name}")


def one_run(row: Row, peer: str, n: int) -> float:
    """Seconds that a run takes, to judge by two of a small part of it."""
    n = min(n, row.less.get(peer, n))
    few = max(int(n * SMALL), 1)
    took = []
    for part in (few, 2 * few):
        begun = time.monotonic()
        measure(row, peer, part)
        took.append(time.monotonic() - begun)
    return took[0] + max(took[1] - took[0], 0) * (n - few) / few


def span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


def rounds(result: Result, peers: list[str], count: int, progress: Progress) -> None:
    """Every peer once, then every peer once more: what the machine does hits all alike."""
    spent = dict.fromkeys(peers, 0.0)
    for done in range(-result.row.discard, count):
        for peer in peers:
            slow = done >= FEW and spent[peer] / done * ROUNDS > SLOW_S
            if peer in result.failed or slow:
                continue
            which = f"round {done + 1} of {count}" if done >= 0 else "a round to discard"
            progress.tell(f"{which}, {peer}")
            begun = time.monotonic()
            try:
                sample = measure(result.row, peer, result.n)
                if done >= 0:
                    result.samples.setdefault(peer, []).append(sample)
            except Failed as why:
                result.failed[peer] = str(why)
            if done >= 0:
                spent[peer] += time.monotonic() - begun


Cell = tuple[Result, list[str], int]


def cells(options: Options) -> Iterator[Cell]:
    """The rows at each n, with who takes part, and how often."""
    def scaled(n: int) -> int:
        return min(n, max(n // 10, 1000)) if options.quick else n

    for row in PLAN:
        if options.only and not any(f"{row.key}.".startswith(f"{o}.") for o in options.only):
            continue
        goal = scaled(row.n)
        others = {scaled(n) for n in SIZES} if row.series else set()
        for n in sorted({goal} | others):
            peers = [US, *(row.peers if n == goal else row.series)]
            if options.peers:
                peers = [p for p in peers if p in options.peers]
            if peers:
                count = FEW if options.quick or n != goal else ROUNDS
                yield Result(row, n, n == goal), peers, count


def said(*argv: str) -> str:
    """The first line of what a tool says of itself."""
    try:
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
        return (done.stdout or done.stderr).splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "none"


def first(path: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text(encoding="utf-8"), re.MULTILINE)
        return found[1].strip() if found else "unknown"
    except OSError:
        return "none"


def our_flags() -> str:
    """Of the library; without warnings, folders and definitions."""
    try:
        commands = json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8"))
        line = next(c["command"] for c in commands if "libtend." in c["output"])
    except (OSError, ValueError, StopIteration):
        return "unknown"
    kept = re.findall(r" (-O\S*|-g\S*|-std=\S+|-m\S+|-f(?!diag|macro)\S+|-DNDEBUG)(?= )", line)
    return " ".join(dict.fromkeys(kept))


def surroundings() -> dict[str, str]:
    return {
        "cpu": first("/proc/cpuinfo", r"^model name\s*: (.*)$"),
        "cpus": str(len(CPUS)),
        "memory": first("/proc/meminfo", r"^MemTotal:\s*(.*)$"),
        "kernel": os.uname().release,
        "governor": first("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "(.*)"),
        "gcc": said("gcc", "--version"),
        "rustc": said("/usr/bin/rustc", "--version"),
        "go": said("go", "version"),
        "tend's flags": our_flags(),
        "peers' flags": peer_flags(),
    }


def peer_flags() -> str:
    return said("make", "-s", "-f", "bench/peers/peers.mk", f"BUILD={BUILD}", "flags")


def build_peers() -> None:
    # The flags of a make that runs this are not for another one.
    env = {key: value for key, value in os.environ.items() if key != "MAKEFLAGS"}
    make = ["make", "-s", "-k", "-f", "bench/peers/peers.mk", f"BUILD={BUILD}", "all"]
    done = subprocess.run(make, cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        print("bench: not all peers could be built:", *done.stderr.splitlines()[-20:], sep="\n  ")


def verdicts(results: list[Result]) -> list[Verdict]:
    others = {r.row.key: r for r in results if r.goals}
    return [v for r in results for v in judge(r, others)] + linear(results)


def document(machine: dict[str, str], results: list[Result]) -> dict[str, object]:
    return {
        "machine": machine,
        "results": [{"row": r.row.key, "title": r.row.title, "metric": r.row.metric,
                     "workers": r.row.workers, "n": r.n, "goals": r.goals,
                     "series": r.row.series, "samples": r.samples, "failed": r.failed}
                    for r in results],
        "goals": [asdict(v) | {"word": v.word} for v in verdicts(results)],
    }


def summary(results: list[Result]) -> None:
    for line in growth(results):
        print(line)
    for kind in ("must", "aim"):
        words = [v.word for v in verdicts(results) if v.kind == kind]
        print(f"{kind}: {words.count('ok')} ok, {words.count('MISS')} MISS,"
              f" {words.count('not measured')} not measured")
    for verdict in verdicts(results):
        if verdict.kind == "must" and verdict.word != "ok":
            print(f"  {verdict.row:<11}  {verdict}")


def options() -> Options:
    def words(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of n, and three rounds")
    parser.add_argument("--only", type=words, default=[], metavar="ROW,...",
                        help="w1b is all of w1b.join, w1b.wait, ...")
    parser.add_argument("--peers", type=words, default=[], metavar="PEER,...", help="who runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the samples go")
    parser.add_argument("--list", action="store_true", help="say what would run")
    given = parser.parse_args()
    chosen = Options(given.quick, given.only, given.peers, given.json)
    if not any(cells(chosen)):
        parser.error("nothing to run: see --list")
    if given.list:
        for result, peers, count in cells(chosen):
            print(f"{result.name}: {result.row.title}; {count} rounds of {' '.join(peers)}")
        sys.exit()
    return chosen


def run_all(chosen: Options, results: list[Result]) -> None:
    rows = list(cells(chosen))
    progress = Progress(rows)
    for result, peers, count in rows:
        results.append(result)
        progress.next(result.name)
        rounds(result, peers, count, progress)
        progress.tell("")
        print(table(result, {r.row.key: r for r in results if r.goals}), flush=True)


def main() -> int:
    chosen, results, stopped = options(), [], False
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    build_peers()
    machine = surroundings()
    for key, value in machine.items():
        print(f"{key}: {value}")
    print(flush=True)
    try:
        run_all(chosen, results)
        whole = not (chosen.quick or chosen.only or chosen.peers)
    except KeyboardInterrupt:
        say("\n")
        print("bench: interrupted; what was measured until then:")
        print(table(results[-1], {}) if results else "nothing")
        chosen.json = chosen.json or BUILD / "bench-stopped.json"
        whole, stopped = False, True
    summary(results)
    made = document(machine, results)
    if chosen.json or whole:
        where = chosen.json or ROOT / "bench/results.json"
        where.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    if whole:
        (ROOT / "doc/bench.svg").write_text(picture.draw(made), encoding="utf-8")
    return 130 if stopped else 1 if any(US in r.failed for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
