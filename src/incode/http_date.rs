//! Headers that are HTTP dates.

use http::{HeaderMap, HeaderName};
use jiff::fmt::rfc2822::DateTimeParser;

use crate::policy::Timestamp;

/// The instant in a header such as `Date`; `None` if it is missing or not a date.
pub(super) fn http_date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    parse(headers.get(name)?.to_str().ok()?)
}

/// One of the three forms of RFC 9110 (5.6.7); or a date of mail, of which the first form is the strict one.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    match httpdate::parse_http_date(text) {
        Ok(date) => Timestamp::try_from(date).ok(),
        Err(_) => DateTimeParser::new().parse_timestamp(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_one_of_the_three_forms_of_http() {
        let expected = "1994-11-06T08:49:37Z".parse().ok();
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            " Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 6 Nov 1994 08:49:37 +0000",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "Sun",
            "1994-11-06T08:49:37Z",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 25:49:37 GMT",
            "Sun Nov  6 08:49:37 94",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
