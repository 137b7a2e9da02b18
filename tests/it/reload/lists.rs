//! Lists of identities are read with the policies, or not at all.

use super::*;

#[tokio::test]
async fn a_list_of_identities_is_reloaded_with_the_policies() {
    let policy = "version: 1\npolicies: {p: {require: [identity_not_in: {file: blocked.txt}]}}\n";
    let folder = Folder::new(&[("p.yaml", policy), ("blocked.txt", "id-nobody\n")]);
    let world = folder.world().await;
    assert_eq!(decides(&world, "p").await, "ALLOW");
    folder.write("blocked.txt", "id-nobody\nid-ada\n");
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Ok
    );
    assert_eq!(decides(&world, "p").await, "DENY");
    // A list that is gone or was emptied lets nobody in: the last good one stays.
    for broken in ["", "# id-ada\n"] {
        folder.write("blocked.txt", broken);
        assert_eq!(
            world.service.reloader.reload_if_changed(),
            ReloadOutcome::Failed
        );
        assert_eq!(decides(&world, "p").await, "DENY");
    }
    fs::remove_file(folder.path("blocked.txt")).unwrap();
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Failed
    );
    assert_eq!(decides(&world, "p").await, "DENY");
}

#[tokio::test]
async fn a_list_that_leads_outside_is_not_read() {
    for name in ["../secret.txt", "/etc/passwd", "a/../../secret.txt"] {
        let policy =
            format!("version: 1\npolicies: {{p: {{require: [identity_in: {{file: {name}}}]}}}}\n");
        let folder = Folder::new(&[("p.yaml", &policy)]);
        fs::write(folder.temporary.path().join("secret.txt"), "id-ada\n").unwrap();
        let error = verigate::live::load(&folder.root).unwrap_err().to_string();
        assert!(error.contains("lead inside"), "{error}");
    }
}

/// A pipe that nobody writes to.
fn pipe(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[tokio::test]
async fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
    let policy = "version: 1\npolicies: {p: {require: [identity_in: {file: people.txt}]}}\n";
    let folder = Folder::new(&[("p.yaml", policy), ("people.txt", "id-ada\n")]);
    let world = folder.world().await;
    fs::remove_file(folder.path("people.txt")).unwrap();
    pipe(&folder.path("people.txt"));
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Failed
    );
    assert_eq!(decides(&world, "p").await, "ALLOW");
    let error = readyz(&world).await["policy_reload_failure"].to_string();
    assert!(error.contains("is not a file"), "{error}");
    fs::remove_file(folder.path("people.txt")).unwrap();
    folder.write("people.txt", "id-ben\n");
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Ok
    );
    assert_eq!(decides(&world, "p").await, "DENY");
}
