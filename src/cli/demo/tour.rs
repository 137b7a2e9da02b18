//! The commands that the demo suggests: checks and a step-up.

use std::{ffi::OsStr, fmt::Write as _, path::Path};

use crate::{policy::PolicySet, serve::Service};

/// Checks to try: a policy, a verification, the identity of the badge or account, and the expected decision.
const TRY: [(&str, &str, &str, &str); 6] = [
    ("front-door", "ada-fresh", "id-ada", "ALLOW"),
    (
        "front-door",
        "ada-month-old",
        "id-ada",
        "STEP_UP: older than 30 days",
    ),
    (
        "front-door",
        "ada-fresh",
        "id-ben",
        "DENY: not Ben's verification",
    ),
    ("server-room", "mia-minor", "id-mia", "DENY: a minor"),
    (
        "sso-admin",
        "ben-name-only",
        "id-ben",
        "STEP_UP: no telephone number",
    ),
    (
        "front-door",
        "nobody",
        "id-ada",
        "DENY: no such verification",
    ),
];

/// The gRPC port, if it is free.
pub(super) const USUAL_GRPC: u16 = 50051;
/// Where the browser goes after a step-up. There is no such host.
pub(super) const REDIRECT: &str = "https://sso.example.com/step-up";
/// The name of this program.
const NAME: &str = "verigate";
/// How many policies of `--policies` are shown with a command.
const OWN_MAX: usize = 8;

/// The addresses of the service, the checks to try, and a step-up.
pub(super) fn commands(
    program: &str,
    service: &Service,
    own: Option<&PolicySet>,
    are_short: bool,
) -> String {
    let (grpc, admin) = (&service.addresses.grpc, &service.addresses.admin);
    let logged = if are_short {
        "a line each; --json prints all of it"
    } else {
        "a line of JSON each"
    };
    let checks = own.map_or_else(
        || samples(program, service),
        |own| own_policies(program, service, own),
    );
    let step_up = if own.is_none() {
        step_up(service)
    } else {
        String::new()
    };
    format!(
        "\nthe service answers gRPC on {grpc}, and has metrics on http://{admin}/metrics\n\n\
         in another terminal, try:\n\n{checks}\n{step_up}\
         decisions follow ({logged}); stop with Ctrl-C\n\n"
    )
}

/// The command of a check.
fn check(
    program: &str,
    service: &Service,
    policy: &str,
    verification: &str,
    identity: &str,
) -> String {
    let grpc = &service.addresses.grpc;
    let server = match grpc.tcp().map(|address| address.port()) {
        Some(USUAL_GRPC) => String::new(),
        _ => format!(" --server http://{grpc}"),
    };
    format!(
        "{program} check --policy {policy} --verification {verification} --identity {identity}{server}"
    )
}

/// Checks of the sample policies, each with the decision.
fn samples(program: &str, service: &Service) -> String {
    let command = |(policy, verification, identity, outcome)| {
        let command = check(program, service, policy, verification, identity);
        (command, outcome)
    };
    let commands = TRY.map(command);
    let lengths = commands.iter().map(|(command, _)| command.chars().count());
    let width = lengths.max().unwrap_or(0);
    let mut text = String::new();
    for (command, outcome) in &commands {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {command:<width$}  # {outcome}");
    }
    text
}

/// A check of each policy of `--policies`.
fn own_policies(program: &str, service: &Service, own: &PolicySet) -> String {
    let mut text = String::new();
    for (name, _) in own.iter().take(OWN_MAX) {
        let command = check(program, service, name.as_str(), "ada-fresh", "id-ada");
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {command}");
    }
    text + &not_shown(own.len().saturating_sub(OWN_MAX))
}

/// The line that says how many policies are shown without a command.
fn not_shown(policies: usize) -> String {
    match policies {
        0 => String::new(),
        1 => "  (and 1 more policy)\n".to_owned(),
        more => format!("  (and {more} more policies)\n"),
    }
}

/// The commands of a step-up.
fn step_up(service: &Service) -> String {
    let request = format!(
        r#"{{"verificationId": "ada-month-old", "policy": "front-door", "loginHint": "ada@example.com", "redirectUrl": "{REDIRECT}"}}"#
    );
    let (grpc, admin) = (&service.addresses.grpc, &service.addresses.admin);
    format!(
        "try a step-up: get a link, open it, query the result (the first command needs `buf`)\n\n  \
         buf curl --http2-prior-knowledge --protocol grpc --data '{request}' \
         http://{grpc}/verigate.v1.AccessService/BeginStepUp\n  \
         curl VERIFICATION_LINK\n  \
         curl http://{admin}/step-ups/STEP_UP_ID\n\n"
    )
}

/// How to call this program: by its name if a shell finds it so in `search` (`PATH`), else by its path, relative to the working
/// directory if it is below it.
pub(super) fn program(search: Option<&OsStr>) -> String {
    let (Ok(program), Ok(here)) = (std::env::current_exe(), std::env::current_dir()) else {
        return NAME.to_owned();
    };
    let mut folders = search.into_iter().flat_map(std::env::split_paths);
    let found = folders.find_map(|folder| folder.join(NAME).canonicalize().ok());
    if found == program.canonicalize().ok() {
        return NAME.to_owned();
    }
    let path = program.strip_prefix(&here).unwrap_or(&program);
    let path = if path.components().count() == 1 {
        Path::new(".").join(path)
    } else {
        path.to_owned()
    };
    let shown = path.display().to_string();
    if shown.contains(char::is_whitespace) {
        format!("'{shown}'")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::not_shown;

    #[test]
    fn policies_without_a_command_are_counted() {
        assert_eq!(not_shown(0), "");
        assert_eq!(not_shown(1), "  (and 1 more policy)\n");
        assert_eq!(not_shown(2), "  (and 2 more policies)\n");
    }
}
