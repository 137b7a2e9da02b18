//! `jwt` of a caller: a table of which every key is needed, `jwks_file` or `jwks_url` in place of one another.

use std::path::PathBuf;

use toml::{Table, Value};

use super::CallerReader;
use crate::{
    callers::CallerJwt,
    config::secret::file_of,
    jwt::{Keys, jwks_url},
    policy::did_you_mean,
};

/// The keys of the table.
const KEYS: [&str; 6] = [
    "issuer",
    "audience",
    "jwks_url",
    "jwks_ca",
    "jwks_file",
    "subjects",
];

impl CallerReader<'_> {
    /// The JSON Web Tokens of the caller.
    pub(super) fn jwt(&mut self, settings: &Table) -> Option<CallerJwt> {
        let value = settings.get("jwt")?;
        let Some(jwt) = value.as_table() else {
            let hint =
                r#"write { issuer = "…", audience = "…", jwks_url = "…", subjects = ["…"] }"#;
            self.jwt_problem(" is not a table", Some(hint.to_owned()));
            return None;
        };
        for key in jwt.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let hint = did_you_mean(key, KEYS.iter().copied());
            self.jwt_problem(&format!(".{key} is no setting"), hint);
        }
        let (issuer, audience) = (self.jwt_text(jwt, "issuer"), self.jwt_text(jwt, "audience"));
        let keys = self.jwt_keys(jwt);
        let subjects = self.jwt_subjects(jwt);
        Some(CallerJwt {
            issuer: issuer?,
            audience: audience?,
            keys: keys?,
            subjects: subjects?,
        })
    }

    fn jwt_subjects(&mut self, jwt: &Table) -> Option<Vec<String>> {
        let given = jwt.get("subjects").and_then(Value::as_array);
        let texts = given.and_then(|subjects| {
            let text = |subject: &Value| subject.as_str().map(str::to_owned);
            subjects.iter().map(text).collect::<Option<Vec<String>>>()
        });
        let subjects =
            texts.filter(|texts| !texts.is_empty() && texts.iter().all(|text| !text.is_empty()));
        if subjects.is_none() {
            self.jwt_problem(".subjects is not a list of texts that names somebody", None);
        }
        subjects
    }

    fn jwt_text(&mut self, jwt: &Table, key: &str) -> Option<String> {
        let text = jwt.get(key).and_then(Value::as_str);
        let text = text.filter(|text| !text.is_empty() && text.trim() == *text);
        if text.is_none() {
            self.jwt_problem(&format!(".{key} is not set to a text"), None);
        }
        text.map(str::to_owned)
    }

    fn jwt_keys(&mut self, jwt: &Table) -> Option<Keys> {
        let ca = if jwt.contains_key("jwks_ca") {
            Some(self.jwt_file(jwt, "jwks_ca"))
        } else {
            None
        };
        match (jwt.contains_key("jwks_url"), jwt.contains_key("jwks_file")) {
            (true, false) => {
                let text = self.jwt_text(jwt, "jwks_url")?;
                match jwks_url(&text) {
                    Ok(url) => Some(Keys::Url {
                        url,
                        ca: match ca {
                            None => None,
                            Some(ca) => Some(ca?),
                        },
                    }),
                    Err(error) => {
                        self.jwt_problem(&format!(".jwks_url {error}"), None);
                        None
                    }
                }
            }
            (false, true) => {
                if ca.is_some() {
                    let hint = "a file has no server: remove it".to_owned();
                    self.jwt_problem(".jwks_ca is set, but jwks_url is not", Some(hint));
                }
                self.jwt_file(jwt, "jwks_file").map(Keys::File)
            }
            _ => {
                self.jwt_problem(" needs one of jwks_url and jwks_file", None);
                None
            }
        }
    }

    /// A file, by its path or as a credential of systemd.
    fn jwt_file(&mut self, jwt: &Table, key: &str) -> Option<PathBuf> {
        let text = self.jwt_text(jwt, key)?;
        match file_of(&text, self.credentials) {
            Ok(path) => Some(path),
            Err(flaw) => {
                self.jwt_problem(&format!(".{key}: {flaw}"), None);
                None
            }
        }
    }

    /// A problem of the table; `flaw` follows its name.
    fn jwt_problem(&mut self, flaw: &str, hint: Option<String>) {
        let message = format!("callers.{}.jwt{flaw}", self.name);
        self.problem("jwt", &message, hint);
    }
}
