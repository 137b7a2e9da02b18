//! Reads one text: values come out, or problems. What is wrong is reported where it is found, and reading goes on, so that
//! every problem of a file is reported at once.

use std::sync::Arc;

use super::{
    diagnostic::{Diagnostic, Diagnostics},
    location::{Location, Position, SourceText},
};

/// There is no value, and why is reported. Only [`Decoder::error`] makes one, so that no value goes missing in silence. (The
/// compiler of Rust calls this idiom `ErrorGuaranteed`.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reported(());

/// Reads one text, and collects its problems.
#[derive(Debug)]
pub struct Decoder<'d> {
    source: Arc<SourceText>,
    diagnostics: &'d mut Diagnostics,
}

impl<'d> Decoder<'d> {
    /// A decoder of this text that adds to these diagnostics.
    pub fn new(source: Arc<SourceText>, diagnostics: &'d mut Diagnostics) -> Self {
        Self {
            source,
            diagnostics,
        }
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

    /// Reports a problem.
    pub fn error(
        &mut self,
        position: Position,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Reported {
        self.diagnostics.push(Diagnostic {
            location: self.location(position),
            message: message.into(),
            hint,
        });
        Reported(())
    }
}

/// All values, or that one of them is not there. Takes every result, so that every problem is reported.
pub fn all<T>(results: impl Iterator<Item = Result<T, Reported>>) -> Result<Vec<T>, Reported> {
    let results: Vec<Result<T, Reported>> = results.collect();
    results.into_iter().collect()
}
