//! How large the head of a request is.

use http::{HeaderMap, Uri};

/// What RFC 9113, section 6.5.2, counts for each header beside its name and value, in bytes.
const HEADER_OVERHEAD: usize = 32;

/// The size of the path, the query and all headers, in bytes as RFC 9113 counts them.
pub fn header_list_bytes(uri: &Uri, headers: &HeaderMap) -> usize {
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let headers = headers.iter().map(|(name, value)| {
        let text = name.as_str().len().saturating_add(value.len());
        text.saturating_add(HEADER_OVERHEAD)
    });
    headers.fold(path, usize::saturating_add)
}
