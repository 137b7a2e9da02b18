//! Keeps words that are not terms of the field out of code, tests and documents. `docs/glossary.md` has the terms to use instead.
//!
//! A phrase is found in comments, strings and identifiers alike: `_`, CamelCase and line ends separate words, case does not matter.

mod scan;
mod tests;

use std::{collections::BTreeSet, fs, path::Path};

use self::scan::{Hit, hits};

/// Where the words are kept out. A file or a folder; each must exist.
const PLACES: [&str; 15] = [
    "src",
    "crates",
    "docs",
    "policies",
    "deploy",
    "proto",
    "tests",
    "benches",
    "fuzz",
    "clients",
    "examples",
    "README.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
];

/// Where the old names of metrics are kept out, too.
const OTHER_PLACES: [&str; 1] = [".github"];

/// Below the places, what holds text that is not ours to write; each must exist.
const EXCLUDED: [&str; 4] = [
    // This test names what it looks for.
    "tests/it/words.rs",
    "tests/it/words",
    // Answers of the vendor, verbatim.
    "tests/incode",
    // Inputs that the fuzzer wrote, each named by the digest of its content.
    "fuzz/corpus",
];

/// Folders that builds make beside the source.
const BUILT: [&str; 4] = ["target", "node_modules", "dist", "build"];

/// What is looked for, and what to write instead.
#[derive(Debug, Clone, Copy)]
struct Banned {
    phrase: &'static str,
    instead: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Words, wherever they stand.
    Words,
    /// A whole name, with its case, in Rust code or between backticks: the product opens doors, but no type is a `Door`.
    Identifier,
    /// A name that others read and that was renamed: of a metric, or of a field of the log.
    Renamed,
}

const fn words(phrase: &'static str, instead: &'static str) -> Banned {
    let kind = Kind::Words;
    Banned {
        phrase,
        instead,
        kind,
    }
}

const fn identifier(phrase: &'static str, instead: &'static str) -> Banned {
    let kind = Kind::Identifier;
    Banned {
        phrase,
        instead,
        kind,
    }
}

const fn renamed(phrase: &'static str, instead: &'static str) -> Banned {
    let kind = Kind::Renamed;
    Banned {
        phrase,
        instead,
        kind,
    }
}

