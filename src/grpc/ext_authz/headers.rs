//! The headers of the client's request, in both forms in which Envoy sends them.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::proto::ext_authz::envoy::{
    config::core::v3::HeaderMap as WireHeaders, service::auth::v3::attribute_context::HttpRequest,
};

/// The names of ours begin so.
const OWN_PREFIX: &str = "x-verigate-";
/// Headers of ours that one request may have. More are an attack.
const OWN_MAX: usize = 64;

/// The values of the headers with these names: each name in any case, each value by itself. A header that both forms have is given once, if
/// they agree; otherwise it is given more than once.
pub(super) fn named(request: &HttpRequest, names: &[HeaderName]) -> Result<HeaderMap, String> {
    let mut found = HeaderMap::new();
    for name in names {
        let is_it = |key: &str| key.eq_ignore_ascii_case(name.as_str());
        let texts = request.headers.iter().filter(|(key, _)| is_it(key));
        let joined: Vec<&[u8]> = texts.map(|(_, value)| value.as_bytes()).collect();
        let apart = request.header_map.as_ref();
        let apart: Vec<&[u8]> = apart.map_or_else(Vec::new, |map| values(map, is_it));
        let all = if joined.is_empty() || joined == apart {
            apart
        } else {
            [joined, apart].concat()
        };
        for value in all {
            let value = HeaderValue::from_bytes(value);
            let value = value.map_err(|_| format!("header `{name}` has control characters"))?;
            found.append(name.clone(), value);
        }
    }
    Ok(found)
}

/// The values of a header of which each stands by itself: as bytes, as text, or as both.
fn values(map: &WireHeaders, is_it: impl Fn(&str) -> bool) -> Vec<&[u8]> {
    let mut found: Vec<&[u8]> = Vec::new();
    for header in map.headers.iter().filter(|header| is_it(&header.key)) {
        let (raw, text) = (header.raw_value.as_ref(), header.value.as_bytes());
        found.push(if raw.is_empty() { text } else { raw });
        // Both, and different ones: nobody can know which one counts.
        if !raw.is_empty() && !text.is_empty() && raw != text {
            found.push(text);
        }
    }
    found
}

/// The names of ours that the client has sent; an error if there are too many to remove them.
pub(super) fn own(request: &HttpRequest) -> Result<Vec<HeaderName>, String> {
    let apart = request.header_map.iter().flat_map(|map| &map.headers);
    let keys = request
        .headers
        .keys()
        .chain(apart.map(|header| &header.key));
    let own: BTreeMap<String, HeaderName> = keys
        .map(|key| key.to_ascii_lowercase())
        .filter(|key| key.starts_with(OWN_PREFIX))
        .filter_map(|key| Some((key.clone(), HeaderName::from_bytes(key.as_bytes()).ok()?)))
        .collect();
    if own.len() > OWN_MAX {
        return Err(format!(
            "more than {OWN_MAX} headers begin with `{OWN_PREFIX}`"
        ));
    }
    Ok(own.into_values().collect())
}
