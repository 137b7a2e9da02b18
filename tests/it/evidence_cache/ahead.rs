//! What is asked for ahead of time, and how much each caller may cause.

use verigate::rate_limit::Rate;

use super::*;

#[tokio::test(start_paused = true)]
async fn evidence_that_is_used_often_is_refreshed_ahead_of_time_and_nobody_waits() {
    let desk = Desk::new(present);
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(desk.status().await, "1");
    desk.clock.advance(Duration::from_secs(44));
    for _ in 0..10 {
        assert_eq!(desk.status().await, "1");
    }
    settle().await;
    assert_eq!(desk.asked(), 1, "it is young");
    desk.clock.advance(Duration::from_secs(1));
    for _ in 0..10 {
        assert_eq!(desk.status().await, "1");
    }
    desk.upstream.until_asked(2).await;
    desk.upstream.may_answer.add_permits(1);
    settle().await;
    desk.clock.advance(Duration::from_secs(15));
    assert_eq!(desk.status().await, "2", "it never ran out");
    assert_eq!(desk.asked(), 2, "once for many uses");
}

#[tokio::test(start_paused = true)]
async fn no_more_are_asked_for_ahead_of_time_at_once_than_the_bound_allows() {
    let desk = Desk::new(present);
    desk.upstream.may_answer.add_permits(100);
    let each = async || {
        for n in 0..100 {
            let name = named(&format!("v-{n}"));
            desk.look_named(&name, desk.request()).await;
        }
    };
    each().await;
    desk.clock.advance(Duration::from_secs(50));
    for _ in 0..5 {
        each().await;
    }
    settle().await;
    assert_eq!(desk.asked(), 164);
}

#[tokio::test(start_paused = true)]
async fn a_caller_over_its_quota_gets_an_error_and_others_do_not() {
    let config = Config {
        fetches: Rate {
            per_second: 1,
            burst: 10,
        },
        ..CONFIG
    };
    let desk = Desk::with(present, config, FETCH_TIMEOUT);
    desk.upstream.may_answer.add_permits(100);
    let look = async |n: u32, caller: u8| {
        let request = LookupRequest {
            caller: CallerId::Address(IpAddr::from([10, 0, 0, caller])),
            ..desk.request()
        };
        let name = named(&format!("v-{n}"));
        desk.cache
            .look_up(&name, request)
            .await
            .map(|known| status(&known))
    };
    for n in 0..10 {
        assert_eq!(look(n, 1).await, Ok((n + 1).to_string()));
    }
    let retry_after = Duration::from_secs(1);
    assert_eq!(look(10, 1).await, Err(OverQuotaError { retry_after }));
    assert_eq!(desk.asked(), 10, "it costs the upstream nothing");
    assert_eq!(
        look(9, 1).await,
        Ok("10".into()),
        "what is cached is still served"
    );
    assert_eq!(look(10, 2).await, Ok("11".into()));
    desk.clock.advance(Duration::from_secs(1));
    assert_eq!(look(11, 1).await, Ok("12".into()));
}
