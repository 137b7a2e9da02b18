//! What stands for a person and for secrets, and where a text has any of it, however it is written.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// What is found in texts under this name was planted there on purpose, to show that a search would find the others.
pub const CONTROL: &str = "control";
/// The text of the control.
pub const CONTROL_TEXT: &str = "qzcontrol";

/// Of a person, and the secrets that are chosen; each is found nowhere else.
pub const CHOSEN: [(&str, &str); 15] = [
    (CONTROL, CONTROL_TEXT),
    ("full name", "Qzfull"),
    ("first name", "Qzfirst"),
    ("last name", "Qzlast"),
    ("telephone number", "12025559173"),
    ("date of birth", "1988-08-13"),
    ("date of birth in ms", "587433600000"),
    ("identity", "id-qzcanary"),
    ("api key", API_KEY),
    ("secret", SECRET),
    ("webhook secret", WEBHOOK_SECRET),
    ("subject of a certificate", "qzcommon"),
    ("URI of a certificate", "qzdoor"),
    ("host of a certificate", "qzhost"),
    ("password of a URL", "qzpassword"),
];

pub const API_KEY: &str = "qzcanary-api-key-7d1f9b";
pub const SECRET: &str = "qzcanary-secret-93be21";
pub const WEBHOOK_SECRET: &str = "qzcanary-webhook-secret-551a";
/// What every token of the simulated vendor begins with.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.";

/// What is looked for: names, and the forms of each.
pub struct Canaries(Vec<(String, Vec<String>)>);

impl Canaries {
    /// The chosen ones and the vendor's token.
    pub fn chosen() -> Self {
        let mut canaries = Self(Vec::new());
        for (name, text) in CHOSEN {
            canaries.add(name, text.as_bytes());
        }
        canaries.add("token of the vendor", TOKEN.as_bytes());
        canaries
    }

    /// Looks for these bytes, too, as they are and as texts in which bytes are written.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        assert!(bytes.len() >= 6, "{name} would be found by chance");
        self.0.push((name.to_owned(), forms(bytes)));
    }

    /// The names of those that are in a text.
    pub fn found(&self, text: &str) -> Vec<&str> {
        let lower = text.to_ascii_lowercase();
        let is_found = |form: &&String| text.contains(*form) || lower.contains(*form);
        let found = self
            .0
            .iter()
            .filter(|(_, forms)| forms.iter().any(|form| is_found(&form)));
        found.map(|(name, _)| name.as_str()).collect()
    }

    /// What stands around those that are in a text and do not belong there.
    pub fn around(&self, text: &str) -> Vec<String> {
        let forms = self.0.iter().filter(|(name, _)| name != CONTROL);
        let lower = text.to_ascii_lowercase();
        let places = forms.flat_map(|(name, forms)| {
            let places = forms
                .iter()
                .filter_map(|form| text.find(form).or(lower.find(form)));
            places.map(move |at| (name, at))
        });
        let shown = places.map(|(name, at)| {
            let before: String = text[..at].chars().rev().take(300).collect();
            let before: String = before.chars().rev().collect();
            let after: String = text[at..].chars().take(100).collect();
            format!("{name}: {before}{after}")
        });
        shown.collect()
    }

    /// That each would be found in each of its forms, in the middle of others.
    pub fn assert_can_be_found(&self) {
        for (name, forms) in &self.0 {
            for form in forms {
                let found = self.found(&format!("{{\"a\":\"{form}\"}}"));
                assert!(found.contains(&name.as_str()), "{name}: {form}");
            }
        }
        assert!(self.found("nothing of anybody's").is_empty());
    }
}

/// Bytes as themselves, in lower case, in hexadecimal, as a list of numbers, and in Base64 wherever they begin in it.
fn forms(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers: Vec<String> = bytes.iter().map(ToString::to_string).collect();
    let mut forms = vec![
        text.to_ascii_lowercase(),
        text,
        hex.concat(),
        numbers.join(", "),
    ];
    for shift in 0..3 {
        let shifted = [&[0; 2][..shift], bytes].concat();
        // Only the letters that no neighbour has a part in.
        let (first, end) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push(engine.encode(&shifted)[first..end].to_owned());
        }
    }
    forms
}

#[test]
fn a_canary_is_found_however_it_is_written() {
    let canaries = Canaries::chosen();
    canaries.assert_can_be_found();
    for text in [
        "\"x-api-key\": qzcanary-api-key-7d1f9b",
        "Some(\"QZCANARY-API-KEY-7D1F9B\")",
        "b\"qzcanary-api-key-7d1f9b\\n\"",
        &format!("{:?}", format!("[{API_KEY}]").as_bytes()),
        &format!("basic {}", STANDARD_NO_PAD.encode(format!("u:{API_KEY}x"))),
        &format!("basic {}", URL_SAFE_NO_PAD.encode(format!("me:{API_KEY}"))),
    ] {
        assert_eq!(canaries.found(text), ["api key"], "{text}");
    }
    assert_eq!(canaries.found("tel:%2B12025559173"), ["telephone number"]);
}
