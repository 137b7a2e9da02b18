//! What a connection stores of the calls on it.

use super::*;

/// What is stored with a connection changes no answer: each call after each other one, with callers that stay and with callers that change between.
#[tokio::test]
async fn who_makes_a_call_does_not_depend_on_the_calls_before_it_on_its_connection() {
    let own = |n| vec![("x-verigate-token", token(n).reveal().to_owned())];
    let shared = |n| vec![("authorization", format!("Bearer {}", token(n).reveal()))];
    let twice = |a, b| [own(a), own(b)].concat();
    let longer = vec![("x-verigate-token", format!("{}A", token(1).reveal()))];
    let basic = vec![("authorization", "Basic ZG9vcjpkb29y".to_owned())];
    let jwt = vec![(
        "authorization",
        "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln".to_owned(),
    )];
    let both = |a, b| [own(a), shared(b)].concat();
    let calls = [
        vec![],
        own(1),
        own(2),
        own(3),
        own(4),
        shared(1),
        shared(3),
        twice(1, 1),
        twice(1, 3),
        twice(3, 1),
        both(1, 2),
        both(1, 3),
        both(4, 1),
        longer,
        basic,
        jwt,
    ];
    let all = callers();
    let others = [caller("gateway", &[1], &["dns:gateway.example.org"])];
    for certificate in [&[][..], &["gateway.example.org"]] {
        for (before, after) in [
            (&all[..], None),
            (&all, Some(&all[..])),
            (&all, Some(&others)),
            (&others, Some(&all)),
        ] {
            for first in &calls {
                for second in &calls {
                    let callers = in_force(before);
                    let used = peer(&[], certificate);
                    let ask = async |peer: &Peer, call: &[(&'static str, String)]| {
                        let headers: Vec<_> = call.iter().map(|(n, v)| (*n, v.as_str())).collect();
                        who(&callers, &headers, peer).await
                    };
                    ask(&used, first).await;
                    if let Some(after) = after {
                        callers.replace(after).unwrap();
                    }
                    let on_new = ask(&peer(&[], certificate), second).await;
                    assert_eq!(
                        ask(&used, second).await,
                        on_new,
                        "{first:?}, then {second:?}"
                    );
                    // And from what is stored now.
                    assert_eq!(ask(&used, second).await, on_new, "{second:?}, again");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_connection_stores_tokens_of_ours_alone_and_holds_no_callers_that_were_replaced() {
    let callers = in_force(&callers());
    let own = token(3).reveal().to_owned();
    let (alone, beside) = (peer(&[], &[]), peer(&[], &["gateway.example.org"]));
    for (used, credential) in [(&alone, own), (&beside, "Basic ZG9vcjpkb29y".to_owned())] {
        let headers = match used.certificate {
            None => vec![("x-verigate-token", credential.as_str())],
            Some(_) => vec![("authorization", credential.as_str())],
        };
        assert_eq!(who(&callers, &headers, used).await, "gateway");
    }
    assert!(alone.authenticated.get::<Authenticated>().is_some());
    assert!(beside.authenticated.get::<Authenticated>().is_none());
    let replaced = Arc::downgrade(&callers.0.directory.load_full());
    callers.replace(&[caller("door", &[1], &[])]).unwrap();
    assert_eq!(replaced.strong_count(), 0);
}
