//! `[callers.NAME]`: a table for each caller. It is read from the file alone, because it is read again while the service runs.

mod jwt;

use std::path::Path;

use toml::{Table, Value};

use super::{error::Problem, places::Places};
use crate::{
    callers::{
        Assertion, CallerConfig, CallerName, CallerPriority, CertificatePattern,
        ConflictingCallersError, Glob, TokenEntry,
    },
    policy::did_you_mean,
    rate_limit::Rate,
};

/// The keys of a caller.
const KEYS: [&str; 12] = [
    "certificate",
    "token_sha256",
    "jwt",
    "policies",
    "asserts",
    "step_ups",
    "admin",
    "rate",
    "rate_burst",
    "fetches_per_second",
    "fetches_burst",
    "priority",
];
/// The most that may happen in a second, or at once.
const COUNT_MAX: i64 = 1_000_000;
/// Callers that may be configured.
const CALLERS_MAX: usize = 10_000;

/// The quota of fetches of a caller that has only one of its two settings.
const FETCHES: Rate = Rate {
    per_second: 200,
    burst: 500,
};

/// Reads the callers of a file; every problem is added with its place.
pub(super) fn read(
    callers: &Table,
    places: &Places<'_>,
    credentials: Option<&Path>,
    problems: &mut Vec<Problem>,
) -> Vec<CallerConfig> {
    let mut configs = Vec::new();
    for (name, settings) in callers.iter().take(CALLERS_MAX) {
        let mut reader = CallerReader {
            name,
            places,
            credentials,
            problems,
        };
        if let Some(config) = reader.caller(settings) {
            configs.push(config);
        }
    }
    if callers.len() > CALLERS_MAX {
        let message = format!("more than {CALLERS_MAX} callers");
        problems.push(Problem {
            place: places.of(&["callers"]),
            message,
            hint: None,
        });
    }
    for conflict in ConflictingCallersError::among(&configs) {
        let (name, key) = (conflict.name().as_str(), conflict.key());
        problems.push(Problem {
            place: places.of(&["callers", name, key]),
            message: format!("callers.{name}.{key}: {conflict}"),
            hint: Some("each credential must name one caller".to_owned()),
        });
    }
    configs
}

/// Reads one caller.
struct CallerReader<'r> {
    name: &'r str,
    places: &'r Places<'r>,
    /// The folder in which systemd puts the credentials of the unit.
    credentials: Option<&'r Path>,
    problems: &'r mut Vec<Problem>,
}

