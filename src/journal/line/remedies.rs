//! What would make a decision ALLOW, as the JSON of the answer has it. By hand, because most lines of a STEP_UP would otherwise take longer
//! than its decision.

use std::time::Duration;

use super::object::Object;
use crate::{
    policy::{NewSession, Remedy, Scope, Timestamp},
    proto::time,
};

/// The members `remedies` and `alternatives`; none if nothing would. Until when a person has to wait is in them only where that instant is one
/// to `show`.
pub(super) fn remedies(
    line: &mut Object<'_>,
    alternatives: &[Vec<Remedy>],
    show: impl Fn(Timestamp) -> bool,
) {
    let Some(first) = alternatives.first() else {
        return;
    };
    if !first.is_empty() {
        line.objects("remedies", first, |object, each| {
            remedy(object, each, &show);
        });
    }
    line.objects("alternatives", alternatives, |object, set| {
        // Where nothing is needed, protobuf leaves the field out.
        if !set.is_empty() {
            object.objects("remedies", set, |object, each| {
                remedy(object, each, &show);
            });
        }
    });
}

fn remedy(object: &mut Object<'_>, remedy: &Remedy, show: impl Fn(Timestamp) -> bool) {
    match remedy {
        Remedy::Reverify { max_age } => object.object("reverify", |object| {
            if let Some(max_age) = max_age {
                duration(object, "maxAge", *max_age);
            }
        }),
        Remedy::Authenticate(session) => {
            object.object("authenticate", |object| authenticate(object, session));
        }
        Remedy::GrantScopes(scopes) => object.object("grantScopes", |object| {
            texts(object, "scopes", scopes.iter().map(Scope::as_str));
        }),
        Remedy::Identify => object.object("identify", |_| {}),
        Remedy::Wait(until) => object.object("wait", |object| {
            if show(*until) {
                object.text("until", &time::timestamp(*until).to_string());
            }
        }),
    }
}

/// The groups of methods, and the only group also where clients that know of no groups read it.
fn authenticate(object: &mut Object<'_>, session: &NewSession) {
    texts(object, "acr", session.acr_any.iter().map(AsRef::as_ref));
    if let [only] = session.amr_all_of.as_slice() {
        texts(object, "amr", only.iter().map(AsRef::as_ref));
    }
    duration(object, "maxAge", session.max_age);
    if !session.amr_all_of.is_empty() {
        object.objects("amrAllOf", &session.amr_all_of, |object, group| {
            texts(object, "amr", group.iter().map(AsRef::as_ref));
        });
    }
}

/// Texts, if there are any.
fn texts<'t>(object: &mut Object<'_>, name: &str, texts: impl ExactSizeIterator<Item = &'t str>) {
    if texts.len() > 0 {
        object.texts(name, texts);
    }
}

fn duration(object: &mut Object<'_>, name: &str, of: Duration) {
    object.shown(name, &time::duration(of));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection, option, prelude::*};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        journal::line::object::push_object,
        policy::from_millis,
        proto::{json::as_json, remedies::step_up_of},
    };

    fn names() -> impl Strategy<Value = BTreeSet<Box<str>>> {
        collection::btree_set("(?s:.{0,8})".prop_map(Box::from), 0..3)
    }

    fn durations() -> impl Strategy<Value = Duration> {
        prop_oneof![
            (0..100_000_u64).prop_map(Duration::from_secs),
            (0..u64::MAX).prop_map(Duration::from_nanos),
            Just(Duration::MAX),
        ]
    }

    fn any_remedy() -> impl Strategy<Value = Remedy> {
        let session = (durations(), names(), collection::vec(names(), 0..3));
        let session = session.prop_map(|(max_age, acr_any, amr_all_of)| NewSession {
            max_age,
            acr_any,
            amr_all_of,
        });
        let scopes = collection::btree_set(prop::sample::select(vec!["address", "phone"]), 0..3);
        prop_oneof![
            option::of(durations()).prop_map(|max_age| Remedy::Reverify { max_age }),
            session.prop_map(Remedy::Authenticate),
            scopes.prop_map(|names| {
                Remedy::GrantScopes(names.into_iter().map(Scope::from).collect())
            }),
            Just(Remedy::Identify),
            any::<i64>().prop_map(|millis| Remedy::Wait(from_millis(millis))),
        ]
    }

    fn written(alternatives: &[Vec<Remedy>], show: impl Fn(Timestamp) -> bool) -> Value {
        let mut json = Vec::new();
        push_object(&mut json, |object| remedies(object, alternatives, show));
        serde_json::from_slice(&json).unwrap()
    }

    proptest! {
        #[test]
        fn remedies_are_the_json_of_the_answer(
            alternatives in collection::vec(collection::vec(any_remedy(), 0..4), 0..4)
        ) {
            let answer = step_up_of(&alternatives).map(|step_up| {
                serde_json::to_value(as_json("StepUp", &step_up).unwrap()).unwrap()
            });
            let answer = answer.unwrap_or_else(|| json!({}));
            prop_assert_eq!(written(&alternatives, |_| true), answer);
        }
    }

    #[test]
    fn an_instant_that_is_not_to_be_shown_is_left_out() {
        let sets = [vec![
            Remedy::Wait(from_millis(1_000)),
            Remedy::Wait(from_millis(2_000)),
        ]];
        let written = written(&sets, |at| at == from_millis(2_000));
        let expected = json!([{"wait": {}}, {"wait": {"until": "1970-01-01T00:00:02Z"}}]);
        assert_eq!(written["remedies"], expected);
        assert_eq!(written["alternatives"], json!([{"remedies": expected}]));
    }
}
