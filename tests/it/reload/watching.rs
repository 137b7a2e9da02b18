//! Changes are noticed without a request, and SIGHUP is a request.

use super::*;

#[tokio::test]
async fn whatever_way_files_change_it_is_noticed() {
    let folder = Folder::new(&[("p.yaml", &allows("p"))]);
    let mut world = folder.world().await;
    world.service.watch(Arc::new(Notify::new()));
    folder.write("p.yaml", &denies("p"));
    until_decides(&world, "p", "DENY").await;
    folder.rename_over("p.yaml", &steps_up("p"));
    until_decides(&world, "p", "STEP_UP").await;
    folder.write("new/deep/q.yaml", &allows("q"));
    until_decides(&world, "q", "ALLOW").await;
    folder.write("new/deep/q.yaml", &denies("q"));
    until_decides(&world, "q", "DENY").await;
    fs::rename(folder.path("new"), folder.temporary.path().join("away")).unwrap();
    until_decides(&world, "q", "none").await;
    folder.write("p.yaml", BROKEN);
    until_metric(&world, "verigate_policy_last_reload_successful 0").await;
    folder.write("p.yaml", &allows("p"));
    until_decides(&world, "p", "ALLOW").await;
    // The folder itself is replaced by another.
    let beside = Folder::new(&[("p.yaml", &denies("p"))]);
    fs::rename(&folder.root, folder.temporary.path().join("old")).unwrap();
    until_metric(&world, "verigate_policy_last_reload_successful 0").await;
    fs::rename(&beside.root, &folder.root).unwrap();
    until_decides(&world, "p", "DENY").await;
    folder.write("p.yaml", &allows("p"));
    until_decides(&world, "p", "ALLOW").await;
}

#[tokio::test]
async fn the_swaps_of_a_config_map_are_noticed_in_a_folder_and_for_one_file() {
    for one_file in [false, true] {
        let folder = Folder::new(&[]);
        folder.swap("v0", &[("p.yaml", &allows("p"))]);
        let path = folder.path(if one_file { "p.yaml" } else { "" });
        let mut world = World::with(|config| config.policies = path).await;
        world.service.watch(Arc::new(Notify::new()));
        folder.swap("v1", &[("p.yaml", &denies("p"))]);
        until_decides(&world, "p", "DENY").await;
        folder.swap("v2", &[("p.yaml", &steps_up("p"))]);
        until_decides(&world, "p", "STEP_UP").await;
    }
}

#[tokio::test]
async fn a_folder_behind_links_is_noticed_when_any_of_them_is_swapped() {
    let folder = Folder::new(&[
        ("v1/policies/p.yaml", &allows("p")),
        ("v2/policies/p.yaml", &denies("p")),
    ]);
    symlink("v1", folder.path("current")).unwrap();
    symlink("current/policies", folder.path("link")).unwrap();
    let path = folder.path("link");
    let mut world = World::with(|config| config.policies = path).await;
    world.service.watch(Arc::new(Notify::new()));
    symlink("v2", folder.path("next")).unwrap();
    fs::rename(folder.path("next"), folder.path("current")).unwrap();
    until_decides(&world, "p", "DENY").await;
    folder.write("v2/policies/p.yaml", &steps_up("p"));
    until_decides(&world, "p", "STEP_UP").await;
}

#[tokio::test]
async fn a_stream_of_changes_does_not_put_a_reload_off_for_ever() {
    let folder = Folder::new(&[("p.yaml", &allows("p"))]);
    let mut world = folder.world().await;
    world.service.watch(Arc::new(Notify::new()));
    // Once a second change is noticed, the folder is watched.
    folder.write("p.yaml", &steps_up("p"));
    until_decides(&world, "p", "STEP_UP").await;
    folder.write("p.yaml", &allows("p"));
    until_decides(&world, "p", "ALLOW").await;
    let (busy, noise) = (Arc::new(AtomicBool::new(true)), folder.path("noise.txt"));
    let still = Arc::clone(&busy);
    let noisy = tokio::task::spawn_blocking(move || {
        while still.load(Ordering::SeqCst) {
            fs::write(&noise, "noise").unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    folder.write("p.yaml", &denies("p"));
    until_decides(&world, "p", "DENY").await;
    busy.store(false, Ordering::SeqCst);
    noisy.await.unwrap();
}

/// SIGHUP compiles even what failed before, which nothing else does: so it can be error from a change that is noticed.
#[test]
fn a_hang_up_reloads_and_does_not_stop_the_service() {
    let folder = Folder::new(&[("p.yaml", &allows("p"))]);
    let config = folder.temporary.path().join("verigate.toml");
    let text = format!(
        "[grpc]\nlisten = '127.0.0.1:0'\n[http]\nlisten = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\n\
         [policies]\npath = '{}'\n[journal]\npath = '{}'\n[log]\nformat = 'json'\n\
         [incode]\nurl = 'http://127.0.0.1:1'\napi_key = 'k'\nintegration_id = 'i'\nsecret = 's'\n",
        folder.root.display(),
        folder.temporary.path().join("journal.jsonl").display()
    );
    fs::write(&config, text).unwrap();
    let serve = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut serve = Killed(serve);
    let log = BufReader::new(serve.0.stderr.take().unwrap()).lines();
    let (logged, lines) = mpsc::channel();
    std::thread::spawn(move || log.map_while(Result::ok).try_for_each(|l| logged.send(l)));
    // The fields of the next line with this event.
    let until = |event: &str| loop {
        let line = lines.recv_timeout(Duration::from_secs(20));
        let line = line.unwrap_or_else(|_| panic!("no line with {event}"));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if line["fields"]["event"] == event {
            return line["fields"].clone();
        }
    };
    until("service_ready");
    serve.signal("-HUP");
    until("policies_unchanged");
    folder.write("p.yaml", BROKEN);
    let failed = until("policy_reload_failed");
    let problems = failed["problems"].as_str().unwrap();
    assert!(
        problems.contains("did you mean `verified_within`?"),
        "{problems}"
    );
    serve.signal("-HUP");
    until("policy_reload_failed");
    folder.write("p.yaml", &denies("p"));
    let reloaded = until("policies_reloaded");
    assert_eq!(reloaded["policies"], 1);
    assert_ne!(reloaded["revision"], failed["revision"]);
    serve.signal("-TERM");
    until("service_stopped");
    assert!(serve.0.wait().unwrap().success());
}
