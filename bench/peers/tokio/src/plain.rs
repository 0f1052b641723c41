//! Tasks as tokio has them: no name, no owner.
use crate::{check, cpu, each, ms, status, Figures, Opts, BATCH};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, Notify};
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

/// Counts tasks down, and wakes who waits for the last.
#[derive(Default)]
pub struct Group {
    live: AtomicUsize,
    empty: Notify,
}

impl Group {
    pub fn add(&self, n: usize) {
        self.live.fetch_add(n, Ordering::Relaxed);
    }
    pub fn done(&self) {
        if self.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.empty.notify_one();
        }
    }
    pub async fn wait(&self) {
        while self.live.load(Ordering::Acquire) != 0 {
            self.empty.notified().await;
        }
    }
}

async fn spawner(n: usize, join: bool, yields: bool) {
    let group = Arc::new(Group::default());
    let mut joins = Vec::with_capacity(BATCH);
    for first in (0..n).step_by(BATCH) {
        let count = BATCH.min(n - first);
        if !join {
            group.add(count);
        }
        for _ in 0..count {
            let group = group.clone();
            let task = tokio::spawn(async move {
                if yields {
                    yield_now().await;
                }
                if !join {
                    group.done();
                }
            });
            if join {
                joins.push(task);
            }
        }
        for task in joins.drain(..) {
            task.await.unwrap();
        }
        group.wait().await;
    }
}

/// Two that spawn into one group: a batch is over when both of theirs are.
async fn shared(n: usize) {
    let group = Arc::new(Group::default());
    for _ in 0..n / BATCH / 2 {
        group.add(2 * BATCH);
        let spawners = [0, 1].map(|_| {
            let group = group.clone();
            tokio::spawn(async move {
                for _ in 0..BATCH {
                    let group = group.clone();
                    tokio::spawn(async move { group.done() });
                }
            })
        });
        for s in spawners {
            s.await.unwrap();
        }
        group.wait().await;
    }
}

pub async fn w1b(o: Opts, yields: bool) -> Figures {
    let join = o.shape == "join";
    spawner(BATCH, join, yields).await;
    let begun = Instant::now();
    match o.shape.as_str() {
        "own" => {
            let half = o.n / 2;
            let both = [0, 1].map(|_| tokio::spawn(spawner(half, join, yields)));
            for s in both {
                s.await.unwrap();
            }
        }
        "one" => shared(o.n).await,
        _ => spawner(o.n, join, yields).await,
    }
    each("ns_task", begun, o.n)
}

pub async fn w1a(o: Opts) -> Figures {
    let group = Arc::new(Group::default());
    let begun = Instant::now();
    group.add(o.n);
    for _ in 0..o.n {
        let group = group.clone();
        tokio::spawn(async move { group.done() });
    }
    group.wait().await;
    each("ns_task", begun, o.n)
}

pub async fn w2y(o: Opts) -> Figures {
    let come = Arc::new(AtomicUsize::new(0));
    let both = [0, 1].map(|_| {
        let come = come.clone();
        tokio::spawn(async move {
            // The clock starts when both have.
            come.fetch_add(1, Ordering::AcqRel);
            while come.load(Ordering::Acquire) < 2 {
                yield_now().await;
            }
            let begun = Instant::now();
            for _ in 0..o.n / 2 {
                yield_now().await;
            }
            begun
        })
    });
    let [one, other] = both;
    let begun = one.await.unwrap().min(other.await.unwrap());
    each("ns_switch", begun, o.n)
}

pub async fn w2c(o: Opts) -> Figures {
    let (there, mut asked) = mpsc::channel::<usize>(1);
    let (answer, mut back) = mpsc::channel::<usize>(1);
    tokio::spawn(async move {
        while let Some(item) = asked.recv().await {
            answer.send(item + 1).await.unwrap();
        }
    });
    let mut item = 0;
    let begun = Instant::now();
    for _ in 0..o.n / 2 {
        there.send(item).await.unwrap();
        item = back.recv().await.unwrap();
    }
    let figures = each("ns_hop", begun, o.n);
    check(item == o.n / 2, "a hop");
    figures
}

/// What it took since, once `n` tasks have begun and are parked.
pub fn parked(n: usize, begun: Instant, rss: f64, tables: f64) -> Figures {
    let create = begun.elapsed().as_nanos() as f64 / n as f64;
    let (rss, tables) = (status("VmRSS") - rss, status("VmPTE") - tables);
    vec![
        ("bytes_task", (rss + tables) / n as f64),
        ("create_ns", create),
        ("pt_bytes_task", tables / n as f64),
    ]
}

pub async fn w3(o: Opts) -> Figures {
    let (rss, tables) = (status("VmRSS"), status("VmPTE"));
    let begun = Instant::now();
    let never = Arc::new(Notify::new());
    let started = Arc::new(AtomicUsize::new(0));
    for _ in 0..o.n {
        let (never, started) = (never.clone(), started.clone());
        tokio::spawn(async move {
            started.fetch_add(1, Ordering::Relaxed);
            never.notified().await;
        });
    }
    while started.load(Ordering::Acquire) < o.n {
        yield_now().await;
    }
    parked(o.n, begun, rss, tables)
}

/// A token for each group, shared by its tasks; or a token for each task, below its group's.
pub async fn w4(o: Opts, own: bool) -> Figures {
    let root = CancellationToken::new();
    let group = Arc::new(Group::default());
    let started = Arc::new(AtomicUsize::new(0));
    group.add(o.n);
    for _ in 0..o.n / 100 {
        let token = Arc::new(root.child_token());
        for _ in 0..100 {
            let (group, started) = (group.clone(), started.clone());
            let token = if own { Arc::new(token.child_token()) } else { token.clone() };
            tokio::spawn(async move {
                started.fetch_add(1, Ordering::Relaxed);
                token.cancelled().await;
                group.done();
            });
        }
    }
    while started.load(Ordering::Acquire) < o.n {
        yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    let begun = Instant::now();
    root.cancel();
    group.wait().await;
    vec![("cancel_ms", ms(begun))]
}

async fn sleeps(n: usize) {
    let group = Arc::new(Group::default());
    group.add(n);
    for i in 0..n {
        let group = group.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis((i * 7919 % 1000) as u64)).await;
            group.done();
        });
    }
    group.wait().await;
}

pub async fn w8(o: Opts) -> Figures {
    if o.warm {
        sleeps(o.n).await;
    }
    let (used, begun) = (cpu(), Instant::now());
    sleeps(o.n).await;
    vec![("cpu_s", (cpu() - used).as_secs_f64()), ("wall_s", begun.elapsed().as_secs_f64())]
}

pub async fn w9() -> Figures {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let used = cpu();
    println!("{{\"port\":{}}}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buf = [0; 4096];
                while let Ok(n) = connection.read(&mut buf).await {
                    if n == 0 || connection.write_all(&buf[..n]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    // A thread of its own, for this read blocks.
    let end = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    end.await.unwrap().unwrap();
    vec![("cpu_s", (cpu() - used).as_secs_f64())]
}
