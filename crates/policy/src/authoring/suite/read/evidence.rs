//! The evidence of a case: a `verification`, or that there is none, in `upstream`.

use std::time::Duration;

use jiff::{civil::Date, tz::TimeZone};

use super::{
    super::case::{CachedCopy, DATE_BYTES, VERIFICATION},
    named::Named,
    values::{any_text, any_texts, moment, optional, unless_null},
};
use crate::{
    evidence::{
        BirthDate, DataKinds, Datum, Finding, Flaw, Scope, Verification, are_within_bounds,
        is_beyond_the_calendar,
    },
    time::{Timestamp, between, from_millis, parse_instant},
    yaml::{Decoder, Fields, Node, Reported},
};

/// The finding of the upstream in a case with these fields at this instant, and the cached copy that the service has.
pub(super) fn read_finding(
    decoder: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
    shared: &Named<'_>,
    now: Timestamp,
) -> Result<(Finding, Option<CachedCopy>), Reported> {
    let position = fields.position;
    let age = fields
        .take("evidence")
        .map(|node| (node.position, read_age(decoder, node, now)));
    let verification = fields.take("verification").map(|node| {
        let node = shared.resolve(decoder, node)?;
        read_verification(decoder, &node, now)
    });
    let words = [("down", Finding::Unknown), ("absent", Finding::Absent)];
    let upstream = fields.take("upstream");
    let upstream = upstream.map(|node| (node.position, decoder.word(node, "`upstream`", &words)));
    match (verification, upstream, age) {
        (Some(found), None, None) | (None, Some((_, found)), None) => Ok((found?, None)),
        (Some(found), None, Some((_, age))) => {
            let (age, upstream_down) = (age?, false);
            Ok((found?, Some(CachedCopy { age, upstream_down })))
        }
        (Some(found), Some((position, upstream)), Some((_, age))) => {
            if !matches!(upstream?, Finding::Unknown) {
                let hint = "write `upstream: down`, or leave it out";
                let message = "`evidence` does not go with `upstream: absent`: there is no copy of an unknown verification";
                return Err(decoder.error(position, message, Some(hint.to_owned())));
            }
            let (age, upstream_down) = (age?, true);
            Ok((found?, Some(CachedCopy { age, upstream_down })))
        }
        (Some(_), Some((position, _)), None) => {
            let hint = "`upstream: down` and `upstream: absent` stand in the place of a `verification`; \
                        with `evidence: { seen_ago: 10m }` the verification is a copy from before the outage";
            let message = "both `verification` and `upstream` in one case";
            Err(decoder.error(position, message, Some(hint.to_owned())))
        }
        (None, Some(_), Some((position, _))) => {
            let hint = "write `verification:` too, or leave `evidence` out";
            let message = "`evidence` gives the age of a verification, and the case has none";
            Err(decoder.error(position, message, Some(hint.to_owned())))
        }
        (None, None, _) => {
            let hint =
                "write `verification:`, or `upstream: down` or `upstream: absent` in its place";
            let message = "the case does not say what is known";
            Err(decoder.error(position, message, Some(hint.to_owned())))
        }
    }
}

/// How long ago the upstream was asked for the copy of the evidence.
fn read_age(decoder: &mut Decoder<'_>, node: &Node, now: Timestamp) -> Result<Duration, Reported> {
    let mut fields = decoder.fields(node, "`evidence`")?;
    let seen = moment(decoder, &mut fields, ["seen_at", "seen_ago"], now);
    fields.finish(decoder);
    let seen = seen?.ok_or_else(|| {
        let hint = "write `evidence: { seen_ago: 10m }`".to_owned();
        decoder.error(node.position, "`evidence` without an age", Some(hint))
    })?;
    if seen > now {
        let message = "`seen_at` is after the check";
        return Err(decoder.error(node.position, message, None));
    }
    Ok(between(seen, now))
}

/// A `verification` at this instant.
pub(super) fn read_verification(
    decoder: &mut Decoder<'_>,
    node: &Node,
    now: Timestamp,
) -> Result<Finding, Reported> {
    let mut fields = decoder.fields(node, "`verification`")?;
    let status = optional(fields.take("status"), "VERIFIED", |node| {
        any_text(decoder, node, "`status`")
    });
    let verified_at = moment(decoder, &mut fields, ["verified_at", "verified_ago"], now);
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
        kept: DataKinds::ALL,
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
