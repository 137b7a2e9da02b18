//! What brings the hand-on from the page to the host of the application, where it becomes a cookie.

use verigate::signatures::Transfer;

use super::*;

/// A transfer with this content that we sign ourselves.
fn to(world: &World, url: &str, hand_on: &str) -> String {
    let transfer = Transfer {
        hand_on: hand_on.into(),
        original_url: url.into(),
        expires_at: after(world.clock_now(), Duration::from_mins(1)),
    };
    format!("?transfer={}", keys(KEY).transfer(&transfer))
}

#[tokio::test]
async fn a_transfer_that_was_made_or_changed_by_somebody_sets_nothing_and_leads_nowhere() {
    let fleet = Fleet::new().await;
    let checks = &fleet.checks;
    let transfer = fleet.verified_as("month-old", "ada").await;
    let (base, text) = transfer.split_once("transfer=").unwrap();
    let refused = async |what: &str, transfer: &str, host: &str| {
        let arrived = arrive(checks, transfer, host).await;
        assert_eq!(arrived.status(), 403, "{what}");
        assert_eq!(given(&arrived), "", "{what}");
        assert_eq!(shown(&arrived, "location"), "", "{what}");
        assert_eq!(shown(&arrived, "cache-control"), "no-store");
    };
    for index in (0..text.len()).step_by(5) {
        let changed = format!("{base}transfer={}", changed_at(text, index));
        refused(&changed, &changed, HOST).await;
    }
    for host in [OTHER_HOST, "evil.example", "", "app.example.org:8443"] {
        refused(host, &transfer, host).await;
    }
    for url in [
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "",
        "http://app.example.org/",
    ] {
        refused(url, &to(checks, url, "x"), HOST).await;
    }
    for query in [
        "",
        "?",
        "?transfer=",
        "?transfer=x",
        &format!("?transfer={text}&transfer={text}"),
    ] {
        refused(query, query, HOST).await;
    }
    let plain = client()
        .get(format!(
            "http://{}/.verigate/hand-on?transfer={text}",
            checks.http_address()
        ))
        .send();
    assert_eq!(plain.await.unwrap().status(), 403, "no host is known");
}

#[tokio::test]
async fn a_transfer_sets_a_cookie_on_its_own_host_and_for_a_minute() {
    let fleet = Fleet::new().await;
    let checks = &fleet.checks;
    let transfer = fleet.verified_as("month-old", "ada").await;
    // What is in it is no hand-on for this host: the person returns, and nothing is set.
    let soon = after(checks.clock_now(), Duration::from_mins(1));
    let elsewhere = signed(KEY, ("month-old", "fresh"), OTHER_HOST, "id-ada", soon);
    let elsewhere = elsewhere.split_once('=').unwrap().1;
    for hand_on in ["x", elsewhere] {
        let arrived = arrive(
            checks,
            &to(checks, &format!("https://{HOST}/"), hand_on),
            HOST,
        )
        .await;
        assert_eq!(
            (arrived.status().as_u16(), given(&arrived)),
            (303, String::new())
        );
    }
    assert!(given(&arrive(checks, &transfer, HOST).await).starts_with(COOKIE));
    checks.clock.advance(Duration::from_mins(1));
    let late = arrive(checks, &transfer, HOST).await;
    assert_eq!((late.status().as_u16(), given(&late)), (303, String::new()));
}
