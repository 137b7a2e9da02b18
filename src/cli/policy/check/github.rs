//! The report as workflow commands of GitHub Actions, which become annotations of a pull request.

use super::{
    finding::{CheckedSet, Finding},
    sarif::relative,
};

pub(super) fn report(sets: &[CheckedSet]) -> String {
    let mut lines = String::new();
    for set in sets {
        let errors = set.problems.iter().map(|finding| command("error", finding));
        let warnings = set
            .warnings
            .iter()
            .map(|finding| command("warning", finding));
        let notes = set.unfinished.iter().map(|policy| {
            let text =
                format!("policy `{policy}` is too large to prove what each of its parts changes");
            format!("::notice title=unfinished::{}\n", data(&text))
        });
        let more = (set.more > 0)
            .then(|| format!("::notice title=more::{} more are not shown\n", set.more));
        lines.extend(errors.chain(warnings).chain(notes).chain(more));
    }
    lines
}

/// One command: `::warning file=…,line=…,col=…,title=…::…`.
fn command(level: &str, finding: &Finding) -> String {
    let mut properties = Vec::new();
    if let Some(place) = &finding.place {
        properties.push(("file", relative(&place.path)));
        if let Some(range) = place.range {
            properties.push(("line", range.line.to_string()));
            properties.push(("col", range.column.to_string()));
            properties.push(("endColumn", range.end_column().to_string()));
        }
    }
    properties.push(("title", finding.code.to_owned()));
    let properties: Vec<String> = properties
        .into_iter()
        .map(|(name, value)| format!("{name}={}", property(&value)))
        .collect();
    let (properties, text) = (properties.join(","), data(&finding.text()));
    format!("::{level} {properties}::{text}\n")
}

/// A text as the message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A text as the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::policy::check::finding::{FilePosition, Range};

    #[test]
    fn no_text_ends_a_command_or_begins_another() {
        let finding = Finding {
            code: "unknown_scope",
            policy: Some("door".to_owned()),
            place: Some(FilePosition {
                path: "a,b:c%/p\n::error::.yaml".to_owned(),
                range: Some(Range {
                    line: 3,
                    column: 9,
                    width: 4,
                }),
            }),
            message: "100% of\r\n::stop-commands::x".to_owned(),
            hint: Some("a, b: c".to_owned()),
            related: Vec::new(),
        };
        assert_eq!(
            command("warning", &finding),
            "::warning file=a%2Cb%3Ac%25/p%0A%3A%3Aerror%3A%3A.yaml,line=3,col=9,endColumn=13,title=unknown_scope\
             ::policy `door`: 100%25 of%0D%0A::stop-commands::x%0A%0Ahelp: a, b: c\n"
        );
    }
}