#[rustfmt::skip]
const BANNED: &[Banned] = &[
    // Saying.
    words("tell", "report, show, print, log, distinguish"),
    words("tells", "reports, shows, prints, logs"),
    words("told", "reported, shown, printed, notified"),
    words("telling", "reporting, showing"),
    words("makes known", "publishes, reports"),
    words("made known", "published, reported"),
    words("make known", "publish, report"),
    // Archaisms.
    words("nought", "zero"),
    words("naught", "zero"),
    words("befall", "happen to"),
    words("befalls", "happens to"),
    words("likewise", "also, in the same way"),
    words("whoever", "anyone who, the caller that"),
    words("whomever", "anyone"),
    words("of whom", "whose"),
    words("whence", "from where"),
    words("whither", "where to"),
    words("thereof", "of it"),
    words("therein", "in it"),
    words("thereby", "by that"),
    words("lest", "so that … not"),
    words("upon", "on"),
    words("anew", "again"),
    words("amid", "during"),
    words("shall", "must, should, is to"),
    words("so many", "this many, a number of"),
    words("so often", "this many times"),
    words("spoil", "make invalid"),
    words("spoils", "makes invalid"),
    words("held good", "valid"),
    words("seldom", "rarely; the type is `LogThrottle`"),
    words("now and then", "periodically"),
    // Riddles and metaphors.
    words("in peace", "undisturbed: say what is not done"),
    words("moment s peace", "pause after a failure"),
    words("ask for peace", "send Retry-After"),
    words("asks for peace", "sends Retry-After"),
    words("asked for peace", "sent Retry-After"),
    words("well again", "recovered"),
    words("makes no sense", "is unusable: {flaw}"),
    words("make no sense", "are unusable"),
    words("makes it so", "say what does it"),
    words("yet to come", "not implemented"),
    words("at hand", "available, cached"),
    words("what came of", "the outcome of"),
    words("came of it", "resulted from it"),
    words("what comes of", "the outcome of"),
    words("what becomes of", "the outcome of, the state of"),
    words("what became of", "the outcome of, the state of"),
    words("becomes of", "the outcome of"),
    words("as far as", "if, where, up to: say the limit"),
    words("lays a case open", "explains a case"),
    words("mend", "repair, fix"),
    words("mends", "repairs, fixes"),
    words("mended", "repaired, fixed"),
    words("let go of", "close, release"),
    words("lets go of", "closes, releases"),
    words("gives way", "yields"),
    words("has a say", "matters"),
    words("have a say", "matter"),
    words("mistake of ours", "internal error"),
    words("fault of ours", "internal error"),
    // Names of the field for names of our own.
    words("pretend", "simulate; the simulated vendor"),
    words("pretends", "simulates"),
    words("pretended", "simulated"),
    words("question", "request, check"),
    words("questions", "requests, checks"),
    words("wish", "request; `StepUpRequest`"),
    words("wishes", "requests, lookups"),
    words("second try", "retry"),
    words("second tries", "retries; `RetryBudget`"),
    words("tried a second time", "retried"),
    words("held back", "rejected locally"),
    words("holds back", "rejects locally"),
    words("hand in", "enqueue"),
    words("hands in", "enqueues"),
    words("handed in", "enqueued"),
    words("boarding", "`Lookup`"),
    words("board", "`join_or_start`"),
    words("take off", "`start_fetch`"),
    words("takes off", "starts a fetch"),
    words("took off", "started"),
    words("landed", "finished, stored; `result`"),
    words("pace", "`rate_limit`, `retry_budget`, `log_throttle` or `jitter`"),
    words("forget", "invalidate"),
    words("forgets", "invalidates; invalidations"),
    words("forgot", "invalidated"),
    words("forgotten", "invalidated"),
    words("remembered", "cached, stored"),
    words("remembers", "caches, stores"),
    words("sought", "direction of interest; `Direction`"),
    words("survey", "`Comparison`"),
    words("talk", "`eprint_line`"),
    words("spot", "`Location`"),
    words("spots", "`Location`s"),
    words("suspect", "`failed_before`"),
    words("patience", "`wait`: how long the caller waits"),
    words("asker", "`Caller`"),
    identifier("Door", "`Client`: the HTTP client of the vendor's API"),
    identifier("Guard", "`Admission`; a guard is a condition of the policy language"),
    identifier("Pass", "`CallPermit`"),
    identifier("Freshness", "`LookupRequest`"),
    identifier("Recent", "`EvidenceCache`"),
    identifier("Place", "`Position`"),
    identifier("Spent", "`Timings`"),
    identifier("Took", "`Timings`"),
    identifier("Receipt", "`Timings`; `ServerTiming` for the trailer"),
    identifier("by_name", "`requested`"),
    // Renamed before the first release.
    renamed("left_out", "`suppressed`"),
    renamed("verigate_upstream_second_tries_total", "verigate_upstream_retries_total"),
    renamed("verigate_upstream_held_back_total", "verigate_upstream_rejected_total"),
    renamed("verigate_fetches_total", "verigate_evidence_fetches_total"),
];

/// A hit that is right where it stands. Each must be needed.
struct Exception {
    file: &'static str,
    phrase: &'static str,
    /// What the line contains, so that other lines of the file are not excepted.
    line: &'static str,
    /// Why the phrase is the right one there.
    _reason: &'static str,
}

const TOKIOS_FORGET: &str = "`SemaphorePermit::forget` of tokio: the permit is used up";
const RUSTS_FORGET: &str = "`mem::forget` of the standard library";

