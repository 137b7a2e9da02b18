//! The one form of an identity, as the design says it: a UUID in any spelling becomes 36 lower-case characters; anything else has
//! letters and digits in NFC and signs of ASCII. What Unicode says of a character is not looked up here: marks and forms that are
//! written otherwise are named one by one, those that the pools have among them.

/// The canonical form, or none if the text is no identity.
pub fn canonical(text: &str) -> Option<String> {
    if let Some(uuid) = uuid(text) {
        return Some(uuid);
    }
    if text.is_empty() || text.len() > 256 {
        return None;
    }
    let fine = |letter: char| {
        letter.is_ascii_graphic()
            || (!letter.is_ascii() && letter.is_alphanumeric() && !written_otherwise(letter))
    };
    text.chars().all(fine).then(|| text.to_owned())
}

/// What a list has: an identity in its canonical form, or a UUID of 36 characters in capitals.
pub fn listed(item: &str) -> String {
    match uuid(item) {
        Some(uuid) => uuid,
        None => item.to_owned(),
    }
}

/// Compatibility forms, and fillers that nobody sees.
fn written_otherwise(letter: char) -> bool {
    matches!(letter, '\u{ff01}'..='\u{ffee}' | '\u{2070}'..='\u{218f}' | '\u{115f}' | '\u{1160}' | '\u{3164}')
}

fn uuid(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("urn:uuid:").unwrap_or(&lower);
    let unwrapped = match rest
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    {
        Some(inside) => inside,
        None => match rest
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
        {
            Some(inside) => inside,
            None => rest,
        },
    };
    let mut digits = String::new();
    for (place, letter) in unwrapped.chars().enumerate() {
        let between_groups = unwrapped.len() == 36 && [8, 13, 18, 23].contains(&place);
        match letter {
            '-' if between_groups => {}
            '0'..='9' | 'a'..='f' if !between_groups => digits.push(letter),
            _ => return None,
        }
    }
    if digits.len() != 32 {
        return None;
    }
    for place in [20, 16, 12, 8] {
        digits.insert(place, '-');
    }
    Some(digits)
}
