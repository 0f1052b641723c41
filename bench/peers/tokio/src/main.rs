//! tokio as a peer, and a registry built on it: PROGRAM PEER CASE key=value... runs one case
//! once and prints a line of JSON. Exit 3: there is no such case.
mod groups;
mod plain;
mod registry;
mod taskvisor;

use std::time::{Duration, Instant};

pub const BATCH: usize = 1000;

/// What was asked for.
#[derive(Clone, Default)]
pub struct Opts {
    pub n: usize,
    pub workers: usize,
    pub shape: String,
    pub sub: bool,
    pub warm: bool,
}

/// The figures, in order.
pub type Figures = Vec<(&'static str, f64)>;

pub fn check(holds: bool, what: &str) {
    if !holds {
        eprintln!("not all work was done: {what}");
        std::process::exit(1);
    }
}

pub fn each(name: &'static str, begun: Instant, count: usize) -> Figures {
    vec![(name, begun.elapsed().as_nanos() as f64 / count as f64)]
}

/// Of eleven takes; the first apart.
pub fn median(mut take: impl FnMut()) -> Figures {
    const TAKES: usize = 11;
    let mut takes: Vec<f64> = (0..=TAKES)
        .map(|_| {
            let begun = Instant::now();
            take();
            ms(begun)
        })
        .collect();
    let first = takes.remove(0);
    takes.sort_by(f64::total_cmp);
    vec![("snapshot_ms", takes[TAKES / 2]), ("first_ms", first)]
}

pub fn ms(since: Instant) -> f64 {
    since.elapsed().as_nanos() as f64 / 1e6
}

fn usage() -> libc::rusage {
    let mut usage = std::mem::MaybeUninit::uninit();
    // SAFETY: getrusage() fills it.
    unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    }
}

pub fn cpu() -> Duration {
    let u = usage();
    let us = |t: libc::timeval| t.tv_sec as u64 * 1_000_000 + t.tv_usec as u64;
    Duration::from_micros(us(u.ru_utime) + us(u.ru_stime))
}

pub fn status(field: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|l| l.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

/// The version of a crate in the lock file of this build.
fn version() -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let from = &lock[lock.find("name = \"tokio\"\n").unwrap()..];
    from.split('"').nth(3).unwrap()
}

fn options(args: &[String], default_n: usize) -> (Opts, String) {
    let mut o = Opts { n: default_n, workers: 1, shape: "wait".into(), ..Opts::default() };
    let mut said = String::new();
    for arg in args {
        let (key, value) = arg.split_once('=').unwrap_or((arg, ""));
        match (key, value.parse::<usize>()) {
            ("shape", _) => o.shape = value.into(),
            ("n", Ok(n)) => o.n = n,
            ("workers", Ok(n)) => o.workers = n,
            ("sub", Ok(n)) => o.sub = n != 0,
            ("warm", Ok(n)) => o.warm = n != 0,
            _ => {
                eprintln!("{arg}: not a key=value that is known");
                std::process::exit(2);
            }
        }
        match key {
            "shape" => said += &format!(",\"{key}\":\"{value}\""),
            "sub" | "warm" => said += &format!(",\"{key}\":{value}"),
            _ => {}
        }
    }
    (o, said)
}

async fn run(peer: &str, case: &str, o: Opts) -> Option<Figures> {
    Some(match (peer, case) {
        ("tokio", "w1b") => plain::w1b(o, false).await,
        ("tokio", "w1y") => plain::w1b(o, true).await,
        ("tokio", "w1a") => plain::w1a(o).await,
        ("tokio", "w2y") => plain::w2y(o).await,
        ("tokio", "w2c") => plain::w2c(o).await,
        ("tokio", "w3") => plain::w3(o).await,
        ("sharedtok", "w4") => plain::w4(o, false).await,
        ("tokio-ct", "w4") => plain::w4(o, true).await,
        ("tokio", "w7") => taskvisor::w7(o, false).await,
        ("taskvisor", "w7") => taskvisor::w7(o, true).await,
        ("tokio", "w8") => plain::w8(o).await,
        ("tokio", "w9") => plain::w9().await,
        ("buttplug", "w1b" | "w5") => registry::spawn(o).await,
        ("buttplug", "w3") => registry::park(o).await,
        ("buttplug", "w4") => registry::cancel(o).await,
        ("buttplug", "w6") => registry::snapshot(o).await,
        ("aura", "w1b" | "w3" | "w4" | "w6") => return groups::aura(case, o).await,
        ("dig", "w1b" | "w3" | "w4" | "w6") => return groups::dig(case, o).await,
        _ => return None,
    })
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.len() < 2 {
        std::process::exit(3);
    }
    let (peer, case) = (args[0].clone(), args[1].clone());
    let n = match case.as_str() {
        "w2y" => 5_000_000,
        "w4" | "w6" => 100_000,
        "w5" => 500_000,
        _ => 1_000_000,
    };
    let (o, said) = options(&args[2..], n);
    let (n, workers) = (o.n, o.workers);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap();
    // The one that spawns runs on a worker, and so into its local queue.
    let (p, c) = (peer.clone(), case.clone());
    let figures = runtime.block_on(async { tokio::spawn(async move { run(&p, &c, o).await }).await });
    let figures = match figures.unwrap() {
        Some(figures) => figures,
        None => std::process::exit(3),
    };
    let figures: String = figures.iter().map(|(k, v)| format!(",\"{k}\":{v:.3}")).collect();
    println!(
        "{{\"case\":\"{case}\",\"peer\":\"{peer}\",\"version\":\"{}\",\"workers\":{workers},\"n\":{n}{figures},\"rss_kb\":{}{said}}}",
        version(),
        usage().ru_maxrss
    );
    std::process::exit(0); // parked tasks are not waited for
}
