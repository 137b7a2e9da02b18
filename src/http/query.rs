//! The query of an address.

use axum::http::Uri;
use url::form_urlencoded;

/// The value of a parameter of the query that is given once.
pub(super) fn single_parameter(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut values = pairs.filter(|(key, _)| key == name).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then(|| value.into_owned())
}
