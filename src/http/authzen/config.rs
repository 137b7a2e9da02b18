//! How an evaluation names the person and the policy.

use std::{collections::BTreeSet, time::Duration};

use crate::{callers::Glob, policy::PolicyName};

/// The settings of AuthZEN.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long an answer may take, from the head of the request on.
    pub deadline: Duration,
    /// The types of subjects that are people with a verification.
    pub subject_types: BTreeSet<Box<str>>,
    /// What names the policy.
    pub policy_from: PolicySource,
    /// What names the verification.
    pub verification_from: VerificationSource,
    /// Whether access can be requested, as a draft has it. Only with a public address.
    pub access_requests: bool,
    /// Where others find the service; `None` if no `https` address is configured.
    pub public_url: Option<PublicUrl>,
}

/// What of an evaluation names the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicySource {
    /// `action.name`.
    ActionName,
    /// `resource.id`.
    ResourceId,
    /// `resource.type`.
    ResourceType,
    /// The most specific of the patterns that fit. Their order has no meaning.
    Patterns(Vec<(ActionPattern, PolicyName)>),
}

/// What of an evaluation names the verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationSource {
    /// `subject.id`.
    SubjectId,
    /// This property of the subject.
    Property(Box<str>),
}

/// Which actions on which resources a policy is for: `GET route /todos/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionPattern {
    action: Glob,
    resource_type: Glob,
    resource_id: Glob,
}

/// A text is not a pattern of actions on resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not `ACTION RESOURCE_TYPE RESOURCE_ID`, separated by one blank each, where `*` stands for any characters"
)]
pub struct InvalidActionPatternError;

impl ActionPattern {
    /// Parses a pattern. Only the id may have blanks in it.
    pub fn parse(text: &str) -> Result<Self, InvalidActionPatternError> {
        let mut parts = text.splitn(3, ' ');
        let mut part = || {
            let text = parts.next().ok_or(InvalidActionPatternError)?;
            Glob::of_texts(text).map_err(|_| InvalidActionPatternError)
        };
        Ok(Self {
            action: part()?,
            resource_type: part()?,
            resource_id: part()?,
        })
    }

    /// Whether this action on this resource fits.
    fn matches(&self, action: &str, resource_type: &str, resource_id: &str) -> bool {
        self.action.matches(action)
            && self.resource_type.matches(resource_type)
            && self.resource_id.matches(resource_id)
    }

    /// Whether everything that fits also fits the other pattern.
    fn is_at_least_as_specific_as(&self, other: &Self) -> bool {
        self.action.is_at_least_as_specific_as(&other.action)
            && self
                .resource_type
                .is_at_least_as_specific_as(&other.resource_type)
            && self
                .resource_id
                .is_at_least_as_specific_as(&other.resource_id)
    }
}

/// Why no policy is named by patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPatternError {
    /// None fits.
    None,
    /// Several fit, none of them is at least as specific as all others, and their policies differ.
    Several,
}

/// The policy that these patterns name. The order of patterns has no meaning: tools sort tables.
pub(super) fn policy_by_pattern<'p>(
    patterns: &'p [(ActionPattern, PolicyName)],
    action: &str,
    resource_type: &str,
    resource_id: &str,
) -> Result<&'p PolicyName, NoPatternError> {
    let fits = |(pattern, _): &&(ActionPattern, PolicyName)| {
        pattern.matches(action, resource_type, resource_id)
    };
    let fitting: Vec<&(ActionPattern, PolicyName)> = patterns.iter().filter(fits).collect();
    let is_narrowest = |(pattern, _): &&&(ActionPattern, PolicyName)| {
        let mut others = fitting.iter();
        others.all(|(other, _)| pattern.is_at_least_as_specific_as(other))
    };
    let (_, first) = fitting.first().ok_or(NoPatternError::None)?;
    if fitting.iter().all(|(_, policy)| policy == first) {
        return Ok(first);
    }
    let narrowest = fitting.iter().find(is_narrowest);
    narrowest.map_or(Err(NoPatternError::Several), |(_, policy)| Ok(policy))
}

/// The address by which others know the service: `https`, without a slash at its end, a query and a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// The address.
    text: Box<str>,
    /// Its path, empty or with a slash at its beginning alone.
    path: Box<str>,
}

