//! Requests that another web page makes with somebody's browser. A page can send them to this machine too, whatever address the service
//! listens on, and the browser adds the certificate that it has; but it cannot hide that it is another page.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    header::{HOST, ORIGIN},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether a browser says that another page makes this request. A link that somebody follows to look at a page here is not meant.
pub(super) fn is_cross_site(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    match (sites.next().map(HeaderValue::as_bytes), sites.next()) {
        (Some(b"same-origin" | b"none"), None) => false,
        (Some(_), _) => !is_followed_link(method, headers),
        // A browser of before 2023, or no browser.
        (None, _) => !headers.get_all(ORIGIN).iter().all(|origin| {
            let authority = uri.authority().map(http::uri::Authority::as_str);
            let host = headers.get(HOST).and_then(|host| host.to_str().ok());
            let own = authority.or(host).unwrap_or_default();
            is_same_origin(origin, own)
        }),
    }
}

/// Whether a whole page is asked for, which the browser shows instead of the one that has the link.
fn is_followed_link(method: &Method, headers: &HeaderMap) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|given| given == value);
    let reads = method == Method::GET || method == Method::HEAD;
    reads && is(SEC_FETCH_MODE, "navigate") && is(SEC_FETCH_DEST, "document")
}

/// Whether an origin (RFC 6454) is that of a host with its port.
fn is_same_origin(origin: &HeaderValue, own: &str) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let host = ["http://", "https://"]
        .iter()
        .find_map(|scheme| origin.strip_prefix(scheme));
    host.is_some_and(|host| host.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cross_site(method: &Method, given: &[(&str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost:8080"));
        for (name, value) in given {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, value.parse().unwrap());
        }
        is_cross_site(method, &Uri::from_static("/webhooks/incode"), &headers)
    }

    #[test]
    fn what_another_page_sends_is_recognised_and_nothing_else() {
        let post = &Method::POST;
        for own in [
            &[][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[("origin", "http://localhost:8080")],
            &[("origin", "https://LOCALHOST:8080")],
            // Programs that are no browsers send this one alone.
            &[("sec-fetch-mode", "cors")],
        ] {
            assert!(!cross_site(post, own), "{own:?}");
        }
        for other in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "Same-Origin, none")],
            &[("origin", "https://evil.example")],
            &[("origin", "http://localhost:3000")],
            &[("origin", "http://localhost")],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", "localhost:8080")],
            &[("origin", "file://localhost:8080")],
            &[
                ("origin", "http://localhost:8080"),
                ("origin", "http://evil.example"),
            ],
            &[("origin", "http://localhost:8080.evil.example")],
            &[
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
        ] {
            assert!(cross_site(post, other), "{other:?}");
        }
    }

    #[test]
    fn a_link_to_a_page_here_may_be_followed_but_not_put_in_a_frame() {
        let with = |mode, dest| {
            let given = [
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", mode),
                ("sec-fetch-dest", dest),
            ];
            cross_site(&Method::GET, &given)
        };
        assert!(!with("navigate", "document"));
        assert!(with("navigate", "iframe"));
        assert!(with("no-cors", "script"));
        assert!(with("cors", "empty"));
    }
}
