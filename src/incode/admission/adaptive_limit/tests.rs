//! The limit in front of a simulated upstream, in simulated time: it processes a number of calls at a time, and the others wait there.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// An upstream that processes this many calls at a time, each for this long, in their order.
#[derive(Clone, Copy)]
struct Upstream {
    places: usize,
    takes: Duration,
    /// One call in this many fails.
    fails: Option<u64>,
}

const HEALTHY: Upstream = Upstream {
    places: 64,
    takes: Duration::from_millis(100),
    fails: None,
};

/// Callers that make as many calls as the limit permits.
struct Scene {
    limit: AdaptiveLimit,
    uptime: Duration,
    /// When the calls in flight were started, and end.
    calls: VecDeque<(Duration, Duration)>,
    /// When each place of the upstream is free.
    free: VecDeque<Duration>,
    ended: u64,
}

impl Scene {
    fn new(lowest: u32, highest: u32) -> Self {
        Self {
            limit: AdaptiveLimit::new(lowest, highest),
            uptime: Duration::ZERO,
            calls: VecDeque::new(),
            free: VecDeque::new(),
            ended: 0,
        }
    }

    /// Runs for this long; the calls that have ended, and the longest of those that were started after half of the time.
    fn run(&mut self, upstream: Upstream, lasts: Duration) -> (u64, Duration) {
        let (until, late) = (self.uptime + lasts, self.uptime + lasts / 2);
        let (mut ended, mut longest) = (0, Duration::ZERO);
        self.free.resize(upstream.places, self.uptime);
        while self.uptime < until {
            while self.calls.len() < self.limit.now() as usize {
                let free = self.free.pop_front().unwrap().max(self.uptime);
                self.free.push_back(free + upstream.takes);
                self.calls.push_back((self.uptime, free + upstream.takes));
            }
            let in_flight = u32::try_from(self.calls.len()).unwrap();
            let (started, ends) = self.calls.pop_front().unwrap();
            self.uptime = self.uptime.max(ends);
            self.ended += 1;
            ended += 1;
            let failed = upstream.fails.is_some_and(|n| self.ended.is_multiple_of(n));
            let how = if failed { Ended::Failed } else { Ended::Found };
            self.limit.record(how, [started, self.uptime], in_flight);
            if started >= late {
                longest = longest.max(self.uptime.checked_sub(started).unwrap());
            }
        }
        (ended, longest)
    }
}

#[test]
fn an_upstream_whose_capacity_falls_to_a_tenth_and_returns_is_followed() {
    let mut scene = Scene::new(4, 64);
    let (calls, _) = scene.run(HEALTHY, 10 * SECOND);
    assert_eq!(scene.limit.now(), 64);
    assert!(calls >= 6_300, "{calls}");

    let tenth = Upstream {
        places: 6,
        ..HEALTHY
    };
    scene.run(tenth, 5 * SECOND);
    let (calls, longest) = scene.run(tenth, 60 * SECOND);
    // It still does all that it can, and no call waits there for as long as with a fixed limit: for 1.1 s.
    assert!(calls >= 3_240, "{calls}");
    assert!(longest <= 400 * MS, "{longest:?}");
    assert!(scene.limit.now() <= 24, "{}", scene.limit.now());

    scene.run(HEALTHY, 5 * SECOND);
    assert_eq!(scene.limit.now(), 64);
    let mut fixed = Scene::new(64, 64);
    fixed.run(HEALTHY, SECOND);
    let (_, longest) = fixed.run(tenth, 60 * SECOND);
    assert!(longest >= SECOND, "{longest:?}");
}

#[test]
fn an_upstream_that_has_become_slower_for_good_is_not_given_few_calls_for_good() {
    for slower in [3, 4, 10] {
        let mut scene = Scene::new(4, 64);
        scene.run(HEALTHY, 10 * SECOND);
        let takes = HEALTHY.takes * slower;
        let upstream = Upstream { takes, ..HEALTHY };
        scene.run(upstream, 90 * SECOND);
        assert_eq!(scene.limit.now(), 64, "{slower}");
    }
}

#[test]
fn the_more_calls_fail_the_fewer_are_made_and_a_few_failures_change_nothing() {
    let after = |fails| {
        let mut scene = Scene::new(4, 64);
        let fails = Some(fails);
        scene.run(Upstream { fails, ..HEALTHY }, 30 * SECOND);
        scene.limit.now()
    };
    assert_eq!(after(20), 64);
    let (fifth, half) = (after(5), after(2));
    assert!((16..=40).contains(&fifth), "{fifth}");
    assert!((4..=8).contains(&half), "{half}");
}

#[test]
fn calls_that_the_limit_does_not_bound_do_not_change_it() {
    let mut limit = AdaptiveLimit::new(4, 64);
    for n in 0..100 {
        let started = n * SECOND;
        let ended = if n % 2 == 0 {
            Ended::Failed
        } else {
            Ended::Found
        };
        limit.record(ended, [started, started + SECOND], 5);
    }
    assert_eq!(limit.now(), 64);
}

#[test]
fn what_says_nothing_of_the_upstreams_load_does_not_change_the_limit() {
    let mut scene = Scene::new(4, 64);
    scene.run(HEALTHY, SECOND);
    let mut limit = scene.limit;
    // Guesses are answered quickly: they do not make hits look slow.
    for n in 0..1_000 {
        let started = scene.uptime + n * MS;
        limit.record(Ended::Otherwise, [started, started + MS], 64);
        limit.record(Ended::Unknown, [started, started + 100 * SECOND], 64);
    }
    let later = scene.uptime + SECOND;
    for _ in 0..100 {
        limit.record(Ended::Found, [later, later + HEALTHY.takes], 64);
    }
    assert_eq!(limit.now(), 64);
}

#[test]
fn to_be_asked_to_slow_down_halves_the_limit_and_it_recovers() {
    let mut scene = Scene::new(4, 64);
    scene.run(HEALTHY, SECOND);
    scene.limit.slow_down(scene.uptime);
    assert_eq!(scene.limit.now(), 32);
    for _ in 0..10 {
        scene.limit.slow_down(scene.uptime);
    }
    assert_eq!(scene.limit.now(), 4);
    scene.run(HEALTHY, 10 * SECOND);
    assert_eq!(scene.limit.now(), 64);
}

fn endings() -> impl Strategy<Value = Ended> {
    prop_oneof![
        3 => Just(Ended::Found),
        1 => Just(Ended::Otherwise),
        1 => Just(Ended::Failed),
        1 => Just(Ended::Unknown),
    ]
}

proptest! {
    #[test]
    fn the_limit_never_leaves_its_bounds_and_always_recovers(
        lowest in 0_u32..80,
        highest in 0_u32..80,
        calls in prop::collection::vec(
            (endings(), 0_u32..5_000, 0_u32..200, 0_u32..80, prop::bool::weighted(0.02)), 0..600),
    ) {
        let mut scene = Scene::new(lowest, highest);
        let most = highest.max(1);
        let least = lowest.clamp(1, most);
        for (ended, took, since, in_flight, slow_down) in calls {
            scene.uptime += since * MS;
            let started = scene.uptime.saturating_sub(took * MS);
            scene.limit.record(ended, [started, scene.uptime], in_flight);
            if slow_down {
                scene.limit.slow_down(scene.uptime);
            }
            prop_assert!((least..=most).contains(&scene.limit.now()));
        }
        scene.run(Upstream { places: 100, ..HEALTHY }, 120 * SECOND);
        prop_assert_eq!(scene.limit.now(), most);
    }
}
