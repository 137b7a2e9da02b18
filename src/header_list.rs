//! The headers of a request: how large they are, and the value of one that must be given once.

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header::COOKIE};

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

/// A header is given more than once. Which of its values counts is not defined: a proxy may have looked at another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedHeaderError;

/// The one value of a header; `None` if it is not there.
pub fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h HeaderValue>, RepeatedHeaderError> {
    let mut given = headers.get_all(name).iter();
    match (given.next(), given.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(RepeatedHeaderError),
    }
}

/// The value of the cookie with this name, in all lines of the header; `None` if it is not there. A cookie is not a header, but as one that is
/// given twice it has no value: nobody can know which one counts. A value that is no text is empty.
pub fn cookie<'h>(
    headers: &'h HeaderMap,
    name: &str,
) -> Result<Option<&'h str>, RepeatedHeaderError> {
    let lines = headers.get_all(COOKIE).iter();
    // By bytes: the cookies of others beside it may be no ASCII.
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let mut given = pairs.filter_map(|pair| {
        let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
        value.strip_prefix(b"=")
    });
    match (given.next(), given.next()) {
        // What is no text is no value of ours.
        (value, None) => Ok(value.map(|value| std::str::from_utf8(value).unwrap_or_default())),
        (_, Some(_)) => Err(RepeatedHeaderError),
    }
}

#[cfg(test)]
mod tests {
    use http::header::HOST;

    use super::*;

    #[test]
    fn a_header_that_is_given_twice_has_no_value_even_if_both_are_the_same() {
        let mut headers = HeaderMap::new();
        assert_eq!(single(&headers, &HOST), Ok(None));
        headers.append(HOST, HeaderValue::from_static("a"));
        assert_eq!(single(&headers, &HOST), Ok(headers.get(HOST)));
        headers.append(HOST, HeaderValue::from_static("a"));
        assert_eq!(single(&headers, &HOST), Err(RepeatedHeaderError));
    }

    #[test]
    fn a_cookie_is_given_once_in_all_lines_and_by_its_exact_name() {
        let given = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
                headers.append(COOKIE, line);
            }
            cookie(&headers, "name").map(|value| value.map(str::to_owned))
        };
        for lines in [
            &[][..],
            &["a=b"],
            &["xname=1"],
            &["Name=1"],
            &["name"],
            &["a=name=1"],
        ] {
            assert_eq!(given(lines), Ok(None), "{lines:?}");
        }
        for lines in [&["name=1"][..], &["a=b; name=1;c=d"], &["a=b", " name=1 "]] {
            assert_eq!(given(lines), Ok(Some("1".to_owned())), "{lines:?}");
        }
        assert_eq!(given(&["name=a=b"]), Ok(Some("a=b".to_owned())));
        // The cookies of others are theirs to write.
        for lines in [
            &["a=\u{e4}; name=1"][..],
            &["name=1; \u{e4}"],
            &["\u{e4}", "name=1"],
        ] {
            assert_eq!(given(lines), Ok(Some("1".to_owned())), "{lines:?}");
        }
        for lines in [
            &["name=1; name=1"][..],
            &["name=1", "name=2"],
            &["name=; name=1"],
        ] {
            assert_eq!(given(lines), Err(RepeatedHeaderError), "{lines:?}");
        }
    }
}
