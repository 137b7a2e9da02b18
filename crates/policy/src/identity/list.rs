//! Identities of lists. They are written by people and exported by programs, so that what looks like a table, a quoted text, a
//! comment or a pattern is a mistake: taken for an identity, it would be nobody's, and a block list would let its people in.

use super::{
    error::InvalidIdentityError,
    form::{Identity, check},
    uuid::{is_hyphenated_uuid, uuid_of},
};

/// Signs that show that something else is meant, and what they are for.
const MARKUP: [(&str, &str); 6] = [
    (",", "a comma, as between two identities or columns"),
    (";", "a semicolon, as between two identities or columns"),
    ("\"`", "a quotation mark"),
    ("{}[]()", "a bracket"),
    ("<>", "an angle bracket"),
    ("*", "an asterisk; patterns are not supported"),
];
/// What to do about a UUID in another form.
pub(crate) const UUID_HINT: &str =
    "write a UUID as 36 characters, with hyphens and without brackets";
/// What begins a comment.
const COMMENTS: [&str; 2] = ["#", "//"];

/// Reads an identity of a list. A UUID has 36 characters, in any case.
pub(crate) fn listed(text: &str) -> Result<Identity, InvalidIdentityError> {
    if is_hyphenated_uuid(text) {
        return Ok(Identity::canonical(text.to_ascii_lowercase()));
    }
    check(text)?;
    if uuid_of(text).is_some() {
        return Err(InvalidIdentityError::UuidForm);
    }
    if COMMENTS.iter().any(|comment| text.starts_with(comment)) {
        let what = "a comment; lists have no comments";
        return Err(InvalidIdentityError::Markup { what, column: 1 });
    }
    let last = text.chars().count();
    for (c, column) in text.chars().zip(1..) {
        let sign = MARKUP.iter().find(|(signs, _)| signs.contains(c));
        if let Some((_, what)) = sign {
            return Err(InvalidIdentityError::Markup { what, column });
        }
        // Inside, it may be an apostrophe.
        if c == '\'' && (column == 1 || column == last) {
            let what = "a quotation mark";
            return Err(InvalidIdentityError::Markup { what, column });
        }
    }
    Ok(Identity::canonical(text))
}
