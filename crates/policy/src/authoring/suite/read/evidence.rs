//! The evidence of a case: a `verification`, or that there is none, in `upstream`.

use jiff::{civil::Date, tz::TimeZone};

use super::{
    super::case::{DATE_BYTES, VERIFICATION},
    values::{any_text, any_texts, instant, optional, unless_null},
};
use crate::{
    evidence::{
        BirthDate, Datum, Finding, Flaw, Scope, Verification, are_within_bounds,
        is_beyond_the_calendar,
    },
    time::{from_millis, parse_instant},
    yaml::{Decoder, Fields, Node, Reported},
};

/// What the upstream said, of a case with these fields.
pub(super) fn read_finding(
    decoder: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
) -> Result<Finding, Reported> {
    let position = fields.position;
    match (fields.take("verification"), fields.take("upstream")) {
        (Some(node), None) => read_verification(decoder, node),
        (None, Some(node)) => {
            let words = [("down", Finding::Unknown), ("absent", Finding::Absent)];
            decoder.word(node, "`upstream`", &words)
        }
        (Some(verification), Some(node)) => {
            // The verification is not used, but its problems are reported too.
            let _ = read_verification(decoder, verification);
            let hint =
                "`upstream: down` and `upstream: absent` stand in the place of a `verification`";
            let message = "both `verification` and `upstream` in one case";
            Err(decoder.error(node.position, message, Some(hint.to_owned())))
        }
        (None, None) => {
            let hint =
                "write `verification:`, or `upstream: down` or `upstream: absent` in its place";
            let message = "the case does not say what is known";
            Err(decoder.error(position, message, Some(hint.to_owned())))
        }
    }
}

fn read_verification(decoder: &mut Decoder<'_>, node: &Node) -> Result<Finding, Reported> {
    let mut fields = decoder.fields(node, "`verification`")?;
    let status = optional(fields.take("status"), "VERIFIED", |node| {
        any_text(decoder, node, "`status`")
    });
    let verified_at = optional(unless_null(fields.take("verified_at")), None, |node| {
        instant(decoder, node, "`verified_at`").map(Some)
    });
    let scopes = optional(fields.take("scopes"), Vec::new(), |node| {
        any_texts(decoder, node, "`scopes`")
    });
    let mut text = |key: &'static str| {
        optional(unless_null(fields.take(key)), None, |node| {
            any_text(decoder, node, &format!("`{key}`")).map(Some)
        })
    };
    let (identity, project) = (text("identity_id"), text("project_id"));
    let (full, first, last) = (text("full_name"), text("first_name"), text("last_name"));
    let phone = text("phone");
    let birth_date = unless_null(fields.take("date_of_birth"));
    let born = optional(birth_date, Datum::Missing, |node| {
        date_of_birth(decoder, node)
    });
    fields.finish(decoder);

    let (status, project, scopes) = (status?, project?, scopes?);
    if !are_within_bounds([status].into_iter().chain(project), scopes.iter().copied()) {
        return Ok(Finding::Unusable(Flaw::TooLarge));
    }
    let datum = |text: Option<&str>| text.map_or(Datum::Missing, Datum::text);
    Ok(Finding::Present(Verification {
        id: Some(VERIFICATION.into()),
        trace_id: None,
        project: project.map(Into::into),
        status: Some(status.into()),
        verified_at: verified_at?,
        scopes: scopes.into_iter().map(Scope::from).collect(),
        identity: datum(identity?).as_identity(),
        name: Datum::name(datum(full?), datum(first?), datum(last?)),
        phone: datum(phone?).as_phone(),
        born: born?,
    }))
}

/// A date of birth as people write it, as an instant, or as the upstream sends it.
fn date_of_birth(decoder: &mut Decoder<'_>, node: &Node) -> Result<Datum<BirthDate>, Reported> {
    let text = any_text(decoder, node, "`date_of_birth`")?;
    if text.trim().is_empty() {
        return Ok(Datum::Missing);
    }
    let midnight = || {
        // Nothing but a date: of a longer text the parser would ignore the time in silence.
        let date: Date = text.parse().ok().filter(|_| text.len() == DATE_BYTES)?;
        date.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
    };
    // A year, or a date without dashes, would be read as the first hours of 1970.
    let looks_like_a_date = text.len() == 4 || text.len() == 8 && text.parse::<Date>().is_ok();
    let millis = text.parse().ok().filter(|_| !looks_like_a_date);
    let born = millis
        .map(from_millis)
        .or_else(|| parse_instant(text))
        .or_else(midnight);
    let born = born.ok_or_else(|| {
        let hint = "a date such as `1990-05-17` (midnight UTC), an instant such as `1990-05-17T00:00:00Z`, or milliseconds since 1970";
        let message = format!("`date_of_birth`: `{text}` is not a date");
        decoder.error(node.position, message, Some(hint.to_owned()))
    })?;
    if is_beyond_the_calendar(born) {
        return Ok(Datum::Unreadable);
    }
    BirthDate::at(born).map(Datum::Known).ok_or_else(|| {
        let hint = "it is a multiple of 15 minutes, and not between 7 December 1969 and 26 January 1970, which could be seconds; \
                    `9999-12-30` stands for a date that cannot be read";
        let message = format!("`date_of_birth`: `{text}` is no local midnight");
        decoder.error(node.position, message, Some(hint.to_owned()))
    })
}
