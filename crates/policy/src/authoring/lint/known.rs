//! Tables of known names: the vendor's scopes and statuses, methods of authentication (RFC 8176), and authentication classes.

use crate::yaml::letters;

/// The scopes whose data the language reads.
pub(super) const SCOPES: [&str; 4] = ["NAME", "DATE_OF_BIRTH", "PHONE", "IDENTITY_ID"];
/// Other names of these, in lower case and without signs.
pub(super) const SCOPE_ALIASES: [(&str, &str); 12] = [
    ("dob", "DATE_OF_BIRTH"),
    ("birthdate", "DATE_OF_BIRTH"),
    ("birthday", "DATE_OF_BIRTH"),
    ("dateofbirth", "DATE_OF_BIRTH"),
    ("phonenumber", "PHONE"),
    ("telephone", "PHONE"),
    ("mobile", "PHONE"),
    ("fullname", "NAME"),
    ("names", "NAME"),
    ("identity", "IDENTITY_ID"),
    ("identityid", "IDENTITY_ID"),
    ("identifier", "IDENTITY_ID"),
];

/// The statuses that the vendor is known to send.
pub(super) const STATUSES: [&str; 7] = [
    "VERIFIED",
    "SUCCESS",
    "PENDING",
    "MANUAL_PENDING",
    "FAILED",
    "EXPIRED",
    "REVOKED",
];

/// The methods of RFC 8176.
pub(super) const METHODS: [&str; 21] = [
    "face", "fpt", "geo", "hwk", "iris", "kba", "mca", "mfa", "otp", "pin", "pop", "pwd", "rba",
    "retina", "sc", "sms", "swk", "tel", "user", "vbm", "wia",
];
/// Methods of well-known identity providers that differ from one of these by one letter on purpose.
pub(super) const OTHER_METHODS: [&str; 11] = [
    "rsa", "iwa", "pki", "fed", "fido", "sso", "tan", "pass", "sfa", "cba", "sca",
];
/// What people write for a method, in lower case and without signs, and the methods that are meant.
pub(super) const METHOD_ALIASES: [(&str, &str); 38] = [
    ("webauthn", KEYS),
    ("passkey", KEYS),
    ("passkeys", KEYS),
    ("fido2", KEYS),
    ("u2f", KEYS),
    ("securitykey", "`hwk` (a key in hardware)"),
    ("yubikey", "`hwk` (a key in hardware)"),
    ("hardwarekey", "`hwk` (a key in hardware)"),
    ("hardware", "`hwk` (a key in hardware)"),
    ("softwarekey", "`swk` (a key in software)"),
    ("software", "`swk` (a key in software)"),
    ("totp", "`otp` (a one-time password)"),
    ("hotp", "`otp` (a one-time password)"),
    ("onetimepassword", "`otp` (a one-time password)"),
    ("onetimecode", "`otp` (a one-time password)"),
    ("password", "`pwd` (a password)"),
    ("passwd", "`pwd` (a password)"),
    ("pincode", "`pin` (a PIN)"),
    ("fingerprint", "`fpt` (a fingerprint)"),
    ("finger", "`fpt` (a fingerprint)"),
    ("touchid", "`fpt` (a fingerprint)"),
    ("faceid", "`face` (face recognition)"),
    ("facial", "`face` (face recognition)"),
    ("facerecognition", "`face` (face recognition)"),
    ("biometric", BIOMETRICS),
    ("biometrics", BIOMETRICS),
    ("bio", BIOMETRICS),
    ("smartcard", "`sc` (a smart card)"),
    ("2fa", FACTORS),
    ("twofactor", FACTORS),
    ("multifactor", FACTORS),
    ("smsotp", "`sms` (a text message)"),
    ("smscode", "`sms` (a text message)"),
    ("textmessage", "`sms` (a text message)"),
    ("voice", "`vbm` (a voice print) or `tel` (a telephone call)"),
    ("telephone", "`tel` (a telephone call)"),
    ("kerberos", "`wia` (Windows integrated authentication)"),
    ("knowledge", "`kba` (knowledge-based authentication)"),
];
const KEYS: &str =
    "`hwk` (a key in hardware), `swk` (a key in software) or `user` (the person was present)";
const BIOMETRICS: &str = "`face`, `fpt` (a fingerprint), `iris` or `retina`";
const FACTORS: &str = "`mfa` (several factors)";

/// Published authentication classes that several identity providers use.
pub(super) const CLASSES: [&str; 22] = [
    "phr",
    "phrh",
    "urn:mace:incommon:iap:silver",
    "urn:mace:incommon:iap:bronze",
    "urn:okta:loa:1fa:any",
    "urn:okta:loa:1fa:pwd",
    "urn:okta:loa:2fa:any",
    "https://refeds.org/profile/mfa",
    "https://refeds.org/profile/sfa",
    "http://eidas.europa.eu/LoA/low",
    "http://eidas.europa.eu/LoA/substantial",
    "http://eidas.europa.eu/LoA/high",
    "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
    "http://schemas.openid.net/pape/policies/2007/06/multi-factor-physical",
    "http://schemas.openid.net/pape/policies/2007/06/phishing-resistant",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:X509",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract",
];

/// Shorter words are not compared: too many of them differ by one letter only.
const MISSPELLED_CHARS_MIN: usize = 3;

/// The known name to which this one is similar: in another spelling, or with one letter different. `None` if it is itself known.
pub(super) fn nearly<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    if known.contains(&written) {
        return None;
    }
    let same = known.iter().find(|name| letters(name) == letters(written));
    // Swapped letters are more likely than a wrong letter.
    let near = |swapped: bool| {
        let mut near = known.iter().filter(|name| is_one_letter_off(written, name));
        near.find(|name| !swapped || sorted(name) == sorted(written))
    };
    same.or_else(|| near(true)).or_else(|| near(false)).copied()
}

fn sorted(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.to_lowercase().chars().collect();
    letters.sort_unstable();
    letters
}

/// Whether one letter is missing, added, wrong, or swapped with the next. Names that differ in digits are numbered, not misspelled.
pub(super) fn is_one_letter_off(written: &str, name: &str) -> bool {
    let (written, name) = (written.to_lowercase(), name.to_lowercase());
    let without_digits = |text: &str| -> String {
        let letters = text.chars().filter(|c| !c.is_ascii_digit());
        letters.collect()
    };
    let long_enough = |text: &str| text.chars().count() >= MISSPELLED_CHARS_MIN;
    long_enough(&name)
        && long_enough(&written)
        && without_digits(&written) != without_digits(&name)
        && strsim::damerau_levenshtein(&written, &name) == 1
}

/// The known name for an entry of a table of other names.
pub(super) fn alias<'t>(written: &str, aliases: &[(&str, &'t str)]) -> Option<&'t str> {
    let plain = letters(written);
    let found = aliases.iter().find(|(alias, _)| *alias == plain)?;
    Some(found.1)
}
