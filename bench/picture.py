#!/usr/bin/env python3
"""Draws results.json: what each peer costs beside tend, and how the costs grow with n.
By itself: picture.py results.json >bench.svg"""
import json
import math
import statistics
import sys
from collections.abc import Iterable
from html import escape

from report import US, scale, short

Json = dict[str, object]
WIDTH, COLUMN, MARGIN, LINE = 976, 472, 16, 15
NAME, AXIS = 84, 230  # of a column: where names end, and how wide the bars may be
LOW, HIGH = 0.05, 400.0  # of the axis, in times of what tend costs
PLOT_HEIGHT = 190
UNITS = {"ns": "ns", "open": "us", "bytes": "B", "cancel": "ms", "snapshot": "ms", "tree": "ms", "cpu": "s"}

STYLE = """
text{font:11px ui-sans-serif,system-ui,"DejaVu Sans",sans-serif;fill:#1f2328}
.h{font-size:16px;font-weight:bold}.b{font-weight:bold}.n{fill:#59636e}.r{text-anchor:end}
.m{text-anchor:middle}.bg{fill:#ffffff}.grid{stroke:#d1d9e0}.one{stroke:#59636e}
.slower{fill:#9ec5f8}.faster{fill:#f2b48c}
path,line{fill:none;stroke-width:1}path{stroke-width:1.8}
.c0{stroke:#0969da}.c1{stroke:#bc4c00}.c2{stroke:#1a7f37}
.d0{fill:#0969da;font-weight:bold}.d1{fill:#bc4c00}.d2{fill:#1a7f37}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.n{fill:#9198a1}.bg{fill:#0d1117}.grid{stroke:#30363d}.one{stroke:#9198a1}
.slower{fill:#1f4f8f}.faster{fill:#8a4a20}
.c0{stroke:#58a6ff}.c1{stroke:#f0883e}.c2{stroke:#56d364}
.d0{fill:#58a6ff}.d1{fill:#f0883e}.d2{fill:#56d364}}
"""


def text(x: float, y: float, words: str, style: str = "") -> str:
    css = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{css}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def medians(result: Json) -> dict[str, float]:
    found = {}
    for peer, samples in result["samples"].items():
        if peer not in result["failed"]:
            found[peer] = statistics.median(s[result["metric"]] for s in samples)
    return found


def unit(metric: str) -> str:
    if metric == "cpu_us_req":
        return "us"
    return UNITS[metric.split("_", maxsplit=1)[0]]


