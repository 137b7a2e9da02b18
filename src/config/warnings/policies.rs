//! What settings and policies together probably do not mean: names of policies that are not loaded, and facts that a policy reads and nobody says.

use crate::{
    callers::{Assertion, CallerConfig, Glob},
    config::Config,
    http::authzen::PolicySource,
    policy::{Needs, PolicyName, PolicySet},
};

impl Config {
    /// What is probably not meant while these policies are loaded, each in a sentence that says what to do.
    pub fn warnings_of_policies(&self, policies: &PolicySet) -> Vec<String> {
        let useless = self.useless_patterns(policies);
        let unknown = self.unknown_policies(policies);
        let unsaid = policies
            .iter()
            .flat_map(|(name, policy)| self.unsaid(name, &policy.needs()));
        useless.into_iter().chain(unknown).chain(unsaid).collect()
    }

    /// Patterns of callers that fit none of the policies.
    fn useless_patterns(&self, policies: &PolicySet) -> Vec<String> {
        let fits = |pattern: &Glob| {
            let mut names = policies.iter().map(|(name, _)| name.as_str());
            names.any(|name| pattern.matches(name))
        };
        let callers = self.callers.iter();
        let useless = callers.filter_map(|caller| {
            let patterns = caller.permissions.policies.iter();
            let patterns = listed(patterns.filter(|pattern| !fits(pattern)));
            (!patterns.is_empty()).then_some((&caller.name, patterns))
        });
        useless
            .map(|(name, patterns)| format!("callers.{name}.policies: no policy that is loaded fits {patterns}: correct what is misspelled, and remove what is not needed"))
            .collect()
    }

    /// Patterns of AuthZEN that name none of the policies.
    fn unknown_policies(&self, policies: &PolicySet) -> Vec<String> {
        let PolicySource::Patterns(patterns) = &self.authzen.policy_from else {
            return Vec::new();
        };
        let mut unknown: Vec<&PolicyName> = patterns.iter().map(|(_, policy)| policy).collect();
        unknown.retain(|policy| policies.find(policy).is_none());
        unknown.sort();
        unknown.dedup();
        if unknown.is_empty() {
            return Vec::new();
        }
        let unknown = listed(unknown);
        vec![format!(
            "authzen.policy_from: no policy that is loaded is named {unknown}: correct what is misspelled, and remove what is not needed"
        )]
    }

    /// The facts that this policy reads and that nobody who may ask for it can say.
    fn unsaid(&self, name: &PolicyName, needs: &Needs) -> Vec<String> {
        let may_ask = |caller: &&CallerConfig| {
            let mut patterns = caller.permissions.policies.iter();
            patterns.any(|pattern| pattern.matches(name.as_str()))
        };
        let asking: Vec<&CallerConfig> = self.callers.iter().filter(may_ask).collect();
        // Without callers, everybody may assert everything.
        if asking.is_empty() {
            return Vec::new();
        }
        let session = self.session.as_ref();
        let has_identity = session.is_some_and(|session| session.identity_claim.is_some());
        let fact = |assertion| match assertion {
            Assertion::Identity => (
                needs.identity && !has_identity,
                "whose badge or session it is (`identity: same_as_request`)",
                ", or set authentication.identity_claim",
            ),
            Assertion::Authentication => (
                needs.authentication && session.is_none(),
                "how the session was authenticated (`authenticated`)",
                ", or set [authentication]",
            ),
            Assertion::Attributes => (
                !needs.attributes.is_empty(),
                "attributes of the request (`attribute`)",
                "",
            ),
        };
        let is_said = |assertion| {
            let mut asking = asking.iter();
            asking.any(|caller| caller.permissions.asserts.contains(&assertion))
        };
        let callers = listed(asking.iter().map(|caller| &caller.name));
        let all = Assertion::ALL.into_iter();
        let unsaid = all.filter_map(|(word, assertion)| {
            let (is_read, fact, or) = fact(assertion);
            (is_read && !is_said(assertion)).then(|| {
                format!("policy `{name}` reads {fact}, and no caller that may ask for it ({callers}) can say that: give one asserts = [\"{word}\"]{or}")
            })
        });
        unsaid.collect()
    }
}

/// Names in backticks.
fn listed<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let names = names.into_iter().map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}
