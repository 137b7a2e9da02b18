//! No state but one that was signed, whole, with one of the keys, and in time.

use proptest::prelude::*;

use super::*;
use crate::{secrets::Secret, signatures::TAG_BYTES};

const KEY: &str = "a-key-of-the-tests-that-is-long";

fn keys(current: &str, previous: Option<&str>) -> PageKeys {
    let previous = previous.map(Secret::from);
    let keys = SigningKeys::new(&Secret::from(current), previous.as_ref());
    PageKeys::new(Arc::new(keys))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn state() -> PageState {
    PageState {
        decision: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        verification: VerificationId::parse("month-old").unwrap(),
        policy: PolicyName::parse("front-door").unwrap(),
        original_url: "https://app.example.org/door?a=1&b=%20".into(),
        expires_at: at("2026-01-31T12:30:00Z"),
    }
}

const NOW: &str = "2026-01-31T12:29:59.999Z";

#[test]
fn a_state_is_what_was_signed_until_it_expires() {
    let (keys, state) = (keys(KEY, None), state());
    let text = keys.sign(&state);
    assert_eq!(keys.verify(&text, at(NOW)), Ok(state.clone()));
    for late in ["2026-01-31T12:30:00Z", "2027-01-01T00:00:00Z"] {
        let expired = PageStateError::Expired(Box::new(state.clone()));
        assert_eq!(keys.verify(&text, at(late)), Err(expired), "{late}");
    }
}

#[test]
fn a_state_that_is_valid_for_longer_than_any_that_is_signed_is_none() {
    let keys = keys(KEY, None);
    let now = at("2026-01-31T12:00:00Z");
    for (expires_at, is_valid) in [
        ("2026-01-31T13:00:00Z", true),
        // The clock of another instance.
        ("2026-01-31T13:05:00Z", true),
        ("2026-01-31T13:05:00.001Z", false),
        ("2027-01-31T12:00:00Z", false),
        ("9999-01-01T00:00:00Z", false),
    ] {
        let expires_at = at(expires_at);
        let text = keys.sign(&PageState {
            expires_at,
            ..state()
        });
        let expected = if is_valid {
            Ok(())
        } else {
            Err(PageStateError::Forged)
        };
        assert_eq!(keys.verify(&text, now).map(drop), expected, "{expires_at}");
    }
}

#[test]
fn each_bit_counts_and_so_does_each_byte_that_is_cut_or_added() {
    let keys = keys(KEY, None);
    let text = keys.sign(&state());
    let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
    let forged = |text: &str| {
        let verified = keys.verify(text, at(NOW));
        assert_eq!(verified, Err(PageStateError::Forged), "{text}");
    };
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut other = bytes.clone();
            other[index] ^= 1 << bit;
            forged(&URL_SAFE_NO_PAD.encode(other));
        }
        forged(&URL_SAFE_NO_PAD.encode(&bytes[..index]));
        forged(&URL_SAFE_NO_PAD.encode(&bytes[index + 1..]));
    }
    for (index, _) in text.char_indices() {
        let (before, after) = (text.get(..index).unwrap(), text.get(index + 1..).unwrap());
        forged(before);
        // Another character in its place, also those of which only some bits are read.
        for other in ["A", "B", "-", "=", "+", " "] {
            let changed = format!("{before}{other}{after}");
            if changed != text {
                forged(&changed);
            }
        }
    }
    for other in [
        format!("{text}="),
        format!("{text}A"),
        format!(" {text}"),
        format!("{text}{text}"),
        String::new(),
        "A".repeat(STATE_BYTES_MAX + 1),
    ] {
        forged(&other);
    }
}

#[test]
fn another_key_signs_nothing_and_the_previous_one_still_does() {
    let (old, new) = (keys(KEY, None), keys("another-key-of-the-tests", Some(KEY)));
    let by_old = old.sign(&state());
    assert_eq!(new.verify(&by_old, at(NOW)), Ok(state()));
    let by_new = new.sign(&state());
    assert_eq!(old.verify(&by_new, at(NOW)), Err(PageStateError::Forged));
    let other = keys("a-key-of-the-tests-that-is-lonG", None);
    assert_eq!(other.verify(&by_old, at(NOW)), Err(PageStateError::Forged));
    // What this function signs for something else is no state.
    let signed = URL_SAFE_NO_PAD.decode(&by_old).unwrap();
    let payload = &signed[..signed.len() - TAG_BYTES];
    for purpose in Purpose::ALL {
        let text = old.signing().sign(purpose, payload.to_vec());
        let expected = if purpose == Purpose::State {
            Ok(state())
        } else {
            Err(PageStateError::Forged)
        };
        assert_eq!(old.verify(&text, at(NOW)), expected, "{purpose:?}");
    }
}

#[test]
fn a_token_is_for_one_form_of_one_browser() {
    let keys = keys(KEY, None);
    let token = keys.form_token("state", "nonce");
    assert!(keys.is_form_token("state", "nonce", &token));
    for (state, nonce) in [
        ("state2", "nonce"),
        ("state", "nonce2"),
        ("staten", "once"),
        ("", ""),
    ] {
        assert!(!keys.is_form_token(state, nonce, &token), "{state} {nonce}");
    }
    for other in [
        "",
        "AAAA",
        token.get(1..).unwrap(),
        &format!("{token}A"),
        &keys.link_key("state", "nonce"),
    ] {
        assert!(!keys.is_form_token("state", "nonce", other), "{other}");
    }
    assert_eq!(keys.link_key("s", "a@b"), keys.link_key("s", "a@b"));
    assert_ne!(keys.link_key("s", "a@b"), keys.link_key("s", "a@c"));
    assert_ne!(keys.link_key("s", "a@b"), keys.link_key("t", "a@b"));
    assert!(!keys.link_key("s", "ada@example.com").contains("ada@"));
}