const EXCEPTIONS: [Exception; 4] = [
    Exception {
        file: "tests/it/evidence_cache.rs",
        phrase: "forget",
        line: "acquire().await.unwrap().forget();",
        _reason: TOKIOS_FORGET,
    },
    Exception {
        file: "tests/it/webhook.rs",
        phrase: "forget",
        line: "acquire().await.unwrap().forget();",
        _reason: TOKIOS_FORGET,
    },
    Exception {
        file: "tests/it/interleavings.rs",
        phrase: "forget",
        line: "mem::forget(spawn(task))",
        _reason: RUSTS_FORGET,
    },
    Exception {
        file: "tests/it/interleavings/flight.rs",
        phrase: "forget",
        line: "mem::forget(spawn(task))",
        _reason: RUSTS_FORGET,
    },
];

impl Exception {
    fn covers(&self, hit: &Hit) -> bool {
        self.file == hit.file && self.phrase == hit.phrase && hit.text.contains(self.line)
    }
}

/// Every file below these places, by its path in the repository, with its text. What is not text is skipped.
pub fn texts(places: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    let mut open: Vec<_> = places.iter().map(|place| root.join(place)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let inside = fs::read_dir(&path).unwrap().map(|e| e.unwrap().path());
            open.extend(inside.filter(|path| !BUILT.iter().any(|built| path.ends_with(built))));
        } else if let Ok(text) = fs::read_to_string(&path) {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            texts.push((name.replace('\\', "/"), text));
        }
    }
    texts.sort();
    texts
}

/// Whether this file is excluded, or within a folder that is.
fn is_excluded(file: &str) -> bool {
    EXCLUDED
        .iter()
        .any(|excluded| Path::new(file).starts_with(excluded))
}

/// A place that does not exist would be skipped without notice.
#[test]
fn every_place_that_is_searched_or_excluded_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut places = PLACES.iter().chain(&OTHER_PLACES).chain(&EXCLUDED);
    let missing: Vec<_> = places
        .by_ref()
        .filter(|place| !root.join(place).exists())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn only_terms_of_the_field_are_used() {
    let mut found: Vec<Hit> = Vec::new();
    for (file, text) in texts(&PLACES) {
        if !is_excluded(&file) {
            found.extend(hits(&file, &text, BANNED));
        }
    }
    let is_metric = |banned: &&Banned| banned.phrase.starts_with("verigate_");
    let metrics: Vec<Banned> = BANNED.iter().filter(is_metric).copied().collect();
    for (file, text) in texts(&OTHER_PLACES) {
        found.extend(hits(&file, &text, &metrics));
    }
    let unused: Vec<&str> = EXCEPTIONS
        .iter()
        .filter(|exception| !found.iter().any(|hit| exception.covers(hit)))
        .map(|exception| exception.line)
        .collect();
    assert!(
        unused.is_empty(),
        "exceptions that nothing needs: {unused:?}"
    );
    found.retain(|hit| !EXCEPTIONS.iter().any(|exception| exception.covers(hit)));
    let lines: Vec<String> = found.iter().map(Hit::to_string).collect();
    let count = lines.len();
    assert!(
        found.is_empty(),
        "{count} words that are not terms of the field:\n{}",
        lines.join("\n")
    );
}

#[test]
fn what_stands_beside_an_excluded_folder_is_searched() {
    assert!(is_excluded("tests/incode/README.md") && is_excluded("tests/it/words/scan.rs"));
    assert!(!is_excluded("tests/incode.rs") && !is_excluded("tests/it/wordsmith/scan.rs"));
}

#[test]
fn no_phrase_is_listed_twice() {
    let phrases: BTreeSet<&str> = BANNED.iter().map(|banned| banned.phrase).collect();
    assert_eq!(phrases.len(), BANNED.len());
}

impl Banned {
    fn is_renamed(&self) -> bool {
        self.kind == Kind::Renamed
    }
}
