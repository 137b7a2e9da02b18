//! The line of a decision in the journal, with the hashes that tie it to the lines before.

use std::sync::Arc;

use criterion::{Criterion, Throughput};
use tokio::runtime::Builder;
use verigate::{
    callers::CallerId,
    clock::SystemClock,
    deps::Deps,
    journal::{self, CallFacts, Durability, Entry, QueueLimits, Sets},
    policy::{PolicySet, Request},
    ruling::Ruling,
};

use super::DAY;

/// How many are handed to the writing thread together, and share what that costs.
const TOGETHER: u32 = 64;

/// The lines of this many decisions are made, hashed and written to a sink; criterion says how many a second, and so what one takes.
pub(crate) fn lines(
    c: &mut Criterion,
    set: &Arc<PolicySet>,
    request: &Arc<Request>,
    ruling: &Ruling,
) {
    let mut group = c.benchmark_group("journal");
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let limits = QueueLimits {
        durability: Durability::Written,
        ..QueueLimits::default()
    };
    let output = Box::new(std::io::sink());
    let started = journal::start(output, limits, &Deps::new(Arc::new(SystemClock))).unwrap();
    let call = CallFacts {
        caller: CallerId::Internal,
        peer: None,
        deadline: DAY,
    };
    let sets = Sets {
        in_force: Arc::clone(set),
        shadow: None,
    };
    let mut entry = Entry::new(request, call, ruling.clone(), sets);
    group.throughput(Throughput::Elements(TOGETHER.into()));
    group.bench_function("lines with their hashes", |b| {
        b.iter(|| {
            runtime.block_on(async {
                for _ in 1..TOGETHER {
                    drop(started.journal.queue(&mut entry));
                }
                let last = started.journal.queue(&mut entry);
                started.journal.recorded_within(DAY, last).await.unwrap();
            });
        });
    });
    group.finish();
}
