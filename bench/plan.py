"""What is measured, who takes part, and what tend must reach. Only data."""
from dataclasses import dataclass, field

MILLION = 1_000_000
SIZES = (1_000, 10_000, 100_000, MILLION)

# Where each peer's program is, below the build folder; tend has one for each file of bench/.
PROGRAMS = {
    "tokio": "peers/tokio/release/bench",
    "sharedtok": "peers/tokio/release/bench",
    "tokio-ct": "peers/tokio/release/bench",
    "buttplug": "peers/tokio/release/bench",
    "taskvisor": "peers/tokio/release/bench",
    "aura": "peers/tokio/release/bench",
    "dig": "peers/tokio/release/bench",
    "go": "peers/go",
    "go-reg": "peers/go",
    "erlang": "bench/peers/erlang/run",
    "otp": "bench/peers/erlang/run",
    "boost.fiber": "peers/boost",
    "boost.context": "peers/boost",
    "fcontext": "peers/boost",
    "pthread": "peers/posix",
    "ucontext": "peers/posix",
    "libuv": "peers/uv",
    "epoll": "peers/epoll",
    "floor": "peers/floor",
}

# What the machine can do at best; the best peer is not one of them.
FLOORS = ("floor", "fcontext", "boost.context")
SUMS = ("rss_kb", "cancel_ms", "snapshot_ms")  # metrics that grow with n


@dataclass(frozen=True)
class Bound:
    """At most `limit` times what `of`, a peer of the same row, measured; or, of a `row`,
    what tend did there; or, without either, `limit` itself in the unit of the metric."""
    limit: float
    of: str = ""
    metric: str = ""
    row: str = ""


