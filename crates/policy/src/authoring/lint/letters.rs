//! Letters that look like others: a Cyrillic `а` in a Latin word. They look the same and compare as different. The look-alike letters
//! are those of Unicode's table of confusables (UTS 39).

use std::collections::BTreeSet;

use icu_properties::{CodePointMapData, props::Script};
use unicode_security::skeleton;

use super::{
    findings::{Findings, cut, joined},
    proof::visit,
    warning::WarningCode,
    written::Part,
};
use crate::{
    rule::{AttributeNotIn, Requirement},
    set::PolicySet,
    yaml::{Location, is_visible},
};

/// How many texts of one list are named.
const TEXTS_MAX: usize = 5;

/// The scripts that a set of policies uses on purpose: it has words in them that do not look like Latin words.
#[derive(Debug, Default)]
pub(super) struct Scripts(BTreeSet<Script>);

impl Scripts {
    pub(super) fn of(set: &PolicySet) -> Self {
        let mut used = BTreeSet::new();
        for (_, policy) in set.iter() {
            for rule in policy.rules() {
                visit(rule.requirement(), &mut |requirement| {
                    each_text(requirement, &mut |text, _| {
                        if text.is_ascii() {
                            return;
                        }
                        let letters = text.chars().filter(|c| c.is_alphabetic());
                        let others = letters.filter(|c| is_foreign(*c) && latin_of(*c).is_none());
                        used.extend(others.map(script_of));
                    });
                });
            }
        }
        Self(used)
    }

    fn has(&self, c: char) -> bool {
        self.0.contains(&script_of(c))
    }
}

/// The kind of a text, which determines how strictly it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A word of a protocol: status, scope, method, class. It is always Latin.
    Protocol,
    /// A word of the tenant's own.
    Own,
}

/// Calls `visit` with each text of a requirement that is compared, without the requirements inside it.
fn each_text<'r>(requirement: &'r Requirement, visit: &mut impl FnMut(&'r str, Kind)) {
    let mut each = |texts: &'r BTreeSet<Box<str>>, kind| {
        for text in texts {
            visit(text, kind);
        }
    };
    match requirement {
        Requirement::Status(list) => each(list, Kind::Protocol),
        Requirement::Project(list) => each(list, Kind::Own),
        Requirement::IdentityIn(listed) | Requirement::IdentityNotIn(listed) => {
            each(&listed.ids, Kind::Own);
        }
        Requirement::Attribute(name, list)
        | Requirement::AttributeNotIn(AttributeNotIn {
            name, values: list, ..
        }) => {
            each(list, Kind::Own);
            visit(name, Kind::Own);
        }
        Requirement::Authenticated(wanted) => {
            each(&wanted.amr_any, Kind::Protocol);
            each(&wanted.acr_any, Kind::Protocol);
        }
        Requirement::Scopes(scopes) => {
            for scope in scopes {
                visit(scope.as_str(), Kind::Protocol);
            }
        }
        Requirement::VerifiedWithin(_)
        | Requirement::AgeAtLeast(_)
        | Requirement::AgeBelow(_)
        | Requirement::PhonePrefix(_)
        | Requirement::IdentityAsRequested
        | Requirement::Schedule(_)
        | Requirement::AnyOf(_)
        | Requirement::AllOf(_) => {}
    }
}

/// Finds look-alike letters and invisible characters in the texts of one requirement, without the requirements inside it.
pub(super) fn lookalikes(
    requirement: &Requirement,
    place: Option<Part<'_>>,
    scripts: &Scripts,
    findings: &mut Findings<'_>,
) {
    let mut found: Vec<(&str, Mistake)> = Vec::new();
    each_text(requirement, &mut |text, kind| {
        found.extend(mistake(text, kind, scripts).map(|mistake| (text, mistake)));
    });
    let more = found.len().saturating_sub(TEXTS_MAX);
    for (index, (text, mistake)) in found.into_iter().take(TEXTS_MAX).enumerate() {
        let location: Option<Location> = place.map(|place| place.text(text));
        let is_last = index.saturating_add(1) == TEXTS_MAX;
        let others = match more {
            more if more > 0 && is_last => format!(" (so do {more} more texts of this list)"),
            _ => String::new(),
        };
        let message = format!("`{}` {}{others}", cut(text), mistake.what);
        findings.add(mistake.code, location, message, mistake.cure);
    }
}

