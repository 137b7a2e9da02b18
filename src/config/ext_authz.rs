//! `[ext_authz]`: the claims by which Envoy names the person.

use super::section::{Reported, Section};
use crate::grpc::ext_authz::ClaimNames;

/// The settings of Envoy's external authorization.
pub(super) fn read(section: &mut Section<'_>) -> Result<ClaimNames, Reported> {
    let names = ClaimNames {
        payload: name(section, "jwt_payload"),
        verification: name(section, "verification_claim"),
        identity: name(section, "identity_claim"),
    };
    if names.verification.is_some() && names.verification == names.identity {
        let message = "ext_authz.identity_claim is ext_authz.verification_claim";
        return Err(section.problem("identity_claim", message, None));
    }
    Ok(names)
}

/// A name, if there is one.
fn name(section: &mut Section<'_>, key: &str) -> Option<Box<str>> {
    let text = section.text(key);
    (!text.is_empty()).then(|| text.into())
}
