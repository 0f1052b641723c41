"""What the samples say: medians, ratios, verdicts, and the table of a row."""
import math
import statistics
from dataclasses import dataclass, field

from plan import FLOORS, SUMS, Bound, Row

Sample = dict[str, float | int | str]
US = "tend"
STEEPEST = 1.1  # linear, and what caches add on the way to a million
STEP = 1.5  # how much more a task may cost at a size than at the size before


@dataclass
class Result:
    """What the peers measured in one row at one n."""
    row: Row
    n: int
    goals: bool  # the row's bounds are stated for this n
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.row.key if self.goals else f"{self.row.key} n={self.n}"

    def values(self, peer: str, metric: str = "") -> list[float]:
        found = (s.get(metric or self.row.metric) for s in self.samples.get(peer, []))
        return [float(v) for v in found if isinstance(v, int | float)]

    def median(self, peer: str, metric: str = "") -> float | None:
        values = self.values(peer, metric)
        return statistics.median(values) if values else None

    def best(self) -> float | None:
        """Of the peers; a floor is what the machine can do, and no peer."""
        medians = (self.median(p) for p in self.samples if p not in (US, *FLOORS))
        return min((m for m in medians if m), default=None)


@dataclass
class Verdict:
    row: str
    kind: str  # must or aim
    metric: str
    what: str  # "0.4 x go"
    limit: float
    measured: float | None

    @property
    def word(self) -> str:
        if self.measured is None:
            return "not measured"
        return "ok" if self.measured <= self.limit else "MISS"

    def __str__(self) -> str:
        measured = "-" if self.measured is None else short(self.measured)
        return f"{self.kind:<4}  {f'{self.metric} <= {self.what}':<34} {measured:>8}  {self.word}"


def short(value: float) -> str:
    """Three digits that matter.

    >>> [short(v) for v in (0, 0.01234, 1.5, 95.27, 1234.5, 4.6e6)]
    ['0', '0.012', '1.50', '95.3', '1234', '4600000']
    """
    if value == 0:
        return "0"
    if abs(value) < 0.1:
        return f"{value:.2g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def slope(points: list[tuple[float, float]]) -> float | None:
    """The exponent of the power of n by which the cost grows: 1 is linear.

    >>> round(slope([(1000, 2.0), (10000, 20.0), (100000, 200.0)]), 3)
    1.0
    >>> slope([(1000, 2.0)]) is None
    True
    """
    if len(points) < 2 or any(y <= 0 for _, y in points):
        return None
    logs = [(math.log(x), math.log(y)) for x, y in points]
    return statistics.linear_regression([x for x, _ in logs], [y for _, y in logs]).slope


def total(result: Result, peer: str) -> float | None:
    """What all n cost, of a metric that may be of one task."""
    median = result.median(peer)
    return median * result.n if median and result.row.metric.startswith("ns_") else median


def judge(result: Result, others: dict[str, Result]) -> list[Verdict]:
    def one(kind: str, bound: Bound) -> Verdict:
        metric = bound.metric or result.row.metric
        # A bound on a sum is stated for the row's n; a quick run has a tenth of it.
        share = result.n / result.row.n if metric in SUMS else 1
        ours, base, of = result.median(US, bound.metric), share, ""
        if bound.of:
            base, of = result.median(bound.of, bound.metric), f" x {bound.of}"
        elif bound.row:
            other = others.get(bound.row)
            base, of = other.median(US) if other else None, f" x {bound.row}"
        ratio = ours / base if ours is not None and base else None
        return Verdict(result.row.key, kind, metric, short(bound.limit) + of, bound.limit, ratio)

    if not result.goals:
        return []
    return [one("must", b) for b in result.row.must] + [one("aim", b) for b in result.row.aim]


def aligned(rows: list[list[str]]) -> list[str]:
    """Columns of one width each; the first to the left, the others to the right.

    >>> aligned([["peer", "n"], ["go", "1000"]])
    ['  peer     n', '  go    1000']
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for cells in rows:
        first, *rest = (c.ljust(w) if i == 0 else c.rjust(w)
                        for i, (c, w) in enumerate(zip(cells, widths)))
        lines.append(("  " + "  ".join([first, *rest])).rstrip())
    return lines


def peer_cells(result: Result, peer: str) -> list[str]:
    values, best = result.values(peer), result.best()
    middle = statistics.median(values)
    also = (result.median(peer, m) for m in result.row.also)
    rss = result.median(peer, "rss_kb")
    first = result.samples[peer][0]
    return [peer, str(first.get("version", "-")), str(first.get("n", result.n)), short(middle),
            f"[{short(min(values))}..{short(max(values))}]",
            f"{short(middle / best)}x" if best else "-",
            *(short(v) if v is not None else "-" for v in also),
            f"{short(rss / 1024)} MB" if rss else "-"]


def table(result: Result, others: dict[str, Result]) -> str:
    row = result.row
    args = "".join(f" {k}={v}" for k, v in row.args.items())
    head = ["peer", "version", "n", row.metric, "[min..max]", "to best", *row.also, "peak RSS"]
    measured = sorted((p for p in result.samples if result.values(p) and p not in result.failed),
                      key=lambda p: result.median(p) or 0)
    lines = [f"{row.key}: {row.title} ({row.case}{args} workers={row.workers} n={result.n})"]
    if measured:
        lines += aligned([head, *(peer_cells(result, p) for p in measured)])
    lines += [f"  {peer}: NOT MEASURED: {why}" for peer, why in result.failed.items()]
    lines += [f"  {verdict}" for verdict in judge(result, others)]
    return "\n".join(lines) + "\n"


def grown(results: list[Result]) -> list[tuple[str, str, float, list[float]]]:
    """Of each row at several n, and who was measured there: the exponent by which the cost
    of all n grows, and the nanoseconds a task."""
    found = []
    for key in dict.fromkeys(r.row.key for r in results if r.row.series):
        of_row = sorted((r for r in results if r.row.key == key), key=lambda r: r.n)
        for peer in (US, *of_row[0].row.series):
            points = [(float(r.n), t) for r in of_row if (t := total(r, peer)) is not None]
            exponent = slope(points)
            if exponent is not None:
                unit = scale(of_row[0].row.metric)
                found.append((key, peer, exponent, [t / n * unit for n, t in points]))
    return found


def growth(results: list[Result]) -> list[str]:
    rows = [[f"{key} {peer}", f"{exponent:.2f}", "  ".join(map(short, costs)),
             "steeper than linear" if steep(costs) else "-"]
            for key, peer, exponent, costs in grown(results)]
    head = ["row", "exponent", "ns a task at each n", f"a step of > {STEP}x"]
    return aligned([head, *rows]) if rows else []


def steep(costs: list[float]) -> bool:
    """Whether a task costs much more at a size than at the size before.

    >>> steep([40, 30, 44]), steep([40, 30, 46])
    (False, True)
    """
    return any(after > STEP * before for before, after in zip(costs, costs[1:]))


def linear(results: list[Result]) -> list[Verdict]:
    """No cost of ours grows faster than n."""
    return [Verdict(key, "must", "exponent", short(STEEPEST), STEEPEST, exponent)
            for key, peer, exponent, _ in grown(results) if peer == US]


def scale(metric: str) -> float:
    """From the unit of a metric's sum to nanoseconds."""
    if metric.startswith("ns_"):
        return 1
    return 1e6 if metric.endswith("_ms") else 1e9