@dataclass(frozen=True)
class Row:
    """One case at one number of workers."""
    key: str
    program: str
    title: str
    case: str
    metric: str
    n: int
    peers: tuple[str, ...]
    workers: int = 1
    args: dict[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    less: dict[str, int] = field(default_factory=dict)  # n of peers too slow for more
    series: tuple[str, ...] = ()  # who is measured at SIZES too
    discard: int = 0  # first rounds that do not count: the host gives its memory in them
    must: tuple[Bound, ...] = ()
    aim: tuple[Bound, ...] = ()


def names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SPAWN = "tokio buttplug aura dig go go-reg erlang boost.fiber pthread"
SPAWN_LESS = {"erlang": 200_000, "pthread": 20_000}
IN_TWO = (Bound(0.5, "go"), Bound(1.2, row="w1b.wait"))

PLAN = (
    Row("w1b.join", "w1", "spawn and join, 1000 outstanding", "w1b", "ns_task", MILLION,
        names(SPAWN), args={"shape": "join"}, less=SPAWN_LESS,
        must=(Bound(0.4, "go"), Bound(0.25, "tokio"), Bound(0.08, "buttplug")),
        aim=(Bound(40),)),
    Row("w1b.wait", "w1", "spawn, then wait for all, 1000 outstanding", "w1b", "ns_task", MILLION,
        names("tokio go boost.fiber"), args={"shape": "wait"},
        must=(Bound(0.4, "go"),), aim=(Bound(40),)),
    Row("w1b.own", "w1", "two spawners, each with a scope of its own", "w1b", "ns_task", MILLION,
        names("tokio go"), 2, {"shape": "own"},
        must=IN_TWO, aim=(Bound(40),)),
    Row("w1b.one", "w1", "two spawners into one scope", "w1b", "ns_task", MILLION,
        names("tokio go"), 2, {"shape": "one"}, must=IN_TWO, aim=(Bound(60),)),
    Row("w1b.spawner", "w1", "one spawner, two workers", "w1b", "ns_task", MILLION,
        names("tokio go"), 2, {"shape": "spawner"},
        must=IN_TWO, aim=(Bound(60),)),
    Row("w1y.1", "w1", "spawn; each task yields once", "w1y", "ns_task", MILLION,
        names("tokio go boost.fiber"),
        must=(Bound(0.45, "go"), Bound(0.45, "tokio")), aim=(Bound(75),)),
    Row("w1y.2", "w1", "spawn; each task yields once", "w1y", "ns_task", MILLION,
        names("tokio go"), 2),
    Row("w1a.1", "w1", "all are spawned before any is awaited", "w1a", "ns_task", MILLION,
        names("tokio go boost.fiber"),
        less={"boost.fiber": 100_000}, series=("tokio", "go"), discard=1,
        must=(Bound(0.4, "tokio"), Bound(1, "tokio", "rss_kb")),
        aim=(Bound(230), Bound(256 * MILLION / 1024, metric="rss_kb"))),
    Row("w1a.2", "w1", "all are spawned before any is awaited", "w1a", "ns_task", MILLION,
        names("tokio go"), 2, discard=1),
    Row("w2y.1", "w2", "a yield to the other task", "w2y", "ns_switch", 5 * MILLION,
        names("tokio go erlang boost.fiber boost.context fcontext ucontext"),
        must=(Bound(0.3, "go"), Bound(2, "fcontext")), aim=(Bound(8),)),
    Row("w2y.2", "w2", "a yield to the other task", "w2y", "ns_switch", 5 * MILLION,
        names("tokio go"), 2),
    Row("w2c.1", "w2", "a hop between channels of capacity 1", "w2c", "ns_hop", MILLION,
        names("tokio go erlang boost.fiber"), must=(Bound(0.4, "go"),), aim=(Bound(32),)),
    Row("w2c.2", "w2", "a hop between channels of capacity 1", "w2c", "ns_hop", MILLION,
        names("tokio go"), 2, must=(Bound(0.75, "go"),)),
    Row("w2c.apart", "w2", "the same, a task on each of two workers", "apart", "ns_hop",
        200_000, names("pthread"), 2, less={"pthread": 50_000}),
    Row("w3", "w3", "a started task, parked", "w3", "bytes_task", MILLION,
        names("tokio buttplug aura dig go go-reg erlang boost.fiber pthread floor"),
        also=("create_ns", "pt_bytes_task"),
        less={"go-reg": 200_000, "boost.fiber": 100_000, "pthread": 10_000}, discard=1,
        must=(Bound(4600), Bound(1.5, "floor", "create_ns")),
        aim=(Bound(4500), Bound(1.25, "floor", "create_ns"))),
    Row("w4.1", "w4", "cancel of the root until every task has ended", "w4", "cancel_ms", 100_000,
        names("sharedtok tokio-ct buttplug aura dig go go-reg erlang"),
        series=("sharedtok", "go"),
        must=(Bound(0.6, "sharedtok"), Bound(0.2, "buttplug")), aim=(Bound(18),)),
    Row("w4.2", "w4", "cancel of the root until every task has ended", "w4", "cancel_ms", 100_000,
        names("sharedtok tokio-ct buttplug go"), 2,
        must=(Bound(0.6, "sharedtok"), Bound(0.2, "buttplug")), aim=(Bound(12),)),
    Row("w5.none", "w5", "spawn with a name and events that nobody reads", "w5", "ns_task", 500_000,
        names("buttplug go-reg"), args={"sub": "0"},
        must=(Bound(0.08, "buttplug"),), aim=(Bound(50),)),
    Row("w5.read", "w5", "spawn with a name and events that are read", "w5", "ns_task", 500_000,
        names("buttplug go-reg"), args={"sub": "1"}, also=("events_seen", "events_lost"),
        must=(Bound(0.2, "buttplug"),), aim=(Bound(120),)),
    Row("w6", "w6", "a snapshot with path strings", "w6", "snapshot_ms", 100_000,
        names("buttplug aura dig go-reg erlang"), also=("first_ms", "prefix_us", "count_us"),
        series=("buttplug", "go-reg"),
        must=(Bound(0.2, "buttplug"), Bound(0.5, metric="count_us")),
        aim=(Bound(2), Bound(0.05, metric="count_us"))),
    Row("w3.queued", "w3", "a task that has not started", "w3", "bytes_task", MILLION, (),
        args={"shape": "queued"}, also=("create_ns",), discard=1, must=(Bound(350),)),
    Row("w6.remote", "w6", "a snapshot of another process, with path strings", "w6r",
        "snapshot_ms", 100_000, (), also=("stopped_ms", "first_ms"), must=(Bound(2, row="w6"),),
        aim=(Bound(3),)),
    Row("tree", "w6", "tend tree PID of 100 000 tasks", "tree", "tree_ms", 100_000, ()),
    Row("segment", "w6", "a runtime and its registry, with room for 2 million, opened and closed",
        "segment", "open_us", 100, (), also=("resident_kb",)),
    Row("w7", "w7", "a task that fails at once runs again", "w7", "ns_restart", MILLION,
        names("tokio taskvisor go erlang otp"),
        less={"taskvisor": 1000, "otp": 10_000},
        must=(Bound(0.8, "tokio"), Bound(0.02, "taskvisor")), aim=(Bound(150),)),
    Row("w7.rest", "w7", "a task that has failed, and rests", "w7rest", "bytes_task", MILLION, (),
        also=("create_ns",), discard=1, must=(Bound(512),), aim=(Bound(400),)),
    Row("w8.1", "w8", "sleeps of up to 1 s: CPU time", "w8", "cpu_s", MILLION,
        names("tokio go libuv"), also=("wall_s",), series=("tokio", "go"),
        must=(Bound(0.8, "go"),), aim=(Bound(0.9, "tokio"),)),
    Row("w8.warm", "w8", "the same once more in the same process", "w8", "cpu_s", MILLION,
        names("tokio go"), args={"warm": "1"}, also=("wall_s",), must=(Bound(0.5, "tokio"),)),
    Row("w8.2", "w8", "sleeps of up to 1 s: CPU time", "w8", "cpu_s", MILLION,
        names("tokio go"), 2, also=("wall_s",)),
    Row("w9", "w9", "TCP echo, 64 connections: the server's CPU time", "w9", "cpu_us_req", 100_000,
        names("epoll libuv tokio go erlang"), also=("req_s", "p50_us", "p99_us"),
        must=(Bound(1.05, "epoll"),), aim=(Bound(1, "libuv"),)),
    Row("process", "process", "a process, from its start until it is reaped", "process", "ns_task",
        1000, names("floor"), args={"shape": "spawn"}),
)