impl CallerReader<'_> {
    fn caller(&mut self, settings: &Value) -> Option<CallerConfig> {
        let name = match CallerName::parse(self.name) {
            Ok(name) => Some(name),
            Err(error) => {
                let place = self.places.of(&["callers", self.name]);
                let message = format!("callers: `{}` {error}", self.name);
                self.add(place, message, None);
                None
            }
        };
        let Value::Table(settings) = settings else {
            let place = self.places.of(&["callers", self.name]);
            let message = format!("callers.{} is not a table", self.name);
            let hint = "a caller is written as a section: [callers.NAME]";
            self.add(place, message, Some(hint.to_owned()));
            return None;
        };
        for key in settings.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let hint = did_you_mean(key, KEYS.iter().copied());
            self.problem(
                key,
                &format!("callers.{}.{key} is no setting", self.name),
                hint,
            );
        }
        let mut config = CallerConfig::new(name?);
        config.certificates = self.list(settings, "certificate", |text| {
            CertificatePattern::parse(text).map_err(|error| (error.to_string(), true))
        });
        config.tokens = self.list(settings, "token_sha256", |text| {
            TokenEntry::parse(text).map_err(|error| (error.to_string(), false))
        });
        config.jwt = self.jwt(settings);
        config.permissions.policies = self.list(settings, "policies", |text| {
            Glob::parse(text).map_err(|error| (error.to_string(), true))
        });
        config.permissions.asserts = self.list(settings, "asserts", |text| {
            let found = Assertion::ALL.iter().find(|(word, _)| *word == text);
            found.map(|(_, assertion)| *assertion).ok_or_else(|| {
                let message = "is not one of: identity, authentication, attributes";
                (message.to_owned(), true)
            })
        });
        config.permissions.step_ups = self.flag(settings, "step_ups");
        config.permissions.admin = self.flag(settings, "admin");
        config.calls = self.rate(settings, ["rate", "rate_burst"], None);
        config.fetches = self.rate(
            settings,
            ["fetches_per_second", "fetches_burst"],
            Some(FETCHES),
        );
        config.priority = self.priority(settings);
        Some(config)
    }

    /// A list of texts, each parsed. The texts of tokens are not shown, because one may be a secret.
    fn list<T>(
        &mut self,
        settings: &Table,
        key: &str,
        parse: impl Fn(&str) -> Result<T, (String, bool)>,
    ) -> Vec<T> {
        let Some(value) = settings.get(key) else {
            return Vec::new();
        };
        let Some(items) = value.as_array() else {
            let hint = r#"a list is written as ["one", "two"]"#.to_owned();
            let message = format!("callers.{}.{key} is not a list of texts", self.name);
            self.problem(key, &message, Some(hint));
            return Vec::new();
        };
        let mut parsed = Vec::new();
        for item in items {
            let Some(text) = item.as_str() else {
                let message = format!("callers.{}.{key} is not a list of texts", self.name);
                self.problem(key, &message, None);
                continue;
            };
            match parse(text) {
                Ok(item) => parsed.push(item),
                Err((flaw, true)) => {
                    let message = format!("callers.{}.{key}: `{text}` {flaw}", self.name);
                    self.problem(key, &message, None);
                }
                Err((flaw, false)) => {
                    let message = format!("callers.{}.{key}: an item {flaw}", self.name);
                    let hint = "`verigate token new NAME` prints what belongs here";
                    self.problem(key, &message, Some(hint.to_owned()));
                }
            }
        }
        parsed
    }

    fn flag(&mut self, settings: &Table, key: &str) -> bool {
        match settings.get(key) {
            None => false,
            Some(Value::Boolean(flag)) => *flag,
            Some(_) => {
                let message = format!("callers.{}.{key} is not true or false", self.name);
                self.problem(key, &message, None);
                false
            }
        }
    }

    fn count(&mut self, settings: &Table, key: &str) -> Option<u32> {
        let value = settings.get(key)?;
        let count = value
            .as_integer()
            .filter(|count| (1..=COUNT_MAX).contains(count));
        let count = count.and_then(|count| u32::try_from(count).ok());
        if count.is_none() {
            let name = self.name;
            let message =
                format!("callers.{name}.{key} is not a whole number from 1 to {COUNT_MAX}");
            self.problem(key, &message, None);
        }
        count
    }

    /// A rate by its two settings. Where one is missing, it is that of `others`, or else as many at once as in a second.
    fn rate(&mut self, settings: &Table, keys: [&str; 2], others: Option<Rate>) -> Option<Rate> {
        let [per_second, burst] = keys.map(|key| self.count(settings, key));
        match (per_second, burst) {
            (None, None) => None,
            (Some(per_second), burst) => Some(Rate {
                per_second,
                burst: burst.unwrap_or_else(|| others.map_or(per_second, |rate| rate.burst)),
            }),
            (None, Some(burst)) => {
                if let Some(others) = others {
                    return Some(Rate {
                        per_second: others.per_second,
                        burst,
                    });
                }
                let [rate, key] = keys;
                if !settings.contains_key(rate) {
                    let message = format!(
                        "callers.{0}.{key} is set, but callers.{0}.{rate} is not",
                        self.name
                    );
                    self.problem(key, &message, None);
                }
                None
            }
        }
    }

    fn priority(&mut self, settings: &Table) -> CallerPriority {
        match settings.get("priority").map(Value::as_str) {
            None | Some(Some("gateway")) => CallerPriority::Gateways,
            Some(Some("door")) => CallerPriority::Doors,
            Some(_) => {
                let message = format!(
                    "callers.{}.priority is not one of: door, gateway",
                    self.name
                );
                self.problem("priority", &message, None);
                CallerPriority::Gateways
            }
        }
    }

    fn problem(&mut self, key: &str, message: &str, hint: Option<String>) {
        let place = self.places.of(&["callers", self.name, key]);
        self.add(place, message.to_owned(), hint);
    }

    fn add(&mut self, place: String, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            place,
            message,
            hint,
        });
    }
}
