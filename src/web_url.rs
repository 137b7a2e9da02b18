//! Addresses of http and https that people write into settings. The parser of the `url` crate follows browsers, which repair what is wrong:
//! to it, `https:///x` is the host `x`. Here that is an error.

use std::net::IpAddr;

use url::{Host, Url};

/// Why a text is no address of http or https.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebUrlError {
    /// It is something else.
    #[error("is not a URL of http or https")]
    NotAUrl,
    /// A parser leaves them out, and others do not.
    #[error("has spaces or control characters in it")]
    Spaces,
    /// `https:///x`
    #[error("has no host")]
    NoHost,
    /// Addresses are shown in logs and metrics.
    #[error("must not contain a user name or password")]
    Credentials,
    /// A fragment is never sent.
    #[error("must not contain a fragment")]
    Fragment,
    /// Nothing listens there.
    #[error("must not have the port 0")]
    Port,
}

/// The address that this text is: of http or https, with a host, without credentials and fragment.
pub fn web_url(text: &str) -> Result<Url, WebUrlError> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(WebUrlError::Spaces);
    }
    let (scheme, rest) = text.split_once("://").ok_or(WebUrlError::NotAUrl)?;
    let is_web = ["http", "https"]
        .iter()
        .any(|web| scheme.eq_ignore_ascii_case(web));
    // A browser takes a backslash for a slash.
    if !is_web || text.contains('\\') {
        return Err(WebUrlError::NotAUrl);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(WebUrlError::Credentials);
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err(WebUrlError::NoHost);
    }
    let url = Url::parse(text).map_err(|_| WebUrlError::NotAUrl)?;
    if url.fragment().is_some() {
        Err(WebUrlError::Fragment)
    } else if url.port() == Some(0) {
        Err(WebUrlError::Port)
    } else {
        Ok(url)
    }
}

/// Whether secrets and people can be sent there: by https, or without leaving this machine.
pub fn is_secure(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

/// Whether this address is on this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_it_is_written_or_not_at_all() {
        for right in [
            "https://id.example.com",
            "HTTPS://id.example.com/",
            "http://127.0.0.1:8080/a/b?c=d&e=/@",
            "https://[::1]:8443/x",
            "https://id.example.com/a//b",
            "https://id.example.com/mailto:a@b",
        ] {
            assert!(web_url(right).is_ok(), "{right}");
        }
        for (wrong, error) in [
            ("", WebUrlError::NotAUrl),
            ("id.example.com/jwks.json", WebUrlError::NotAUrl),
            ("//id.example.com/", WebUrlError::NotAUrl),
            ("https:id.example.com", WebUrlError::NotAUrl),
            ("https:/id.example.com", WebUrlError::NotAUrl),
            ("https:\\\\id.example.com", WebUrlError::NotAUrl),
            ("https://id.example.com\\x", WebUrlError::NotAUrl),
            ("ftp://id.example.com/", WebUrlError::NotAUrl),
            ("file:///etc/passwd", WebUrlError::NotAUrl),
            ("javascript:alert(1)", WebUrlError::NotAUrl),
            ("https://id.example.com:99999/", WebUrlError::NotAUrl),
            ("https://id.example.com:x/", WebUrlError::NotAUrl),
            ("https://a<b/", WebUrlError::NotAUrl),
            ("https://[::1/", WebUrlError::NotAUrl),
            ("https:///x", WebUrlError::NoHost),
            ("https:////x", WebUrlError::NoHost),
            ("https://", WebUrlError::NoHost),
            ("https://:443/x", WebUrlError::NoHost),
            ("https://?x", WebUrlError::NoHost),
            ("https://#x", WebUrlError::NoHost),
            ("https://a:b@id.example.com/", WebUrlError::Credentials),
            ("https://a@id.example.com/", WebUrlError::Credentials),
            ("https://@id.example.com/", WebUrlError::Credentials),
            ("https://:@id.example.com/", WebUrlError::Credentials),
            ("https://id.example.com/#keys", WebUrlError::Fragment),
            ("https://id.example.com#", WebUrlError::Fragment),
            ("https://id.example.com:0/", WebUrlError::Port),
            ("http://127.0.0.1:00", WebUrlError::Port),
            (" https://id.example.com", WebUrlError::Spaces),
            ("https://id.example.com/ ", WebUrlError::Spaces),
            ("https://id.example.com/a b", WebUrlError::Spaces),
            ("https://id.exa\tmple.com/", WebUrlError::Spaces),
            ("https://id.example.com/\r\n", WebUrlError::Spaces),
            ("https://id.example.com/\u{a0}", WebUrlError::Spaces),
            ("https://id.example.com/\0", WebUrlError::Spaces),
        ] {
            assert_eq!(web_url(wrong), Err(error), "{wrong:?}");
        }
    }

    #[test]
    fn what_stays_on_this_machine_needs_no_https() {
        let secure = |text| is_secure(&web_url(text).unwrap());
        for text in [
            "https://a.example",
            "http://localhost:1",
            "http://127.9.9.9/",
            "http://[::1]/",
        ] {
            assert!(secure(text), "{text}");
        }
        for text in [
            "http://a.example",
            "http://localhost.example/",
            "http://127.0.0.1.example/",
        ] {
            assert!(!secure(text), "{text}");
        }
    }
}
