//! What a policy set is for: it decides, or it is judged beside the one that does.

/// What a policy set is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It decides.
    InForce,
    /// It is judged beside the set in force on the same facts, and recorded. It decides nothing.
    Shadow,
}

impl Role {
    /// The role's name in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::Shadow => "shadow",
        }
    }
}
