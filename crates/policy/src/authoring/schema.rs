//! The JSON Schemas of policy and case files, for editors.

/// The JSON Schema of a policy file.
pub const POLICY_SCHEMA: &str = include_str!("schema/policy.schema.json");
/// The JSON Schema of a case file.
pub const CASES_SCHEMA: &str = include_str!("schema/cases.schema.json");
