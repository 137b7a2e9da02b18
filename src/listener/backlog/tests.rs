//! Who is served first, who is refused, and who leaves, with turns that the test gives.

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;

use super::*;
use crate::{clock::ManualClock, policy::from_millis};

const GATEWAY: bool = false;
const DOOR: bool = true;
/// What each call holds in memory.
const BYTES: usize = 100;

struct Scene {
    backlog: Arc<Backlog>,
    clock: Arc<ManualClock>,
}

type Call = JoinHandle<Option<Waited>>;

impl Scene {
    /// A backlog in which every call waits, because a batch has gone on at once.
    async fn busy() -> Self {
        Self::within(usize::MAX).await
    }

    /// The same where the calls that wait may hold this much.
    async fn within(bytes_max: usize) -> Self {
        let clock = Arc::new(ManualClock::at(from_millis(0)));
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let backlog = Arc::new(Backlog::new(Arc::clone(&clock) as _, bytes_max, metrics));
        for _ in 0..BATCH {
            assert_eq!(
                backlog.turn(GATEWAY, BYTES).await,
                None,
                "it goes on at once"
            );
        }
        Self { backlog, clock }
    }

    async fn calls(&self, is_door: bool, count: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        for _ in 0..count {
            let backlog = Arc::clone(&self.backlog);
            calls.push(tokio::spawn(
                async move { backlog.turn(is_door, BYTES).await },
            ));
            settle().await;
        }
        calls
    }

    /// Gives a batch; whether more is to be given.
    async fn give(&self) -> bool {
        let more = self.backlog.give();
        settle().await;
        more
    }

    fn waiting(&self) -> usize {
        self.backlog.metrics.waiting.load(Relaxed)
    }
}

async fn settle() {
    for _ in 0..4 {
        yield_now().await;
    }
}

/// Whether each call has had its turn: `true` if it is to be refused.
fn turns(calls: &mut [Call]) -> Vec<Option<bool>> {
    let turn = |refused: Option<ShedScope>| refused.map(|refused| refused != ShedScope::Nobody);
    refusals(calls).into_iter().map(turn).collect()
}

fn refusals(calls: &mut [Call]) -> Vec<Option<ShedScope>> {
    let refused = |call: &mut Call| Some(call.now_or_never()?.unwrap().unwrap().shed);
    calls.iter_mut().map(refused).collect()
}

fn served(turns: &[Option<bool>]) -> usize {
    turns.iter().filter(|turn| **turn == Some(false)).count()
}

#[tokio::test]
async fn calls_of_gateways_are_answered_in_their_order_while_none_has_waited_long() {
    let scene = Scene::busy().await;
    let mut calls = scene.calls(GATEWAY, BATCH + 3).await;
    let almost = NEWEST_AFTER.saturating_sub(Duration::from_millis(1));
    scene.clock.advance(almost);
    assert!(scene.give().await);
    let turns = turns(&mut calls);
    assert_eq!(turns[BATCH..], [None, None, None]);
    assert_eq!(served(&turns), BATCH);
}

#[tokio::test]
async fn the_newest_call_of_a_gateway_is_next_once_the_oldest_has_waited_long() {
    let scene = Scene::busy().await;
    let mut calls = scene.calls(GATEWAY, BATCH + 3).await;
    scene.clock.advance(NEWEST_AFTER);
    assert!(scene.give().await);
    let turns = turns(&mut calls);
    assert_eq!(turns[..3], [None, None, None]);
    assert_eq!(served(&turns), BATCH);
    assert!(!scene.give().await);
    assert_eq!(scene.waiting(), 0);
}

#[tokio::test]
async fn doors_are_served_first_in_their_order_and_do_not_starve_gateways() {
    let scene = Scene::busy().await;
    let mut doors = scene.calls(DOOR, 40).await;
    let mut gateways = scene.calls(GATEWAY, 10).await;
    assert!(scene.give().await);
    let doors = turns(&mut doors);
    assert_eq!(
        served(&doors[..BATCH - BATCH_FOR_GATEWAYS]),
        BATCH - BATCH_FOR_GATEWAYS
    );
    assert_eq!(served(&doors), BATCH - BATCH_FOR_GATEWAYS);
    assert_eq!(served(&turns(&mut gateways)), BATCH_FOR_GATEWAYS);
}

