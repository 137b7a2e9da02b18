//! A report of cases in the XML that build servers read: a suite for each file, a test case for each case.

use std::fmt::Write as _;

use super::super::page::Page;
use crate::policy::{
    suite::{CaseResult, Report},
    yaml::is_visible,
};

/// The report as an XML document.
pub(super) fn document(report: &Report<'_>) -> String {
    let mut xml = Page::default();
    let (all, failed) = (report.results.len(), report.failed());
    xml.line("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    xml.line(format_args!(
        "<testsuites name=\"verigate policy test\" tests=\"{all}\" failures=\"{failed}\">"
    ));
    // Cases come file by file.
    let of_one_file =
        |one: &CaseResult<'_>, next: &CaseResult<'_>| one.case.source.path == next.case.source.path;
    for results in report.results.chunk_by(of_one_file) {
        write_suite(&mut xml, results);
    }
    xml.line("</testsuites>");
    xml.into_text()
}

fn write_suite(xml: &mut Page, results: &[CaseResult<'_>]) {
    let name = results.first().map(|r| escaped(&r.case.source.path));
    let (name, all) = (name.unwrap_or_default(), results.len());
    let failed = results.iter().filter(|r| !r.passed()).count();
    xml.line(format_args!(
        "  <testsuite name=\"{name}\" tests=\"{all}\" failures=\"{failed}\">"
    ));
    for result in results {
        write_case(xml, result);
    }
    xml.line("  </testsuite>");
}

fn write_case(xml: &mut Page, result: &CaseResult<'_>) {
    let case = result.case;
    let tag = format!(
        "<testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\"",
        escaped(&case.name),
        escaped(case.request.policy.as_str()),
        escaped(&case.source.path),
        case.position.line
    );
    if result.passed() {
        xml.line(format_args!("    {tag}/>"));
        return;
    }
    xml.line(format_args!("    {tag}>"));
    let what: Vec<&str> = result.mismatches.iter().map(|m| m.what).collect();
    xml.line(format_args!(
        "      <failure type=\"difference\" message=\"{} not as expected\">",
        what.join(", ")
    ));
    for mismatch in &result.mismatches {
        let (expected, actual) = (escaped(&mismatch.expected), escaped(&mismatch.actual));
        let what = mismatch.what;
        xml.line(format_args!("{what}: expected {expected}, got {actual}"));
    }
    xml.line("      </failure>");
    xml.line("    </testcase>");
}

/// A text as XML 1.0 can have it. A character that it cannot have becomes a replacement character.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            c if is_visible(c) => escaped.push(c),
            c => {
                // Writing to a `String` cannot fail.
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
        }
    }
    escaped
}
