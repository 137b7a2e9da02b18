//! How much a test tries where the environment asks for more than usual.

use std::str::FromStr;

/// How many are tried: what this variable of the environment says, or this many.
#[expect(
    clippy::disallowed_methods,
    reason = "who runs a test for long says so in its environment"
)]
pub fn tries<T: FromStr>(variable: &str, usual: T) -> T {
    let Ok(asked) = std::env::var(variable) else {
        return usual;
    };
    asked.parse().ok().expect(variable)
}
