//! Every state of the page that a person can see, in Chromium: what axe finds, and whether it fits a small window.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use verigate::{
    policy::PolicyName,
    rate_limit::Rate,
    signatures::SigningKeys,
    sim::{ApiCall, Fault},
    step_up::{PageKeys, PageState},
};

use super::{
    browser::{Behind, link_of, submit},
    *,
};
use crate::browser::{Browser as Chromium, has_axe};

/// Widths of a phone and of a desktop.
const SIZES: [(&str, (u32, u32)); 2] = [("phone", (320, 640)), ("desktop", (1280, 800))];
/// The page stands still: it neither waits for events nor loads another page.
const STILL: &str = "{ const later = setTimeout; window.setTimeout = (f, ms, ...rest) => (ms >= 2000 ? 0 : later(f, ms, ...rest)); window.EventSource = function () {}; }";

/// The folder for pictures, if somebody wants them.
#[expect(
    clippy::disallowed_methods,
    reason = "only who runs the test knows the folder"
)]
fn pictures() -> Option<PathBuf> {
    env::var_os("VERIGATE_PAGE_SHOTS").map(PathBuf::from)
}

/// A browser in which every state is looked at.
struct Looking {
    chromium: Chromium,
    pictures: Option<PathBuf>,
    /// How many rules of axe each state has passed.
    passed: BTreeMap<&'static str, u64>,
    wrong: Vec<String>,
}