#[test]
fn states_about_anything_else_are_other_states() {
    let keys = keys(KEY, None);
    let text = keys.sign(&state());
    let others = [
        PageState {
            decision: Uuid::nil(),
            ..state()
        },
        PageState {
            verification: VerificationId::parse("month-oldf").unwrap(),
            ..state()
        },
        PageState {
            policy: PolicyName::parse("ront-door").unwrap(),
            ..state()
        },
        PageState {
            original_url: "https://app.example.org/".into(),
            ..state()
        },
        PageState {
            expires_at: at("2026-01-31T12:30:00.001Z"),
            ..state()
        },
    ];
    for other in others {
        let signed = keys.sign(&other);
        assert_ne!(signed, text);
        assert_ne!(digest_of(&signed), digest_of(&text));
        assert_eq!(keys.verify(&signed, at(NOW)), Ok(other));
    }
}

#[test]
fn who_a_decision_is_about_is_known_for_the_life_of_its_state_and_is_in_no_address() {
    let now = at("2026-01-31T12:00:00Z");
    let life = Duration::from_mins(15);
    let page = PageAddress::new("https://v.example/step-up/", keys(KEY, None), life);
    let state = state();
    let address = |decision: u128, at: Timestamp, email: &str| {
        let about = (&state.verification, &state.policy);
        let decision = (Uuid::from_u128(decision), at);
        page.with_state(decision, about, &state.original_url, Some(email))
    };
    let known = |decision: u128, at: Timestamp| {
        let hint = page.login_hint(Uuid::from_u128(decision), at);
        hint.map(|hint| hint.reveal().to_owned())
    };
    let url = address(1, now, "ada@example.com");
    let text = url.split_once("?state=").unwrap().1;
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("ada@"));
    assert!(!format!("{page:?}").contains("ada@"));
    address(2, now, "no address");
    assert_eq!(known(1, now).as_deref(), Some("ada@example.com"));
    assert_eq!((known(2, now), known(3, now)), (None, None));
    assert_eq!(known(1, after(now, life)), None);
    for decision in 0..2 * u128::try_from(KNOWN_MAX).unwrap() {
        address(10 + decision, now, "ben@example.com");
    }
    assert_eq!(page.known.lock().len(), KNOWN_MAX);
    address(1_000_000, after(now, life), "kim@example.com");
    assert_eq!(page.known.lock().len(), 1, "what has expired is dropped");
    // Also where no other decision comes.
    page.drop_expired(after(
        now,
        (life * 2).saturating_sub(Duration::from_millis(1)),
    ));
    assert_eq!(page.known.lock().len(), 1);
    page.drop_expired(after(now, life * 2));
    assert_eq!(page.known.lock().len(), 0);
}

#[test]
fn a_purge_drops_the_hints_about_its_verifications_and_no_others() {
    let now = at("2026-01-31T12:00:00Z");
    let life = Duration::from_mins(15);
    let page = PageAddress::new("https://v.example/step-up/", keys(KEY, None), life);
    let state = state();
    for (decision, verification, email) in [
        (1, "v-ada", "ada@example.com"),
        (2, "v-ben", "ben@example.com"),
        (3, "v-ada", "ada@example.com"),
    ] {
        let verification = VerificationId::parse(verification).unwrap();
        let decision = (Uuid::from_u128(decision), now);
        let about = (&verification, &state.policy);
        page.with_state(decision, about, &state.original_url, Some(email));
    }
    let ada = VerificationId::parse("v-ada").unwrap();
    page.purge(&[&ada].into());
    let is_known = |decision: u128| page.login_hint(Uuid::from_u128(decision), now).is_some();
    assert_eq!([1, 2, 3].map(is_known), [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn hints_expire_also_on_an_instance_that_gets_no_requests() {
    let clock = Arc::new(crate::clock::ManualClock::at(at("2026-01-31T12:00:00Z")));
    let deps = Deps::new(Arc::clone(&clock) as _);
    let life = Duration::from_mins(15);
    let page = PageAddress::new("https://v.example/step-up/", keys(KEY, None), life);
    let page = Arc::new(page);
    page.drop_expired_by(&deps);
    let state = state();
    let (now, about) = (
        at("2026-01-31T12:00:00Z"),
        (&state.verification, &state.policy),
    );
    page.with_state(
        (Uuid::nil(), now),
        about,
        "https://a.example/",
        Some("ada@example.com"),
    );
    tokio::time::sleep(KNOWN_PERIOD * 2).await;
    assert_eq!(page.known.lock().len(), 1);
    clock.advance(life);
    tokio::time::sleep(KNOWN_PERIOD * 2).await;
    assert_eq!(page.known.lock().len(), 0);
}

proptest! {
    #[test]
    fn any_state_comes_back_and_any_other_text_is_none(
        verification in "[A-Za-z0-9_-]{1,128}",
        policy in "[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?",
        url in "[!-~]{0,200}",
        millis in 0_i64..4_000_000_000_000,
        decision: u128,
        noise in "[A-Za-z0-9_-]{0,400}",
    ) {
        let keys = keys(KEY, None);
        let state = PageState {
            decision: Uuid::from_u128(decision),
            verification: VerificationId::parse(&verification).unwrap(),
            policy: PolicyName::parse(&policy).unwrap(),
            original_url: url.into(),
            expires_at: from_millis(millis),
        };
        let text = keys.sign(&state);
        prop_assert_eq!(keys.verify(&text, from_millis(millis - 1)), Ok(state));
        prop_assert_eq!(keys.verify(&noise, at(NOW)), Err(PageStateError::Forged));
    }
}