/// What is wrong with a text.
struct Mistake {
    code: WarningCode,
    what: String,
    cure: String,
}

fn mistake(text: &str, kind: Kind, scripts: &Scripts) -> Option<Mistake> {
    if let Some(unseen) = text.chars().find(|c| !is_visible(*c)) {
        return Some(Mistake {
            code: WarningCode::InvisibleCharacters,
            what: format!("has U+{:04X}, which cannot be seen", u32::from(unseen)),
            cure: "write the text again without it: texts are compared character by character"
                .to_owned(),
        });
    }
    if text.starts_with(' ') || text.ends_with(' ') {
        return Some(Mistake {
            code: WarningCode::InvisibleCharacters,
            what: "begins or ends with a space".to_owned(),
            cure: format!(
                "write `{}`: texts are compared character by character",
                cut(text.trim())
            ),
        });
    }
    if text.is_ascii() {
        return None;
    }
    let words = text.split(|c: char| !c.is_alphanumeric());
    let letters: Vec<char> = words
        .flat_map(|word| strange_letters(word, kind, scripts))
        .collect();
    if letters.is_empty() {
        return None;
    }
    let mut seen = BTreeSet::new();
    let named: Vec<String> = letters
        .iter()
        .filter(|c| seen.insert(**c))
        .map(|c| named(*c))
        .collect();
    let all_latin: String = text.chars().map(|c| latin_of(c).unwrap_or(c)).collect();
    let cure = if letters.iter().all(char::is_ascii) {
        "write the whole word in one script: texts are compared character by character".to_owned()
    } else {
        format!(
            "write `{}` in Latin letters: texts are compared character by character",
            cut(&all_latin)
        )
    };
    Some(Mistake {
        code: WarningCode::LookalikeLetters,
        what: format!("has {}", joined(&named, "and")),
        cure,
    })
}

/// The letters of a word that belong to another script than they appear to.
fn strange_letters(word: &str, kind: Kind, scripts: &Scripts) -> Vec<char> {
    if word.is_ascii() {
        return Vec::new();
    }
    let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).collect();
    let (alike, others): (Vec<char>, Vec<char>) = letters
        .iter()
        .copied()
        .filter(|c| is_foreign(*c))
        .partition(|c| latin_of(*c).is_some());
    let latin: Vec<char> = letters
        .iter()
        .copied()
        .filter(|c| !is_foreign(*c))
        .collect();
    if others.is_empty() && !alike.is_empty() {
        // It looks like Latin. In a set that uses the script, a word that is wholly in it may be intended.
        let meant = latin.is_empty() && kind == Kind::Own && alike.iter().all(|c| scripts.has(*c));
        let is_form = |c: &char| matches!(script_of(*c), Script::Latin | Script::Common);
        return if meant && !alike.iter().any(is_form) {
            Vec::new()
        } else {
            alike
        };
    }
    // It is a word of another script, in which Latin letters look like letters of that script.
    let all_look_so = !latin.is_empty()
        && latin.iter().all(|c| {
            others
                .iter()
                .any(|other| looks_like_one_of(*c, script_of(*other)))
        });
    if others.is_empty() || !all_look_so {
        return Vec::new();
    }
    latin
}

/// Whether a Latin letter looks like one of this script.
fn looks_like_one_of(latin: char, script: Script) -> bool {
    let alike = match script {
        Script::Cyrillic => "ABCEHIJKMOPSTXYaceijopsxy",
        Script::Greek => "ABEHIKMNOPTXYZov",
        _ => "",
    };
    alike.contains(latin)
}

