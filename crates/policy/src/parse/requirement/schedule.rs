//! Weekly schedules: days, times of day and a time zone.

use crate::{
    rule::Requirement,
    schedule::{DAYS, Schedule, TimeOfDay, Zone},
    yaml::{Decoder, Node, Reported, all},
};

pub(super) fn schedule(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<Requirement, Reported> {
    let mut fields = decoder.fields(node, what)?;
    let days = fields
        .require("days", decoder)
        .and_then(|node| days(decoder, node));
    let from = fields
        .require("from", decoder)
        .and_then(|node| time_of_day(decoder, node, "`from`"));
    let to = fields
        .require("to", decoder)
        .and_then(|node| time_of_day(decoder, node, "`to`"));
    let zone = fields
        .require("zone", decoder)
        .and_then(|node| zone(decoder, node));
    fields.finish(decoder);
    let (from, to) = (from?, to?);
    if from == to || from.is_end() {
        let hint = r#"a whole day is from "00:00" to "24:00""#;
        let message = format!("{what} from {from} to {to} is no time");
        return Err(decoder.error(node.position, message, Some(hint.to_owned())));
    }
    Ok(Requirement::Schedule(Schedule::new(days?, from, to, zone?)))
}

fn days(decoder: &mut Decoder<'_>, node: &Node) -> Result<Vec<u16>, Reported> {
    let words: Vec<(&str, u16)> = DAYS.into_iter().zip(0..).collect();
    let items = decoder.list(node, "`days`")?.iter();
    all(items.map(|item| decoder.word(item, "a day", &words)))
}

fn time_of_day(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Result<TimeOfDay, Reported> {
    let text = decoder.text(node, what)?;
    TimeOfDay::parse(text).ok_or_else(|| {
        let hint = r#"two digits and two, in quotes, such as "07:00""#;
        let message = format!("{what}: `{text}` is not a time of day");
        decoder.error(node.position, message, Some(hint.to_owned()))
    })
}

fn zone(decoder: &mut Decoder<'_>, node: &Node) -> Result<Zone, Reported> {
    let name = decoder.text(node, "`zone`")?;
    Zone::named(name).ok_or_else(|| {
        let hint = "a name of the IANA time zone database, such as `Europe/Berlin` or `UTC`";
        let message = format!("`{name}` is not a time zone");
        decoder.error(node.position, message, Some(hint.to_owned()))
    })
}