#[tokio::test]
async fn of_calls_that_have_waited_long_a_few_are_refused_and_no_door_is() {
    let scene = Scene::busy().await;
    let mut doors = scene.calls(DOOR, 40).await;
    let mut gateways = scene.calls(GATEWAY, 50).await;
    scene.clock.advance(REFUSED_AFTER);
    assert!(scene.give().await);
    let refused = turns(&mut gateways);
    assert_eq!(refused[..3], [Some(true), Some(true), None]);
    assert!(!turns(&mut doors).contains(&Some(true)));
    assert!(scene.backlog.is_overloaded());
    while scene.give().await {}
    assert!(!scene.backlog.is_overloaded());
    assert_eq!(scene.waiting(), 0);
}

#[tokio::test]
async fn calls_that_are_cancelled_leave_and_are_counted() {
    let scene = Scene::busy().await;
    let calls = scene.calls(GATEWAY, 5).await;
    calls.iter().for_each(JoinHandle::abort);
    settle().await;
    assert_eq!(scene.waiting(), 0);
    assert_eq!(scene.backlog.metrics.abandoned.get(), 5);
    assert!(!scene.give().await);
    // A call that has its turn and is cancelled before it is polled leaves nothing behind either.
    let backlog = Arc::clone(&scene.backlog);
    for _ in 0..BATCH {
        assert_eq!(backlog.turn(GATEWAY, BYTES).await, None);
    }
    let call = scene.calls(GATEWAY, 1).await;
    scene.clock.advance(REFUSED_AFTER);
    scene.backlog.give();
    call[0].abort();
    settle().await;
    assert!(scene.backlog.state.lock().refused.is_empty());
    assert_eq!(scene.waiting(), 0);
}

#[tokio::test]
async fn no_more_calls_wait_than_may() {
    let scene = Scene::busy().await;
    let calls = scene.calls(GATEWAY, WAITING_MAX + 10).await;
    scene.give().await;
    assert!(scene.waiting() <= WAITING_MAX - BATCH);
    assert_eq!(scene.backlog.metrics.abandoned.get(), 0);
    drop(calls);
}

#[tokio::test]
async fn no_more_calls_of_doors_wait_than_may_and_the_newest_ones_are_refused() {
    let scene = Scene::busy().await;
    let mut doors = scene.calls(DOOR, WAITING_MAX + 3).await;
    scene.give().await;
    let refused = refusals(&mut doors);
    assert_eq!(refused[WAITING_MAX..], [Some(ShedScope::Everybody); 3]);
    assert_eq!(refused[..BATCH], [Some(ShedScope::Nobody); BATCH]);
    assert_eq!(refused[BATCH], None);
}

#[tokio::test]
async fn calls_that_wait_hold_no_more_memory_than_they_may() {
    let scene = Scene::within(50 * BYTES).await;
    let mut doors = scene.calls(DOOR, 45).await;
    let mut gateways = scene.calls(GATEWAY, 20).await;
    assert!(scene.give().await);
    // Those of gateways first, the oldest ones.
    let refused = refusals(&mut gateways);
    assert_eq!(refused[..15], [Some(ShedScope::Everybody); 15]);
    assert_eq!(
        refused[15..],
        [
            Some(ShedScope::Nobody),
            Some(ShedScope::Nobody),
            Some(ShedScope::Nobody),
            Some(ShedScope::Nobody),
            None
        ]
    );
    assert!(!refusals(&mut doors).contains(&Some(ShedScope::Everybody)));
    while scene.give().await {}
    assert_eq!(scene.backlog.state.lock().bytes, 0);
    for _ in 0..BATCH {
        assert_eq!(scene.backlog.turn(GATEWAY, BYTES).await, None);
    }
    let mut doors = scene.calls(DOOR, 60).await;
    doors.iter().take(5).for_each(JoinHandle::abort);
    settle().await;
    assert!(scene.give().await);
    let refused = refusals(&mut doors[5..]);
    assert_eq!(
        refused[50..],
        [Some(ShedScope::Everybody); 5],
        "the newest ones"
    );
}

#[tokio::test]
async fn the_driver_gives_turns_until_nobody_waits() {
    let scene = Scene::busy().await;
    let driver = tokio::spawn(Arc::clone(&scene.backlog).drive());
    let calls = scene.calls(GATEWAY, 3 * BATCH).await;
    for call in calls {
        assert!(
            call.await
                .unwrap()
                .is_none_or(|waited| waited.shed == ShedScope::Nobody)
        );
    }
    driver.abort();
}
