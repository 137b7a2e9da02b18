//! The kinds of problems of a document, by codes that programs may rely on.

/// What kind of problem it is. The codes are stable: programs rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemCode {
    /// The text is not YAML, or not one document of it.
    NotYaml,
    /// The text is not UTF-8.
    NotUtf8,
    /// It uses a part of YAML that is not allowed: an anchor, an alias, a tag, a key that is not a text.
    YamlFeature,
    /// A key occurs twice in one map.
    DuplicateKey,
    /// A key is not known at its place.
    UnknownKey,
    /// A required key is missing.
    MissingKey,
    /// A list, a map or a text stands where another kind of value belongs.
    WrongType,
    /// Nothing is written where a value belongs.
    NothingWritten,
    /// A list, a map or a text is empty.
    Empty,
    /// A value is not valid at its place.
    InvalidValue,
    /// A bound on a number or a size is exceeded.
    TooMany,
    /// A name is given twice.
    DuplicateName,
    /// The file is of another kind, or of a version that is not known.
    WrongFile,
    /// A named file cannot be read.
    UnreadableFile,
}

impl ProblemCode {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::NotYaml,
        Self::NotUtf8,
        Self::YamlFeature,
        Self::DuplicateKey,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::NothingWritten,
        Self::Empty,
        Self::InvalidValue,
        Self::TooMany,
        Self::DuplicateName,
        Self::WrongFile,
        Self::UnreadableFile,
    ];

    /// The code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotYaml => "not_yaml",
            Self::NotUtf8 => "not_utf8",
            Self::YamlFeature => "yaml_feature",
            Self::DuplicateKey => "duplicate_key",
            Self::UnknownKey => "unknown_key",
            Self::MissingKey => "missing_key",
            Self::WrongType => "wrong_type",
            Self::NothingWritten => "nothing_written",
            Self::Empty => "empty",
            Self::InvalidValue => "invalid_value",
            Self::TooMany => "too_many",
            Self::DuplicateName => "duplicate_name",
            Self::WrongFile => "wrong_file",
            Self::UnreadableFile => "unreadable_file",
        }
    }

    /// What the kind is, in one sentence.
    pub fn summary(self) -> &'static str {
        match self {
            Self::NotYaml => "The file is not YAML, or not one document of it.",
            Self::NotUtf8 => "The file is not UTF-8.",
            Self::YamlFeature => "The file uses a part of YAML that is not allowed.",
            Self::DuplicateKey => "A key occurs twice in one map.",
            Self::UnknownKey => "A key is not known at its place.",
            Self::MissingKey => "A required key is missing.",
            Self::WrongType => {
                "A list, a map or a text stands where another kind of value belongs."
            }
            Self::NothingWritten => "Nothing is written where a value belongs.",
            Self::Empty => "A list, a map or a text is empty.",
            Self::InvalidValue => "A value is not valid at its place.",
            Self::TooMany => "A bound on a number or a size is exceeded.",
            Self::DuplicateName => "A name is given twice.",
            Self::WrongFile => "The file is of another kind, or of a version that is not known.",
            Self::UnreadableFile => "A file that is named cannot be read.",
        }
    }
}
