//! Headers that are HTTP dates.

use http::{HeaderMap, HeaderName};
use jiff::fmt::rfc2822::DateTimeParser;

use crate::policy::Timestamp;

/// The instant in a header such as `Date`; `None` if it is missing or not a date.
pub(super) fn http_date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(text).ok()
}