def log_at(value: float, low: float, high: float, size: float) -> float:
    """How far along an axis of that size a value is, within it."""
    share = (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return min(max(share, 0), 1) * size


def bars(result: Json, x: float, y: float) -> tuple[list[str], float]:
    """A title, and a bar for each peer; with the y below."""
    found, of = medians(result), unit(result["metric"])
    ours = found.pop(US)
    workers = f", {result['workers']} workers" if result["workers"] > 1 else ""
    made = [text(x, y, f"{result['row']}: {result['title']}{workers}"),
            text(x + COLUMN - 24, y, f"{US} {short(ours)} {of}", "b r")]
    left = x + NAME + 8
    for ratio in (1, 10, 100):
        at = left + log_at(ratio, LOW, HIGH, AXIS)
        made.append(line(at, y + 5, at, y + 7 + LINE * len(found), "one" if ratio == 1 else "grid"))
    one = left + log_at(1, LOW, HIGH, AXIS)
    for peer, median in sorted(found.items(), key=lambda item: item[1]):
        y += LINE
        end = left + log_at(max(median / ours, LOW), LOW, HIGH, AXIS)
        start, width = min(one, end), max(abs(end - one), 0.5)
        side = "slower" if end >= one else "faster"
        made += [text(x + NAME, y + 2, peer, "r n"),
                 f'<rect x="{start:.1f}" y="{y - 6:.1f}" width="{width:.1f}" height="10" '
                 f'class="{side}"/>',
                 text(max(end, one) + 5, y + 2, f"{short(median / ours)}x, {short(median)} {of}")]
    return made, y + LINE + 12


def height_of(result: Json) -> float:
    return (len(medians(result)) - 1) * LINE + LINE + 12


def comparison(results: list[Json], y: float) -> tuple[list[str], float]:
    """All bars, in two columns of about one height."""
    half = sum(map(height_of, results)) / 2
    made, x, top, lowest = [], MARGIN, y, y
    for result in results:
        if x == MARGIN and y - top >= half:
            x, y = MARGIN + COLUMN, top
        more, y = bars(result, x, y)
        made += more
        lowest = max(lowest, y)
    return made, lowest


def per_task(result: Json) -> dict[str, float]:
    metric = result["metric"]
    share = 1 if metric.startswith("ns_") else result["n"]
    return {p: m / share * scale(metric) for p, m in medians(result).items()}


def apart(wanted: Iterable[tuple[float, int]], gap: float) -> dict[int, float]:
    """Heights of labels, moved so that none covers another."""
    placed, last = {}, -math.inf
    for y, which in sorted(wanted):
        last = placed[which] = max(y, last + gap)
    return placed


def plot(key: str, results: list[Json], x: float, y: float) -> list[str]:
    """What a task costs at each n, on two log axes: a flat line is linear growth."""
    results = sorted(results, key=lambda r: r["n"])
    lines: dict[str, list[tuple[int, float]]] = {}
    for result in results:
        for peer, cost in per_task(result).items():
            if peer in (US, *result["series"]):
                lines.setdefault(peer, []).append((result["n"], cost))
    costs = [cost for points in lines.values() for _, cost in points]
    low, high = min(costs) / 1.5, max(costs) * 1.5
    first, last = results[0]["n"], max(results[-1]["n"], results[0]["n"] + 1)
    left, wide, tall = x + 12, COLUMN - 160, PLOT_HEIGHT - 60
    top = y + 14

    def across(n: float) -> float:
        return left + log_at(n, first, last, wide)

    def up(cost: float) -> float:
        return top + tall - log_at(cost, low, high, tall)

    made = [text(x, y, f"{key}: {results[0]['title']}", "b")]
    for result in results:
        n = result["n"]
        made += [line(across(n), top, across(n), top + tall, "grid"),
                 text(across(n), top + tall + 14, f"{n:,}".replace(",", " "), "m n")]
    ends = apart(((up(points[-1][1]), i) for i, points in enumerate(lines.values())), 13)
    for i, (peer, points) in enumerate(lines.items()):
        path = " L".join(f"{across(n):.1f} {up(cost):.1f}" for n, cost in points)
        begun, ended = (short(cost) for _, cost in (points[0], points[-1]))
        made += [f'<path d="M{path}" class="c{i % 3}"/>',
                 text(across(points[-1][0]) + 8, ends[i] + 4, f"{peer} {begun} to {ended} ns",
                      f"d{i % 3}")]
    return made


def draw(document: Json) -> str:
    shown = [r for r in document["results"] if US in medians(r)]
    machine = document["machine"]
    made = [text(MARGIN, 28, "What a task costs: peers beside tend", "h"),
            text(MARGIN, 46, f"{machine['cpu']}, {machine['cpus']} cpus, Linux {machine['kernel']}."
                 " Medians of one run, all alternating. Log axis: 1x is what tend costs,"
                 " the thin lines 10x and 100x.", "n")]
    more, y = comparison([r for r in shown if r["goals"]], 76)
    made += more
    made.append(text(MARGIN, y + 12, "Nanoseconds a task, from a thousand tasks to a million:"
                     " a line that does not rise is linear growth", "h"))
    y += 42
    keys = list(dict.fromkeys(r["row"] for r in shown if r["series"]))
    for i, key in enumerate(keys):
        made += plot(key, [r for r in shown if r["row"] == key],
                     MARGIN + i % 2 * COLUMN, y + i // 2 * PLOT_HEIGHT)
    height = y + (len(keys) + 1) // 2 * PLOT_HEIGHT
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
            f'viewBox="0 0 {WIDTH} {height:.0f}">\n<title>What a task costs: tend and its peers'
            f'</title>\n<style>{STYLE}</style>\n<rect width="{WIDTH}" height="{height:.0f}" '
            'class="bg"/>\n' + "\n".join(made) + "\n</svg>\n")


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as results_file:
        print(draw(json.load(results_file)), end="")
