//! A report of cases in the XML that build servers read: a suite for each file, a test case for each case.

use std::fmt::Write as _;

use crate::policy::suite::{Outcome, Report};

/// The report as an XML document.
pub(super) fn document(report: &Report<'_>) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (all, failed) = (report.outcomes.len(), report.failed());
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"verigate policy test\" tests=\"{all}\" failures=\"{failed}\">"
    );
    // Cases come file by file.
    let of_one_file =
        |one: &Outcome<'_>, next: &Outcome<'_>| one.case.source.path == next.case.source.path;
    for outcomes in report.outcomes.chunk_by(of_one_file) {
        suite(&mut xml, outcomes);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, outcomes: &[Outcome<'_>]) {
    let name = outcomes.first().map(|o| escaped(&o.case.source.path));
    let (name, all) = (name.unwrap_or_default(), outcomes.len());
    let failed = outcomes.iter().filter(|o| !o.passed()).count();
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" tests=\"{all}\" failures=\"{failed}\">"
    );
    for outcome in outcomes {
        case(xml, outcome);
    }
    xml.push_str("  </testsuite>\n");
}

fn case(xml: &mut String, outcome: &Outcome<'_>) {
    let case = outcome.case;
    let _ = write!(
        xml,
        "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\"",
        escaped(&case.name),
        escaped(case.request.policy.as_str()),
        escaped(&case.source.path),
        case.place.line
    );
    if outcome.passed() {
        xml.push_str("/>\n");
        return;
    }
    let what: Vec<&str> = outcome.differences.iter().map(|d| d.what).collect();
    let _ = writeln!(
        xml,
        ">\n      <failure type=\"difference\" message=\"{} otherwise than expected\">",
        what.join(", ")
    );
    for difference in &outcome.differences {
        let (expected, actual) = (escaped(&difference.expected), escaped(&difference.actual));
        let _ = writeln!(
            xml,
            "{}: expected {expected}, got {actual}",
            difference.what
        );
    }
    xml.push_str("      </failure>\n    </testcase>\n");
}

/// A text as XML 1.0 can have it, which is not every text: what it cannot have shows as a replacement.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}
