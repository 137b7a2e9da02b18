//! The lists of identities in files, each read once however many policies name it, with all of its mistakes.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use super::lists::{ListFile, ListTexts};
use crate::{
    identity::{UUID_HINT, listed},
    limits::{IDENTITIES_MAX, LIST_MISTAKES_MAX},
    yaml::{Decoder, Diagnostics, Position, ProblemCode, Reported, SourceText},
};

/// What may stand on a line.
const LINE_HINT: &str = "one identity a line: letters, digits and signs, without blanks, commas, quotation marks, brackets and comments";
const EMPTY_HINT: &str = "write at least one identity, or take the rule out: a block list that was emptied by mistake would let everybody in";
const LONG_HINT: &str = "a list has at most that many";

/// The lists that policy files name.
#[derive(Debug)]
pub(super) struct ReadLists(BTreeMap<ListFile, ReadList>);

/// One list.
#[derive(Debug, Clone)]
pub(super) enum ReadList {
    /// Its identities, at least one.
    Ids(Arc<BTreeSet<Box<str>>>),
    /// It has mistakes, which are reported.
    Wrong(Reported),
    /// Its text cannot be read. That is reported where the list is named, once.
    Unread(Arc<UnreadList>),
}

/// A list without a text.
#[derive(Debug)]
pub(super) struct UnreadList {
    /// Why.
    pub(super) why: String,
    /// What shows that it is reported.
    pub(super) reported: OnceLock<Reported>,
}

impl ReadLists {
    /// Reads each list once. Policy files in one folder may name the same list: it is the same if its path and its text are.
    pub(super) fn of(texts: &ListTexts, diagnostics: &mut Diagnostics) -> Self {
        let mut known: BTreeMap<(PathBuf, &Result<String, String>), ReadList> = BTreeMap::new();
        let lists = texts.iter().map(|(list, text)| {
            let path = Path::new(&list.policy_path).with_file_name(&list.name);
            let shown = path.display().to_string();
            let read = known
                .entry((path, text))
                .or_insert_with(|| ReadList::of(shown, text, diagnostics));
            (list.clone(), read.clone())
        });
        Self(lists.collect())
    }

    /// The list that this policy file names so, if its text was given.
    pub(super) fn find(&self, list: &ListFile) -> Option<&ReadList> {
        self.0.get(list)
    }
}

impl ReadList {
    fn of(path: String, text: &Result<String, String>, diagnostics: &mut Diagnostics) -> Self {
        let text = match text {
            Ok(text) => text,
            Err(why) => {
                return Self::Unread(Arc::new(UnreadList {
                    why: why.clone(),
                    reported: OnceLock::new(),
                }));
            }
        };
        match ids_of(text) {
            Ok(ids) => Self::Ids(Arc::new(ids)),
            Err(mistakes) => {
                let text = text.clone();
                let source = Arc::new(SourceText { path, text });
                let mut decoder = Decoder::new(source, diagnostics);
                Self::Wrong(mistakes.report(&mut decoder))
            }
        }
    }
}

/// The mistakes of one list: the first is apart, because there is at least one.
struct Mistakes {
    first: Mistake,
    others: Vec<Mistake>,
}

/// One mistake.
struct Mistake {
    code: ProblemCode,
    position: Position,
    message: String,
    hint: &'static str,
}

impl Mistakes {
    /// Reports the first [`LIST_MISTAKES_MAX`], and how many more there are.
    fn report(self, decoder: &mut Decoder<'_>) -> Reported {
        let shown = LIST_MISTAKES_MAX.saturating_sub(1);
        let more = self.others.len().saturating_sub(shown);
        let mut reported = self.first.report(decoder);
        let mut last = None;
        for mistake in self.others.into_iter().take(shown) {
            last = Some(mistake.position);
            reported = mistake.report(decoder);
        }
        if let Some(position) = last.filter(|_| more > 0) {
            let message = format!("{more} more lines of this list have mistakes");
            reported = decoder.refuse(ProblemCode::InvalidValue, position, message, LINE_HINT);
        }
        reported
    }
}

impl Mistake {
    fn report(self, decoder: &mut Decoder<'_>) -> Reported {
        decoder.refuse(self.code, self.position, self.message, self.hint)
    }
}

/// The identities of a list, one a line; or every line that is not one. Blanks around an identity and empty lines are ignored, and a line
/// may end with a carriage return before its line feed.
fn ids_of(text: &str) -> Result<BTreeSet<Box<str>>, Mistakes> {
    let mut ids = BTreeSet::new();
    let mut mistakes = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let blanks = line
            .len()
            .saturating_sub(line.trim_start_matches(' ').len());
        let id = line.trim_matches(' ');
        if id.is_empty() {
            continue;
        }
        match listed(id) {
            Ok(id) => drop(ids.insert(Box::from(id.as_str()))),
            Err(error) => mistakes.push(Mistake {
                code: ProblemCode::InvalidValue,
                position: Position {
                    line: number,
                    column: blanks.saturating_add(error.column()),
                    width: 1,
                },
                message: format!("not an identity: {error}"),
                hint: if error.is_uuid_form() {
                    UUID_HINT
                } else {
                    LINE_HINT
                },
            }),
        }
    }
    let whole = |code, message, hint| Mistake {
        code,
        position: Position::START,
        message,
        hint,
    };
    if ids.len() > IDENTITIES_MAX {
        let message = format!("the list has more than {IDENTITIES_MAX} identities");
        mistakes.insert(0, whole(ProblemCode::TooMany, message, LONG_HINT));
    } else if ids.is_empty() && mistakes.is_empty() {
        mistakes.push(whole(
            ProblemCode::Empty,
            "the list is empty".to_owned(),
            EMPTY_HINT,
        ));
    }
    let mut mistakes = mistakes.into_iter();
    match mistakes.next() {
        None => Ok(ids),
        Some(first) => Err(Mistakes {
            first,
            others: mistakes.collect(),
        }),
    }
}
