//! Reads one text: values come out, or problems. What is wrong is reported where it is found, and reading goes on, so that
//! every problem of a file is reported at once.

use std::sync::Arc;

use super::{
    diagnostic::{Diagnostic, Diagnostics},
    location::{Location, Position, SourceText},
    problem::ProblemCode,
    vocabulary::Vocabulary,
};

/// There is no value, and why is reported. Only [`Decoder::refuse`] and [`Decoder::error`] make one, so that no value is lost without a report. (The
/// compiler of Rust calls this idiom `ErrorGuaranteed`.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported(());

/// Reads one text, and collects its problems.
#[derive(Debug)]
pub struct Decoder<'d> {
    source: Arc<SourceText>,
    diagnostics: &'d mut Diagnostics,
    vocabulary: Vocabulary,
}

impl<'d> Decoder<'d> {
    /// A decoder of this text that adds to these diagnostics.
    pub fn new(source: Arc<SourceText>, diagnostics: &'d mut Diagnostics) -> Self {
        Self {
            source,
            diagnostics,
            vocabulary: Vocabulary::NONE,
        }
    }

    /// The same decoder, whose hints know the words of a language.
    pub fn knowing(self, vocabulary: Vocabulary) -> Self {
        Self { vocabulary, ..self }
    }

    /// What its hints know.
    pub(super) fn vocabulary(&self) -> Vocabulary {
        self.vocabulary
    }

    /// The text.
    pub fn source(&self) -> &Arc<SourceText> {
        &self.source
    }

    /// This position in the text.
    pub fn location(&self, position: Position) -> Location {
        Location {
            source: Arc::clone(&self.source),
            position,
        }
    }

    /// Reports a value that is wrong.
    pub fn error(
        &mut self,
        position: Position,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Reported {
        self.push(ProblemCode::InvalidValue, position, message.into(), hint)
    }

    /// Reports a problem of this kind, and what can be done about it.
    pub fn refuse(
        &mut self,
        code: ProblemCode,
        position: Position,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Reported {
        self.push(code, position, message.into(), Some(hint.into()))
    }

    fn push(
        &mut self,
        code: ProblemCode,
        position: Position,
        message: String,
        hint: Option<String>,
    ) -> Reported {
        self.diagnostics.push(Diagnostic {
            code,
            location: self.location(position),
            message,
            hint,
        });
        Reported(())
    }
}

/// All values, or that one of them is not there. Takes every result, so that every problem is reported.
pub fn all<T>(results: impl Iterator<Item = Result<T, Reported>>) -> Result<Vec<T>, Reported> {
    let mut values = Vec::with_capacity(results.size_hint().0);
    let mut missing = None;
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(reported) => missing = Some(reported),
        }
    }
    missing.map_or(Ok(values), Err)
}
