//! The page in HTML. It is whole by itself: style, script and code are in it, and it works without the script.

use super::qr;
use crate::gateway::OriginalUrl;

/// The style and the script, which the headers permit by their digests.
pub(super) const STYLE: &str = include_str!("page.css");
pub(super) const SCRIPT: &str = include_str!("page.js");
/// How often a browser without script loads the page again, in seconds.
const RELOAD_S: u32 = 5;

/// What is shown.
#[derive(Debug)]
pub(super) enum View {
    /// The form that asks for the address.
    Form {
        state: String,
        problem: Option<Problem>,
        /// Whether the address is known, and need not be typed.
        is_known: bool,
        /// Whether an earlier verification by this page does not suffice.
        was_in_vain: bool,
    },
    /// The link, while the result is waited for.
    Link {
        state: String,
        url: Box<str>,
        minutes_left: u64,
        is_failed: bool,
    },
    /// The person has verified.
    Done {
        original: OriginalUrl,
        /// By which the new id is handed on, if it is.
        state: Option<String>,
    },
    /// The vendor is being asked about the new verification. The page asks again by itself.
    Asking,
    /// The state has expired.
    Expired { original: OriginalUrl },
    /// The state is not one of ours.
    Invalid,
    /// The browser that the vendor has sent back.
    Returned,
}

/// Why there is no link yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    BadAddress,
    NoCookie,
    LinkExpired,
    LinksSpent,
    VerificationSpent,
    NoSuchPolicy,
    OverQuota,
    Unavailable,
}

impl Problem {
    fn text(self) -> &'static str {
        match self {
            Self::BadAddress => "Enter an e-mail address, such as name@example.com.",
            Self::NoCookie => {
                "Your browser did not send the form as it was shown. Allow cookies for this page, and try again."
            }
            Self::LinkExpired => "The link is not valid any more. Ask for another one.",
            Self::LinksSpent => {
                "No more links can be made here. Go back to the application and start again."
            }
            Self::VerificationSpent => {
                "Too many links were made to verify this person. Wait a quarter of an hour, and try again."
            }
            Self::NoSuchPolicy => {
                "This page is not valid any more. Go back to the application and start again."
            }
            Self::OverQuota => "Too many links are being asked for. Wait a moment, and try again.",
            Self::Unavailable => "No link could be made just now. Wait a moment, and try again.",
        }
    }
}

impl View {
    /// The page. `token` is that of its form.
    pub(super) fn html(&self, token: &str) -> String {
        let (title, content) = match self {
            Self::Form {
                state,
                problem,
                is_known,
                was_in_vain,
            } => form(state, token, *problem, (*is_known, *was_in_vain)),
            Self::Link {
                state,
                url,
                minutes_left,
                is_failed,
            } => link(state, url, *minutes_left, *is_failed),
            Self::Done { original, state } => done(original, state.as_deref()),
            Self::Asking => (
                "One moment",
                "<h1>One moment</h1><p role=\"status\">Your verification is being looked up. This page reloads by itself.</p>".to_owned(),
            ),
            Self::Expired { original } => expired(original),
            Self::Invalid => (
                "This page cannot be shown",
                "<h1>This page cannot be shown</h1><p>Its address is not complete, or not valid here. Go back to the application and try again.</p>".to_owned(),
            ),
            Self::Returned => (
                "You can close this page",
                "<h1>You can close this page</h1><p>Go back to the page that has sent you here. It continues by itself when your verification has been checked.</p>".to_owned(),
            ),
        };
        let refresh = match self {
            Self::Link { .. } => {
                format!("<noscript><meta http-equiv=\"refresh\" content=\"{RELOAD_S}\"></noscript>")
            }
            Self::Asking => "<meta http-equiv=\"refresh\" content=\"2\">".to_owned(),
            _ => String::new(),
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n{refresh}<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{content}\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
        )
    }
}

