//! Why the service cannot start, and what it could not finish.

use std::{io, path::PathBuf};

use crate::{
    callers::IssuerError,
    export, grpc, incode, journal,
    listener::{InheritError, ListenError, ListenersError},
    session::SessionsError,
    tls,
};

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be bound.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The listeners cannot be set up.
    #[error(transparent)]
    Listeners(#[from] ListenersError),
    /// A socket was passed for a listener that is not configured.
    #[error(transparent)]
    Inherited(#[from] InheritError),
    /// The keys of an issuer of callers' tokens cannot be used.
    #[error(transparent)]
    Keys(#[from] IssuerError),
    /// The tokens of sessions cannot be verified.
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    /// The journal cannot be opened.
    #[error("cannot write the journal `{}`", .0.display())]
    JournalFile(PathBuf, #[source] io::Error),
    /// The key that signs the journal's checkpoints cannot be used.
    #[error("the key of journal.signing_key {0}")]
    SigningKey(#[source] journal::signed_note::KeyError),
    /// The key under which the journal records identifiers cannot be used.
    #[error("the key of journal.identifier_key {0}")]
    IdentifierKey(#[source] journal::IdentifierKeyError),
    /// The journal cannot be started.
    #[error(transparent)]
    Journal(#[from] journal::JournalStartError),
    /// The files of certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::FilesError),
    /// The lines of the journal cannot be exported.
    #[error(transparent)]
    Export(#[from] export::ExportStartError),
    /// The client of the upstream cannot be built.
    #[error(transparent)]
    Upstream(#[from] incode::IncodeStartError),
    /// The gRPC services cannot be built: an internal error.
    #[error("internal error: assembly failed")]
    Grpc(#[from] grpc::ServicesError),
    /// A metric cannot be registered: an internal error.
    #[error("internal error: assembly failed")]
    Metrics(#[from] prometheus::Error),
}

/// What was not finished when the service stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StopError {
    /// Decisions were not written to the journal.
    #[error("the journal could not be written to the end")]
    Journal,
}