impl PublicUrl {
    /// The address, from its form and its path; `None` if it is not `https`.
    pub fn of(url: &url::Url) -> Option<Self> {
        let text = url.as_str().trim_end_matches('/');
        let is_plain = url.query().is_none() && url.fragment().is_none();
        (url.scheme() == "https" && is_plain).then(|| Self {
            text: text.into(),
            path: url.path().trim_end_matches('/').into(),
        })
    }

    /// The address, as the identifier of the service.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The address of a path of the service.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// The path of the address, empty if it has none.
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        patterns: &[(&str, &str)],
        action: &str,
        kind: &str,
        id: &str,
    ) -> Result<String, NoPatternError> {
        let patterns: Vec<(ActionPattern, PolicyName)> = patterns
            .iter()
            .map(|(pattern, policy)| {
                let policy = PolicyName::parse(policy).unwrap();
                (ActionPattern::parse(pattern).unwrap(), policy)
            })
            .collect();
        let mut reversed = patterns.clone();
        reversed.reverse();
        let policy = policy_by_pattern(&patterns, action, kind, id).cloned();
        let other = policy_by_pattern(&reversed, action, kind, id).cloned();
        assert_eq!(policy, other, "the order has no meaning");
        policy.map(|policy| policy.as_str().to_owned())
    }

    #[test]
    fn the_narrowest_pattern_names_the_policy_and_two_that_only_overlap_name_none() {
        let patterns = [
            ("* route *", "any"),
            ("GET route /todos", "list"),
            ("GET route /todos/*", "read"),
            ("* route /admin/*", "admin"),
            ("* route */public", "public"),
            ("GET route /todos/archive/*", "read"),
            ("* door main entrance", "door"),
        ];
        let find = |action, kind, id| found(&patterns, action, kind, id);
        assert_eq!(find("GET", "route", "/todos").as_deref(), Ok("list"));
        assert_eq!(find("GET", "route", "/todos/7").as_deref(), Ok("read"));
        assert_eq!(
            find("GET", "route", "/todos/archive/7").as_deref(),
            Ok("read")
        );
        assert_eq!(find("PUT", "route", "/todos/7").as_deref(), Ok("any"));
        assert_eq!(find("GET", "route", "/admin/users").as_deref(), Ok("admin"));
        assert_eq!(find("GET", "route", "/x/public").as_deref(), Ok("public"));
        assert_eq!(
            find("GET", "route", "/admin/public"),
            Err(NoPatternError::Several)
        );
        assert_eq!(find("open", "door", "main entrance").as_deref(), Ok("door"));
        assert_eq!(find("GET", "file", "/todos"), Err(NoPatternError::None));
        assert_eq!(find("get", "door", ""), Err(NoPatternError::None));
        // What a caller sends is no pattern.
        assert_eq!(find("*", "*", "*"), Err(NoPatternError::None));
    }

    #[test]
    fn a_pattern_has_three_parts() {
        for text in [
            "",
            "GET",
            "GET route",
            "GET  /todos",
            " route /x",
            "GET route ",
        ] {
            assert_eq!(
                ActionPattern::parse(text),
                Err(InvalidActionPatternError),
                "{text:?}"
            );
        }
        assert!(ActionPattern::parse("* * *").is_ok());
    }

    #[test]
    fn the_public_address_is_https_and_has_no_slash_at_its_end() {
        let of = |text: &str| PublicUrl::of(&url::Url::parse(text).unwrap());
        let plain = of("https://pdp.example.com/").unwrap();
        assert_eq!(
            (plain.as_str(), plain.path()),
            ("https://pdp.example.com", "")
        );
        assert_eq!(plain.join("/access"), "https://pdp.example.com/access");
        let tenant = of("https://pdp.example.com:8443/a/tenant1/").unwrap();
        assert_eq!(tenant.as_str(), "https://pdp.example.com:8443/a/tenant1");
        assert_eq!(tenant.path(), "/a/tenant1");
        assert_eq!(of("http://127.0.0.1:8080"), None);
        assert_eq!(of("https://pdp.example.com/?x"), None);
    }
}
