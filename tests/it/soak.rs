//! Faults that come and go under load: memory, tasks and descriptors do not grow, and no check without evidence is an ALLOW. A few seconds
//! in the ordinary run, where only the tasks are compared;
//! `SOAK_MINUTES=15 cargo test --release --test it soak -- --nocapture` shows the figures of fifteen minutes.

use std::{fmt::Write as _, fs, time::Duration};

use futures_util::future::join_all;
use tokio::{runtime::Handle, time::timeout};
use verigate::{
    clock::{Clock as _, SystemClock},
    proto::v1::{Decision, EvidenceSource},
    sim::{ApiCall, Fault, Network},
};

use crate::world::{World, check_request};

const VERIFICATIONS: usize = 300;
/// Checks that are made at once.
const TOGETHER: usize = 20;
/// How often the faults change, in rounds.
const ROUNDS_A_FAULT: u64 = 40;
/// How much of the world's time passes in a round.
const ROUND: Duration = Duration::from_millis(50);
/// How much the process may grow after a fifth of the time: the allocator keeps some memory.
const KIB_MORE_MAX: u64 = 24 * 1024;

/// The resources of the process.
#[derive(Debug, Clone, Copy)]
struct Held {
    memory_kib: u64,
    tasks: usize,
    descriptors: usize,
}

impl Held {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let memory_kib = line.unwrap().split_whitespace().nth(1).unwrap();
        Self {
            memory_kib: memory_kib.parse().unwrap(),
            tasks: Handle::current().metrics().num_alive_tasks(),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the length of the test is set by the environment"
)]
fn minutes() -> Option<u64> {
    let minutes = std::env::var("SOAK_MINUTES").ok()?;
    minutes.parse().ok()
}

fn cast() -> String {
    let mut cast = String::from("people:\n  ada: { full_name: Ada Example }\nverifications:\n");
    for n in 0..VERIFICATIONS {
        // No policy answers ALLOW for every third one.
        let status = if n % 3 == 0 { "FAILED" } else { "VERIFIED" };
        writeln!(
            cast,
            "  v-{n}: {{ person: ada, status: {status}, verified_ago: 1d, scopes: [NAME] }}"
        )
        .unwrap();
    }
    cast
}

/// Sets the next state of the upstream: healthy every other time.
fn set_fault(world: &World, turn: u64) {
    world.simulator.faults().clear();
    world.simulator.network(Network::Up);
    let details = |fault| world.inject(ApiCall::Details, None, fault);
    match turn % 20 {
        1 => details(Fault::Hang),
        3 => details(Fault::Status(503)),
        5 => world.simulator.network(Network::Refusing),
        7 => details(Fault::SlowBody),
        9 => world.simulator.network(Network::BlackHole),
        11 => details(Fault::Html),
        13 => details(Fault::RetryAfter(1)),
        15 => details(Fault::Reset),
        17 => world.inject(ApiCall::Authorize, None, Fault::Status(500)),
        19 => details(Fault::ExpiredToken),
        _ => {}
    }
}

/// Makes a check, and sometimes leaves before the answer. Returns whether it is an ALLOW.
async fn ask(world: &World) -> Option<bool> {
    let n = fastrand::usize(..VERIFICATIONS + 20);
    let policy = ["front-door", "tolerant"][n % 2];
    let request = check_request(policy, &format!("v-{n}"));
    let deadline = Duration::from_millis(fastrand::u64(5..300));
    let leaves = Duration::from_millis(fastrand::u64(1..200));
    let asked = world.ask_within(deadline, request);
    let answer = match fastrand::u8(..4) {
        0 => timeout(leaves, asked).await.ok()?.ok()?,
        _ => asked.await.ok()?,
    };
    let allowed = answer.decision() == Decision::Allow;
    let known = n < VERIFICATIONS && n % 3 != 0;
    assert!(!allowed || known, "ALLOW for v-{n}");
    let source = answer.evidence.as_ref().unwrap().source();
    assert!(!allowed || source != EvidenceSource::None);
    Some(allowed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_that_come_and_go_leave_nothing_behind() {
    let world = World::of(&cast(), |config| {
        config.incode.timeout = Duration::from_millis(500);
        config.incode.connect_timeout = Duration::from_millis(200);
    })
    .await;
    let (started, minutes) = (SystemClock.read(), minutes());
    let length = minutes.map_or(Duration::from_secs(4), |n| Duration::from_secs(n * 60));
    let (mut early, mut asked, mut answered, mut allowed) = (None, 0, 0, 0);
    for round in 0_u64.. {
        if started.elapsed() >= length {
            break;
        }
        if round % ROUNDS_A_FAULT == 0 {
            set_fault(&world, round / ROUNDS_A_FAULT);
        }
        let answers = join_all((0..TOGETHER).map(|_| ask(&world))).await;
        asked += answers.len();
        answered += answers.iter().flatten().count();
        allowed += answers.iter().flatten().filter(|allow| **allow).count();
        world.clock.advance(ROUND);
        if early.is_none() && started.elapsed() > length / 5 {
            early = Some(Held::now());
        }
    }
    set_fault(&world, 0);
    world.clock.advance(Duration::from_secs(10));
    // What is in flight ends within its own timeouts.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (early, late) = (early.unwrap(), Held::now());
    println!("{asked} checks, {answered} answered, {allowed} allowed: {early:?} then {late:?}");
    assert!(allowed > 0 && answered > allowed, "{answered}, {allowed}");
    assert!(late.tasks <= early.tasks + 20, "{early:?} {late:?}");
    // In the ordinary run other tests share the process and its resources.
    if minutes.is_some() {
        assert!(
            late.descriptors <= early.descriptors + 20,
            "{early:?} {late:?}"
        );
        assert!(
            late.memory_kib <= early.memory_kib + KIB_MORE_MAX,
            "{early:?} {late:?}"
        );
    }
    let answer = world.check("tolerant", "v-1").await;
    assert_eq!(answer.decision(), Decision::Allow);
}
