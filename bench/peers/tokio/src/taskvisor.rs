//! A supervisor on tokio, of the build that taskvisor 0.2 documents: a task is an actor that
//! runs its attempts one after the other, each below a token of its own, publishes an event for
//! each step on a broadcast bus, and sleeps for the backoff on the timer, be it zero. One listener
//! takes commands and removes from the registry the tasks whose end the bus tells. And `bare`: a
//! task is spawned again when it has ended.
use crate::{check, each, Figures, Opts};
use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{broadcast, mpsc, oneshot, Notify, RwLock, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

type Attempt = Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send>>;
type Body = Arc<dyn Fn(CancellationToken) -> Attempt + Send + Sync>;

#[derive(Clone, Debug)]
enum TaskError {
    Fail(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Starting,
    Stopped,
    Failed,
    Backoff,
    Added,
    Exhausted,
}

#[allow(dead_code)] // read by subscribers
#[derive(Clone, Debug)]
struct Event {
    seq: u64,
    at: SystemTime,
    kind: Kind,
    id: u64,
    task: Arc<str>,
    attempt: u32,
    reason: Option<Arc<str>>,
    delay_ms: Option<u32>,
}

struct Bus {
    sender: broadcast::Sender<Arc<Event>>,
    seq: AtomicU64,
}

impl Bus {
    fn publish(&self, of: &Actor, kind: Kind, reason: Option<&str>, delay_ms: Option<u32>) {
        let _ = self.sender.send(Arc::new(Event {
            seq: self.seq.fetch_add(1, Ordering::Relaxed) + 1,
            at: SystemTime::now(),
            kind,
            id: of.id,
            task: of.name.clone(),
            attempt: of.attempt,
            reason: reason.map(Into::into),
            delay_ms,
        }));
    }
}

/// Answers a panic of the future as an error.
struct Caught(Attempt);

impl Future for Caught {
    type Output = Result<(), TaskError>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(TaskError::Fail("task panicked".into()))))
    }
}

struct Backoff {
    first: Duration,
    factor: f64,
    max: Duration,
}

impl Backoff {
    fn next(&self, failures: u32) -> Duration {
        let base = self.first.as_secs_f64() * self.factor.powi(failures as i32);
        match base.is_finite() && base <= self.max.as_secs_f64() {
            true => Duration::from_secs_f64(base),
            false => self.max,
        }
    }
}

struct Actor {
    id: u64,
    name: Arc<str>,
    body: Body,
    attempt: u32,
    failures: u32,
    backoff: Backoff,
    token: CancellationToken,
    permits: Option<Arc<Semaphore>>,
    bus: Arc<Bus>,
}

impl Actor {
    async fn run(mut self) {
        while !self.token.is_cancelled() {
            let permit = match &self.permits {
                Some(permits) => permits.clone().acquire_owned().await.ok(),
                None => None,
            };
            self.attempt += 1;
            self.bus.publish(&self, Kind::Starting, None, None);
            let child = self.token.child_token();
            let ended = Caught((self.body)(child.clone())).await;
            child.cancel();
            drop(permit);
            let why = match ended {
                Err(TaskError::Fail(why)) => why,
                Ok(()) => {
                    self.bus.publish(&self, Kind::Stopped, None, None);
                    break;
                }
            };
            self.bus.publish(&self, Kind::Failed, Some(&why), None);
            let delay = self.backoff.next(self.failures);
            self.failures += 1;
            self.bus.publish(&self, Kind::Backoff, Some(&why), Some(delay.as_millis() as u32));
            tokio::select! {
                _ = tokio::time::sleep(delay) => {}
                _ = self.token.cancelled() => break,
            }
        }
        self.bus.publish(&self, Kind::Exhausted, None, None);
    }
}

struct Add {
    name: Arc<str>,
    body: Body,
    reply: oneshot::Sender<u64>,
}

#[derive(Default)]
struct Registry {
    tasks: RwLock<HashMap<u64, (Arc<str>, CancellationToken, JoinHandle<()>)>>,
    empty: Notify,
}

/// The one who owns the registry.
async fn listen(registry: Arc<Registry>, bus: Arc<Bus>, mut adds: mpsc::UnboundedReceiver<Add>) {
    let (root, mut events) = (CancellationToken::new(), bus.sender.subscribe());
    let mut next = 1;
    loop {
        tokio::select! {
            biased;
            add = adds.recv() => {
                let add = match add {
                    Some(add) => add,
                    None => return,
                };
                let token = root.child_token();
                let backoff = Backoff { first: Duration::ZERO, factor: 1.0, max: Duration::ZERO };
                let actor = Actor { id: next, name: add.name.clone(), body: add.body, attempt: 0,
                    failures: 0, backoff, token: token.clone(), permits: None, bus: bus.clone() };
                bus.publish(&actor, Kind::Added, None, None);
                let joined = tokio::spawn(actor.run());
                registry.tasks.write().await.insert(next, (add.name, token, joined));
                let _ = add.reply.send(next);
                next += 1;
            }
            event = events.recv() => match event {
                Ok(event) if event.kind == Kind::Exhausted => {
                    let removed = registry.tasks.write().await.remove(&event.id);
                    if let Some((_, _, joined)) = removed {
                        let _ = joined.await;
                    }
                    registry.empty.notify_one();
                }
                _ => {} // behind by some: those told of attempts
            }
        }
    }
}

async fn supervised(n: usize) {
    let bus = Arc::new(Bus { sender: broadcast::channel(1024).0, seq: AtomicU64::new(0) });
    let registry = Arc::new(Registry::default());
    let (adds, commands) = mpsc::unbounded_channel();
    let listener = tokio::spawn(listen(registry.clone(), bus.clone(), commands));
    let runs = Arc::new(AtomicUsize::new(0));
    let (counted, (reply, added)) = (runs.clone(), oneshot::channel());
    let body: Body = Arc::new(move |_| {
        let last = counted.fetch_add(1, Ordering::Relaxed) == n;
        Box::pin(async move {
            match last {
                true => Ok(()),
                false => Err(TaskError::Fail("it fails at once".into())),
            }
        })
    });
    let _ = adds.send(Add { name: "worker".into(), body, reply });
    added.await.unwrap();
    while !registry.tasks.read().await.is_empty() {
        registry.empty.notified().await;
    }
    drop(adds);
    listener.await.unwrap();
    check(runs.load(Ordering::Relaxed) == n + 1, "an attempt");
}

async fn bare(n: usize) {
    let runs = Arc::new(AtomicUsize::new(0));
    for _ in 0..n {
        let runs = runs.clone();
        let ended = tokio::spawn(async move {
            runs.fetch_add(1, Ordering::Relaxed);
            Err::<(), i32>(-5)
        });
        check(ended.await.unwrap().is_err(), "a failure");
    }
    check(runs.load(Ordering::Relaxed) == n, "an attempt");
}

pub async fn w7(o: Opts, supervises: bool) -> Figures {
    for part in [o.n / 10 + 1, o.n] {
        let begun = Instant::now();
        match supervises {
            true => supervised(part).await,
            false => bare(part).await,
        }
        if part == o.n {
            return each("ns_restart", begun, part);
        }
    }
    unreachable!()
}
