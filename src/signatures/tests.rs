//! Nothing counts that was not signed for this purpose, whole, with one of the keys, in time, for this host, this verification and this person.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::{
    policy::{Identity, Timestamp, VerificationId, after, from_millis},
    secrets::Secret,
};

const KEY: &str = "a-key-of-the-tests-that-is-long";
const HOST: &str = "app.example.org";
const NOW: &str = "2026-01-31T12:00:00Z";

fn keys(current: &str, previous: Option<&str>) -> Arc<SigningKeys> {
    let previous = previous.map(Secret::from);
    Arc::new(SigningKeys::new(&Secret::from(current), previous.as_ref()))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn id(text: &str) -> VerificationId {
    VerificationId::parse(text).unwrap()
}

fn identity(text: &str) -> Identity {
    Identity::parse(text).unwrap()
}

fn hand_on() -> HandOn {
    HandOn {
        old: id("month-old"),
        new: id("trace-2"),
        host: HOST.into(),
        expires_at: at("2026-01-31T13:00:00Z"),
    }
}

fn signed(keys: &SigningKeys) -> String {
    keys.hand_on(&hand_on(), &identity("id-ada"))
}

/// Where this text leads, for the old verification, on its host, now.
fn leads(keys: &Arc<SigningKeys>, text: &str) -> Result<String, HandOnError> {
    let about = (&id("month-old"), HOST);
    let handed_on = keys.handed_on(text, about, at(NOW));
    handed_on.map(|handed_on| handed_on.successor().as_str().to_owned())
}

/// Every text that differs from this one in a bit, a byte or a character, or in its length.
fn others(text: &str) -> Vec<String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
    let mut others = Vec::new();
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut other = bytes.clone();
            other[index] ^= 1 << bit;
            others.push(URL_SAFE_NO_PAD.encode(other));
        }
        for value in [0, u8::MAX] {
            let mut other = bytes.clone();
            other[index] = value;
            others.push(URL_SAFE_NO_PAD.encode(other));
        }
        others.push(URL_SAFE_NO_PAD.encode(&bytes[..index]));
        others.push(URL_SAFE_NO_PAD.encode(&bytes[index + 1..]));
    }
    for (index, _) in text.char_indices() {
        let (before, after) = (text.get(..index).unwrap(), text.get(index + 1..).unwrap());
        others.push(before.to_owned());
        others.extend(["A", "B", "-", "=", "+", " "].map(|c| format!("{before}{c}{after}")));
    }
    others.extend([
        format!("{text}="),
        format!("{text}A"),
        format!(" {text}"),
        format!("{text}{text}"),
        "A".repeat(20_000),
    ]);
    others.retain(|other| other != text);
    others
}

#[test]
fn no_purpose_is_the_beginning_of_another_one() {
    for one in Purpose::ALL {
        for other in Purpose::ALL {
            assert_eq!(one.label().starts_with(other.label()), one == other);
        }
    }
}

#[test]
fn a_signature_counts_for_its_purpose_and_its_parts_alone() {
    let keys = keys(KEY, None);
    for purpose in Purpose::ALL {
        let tag = keys.tag(purpose, &[b"a", b"bc"]);
        for other in Purpose::ALL {
            assert_eq!(keys.is_tag(other, &[b"a", b"bc"], &tag), other == purpose);
        }
        for parts in [&[&b"ab"[..], b"c"][..], &[b"a", b"bc", b""], &[b"abc"], &[]] {
            assert!(!keys.is_tag(purpose, parts, &tag), "{parts:?}");
        }
        assert!(!keys.is_tag(purpose, &[b"a", b"bc"], &tag[1..]));
        let text = keys.sign(purpose, b"payload".to_vec());
        for other in Purpose::ALL {
            let payload = (other == purpose).then(|| b"payload".to_vec());
            assert_eq!(keys.verify(other, &text, 100), payload);
        }
        assert_eq!(keys.verify(purpose, &text, text.len() - 1), None);
    }
    let random = [SigningKeys::random(), SigningKeys::random()].map(Result::unwrap);
    let tag = random[0].tag(Purpose::AccessRequest, &[b"a"]);
    assert!(random[0].is_tag(Purpose::AccessRequest, &[b"a"], &tag));
    assert!(!random[1].is_tag(Purpose::AccessRequest, &[b"a"], &tag));
}

#[test]
fn a_hand_on_leads_where_it_was_signed_to_and_any_other_text_nowhere() {
    let keys = keys(KEY, None);
    let text = signed(&keys);
    assert_eq!(leads(&keys, &text).as_deref(), Ok("trace-2"));
    assert!(!text.contains("id-ada"));
    let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("id-ada"));
    for other in others(&text) {
        assert_eq!(leads(&keys, &other), Err(HandOnError::Forged), "{other:.80}");
    }
}

