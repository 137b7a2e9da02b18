//! UUIDs in their several forms.

/// How many hexadecimal digits stand between the hyphens of a UUID.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
/// Its length with the hyphens.
const UUID_CHARS: usize = 36;
/// What may stand before a UUID, in any case (RFC 9562).
const UUID_PREFIX: &str = "urn:uuid:";
/// The brackets that may enclose a UUID.
const UUID_BRACKETS: [(char, char); 2] = [('{', '}'), ('(', ')')];

/// The 36 lower-case characters of a UUID in any of its forms; none if the text is no UUID.
pub(super) fn uuid_of(text: &str) -> Option<String> {
    let prefix = text.get(..UUID_PREFIX.len());
    let has_prefix = prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(UUID_PREFIX));
    let rest = if has_prefix {
        text.get(UUID_PREFIX.len()..)?
    } else {
        text
    };
    let inside = |(opening, closing)| rest.strip_prefix(opening)?.strip_suffix(closing);
    let bare = UUID_BRACKETS.into_iter().find_map(inside).unwrap_or(rest);
    let digits: usize = UUID_GROUPS.iter().sum();
    let is_simple = bare.len() == digits && bare.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_simple && !is_hyphenated_uuid(bare) {
        return None;
    }
    let mut digits = bare.chars().filter(|c| *c != '-');
    let mut uuid = String::with_capacity(UUID_CHARS);
    for size in UUID_GROUPS {
        if !uuid.is_empty() {
            uuid.push('-');
        }
        uuid.extend(digits.by_ref().take(size));
    }
    uuid.make_ascii_lowercase();
    Some(uuid)
}

/// Whether the text is a UUID of 36 characters, in any case.
pub(crate) fn is_hyphenated_uuid(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == UUID_CHARS && text.bytes().enumerate().all(fits)
}
