//! Keeps the memory of the process, which holds secrets, out of core dumps and from other processes of the same user.

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};
use tracing::warn;

/// Forbids core dumps, and that other processes without privileges read the memory. Done before any secret is read.
pub fn forbid() {
    let not_dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // The hard limit stays as it is, because `permit` may be called later.
    let none = Rlimit {
        current: Some(0),
        ..getrlimit(Resource::Core)
    };
    let limited = setrlimit(Resource::Core, none);
    if let Err(error) = not_dumpable.and(limited) {
        warn!(
            event = "core_dumps_not_forbidden",
            %error,
            "the system refuses to forbid core dumps: secrets may be in one"
        );
    }
}

/// Permits core dumps again, up to the hard limit of the process, because the configuration asks for them.
pub fn permit() {
    let maximum = getrlimit(Resource::Core).maximum;
    let as_before = Rlimit {
        current: maximum,
        maximum,
    };
    let permitted = set_dumpable_behavior(DumpableBehavior::Dumpable);
    if let Err(error) = permitted.and(setrlimit(Resource::Core, as_before)) {
        warn!(
            event = "core_dumps_not_permitted",
            %error,
            "the system refuses core dumps although process.core_dumps permits them"
        );
    }
}