impl Looking {
    fn new() -> Self {
        let mut chromium = Chromium::start();
        chromium.run_first(STILL);
        let pictures = pictures();
        if let Some(folder) = &pictures {
            std::fs::create_dir_all(folder).unwrap();
        }
        Self {
            chromium,
            pictures,
            passed: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Looks at the state that the page shows now, which has this text and came with this status.
    fn at(&mut self, name: &'static str, status: u16, text: &str) {
        self.chromium.until_shown(text);
        let trail = self.chromium.trail();
        let last = trail.as_array().unwrap().last().map(|step| step[0].clone());
        if let Some(last) = last {
            assert_eq!(last, status, "{name}");
        }
        for scheme in ["light", "dark"] {
            for (size, window) in SIZES {
                self.chromium.view(window, scheme);
                let what = format!("{name} {size} {scheme}");
                let overflow = "document.documentElement.scrollWidth > innerWidth";
                if self.chromium.evaluated(overflow) == true {
                    self.wrong.push(format!("{what}: wider than the window"));
                }
                let (passed, violations) = self.chromium.checked_by_axe();
                *self.passed.entry(name).or_default() += passed;
                let violations = violations.into_iter();
                self.wrong
                    .extend(violations.map(|found| format!("{what}: {found}")));
                if let Some(folder) = &self.pictures {
                    let file = folder.join(format!("{name}-{size}-{scheme}.png"));
                    self.chromium.picture(Path::new(&file));
                }
            }
        }
    }

    fn open(&mut self, url: &str) {
        self.chromium.open(url);
    }

    fn submit(&mut self, email: &str) {
        submit(&mut self.chromium, email);
    }
}

/// The states on the way that leads to the end.
async fn on_the_way(behind: &Behind, looking: &mut Looking) {
    looking.open(&behind.door("looked-at"));
    looking.at("form", 200, "Your work e-mail address");
    let url = looking.chromium.evaluated("location.href");
    let url = url.as_str().unwrap();
    looking.submit("ada");
    looking.at("bad-address", 422, "Enter an e-mail address");
    looking.submit("ada@example.com");
    looking.at("link", 200, "Waiting for the result");
    let link = link_of(&mut looking.chromium);
    open(&link, "?outcome=failed").await;
    until_shown(&mut Browser::default(), url, "did not succeed").await;
    looking.open(url);
    looking.at("failed", 200, "did not succeed");
    open(&link, "").await;
    until_shown(&mut Browser::default(), url, "was received").await;
    looking.open(url);
    looking.at("done", 200, "Your verification was received");
    let base = format!("http://{}/step-up/", behind.world.http_address());
    looking.open(&format!("{base}return"));
    looking.at("returned", 200, "close this page");
}

/// Addresses that are wrong, or not good any more.
async fn of_other_addresses(behind: &Behind, looking: &mut Looking) {
    let world = &behind.world;
    let base = format!("http://{}/step-up/", world.http_address());
    looking.open(&format!("{base}?state=x"));
    looking.at("invalid", 403, "cannot be shown");
    looking.open(&format!("{base}elsewhere"));
    looking.at("unknown-path", 404, "cannot be shown");
    // A browser posts a form to a page that takes none.
    looking.chromium.evaluated(&format!(
        "{{ const f = document.createElement('form'); f.method = 'post'; f.action = '{base}return'; document.body.append(f); f.submit(); 1 }}"
    ));
    looking
        .chromium
        .until("location.pathname === '/step-up/return'");
    looking.at("method-not-allowed", 405, "cannot be shown");
    let expired = behind.sent_from("month-old").await;
    world.clock.advance(Duration::from_mins(15));
    looking.open(&expired);
    looking.at("expired", 410, "has expired");
    // Somebody else has verified.
    let url = behind.sent_from("bens-try").await;
    let mut browser = Browser::default();
    let link = browser.link(&url, "ben@example.com").await;
    open(&link, "").await;
    until_shown(&mut browser, &url, "was received").await;
    looking.open(&behind.sent_from("bens-try").await);
    looking.at("in-vain", 200, "does not suffice");
    // The policy was removed meanwhile.
    let url = behind.sent_from("months-old").await;
    let keys = PageKeys::new(Arc::new(SigningKeys::new(&KEY.into(), None)));
    let (base, text) = url.split_once("?state=").unwrap();
    let state = keys.verify(text, world.clock_now()).unwrap();
    let policy = PolicyName::parse("removed").unwrap();
    let state = keys.sign(&PageState { policy, ..state });
    looking.open(&format!("{base}?state={state}"));
    looking.submit("ada@example.com");
    looking.at("no-such-policy", 410, "not valid any more");
}

/// There is no link, for each of the reasons.
async fn without_a_link(behind: &Behind, looking: &mut Looking) {
    let world = &behind.world;
    let url = behind.sent_from("months-old").await;
    looking.open(&url);
    looking.chromium.clear();
    looking.submit("ada@example.com");
    looking.at("no-cookie", 403, "Allow cookies");
    world.inject(ApiCall::Link, Some(1), Fault::Status(500));
    looking.open(&url);
    looking.submit("ada@example.com");
    looking.at("vendor-down", 503, "No link could be made just now");
    world.clock.advance(Duration::from_secs(10));
    // One that was made has expired.
    looking.open(&url);
    looking.submit("ada@example.com");
    looking.chromium.until_shown("Waiting for the result");
    world.clock.advance(Duration::from_mins(5));
    looking.open(&url);
    looking.at("link-expired", 200, "The link is not valid any more");
    // No more are made by this decision, or about this verification.
    let mut browser = Browser::default();
    for n in 0..3 {
        let again = format!("{url}&again=1");
        browser
            .submit(&again, &format!("ada+{n}@example.com"))
            .await;
    }
    looking.open(&format!("{url}&again=1"));
    looking.submit("ada+9@example.com");
    looking.at("links-spent", 429, "No more links can be made here");
    let mut last = String::new();
    for _ in 0..11 {
        last = behind.sent_from("months-old").await;
        browser.submit(&last, "ada@example.com").await;
    }
    looking.open(&last);
    looking.submit("ada@example.com");
    looking.at("verification-spent", 429, "Too many links were made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_on_any_state_that_a_person_can_see() {
    if !has_axe() {
        return;
    }
    let mut looking = Looking::new();
    let behind = Behind::with(|config| config.step_up.link_life = Duration::from_mins(5)).await;
    on_the_way(&behind, &mut looking).await;
    of_other_addresses(&behind, &mut looking).await;
    without_a_link(&behind, &mut looking).await;
    // A network has asked for too many.
    let behind = Behind::with(|config| {
        config.step_up.links = Rate {
            per_second: 1,
            burst: 1,
        };
    })
    .await;
    let mut browser = Browser::default();
    browser
        .submit(&behind.sent_from("month-old").await, "ada@example.com")
        .await;
    looking.open(&behind.door("months-old"));
    looking.submit("ada@example.com");
    looking.at("over-quota", 429, "Too many links are being asked for");
    let known = super::known::Known::new().await;
    looking.open(&known.sent("ada@example.com".into()).await);
    looking.at("known", 200, "Use another address");
    assert_eq!(looking.wrong, [""; 0], "{:#?}", looking.wrong);
    assert_eq!(looking.passed.len(), 19, "{:?}", looking.passed);
    let passed_many = looking.passed.values().all(|rules| *rules > 20);
    assert!(passed_many, "{:?}", looking.passed);
}
