//! The page as it is configured, and for which callers people are sent to it.

use std::{fs, path::Path};

use verigate::callers::Assertion;

use super::*;
use crate::callers::{caller, token};

const BASE: &str = "\
[incode]
url = \"http://127.0.0.1:1\"
api_key = \"k\"
integration_id = \"i\"
secret = \"s\"
";
const WEBHOOK: &str = "[webhook]\nsecret = \"a-secret-of-webhooks\"\n";
const HOSTS: &str = "[forward_auth]\nreturn_hosts = [\"app.example.org\"]\n";
const PUBLIC: &str = "[http]\npublic_url = \"https://verigate.example.org/\"\n";
const PAGE: &str = "[step_up]\nfollow_successors = true\nstate_key = \"a-key-of-sixteen\"\n";

fn load(folder: &Path, sections: &[&str]) -> Result<Config, String> {
    let file = folder.join("verigate.toml");
    let own = sections.concat();
    fs::write(&file, format!("{BASE}{own}")).unwrap();
    let loaded = Config::load(Some(&file), std::iter::empty());
    loaded.map_err(|error| error.to_string())
}

#[test]
fn the_page_is_configured_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let load = |sections: &[&str]| load(folder.path(), sections);
    let config = load(&[PUBLIC, WEBHOOK, HOSTS, PAGE]).unwrap();
    let page = config.step_up.page.unwrap();
    assert_eq!(&*page.url, "https://verigate.example.org/step-up/");
    let back = "https://verigate.example.org/step-up/return";
    assert_eq!(&*page.return_url, back);
    assert!(config.step_up.redirects.contains(back));
    assert!(load(&[]).unwrap().step_up.page.is_none());
    let other = "[forward_auth]\nreturn_hosts = [\"app.example.org\"]\nverify_url = \"/verify\"\n";
    let short = "[step_up]\nstate_key = \"too-short\"\n";
    let long = "[step_up]\nstate_key = \"a-key-of-sixteen\"\nstate_life = \"61m\"\n";
    let for_long = "[step_up]\nstate_key = \"a-key-of-sixteen\"\nhand_on_life = \"25h\"\n";
    let without_key = "[step_up]\nhand_on = true\n";
    let previous = "[step_up]\nprevious_state_key = \"a-key-of-sixteen\"\n";
    for (sections, problem) in [
        (&[WEBHOOK, HOSTS, PAGE][..], "http.public_url is not"),
        (&[PUBLIC, HOSTS, PAGE], "webhook.secret is not"),
        (&[PUBLIC, WEBHOOK, PAGE], "return_hosts is empty"),
        (
            &[PUBLIC, WEBHOOK, other, PAGE],
            "so is forward_auth.verify_url",
        ),
        (
            &[PUBLIC, WEBHOOK, HOSTS, short],
            "step_up.state_key is shorter",
        ),
        (&[PUBLIC, WEBHOOK, HOSTS, long], "state_life is longer"),
        (&[PUBLIC, WEBHOOK, HOSTS, for_long], "hand_on_life is longer"),
        (
            &[PUBLIC, WEBHOOK, HOSTS, without_key],
            "step_up.hand_on is set, but step_up.state_key is not",
        ),
        (
            &[PUBLIC, WEBHOOK, HOSTS, previous],
            "but step_up.state_key is not",
        ),
    ] {
        let error = load(sections).unwrap_err();
        assert!(error.contains(problem), "{problem}: {error}");
        assert!(!error.contains("a-key-of-sixteen"), "{error}");
    }
}

#[test]
fn a_page_after_which_the_old_id_is_judged_again_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    for (settings, is_warned) in [
        ("", true),
        ("follow_successors = true\n", false),
        ("hand_on = true\n", false),
        ("hand_on = false\nhand_on_life = \"5m\"\n", true),
    ] {
        let page = format!("[step_up]\nstate_key = \"a-key-of-sixteen\"\n{settings}");
        let config = load(folder.path(), &[PUBLIC, WEBHOOK, HOSTS, &page]).unwrap();
        let warnings = config.warnings();
        let says = |text: &String| text.contains("neither step_up.hand_on nor");
        assert_eq!(warnings.iter().any(says), is_warned, "{settings}: {warnings:?}");
    }
    let page = "[step_up]\nstate_key = \"a-key-of-sixteen\"\nhand_on = true\nhand_on_life = \"5m\"\n";
    let config = load(folder.path(), &[PUBLIC, WEBHOOK, HOSTS, page]).unwrap();
    let life = config.step_up.page.unwrap().hand_on;
    assert_eq!(life, Some(Duration::from_mins(5)));
    assert!(load(folder.path(), &[]).unwrap().warnings().is_empty());
}

#[test]
fn the_key_may_be_in_a_file_like_other_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("state-key");
    fs::write(&key, "a-key-of-sixteen-and-more\n").unwrap();
    let page = format!(
        "[step_up]\nfollow_successors = true\nstate_key_file = \"{}\"\n",
        key.display()
    );
    let config = load(folder.path(), &[PUBLIC, WEBHOOK, HOSTS, &page]).unwrap();
    assert!(config.step_up.page.is_some());
    let both = format!("{page}state_key = \"a-key-of-sixteen\"\n");
    let error = load(folder.path(), &[PUBLIC, WEBHOOK, HOSTS, &both]).unwrap_err();
    assert!(error.contains("are both set"), "{error}");
}

#[tokio::test]
async fn people_are_sent_to_the_page_for_gateways_that_may_begin_step_ups() {
    let callers = [
        caller(1, "begins", &["*"], &[Assertion::Identity], true),
        caller(2, "asks", &["*"], &[Assertion::Identity], false),
    ];
    let world = world_with(|config| config.callers = callers.to_vec()).await;
    let mut locations = Vec::new();
    for n in [1, 2] {
        let url = format!(
            "http://{}/check/front-door?profile=browser",
            world.http_address()
        );
        let request = client()
            .get(url)
            .header("x-verigate-token", token(n).reveal())
            .header("accept", "text/html")
            .header("x-verification-id", "month-old")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", HOST)
            .header("x-forwarded-uri", ASKED);
        let answer = request.send().await.unwrap();
        locations.push((
            answer.status().as_u16(),
            shown(&answer, "location").to_owned(),
        ));
    }
    assert_eq!((locations[0].0, locations[1].0), (302, 401));
    // The browser has no credential, and needs none.
    let mut browser = Browser::default();
    browser.link(&locations[0].1, "ada@example.com").await;
    let warned = |callers: &[verigate::callers::CallerConfig]| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = load(folder.path(), &[PUBLIC, WEBHOOK, HOSTS, PAGE]).unwrap();
        config.callers = callers.to_vec();
        let warnings = config.warnings();
        warnings
            .iter()
            .any(|text| text.contains("no caller has step_ups"))
    };
    assert!(warned(&callers[1..]) && !warned(&callers) && !warned(&[]));
}

#[tokio::test]
async fn without_a_page_there_is_none_and_with_a_listener_for_the_internet_it_is_there() {
    let world = World::of(CAST, configure).await;
    let url = format!("http://{}/step-up/?state=x", world.http_address());
    assert_eq!(client().get(url).send().await.unwrap().status(), 404);
    let world = world_with(|config| {
        config.public = Some(crate::world::loopback().into());
    })
    .await;
    let public = world.addresses().public.unwrap();
    for (address, status) in [(world.http_address(), 404), (public, 403)] {
        let url = format!("http://{address}/step-up/?state=x");
        assert_eq!(client().get(url).send().await.unwrap().status(), status);
    }
}
