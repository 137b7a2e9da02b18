//! The path of a check: `/check/POLICY`, and after it the path of the person's request, where a gateway appends it.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::{gateway::Refusal, policy::PolicyName};

const PREFIX: &str = "/check/";

/// The policy in a path. It is one segment, and nothing of it is decoded: so there is one spelling of a policy.
///
/// What follows has no effect on the decision. If it has dot segments, it is refused: somebody on the way may resolve them, and then asks for
/// another policy or passes on another path than the one that was asked about.
pub(super) fn policy(path: &str) -> Result<PolicyName, Refusal> {
    let rest = path.strip_prefix(PREFIX).ok_or(Refusal::BadPath)?;
    let (policy, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let policy = PolicyName::parse(policy).map_err(|_| Refusal::BadPath)?;
    if has_dot_segments(rest) {
        return Err(Refusal::BadPath);
    }
    Ok(policy)
}

/// How often a path is decoded: as often as it may be on its way to the application.
const DECODINGS: usize = 4;

/// Whether a path has a segment `.` or `..`, as it is or decoded, once or several times, and with either slash.
fn has_dot_segments(path: &str) -> bool {
    let mut path = Cow::Borrowed(path.as_bytes());
    for _ in 0..DECODINGS {
        if names_dots(&path) {
            return true;
        }
        path = Cow::Owned(percent_decode(&path).collect());
    }
    names_dots(&path)
}

fn names_dots(path: &[u8]) -> bool {
    let mut segments = path.split(|byte| matches!(byte, b'/' | b'\\'));
    segments.any(|segment| {
        // To some, a semicolon begins a parameter of the segment, and a control character ends it.
        let end = |byte: &u8| *byte == b';' || byte.is_ascii_control() || *byte == b' ';
        let name = segment.split(end).next().unwrap_or_default();
        matches!(name, b"." | b"..")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_one_segment_in_its_one_spelling() {
        for path in [
            "/check/front-door",
            "/check/front-door/",
            "/check/front-door/open/x.html",
            "/check/front-door/a//b",
            "/check/front-door/a%2fb",
            "/check/front-door/...",
            "/check/front-door/.well-known/x",
            "/check/front-door/a..b/c.",
            "/check/front-door//check/other",
        ] {
            let found = policy(path).map(|policy| policy.as_str().to_owned());
            assert_eq!(found.as_deref(), Ok("front-door"), "{path}");
        }
        let long = format!("/check/{}", "a".repeat(65));
        let very_long = format!("/check/{}", "a/".repeat(10_000));
        assert!(policy(&very_long).is_ok());
        for path in [
            "",
            "/",
            "/check",
            "/check/",
            "/check//",
            "/check//front-door",
            "//check/front-door",
            "/CHECK/front-door",
            "/Check/front-door",
            "/check/Front-Door",
            "/check/front-door%20",
            "/check/front%2Ddoor",
            "/check/%66ront-door",
            "/check/front-door%2Fx",
            "/check/front-door%00",
            "/check/front-door;x=1",
            "/check/front-door,other",
            "/check/.",
            "/check/..",
            "/check/../check/front-door",
            "/check/open/../front-door",
            "/check/open/..",
            "/check/open/./x",
            "/check/open/x/%2e%2e/y",
            "/check/open/%2E%2E%2ffront-door",
            "/check/open/.%2e/front-door",
            "/check/open/%252e%252e/front-door",
            "/check/open/%25252e./front-door",
            "/check/open/..%5cfront-door",
            "/check/open/..\\front-door",
            "/check/open/%25%32%65%25%32%65/q",
            "/check/open/%%32e%%32e/x",
            "/check/open/%252%65%252%65/",
            "/check/open/..%25%32%66x",
            "/check/open/%2e%2e%25%35%63x",
            "/check/open/..%00/x",
            "/check/open/x/..%09",
            "/check/open/..%20/x",
            "/check/open/..%3bx/y",
            "/check/open/x%2f..%2fy",
            "/check/open/..;/front-door",
            "/check/\u{fb}ront-door",
            &long,
        ] {
            assert_eq!(policy(path), Err(Refusal::BadPath), "{path}");
        }
    }
}