fn form(
    state: &str,
    token: &str,
    problem: Option<Problem>,
    (is_known, was_in_vain): (bool, bool),
) -> (&'static str, String) {
    let (title, alert, invalid) = match problem {
        None => ("Verify your identity", String::new(), ""),
        Some(problem) => (
            "Problem: Verify your identity",
            format!(
                "<p class=\"problem\" id=\"problem\" role=\"alert\">{}</p>",
                problem.text()
            ),
            if problem == Problem::BadAddress {
                " aria-invalid=\"true\""
            } else {
                ""
            },
        ),
    };
    let vain = if was_in_vain && problem.is_none() {
        "<p class=\"problem\">Your last verification here does not suffice, or does not any more. If you have verified just now, it may have been by the address of another person: use your own.</p>"
    } else {
        ""
    };
    let described = if alert.is_empty() { "" } else { " problem" };
    let (state, token) = (escape(state), escape(token));
    let field = if is_known {
        "<input type=\"hidden\" name=\"email\" value=\"\">".to_owned()
    } else {
        format!(
            "<label for=\"email\">Your work e-mail address</label>\n<input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"email\" inputmode=\"email\" maxlength=\"254\" required aria-describedby=\"use{described}\"{invalid}>"
        )
    };
    let note = if is_known {
        format!(
            "The e-mail address of your account is given to the identity verification service, which finds you by it. <a href=\"?state={state}&amp;again=1\">Use another address</a>"
        )
    } else {
        "The address is given to the identity verification service, which finds you by it. It is not stored here.".to_owned()
    };
    let content = format!(
        "<h1>Verify your identity</h1>\n<p>To continue, you have to confirm who you are. It takes a few minutes, and needs a camera: that of this device, or of your phone.</p>\n{alert}{vain}\n<form method=\"post\" action=\"?state={state}\">\n{field}\n<input type=\"hidden\" name=\"token\" value=\"{token}\">\n<button class=\"button\" type=\"submit\">Continue</button>\n</form>\n<p class=\"soft\" id=\"use\">{note}</p>"
    );
    (title, content)
}

fn link(state: &str, url: &str, minutes: u64, is_failed: bool) -> (&'static str, String) {
    let (state, shown) = (escape(state), escape(url));
    let code = qr::svg(url).map_or_else(String::new, |svg| {
        format!("<figure>\n<figcaption>Or scan with your phone</figcaption>\n{svg}\n</figure>")
    });
    let (title, alert, seen) = if is_failed {
        (
            "Not verified yet",
            "<p class=\"problem\" role=\"alert\">The verification did not succeed. You can try again with the same link.</p>",
            "&amp;seen=failed",
        )
    } else {
        ("Verify your identity", "", "")
    };
    let unit = if minutes == 1 { "minute" } else { "minutes" };
    let content = format!(
        "<h1>{title}</h1>\n{alert}\n<p>Start the verification on this device, or scan the code with your phone. Keep this page open.</p>\n<a class=\"button\" href=\"{shown}\" target=\"_blank\" rel=\"noopener noreferrer\">Start verification (opens a new tab)</a>\n{code}\n<p class=\"wait\" id=\"wait\" role=\"status\" data-events=\"events?state={state}{seen}\" data-minutes=\"{minutes}\">Waiting for the result. This page continues by itself.</p>\n<p class=\"soft\">The link is for you alone, and is valid for {minutes} {unit}. <a href=\"?state={state}&amp;again=1\">Use another address</a></p>"
    );
    (title, content)
}

fn done(original: &OriginalUrl, state: Option<&str>) -> (&'static str, String) {
    let host = escape(original.authority());
    let url = match state {
        None => escape(original.as_str()),
        Some(state) => format!("onward?state={}", escape(state)),
    };
    let content = format!(
        "<h1 class=\"good\">Thank you</h1>\n<p role=\"status\">Your verification was received. You are returned to {host}.</p>\n<a class=\"button\" id=\"onward\" href=\"{url}\">Continue</a>"
    );
    ("Verification received", content)
}

fn expired(original: &OriginalUrl) -> (&'static str, String) {
    let (url, host) = (escape(original.as_str()), escape(original.authority()));
    let content = format!(
        "<h1>This page has expired</h1>\n<p>Go back to the application and try again. If you still have to verify, you are sent here with a new page.</p>\n<a class=\"button\" href=\"{url}\">Back to {host}</a>"
    );
    ("This page has expired", content)
}

/// A text as the text or the attribute of an element.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
