//! A registry of named tasks on tokio, of the usual build: a concurrent map from path to entry,
//! a token for each task, and a broadcast of starts and ends.
use crate::plain::{parked, Group};
use crate::{check, median, ms, status, Figures, Opts, BATCH};
use dashmap::DashMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

#[allow(dead_code)] // read by whoever looks at an entry or an event
#[derive(Clone)]
struct Entry {
    token: CancellationToken,
    started: SystemTime,
}

#[allow(dead_code)]
#[derive(Clone)]
enum Event {
    Started(String, SystemTime),
    Ended(String, SystemTime),
}

struct Registry {
    entries: DashMap<String, Entry>,
    events: broadcast::Sender<Event>,
    group: Group,
}

impl Registry {
    fn new() -> Arc<Registry> {
        let events = broadcast::channel(16384).0;
        Arc::new(Registry { entries: DashMap::new(), events, group: Group::default() })
    }

    fn spawn<F>(self: &Arc<Self>, parent: &CancellationToken, path: String, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let token = parent.child_token();
        let entry = Entry { token: token.clone(), started: SystemTime::now() };
        self.entries.insert(path.clone(), entry);
        // Nobody may be listening.
        let _ = self.events.send(Event::Started(path.clone(), SystemTime::now()));
        self.group.add(1);
        let registry = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = token.cancelled() => {}
                _ = work => {}
            }
            registry.entries.remove(&path);
            let _ = registry.events.send(Event::Ended(path, SystemTime::now()));
            registry.group.done();
        });
    }

    /// Spawns n tasks that park, in groups of 100; returns when all have begun.
    async fn fill(self: &Arc<Self>, root: &CancellationToken, n: usize) {
        let started = Arc::new(AtomicUsize::new(0));
        for g in 0..n / 100 {
            let token = root.child_token();
            for i in 0..100 {
                let started = started.clone();
                self.spawn(&token, format!("bench/group-{g}/worker-{i}"), async move {
                    started.fetch_add(1, Ordering::Relaxed);
                    std::future::pending::<()>().await;
                });
            }
        }
        while started.load(Ordering::Acquire) < n {
            yield_now().await;
        }
    }
}

pub async fn spawn(o: Opts) -> Figures {
    let registry = Registry::new();
    let root = CancellationToken::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let reader = o.sub.then(|| {
        let mut events = registry.events.subscribe();
        tokio::spawn(async move {
            let (mut seen, mut lost) = (0u64, 0u64);
            loop {
                match events.recv().await {
                    Ok(_) => seen += 1,
                    Err(RecvError::Lagged(n)) => lost += n,
                    Err(RecvError::Closed) => return (seen, lost),
                }
            }
        })
    });
    let paths: Vec<String> = (0..BATCH).map(|k| format!("bench/group/w{k}")).collect();
    let begun = Instant::now();
    for _ in 0..o.n / BATCH {
        for path in &paths {
            let ran = ran.clone();
            registry.spawn(&root, path.clone(), async move {
                ran.fetch_add(1, Ordering::Relaxed);
            });
        }
        registry.group.wait().await;
    }
    let mut figures = crate::each("ns_task", begun, o.n);
    check(ran.load(Ordering::Acquire) == o.n / BATCH * BATCH, "a task");
    if let Some(reader) = reader {
        while Arc::strong_count(&registry) > 1 {
            yield_now().await;
        }
        drop(registry);
        let (seen, lost) = reader.await.unwrap();
        figures.extend([("events_seen", seen as f64), ("events_lost", lost as f64)]);
    }
    figures
}

pub async fn park(o: Opts) -> Figures {
    let (rss, tables) = (status("VmRSS"), status("VmPTE"));
    let begun = Instant::now();
    Registry::new().fill(&CancellationToken::new(), o.n).await;
    parked(o.n, begun, rss, tables)
}

pub async fn cancel(o: Opts) -> Figures {
    let registry = Registry::new();
    let root = CancellationToken::new();
    registry.fill(&root, o.n).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let begun = Instant::now();
    root.cancel();
    registry.group.wait().await;
    vec![("cancel_ms", ms(begun))]
}

pub async fn snapshot(o: Opts) -> Figures {
    let registry = Registry::new();
    registry.fill(&CancellationToken::new(), o.n).await;
    let mut figures = median(|| {
        let rows: Vec<(String, SystemTime)> =
            registry.entries.iter().map(|e| (e.key().clone(), e.started)).collect();
        check(rows.len() == o.n, "a row");
    });
    let begun = Instant::now();
    let live = registry.entries.iter().filter(|e| e.key().starts_with("bench/group-0/")).count();
    check(live == 100, "a count");
    figures.push(("prefix_us", begun.elapsed().as_nanos() as f64 / 1e3));
    figures
}