#[test]
fn a_hand_on_is_for_one_host_one_verification_one_person_and_one_time() {
    let keys = keys(KEY, None);
    let text = signed(&keys);
    let month_old = id("month-old");
    let ask = |old: &VerificationId, host: &str, now: &str| {
        keys.handed_on(&text, (old, host), at(now)).map(drop)
    };
    assert_eq!(ask(&month_old, HOST, "2026-01-31T12:59:59.999Z"), Ok(()));
    for host in ["app.example.org:8443", "example.org", "APP.EXAMPLE.ORG", "app.example.or", ""] {
        assert_eq!(ask(&month_old, host, NOW), Err(HandOnError::OtherHost));
    }
    for old in ["month-ol", "month-old2", "trace-2", "Month-old"] {
        let refused = Err(HandOnError::OtherVerification);
        assert_eq!(ask(&id(old), HOST, NOW), refused, "{old}");
    }
    for late in ["2026-01-31T13:00:00Z", "2027-01-01T00:00:00Z"] {
        assert_eq!(ask(&month_old, HOST, late), Err(HandOnError::Expired));
    }
    // Nobody signs one that counts for longer than a day.
    for (now, expected) in [
        ("2026-01-30T12:55:00Z", Ok(())),
        ("2026-01-30T12:54:59.999Z", Err(HandOnError::Forged)),
    ] {
        assert_eq!(ask(&month_old, HOST, now), expected);
    }
    let handed_on = keys.handed_on(&text, (&month_old, HOST), at(NOW)).unwrap();
    assert!(handed_on.is_of(&identity("id-ada")));
    for other in ["id-ben", "ID-ADA", "id-ad", "id-adaa"] {
        assert!(!handed_on.is_of(&identity(other)), "{other}");
    }
    assert!(!format!("{handed_on:?}").contains(KEY));
    assert_eq!(keys.hand_on_expires_at(&text, HOST), Some(hand_on().expires_at));
    assert_eq!(keys.hand_on_expires_at(&text, "evil.example"), None);
}

#[test]
fn the_identity_of_one_hand_on_is_not_that_of_another_one() {
    // Somebody who has two of them, of other people, cannot make a third: not even with the tag of the identity in its place.
    let keys = keys(KEY, None);
    let (ada, ben) = (identity("id-ada"), identity("id-ben"));
    let of_ben = HandOn {
        new: id("trace-9"),
        ..hand_on()
    };
    let [first, second] = [keys.hand_on(&hand_on(), &ada), keys.hand_on(&of_ben, &ben)];
    let [first, second] = [first, second].map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
    for cut in 0..first.len().min(second.len()) {
        let mixed = [&first[..cut], &second[cut..]].concat();
        if mixed != second && mixed != first {
            let text = URL_SAFE_NO_PAD.encode(mixed);
            assert_eq!(leads(&keys, &text), Err(HandOnError::Forged), "{cut}");
        }
    }
}

#[test]
fn another_key_signs_no_hand_on_and_the_previous_one_still_does() {
    let (old, new) = (keys(KEY, None), keys("another-key-of-the-tests", Some(KEY)));
    let by_old = signed(&old);
    assert_eq!(leads(&new, &by_old).as_deref(), Ok("trace-2"));
    let handed_on = new.handed_on(&by_old, (&id("month-old"), HOST), at(NOW));
    assert!(handed_on.unwrap().is_of(&identity("id-ada")));
    assert_eq!(leads(&old, &signed(&new)), Err(HandOnError::Forged));
    let other = keys("a-key-of-the-tests-that-is-lonG", None);
    assert_eq!(leads(&other, &by_old), Err(HandOnError::Forged));
}

#[test]
fn a_transfer_is_what_was_signed_until_it_expires() {
    let keys = keys(KEY, None);
    let transfer = Transfer {
        hand_on: signed(&keys).into(),
        original_url: "https://app.example.org/door?a=1".into(),
        expires_at: at("2026-01-31T12:01:00Z"),
    };
    let text = keys.transfer(&transfer);
    assert_eq!(keys.transferred(&text, at(NOW)), Ok(transfer.clone()));
    let late = keys.transferred(&text, transfer.expires_at);
    assert_eq!(late, Err(TransferError::Expired(Box::new(transfer.clone()))));
    for other in others(&text) {
        let transferred = keys.transferred(&other, at(NOW));
        assert_eq!(transferred, Err(TransferError::Forged), "{other:.80}");
    }
    // Neither is the other.
    assert_eq!(leads(&keys, &text), Err(HandOnError::Forged));
    let hand_on = keys.transferred(&transfer.hand_on, at(NOW));
    assert_eq!(hand_on, Err(TransferError::Forged));
}

proptest! {
    #[test]
    fn any_hand_on_comes_back_and_any_other_text_is_none(
        old in "[A-Za-z0-9_-]{1,128}",
        new in "[A-Za-z0-9_-]{1,128}",
        host in "[a-z0-9.:-]{0,260}",
        millis in 0_i64..4_000_000_000_000,
        noise in "[A-Za-z0-9_-]{0,600}",
    ) {
        let keys = keys(KEY, None);
        let hand_on = HandOn {
            old: id(&old),
            new: id(&new),
            host: host.as_str().into(),
            expires_at: from_millis(millis),
        };
        let text = keys.hand_on(&hand_on, &identity("id-ada"));
        let before = from_millis(millis - 1);
        let handed_on = keys.handed_on(&text, (&hand_on.old, &host), before).unwrap();
        prop_assert_eq!(handed_on.successor(), &hand_on.new);
        prop_assert!(handed_on.is_of(&identity("id-ada")));
        let forged = keys.handed_on(&noise, (&hand_on.old, &host), before).map(drop);
        prop_assert_eq!(forged, Err(HandOnError::Forged));
        let late = keys.handed_on(&text, (&hand_on.old, &host), after(from_millis(millis), Duration::ZERO));
        prop_assert_eq!(late.map(drop), Err(HandOnError::Expired));
    }
}
