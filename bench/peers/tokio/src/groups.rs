//! Two more registries on tokio, of the builds that daemons have: `aura`, groups that each keep
//! their tasks by number and are canceled by a watch channel that every task below them looks at;
//! and `dig`, one list of names and handles that is joined at the end.
use crate::plain::parked;
use crate::{check, each, median, ms, status, Figures, Opts, BATCH};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::{watch, Notify};
use tokio::task::{yield_now, JoinHandle};
use tokio_util::sync::CancellationToken;

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Done when one of them is.
struct Any(Vec<Boxed>);

impl Future for Any {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.iter_mut().any(|one| one.as_mut().poll(cx).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

async fn canceled(mut token: watch::Receiver<bool>) {
    loop {
        let is_set = *token.borrow();
        if is_set || token.changed().await.is_err() {
            return;
        }
    }
}

async fn until(started: &AtomicUsize, n: usize) {
    while started.load(Ordering::Acquire) < n {
        yield_now().await;
    }
}

#[allow(dead_code)] // read by whoever aborts what is left
struct Slot {
    name: String,
    abort: Option<JoinHandle<()>>,
}

struct Group {
    name: String,
    next: AtomicU64,
    slots: Mutex<HashMap<u64, Slot>>,
    cancel: watch::Sender<bool>,
    /// Its own and those of the groups above.
    tokens: Vec<watch::Receiver<bool>>,
    idle: Notify,
}

impl Group {
    fn new(name: String, above: &[watch::Receiver<bool>]) -> Arc<Group> {
        let (cancel, own) = watch::channel(false);
        let tokens = above.iter().cloned().chain([own]).collect();
        let (next, slots, idle) = Default::default();
        Arc::new(Group { name, next, slots, cancel, tokens, idle })
    }

    fn group(&self, name: &str) -> Arc<Group> {
        Group::new(format!("{}.{name}", self.name), &self.tokens)
    }

    fn spawn<F>(self: &Arc<Self>, name: String, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.slots.lock().unwrap().insert(id, Slot { name, abort: None });
        let group = self.clone();
        let tokens = self.tokens.iter().cloned().map(|t| Box::pin(canceled(t)) as Boxed).collect();
        let task = tokio::spawn(async move {
            tokio::select! {
                _ = Any(tokens) => {}
                _ = work => {}
            }
            let mut slots = group.slots.lock().unwrap();
            slots.remove(&id);
            if slots.is_empty() {
                group.idle.notify_one();
            }
        });
        if let Some(slot) = self.slots.lock().unwrap().get_mut(&id) {
            slot.abort = Some(task);
        }
    }

    async fn wait(&self) {
        while !self.slots.lock().unwrap().is_empty() {
            self.idle.notified().await;
        }
    }

    /// Spawns n tasks that park, in groups of 100; returns when all have begun.
    async fn fill(&self, n: usize) -> Vec<Arc<Group>> {
        let started = Arc::new(AtomicUsize::new(0));
        let groups: Vec<_> = (0..n / 100).map(|g| self.group(&format!("group-{g}"))).collect();
        for group in &groups {
            for i in 0..100 {
                let started = started.clone();
                group.spawn(format!("worker-{i}"), async move {
                    started.fetch_add(1, Ordering::Relaxed);
                    std::future::pending::<()>().await;
                });
            }
        }
        until(&started, n).await;
        groups
    }
}

pub async fn aura(case: &str, o: Opts) -> Option<Figures> {
    let root = Group::new("runtime".into(), &[]);
    let (rss, tables, begun) = (status("VmRSS"), status("VmPTE"), Instant::now());
    if case == "w1b" {
        for _ in 0..o.n / BATCH {
            for _ in 0..BATCH {
                root.spawn("worker".into(), async {});
            }
            root.wait().await;
        }
        return Some(each("ns_task", begun, o.n));
    }
    let groups = root.fill(o.n).await;
    Some(match case {
        "w3" => parked(o.n, begun, rss, tables),
        "w4" => {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let begun = Instant::now();
            root.cancel.send(true).unwrap();
            for group in &groups {
                group.wait().await;
            }
            vec![("cancel_ms", ms(begun))]
        }
        _ => median(|| {
            let mut rows = Vec::new();
            for group in &groups {
                let slots = group.slots.lock().unwrap();
                rows.extend(slots.values().map(|slot| format!("{}.{}", group.name, slot.name)));
            }
            check(rows.len() == o.n, "a row");
        }),
    })
}

#[allow(dead_code)] // the rest is for whoever looks at a summary
#[derive(Clone, Copy)]
struct Summary {
    name: &'static str,
    since: Instant,
    kind: u8,
}

#[derive(Default)]
struct List {
    token: CancellationToken,
    tasks: Mutex<Vec<(Summary, JoinHandle<()>)>>,
}

impl List {
    fn spawn<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let summary = Summary { name, since: Instant::now(), kind: 0 };
        self.tasks.lock().unwrap().push((summary, tokio::spawn(work)));
    }

    /// All with one deadline.
    async fn join_all(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        for (_, task) in tasks {
            tokio::time::timeout_at(deadline, task).await.unwrap().unwrap();
        }
    }

    async fn fill(&self, n: usize) {
        let started = Arc::new(AtomicUsize::new(0));
        for _ in 0..n {
            let (started, token) = (started.clone(), self.token.clone());
            self.spawn("worker", async move {
                started.fetch_add(1, Ordering::Relaxed);
                token.cancelled().await;
            });
        }
        until(&started, n).await;
    }
}

pub async fn dig(case: &str, o: Opts) -> Option<Figures> {
    let list = List::default();
    let (rss, tables, begun) = (status("VmRSS"), status("VmPTE"), Instant::now());
    if case == "w1b" {
        for _ in 0..o.n / BATCH {
            for _ in 0..BATCH {
                list.spawn("worker", async {});
            }
            list.join_all().await;
        }
        return Some(each("ns_task", begun, o.n));
    }
    list.fill(o.n).await;
    Some(match case {
        "w3" => parked(o.n, begun, rss, tables),
        "w4" => {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let begun = Instant::now();
            list.token.cancel();
            list.join_all().await;
            vec![("cancel_ms", ms(begun))]
        }
        _ => median(|| {
            let rows: Vec<Summary> = list.tasks.lock().unwrap().iter().map(|t| t.0).collect();
            check(rows.len() == o.n, "a row");
        }),
    })
}
