//! `[authentication]`: the tokens of sessions.

use http::{HeaderName, header};

use super::{
    reader::Reader,
    section::{Reported, Section},
};
use crate::{
    callers::{CallerConfig, TOKEN_HEADER},
    jwt::{self, Keys, RsaAlgorithm, jwks_url},
    session::Config,
};

/// The settings that mean something only with an issuer.
const NEED_ISSUER: [&str; 8] = [
    "audience",
    "jwks_url",
    "jwks_file",
    "jwks_ca",
    "token_type",
    "identity_claim",
    "verification_claim",
    "email_claim",
];
/// Headers that a proxy or HTTP itself gives a meaning of their own.
pub(super) const OTHER_HEADERS: [HeaderName; 5] = [
    header::HOST,
    header::COOKIE,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
];

/// Which tokens of sessions are accepted; `None` if no issuer is set.
pub(super) fn read(reader: &mut Reader) -> Result<Option<Config>, Reported> {
    let callers = reader.callers().to_vec();
    let section = &mut reader.section("authentication");
    let header = header(section);
    let rsa = section.one_of(
        "rsa_algorithm",
        &[
            ("RS256", RsaAlgorithm::Rs256),
            ("PS256", RsaAlgorithm::Ps256),
        ],
    );
    let lifetime_max = section.duration("lifetime_max");
    let issuer = section.text("issuer");
    if issuer.is_empty() {
        let mut unused = NEED_ISSUER.iter();
        if let Some(key) = unused.find(|key| !section.text(key).is_empty()) {
            let message = format!("authentication.{key} is set, but authentication.issuer is not");
            return Err(section.problem(key, message, None));
        }
        header?;
        rsa?;
        lifetime_max?;
        return Ok(None);
    }
    let audience = match section.text("audience") {
        "" => {
            let hint = "tokens for everybody else would count too";
            Err(section.missing("audience", Some(hint)))
        }
        audience => Ok(audience),
    };
    let keys = keys(section);
    let audience = audience?;
    check_callers(section, &callers, issuer, audience)?;
    let mut token = jwt::Config::new(issuer, vec![audience.to_owned()], keys?);
    token.rsa = rsa?;
    token.lifetime_max = lifetime_max?;
    token.token_type = optional(section, "token_type");
    Ok(Some(Config {
        header: header?,
        token,
        identity_claim: optional(section, "identity_claim"),
        verification_claim: optional(section, "verification_claim"),
        email_claim: optional(section, "email_claim"),
    }))
}

/// The header of the token. Not the one that is for callers alone, nor one that means something else.
fn header(section: &mut Section<'_>) -> Result<HeaderName, Reported> {
    let text = section.text("header");
    match HeaderName::try_from(text) {
        Ok(name) if name != TOKEN_HEADER && !OTHER_HEADERS.contains(&name) => Ok(name),
        _ => {
            let message = format!(
                "authentication.header: `{text}` is not the name of a header that can carry the token of a session"
            );
            let hint = r#"such as "authorization" or "x-forwarded-access-token""#;
            Err(section.problem("header", message, Some(hint)))
        }
    }
}

/// A text that may be empty, which is none.
fn optional(section: &Section<'_>, key: &str) -> Option<String> {
    Some(section.text(key))
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// Where the keys of the issuer are: at an address or in a file.
fn keys(section: &mut Section<'_>) -> Result<Keys, Reported> {
    let url = section.text("jwks_url");
    let file = section.secret_file("jwks_file");
    let ca = section.secret_file("jwks_ca");
    let (file, ca) = (file?, ca?);
    match (url, file, ca) {
        ("", Some(file), None) => Ok(Keys::File(file)),
        ("", Some(_), Some(_)) => {
            let message = "authentication.jwks_ca is set, but authentication.jwks_url is not";
            let hint = "a file has no server: remove it";
            Err(section.problem("jwks_ca", message, Some(hint)))
        }
        ("", None, _) => {
            let hint = "set authentication.jwks_url or authentication.jwks_file";
            Err(section.missing("jwks_url", Some(hint)))
        }
        (_, Some(_), _) => {
            let message = "authentication.jwks_url and authentication.jwks_file are both set";
            Err(section.problem("jwks_file", message, None))
        }
        (url, None, ca) => match jwks_url(url) {
            Ok(url) => Ok(Keys::Url { url, ca }),
            Err(error) => {
                let message = format!("authentication.jwks_url {error}");
                Err(section.problem("jwks_url", message, None))
            }
        },
    }
}

/// Reports a caller whose tokens could not be distinguished from those of sessions.
fn check_callers(
    section: &mut Section<'_>,
    callers: &[CallerConfig],
    issuer: &str,
    audience: &str,
) -> Result<(), Reported> {
    let mut same = callers.iter().filter(|caller| {
        let jwt = caller.jwt.as_ref();
        jwt.is_some_and(|jwt| jwt.issuer == issuer && jwt.audience == audience)
    });
    match same.next() {
        None => Ok(()),
        Some(caller) => {
            let message = format!(
                "authentication.audience: tokens of this issuer for this audience are those of `callers.{}` too",
                caller.name
            );
            let hint = "callers and sessions need audiences of their own";
            Err(section.problem("audience", message, Some(hint)))
        }
    }
}
