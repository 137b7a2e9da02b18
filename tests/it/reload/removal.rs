//! Policies that leave the files are held for a few seconds, then dropped, and leave no series behind.

use super::*;

/// A millisecond less than a policy is held.
const JUST_BEFORE: Duration = Duration::from_millis(3_999);

#[tokio::test]
async fn a_policy_that_went_away_is_held_for_four_seconds_and_no_longer() {
    let folder = Folder::new(&[("p.yaml", &allows("p")), ("q.yaml", &allows("q"))]);
    let world = folder.world().await;
    let reloader = &world.service.reloader;
    let revision = || async { world.check("p", "month-old").await.policy_revision };
    let before = revision().await;
    for requested in [false, true] {
        fs::remove_file(folder.path("q.yaml")).unwrap();
        let reload = || {
            if requested {
                reloader.reload()
            } else {
                reloader.reload_if_changed()
            }
        };
        assert_eq!(reload(), ReloadOutcome::Unchanged);
        assert_eq!(decides(&world, "q").await, "ALLOW");
        assert_eq!(revision().await, before);
        assert_eq!(
            readyz(&world).await["policies_held"],
            serde_json::json!(["q"])
        );
        assert!(
            get(&world, "/metrics")
                .await
                .contains("verigate_policies_held 1\n")
        );
        world.clock.advance(JUST_BEFORE);
        assert_eq!(reload(), ReloadOutcome::Unchanged);
        assert_eq!(decides(&world, "q").await, "ALLOW");
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(reload(), ReloadOutcome::Ok);
        assert_eq!(decides(&world, "q").await, "none");
        assert_ne!(revision().await, before);
        assert_eq!(readyz(&world).await["policies_held"], serde_json::json!([]));
        folder.write("q.yaml", &allows("q"));
        assert_eq!(reload(), ReloadOutcome::Ok);
        assert_eq!(revision().await, before);
    }
}

#[tokio::test]
async fn a_file_that_is_gone_for_an_instant_changes_nothing() {
    let folder = Folder::new(&[("p.yaml", &allows("p")), ("q.yaml", &allows("q"))]);
    let world = folder.world().await;
    let before = world.check("q", "month-old").await.policy_revision;
    fs::remove_file(folder.path("q.yaml")).unwrap();
    let reloader = &world.service.reloader;
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Unchanged);
    folder.write("q.yaml", &denies("q"));
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Ok);
    assert_eq!(
        decides(&world, "q").await,
        "DENY",
        "a change is in force at once"
    );
    folder.write("q.yaml", &allows("q"));
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Ok);
    world.clock.advance(HELD_FOR);
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Unchanged);
    let answer = world.check("q", "month-old").await;
    assert_eq!(answer.policy_revision, before);
}

#[tokio::test]
async fn a_held_policy_is_dropped_in_time_although_newer_files_are_broken() {
    let folder = Folder::new(&[("p.yaml", &allows("p")), ("q.yaml", &allows("q"))]);
    let world = folder.world().await;
    let reloader = &world.service.reloader;
    fs::remove_file(folder.path("q.yaml")).unwrap();
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Unchanged);
    folder.write("p.yaml", BROKEN);
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Failed);
    assert_eq!(decides(&world, "q").await, "ALLOW");
    let_go(&world);
    assert_eq!(decides(&world, "q").await, "none");
    assert_eq!(decides(&world, "p").await, "ALLOW");
    assert!(!readyz(&world).await["policy_reload_failure"].is_null());
}

#[tokio::test]
async fn a_policy_that_is_no_longer_in_force_has_no_series() {
    let folder = Folder::new(&[("p.yaml", &allows("p"))]);
    let world = folder.world().await;
    let reloader = &world.service.reloader;
    let mut sizes = Vec::new();
    for n in 0..20 {
        let names: Vec<String> = (0..10).map(|i| format!("n{n:02}-{i}")).collect();
        let rule = ": {require: [verified_within: 90d]}\n";
        let policies = names.join(&format!("{rule}  "));
        let text = format!("version: 1\npolicies:\n  {policies}{rule}");
        folder.write("n.yaml", &text);
        assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Ok);
        world.clock.advance(HELD_FOR);
        reloader.reload_if_changed();
        for name in &names {
            assert_eq!(decides(&world, name).await, "ALLOW");
        }
        sizes.push(get(&world, "/metrics").await.len());
    }
    let (first, last) = (sizes[0], sizes[19]);
    assert!(last < first + first / 20, "{sizes:?}");
    let metrics = get(&world, "/metrics").await;
    assert!(metrics.contains(r#"policy="n19-0""#) && !metrics.contains(r#"policy="n18-"#));
}
