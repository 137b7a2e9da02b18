//! The made-up people and their verifications.

use std::collections::BTreeMap;

use crate::policy::{Timestamp, VerificationId};

/// The people, and what the vendor knows about their verifications.
#[derive(Debug, Clone, Default)]
pub struct Cast {
    /// The people by their names in the cast.
    pub people: BTreeMap<String, Person>,
    /// The verifications by their identifiers.
    pub verifications: BTreeMap<VerificationId, VerificationRecord>,
}

/// One verification and the person who verified.
#[derive(Debug, Clone)]
pub struct VerificationRecord {
    /// What the verification is an example of, for people who read the cast.
    pub about: Option<String>,
    /// The status.
    pub status: String,
    /// When the person verified; `None` before the verification has ended.
    pub verified_at: Option<Timestamp>,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// The trace id.
    pub trace_id: String,
    /// The project that the verification belongs to.
    pub project_id: String,
    /// The person.
    pub person: Person,
}

/// A made-up person.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// The identity.
    pub identity_id: Option<String>,
    /// The full name.
    pub full_name: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The phone number (E.164).
    pub phone: Option<String>,
    /// The date of birth: midnight of that day in UTC.
    pub date_of_birth: Option<Timestamp>,
}