/// A letter with its script, and what it looks like.
fn named(c: char) -> String {
    let code = u32::from(c);
    match latin_of(c) {
        _ if c.is_ascii() => {
            format!("the Latin `{c}` (U+{code:04X}) among letters of another script")
        }
        Some(latin) => format!(
            "the {} `{c}` (U+{code:04X}), which looks like the Latin `{latin}`",
            script_name(c)
        ),
        None => format!("`{c}` (U+{code:04X})"),
    }
}

fn script_name(c: char) -> &'static str {
    match script_of(c) {
        Script::Cyrillic => "Cyrillic",
        Script::Greek => "Greek",
        Script::Armenian => "Armenian",
        Script::Cherokee => "Cherokee",
        Script::Coptic => "Coptic",
        Script::Lisu => "Lisu",
        Script::Latin => "full-width",
        Script::Common => "mathematical",
        _ => "foreign",
    }
}

fn script_of(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

/// Whether a letter is not of the Latin script, or is a form of a Latin letter that is not written in words.
fn is_foreign(c: char) -> bool {
    match script_of(c) {
        Script::Latin => matches!(c, '\u{ff21}'..='\u{ff5a}'),
        Script::Common | Script::Inherited => matches!(c, '\u{1d400}'..='\u{1d7ff}'),
        _ => true,
    }
}

/// The letter or digit of ASCII that a letter of another script looks like.
fn latin_of(c: char) -> Option<char> {
    if c.is_ascii() || !is_foreign(c) {
        return None;
    }
    let mut bytes = [0; 4];
    let looks: Vec<char> = skeleton(c.encode_utf8(&mut bytes)).collect();
    let of = |latin: &char| {
        let mut bytes = [0; 4];
        skeleton(latin.encode_utf8(&mut bytes)).eq(looks.iter().copied())
    };
    let (capitals, small) = ('A'..='Z', 'a'..='z');
    let mut letters: Vec<char> = capitals.chain(small).collect();
    if !c.is_uppercase() {
        letters.reverse();
    }
    letters.into_iter().find(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strange(text: &str, kind: Kind) -> String {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words
            .flat_map(|word| strange_letters(word, kind, &Scripts::default()))
            .collect()
    }

    #[test]
    fn a_letter_of_another_script_in_a_latin_word_is_found() {
        for (text, letters) in [
            ("N\u{410}ME", "\u{410}"),
            ("h\u{43e}tel", "\u{43e}"),
            ("\u{391}DMIN", "\u{391}"),
            ("site-\u{430}b", "\u{430}"),
            ("\u{ff48}q", "\u{ff48}"),
            ("V\u{415}RIFI\u{415}D", "\u{415}\u{415}"),
            ("\u{435}\u{440}", "\u{435}\u{440}"),
        ] {
            assert_eq!(strange(text, Kind::Own), letters, "{text}");
        }
        // A Latin letter in a Cyrillic word.
        assert_eq!(
            strange("M\u{43e}\u{441}\u{43a}\u{432}\u{430}", Kind::Own),
            "M"
        );
    }

    #[test]
    fn a_word_of_another_script_or_with_an_accent_is_not() {
        for text in [
            "hq",
            "Z\u{fc}rich",
            "caf\u{e9}",
            "\u{5c71}\u{7530}",
            "Kap\u{131}",
            "\u{41c}\u{43e}\u{441}\u{43a}\u{432}\u{430}",
            "\u{413}\u{43b}\u{430}\u{432}\u{43d}\u{44b}\u{439}-A",
            "\u{391}\u{3b8}\u{3ae}\u{3bd}\u{3b1}",
            "\u{5165}\u{53e3}A",
            "Ma\u{df}",
        ] {
            assert_eq!(strange(text, Kind::Own), "", "{text}");
        }
    }
}
