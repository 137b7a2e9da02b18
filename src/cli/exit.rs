//! How a command ends.

use std::process::ExitCode;

/// How the process ends. Scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: it succeeded, or the decision is ALLOW.
    Done,
    /// 1: a test failed, a policy is invalid, or what a command looks for does not hold.
    Invalid,
    /// 2: the command could not run.
    CannotRun,
    /// 3: the decision is STEP_UP.
    StepUp,
    /// 4: the decision is DENY.
    Deny,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Invalid => 1,
            Exit::CannotRun => 2,
            Exit::StepUp => 3,
            Exit::Deny => 4,
        })
    }
}
