//! Policies that change while the service runs: another set is in force whole or not at all, and the last good one stays.

mod lists;
mod removal;
mod storm;
mod watching;

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use tempfile::TempDir;
use tokio::{runtime::Handle, sync::Notify};
use tonic::Code;
use verigate::live::{self, ReloadOutcome};

use crate::world::{BEGINNING, Killed, World, check_request, gist};

/// A file with one policy. A verification that is a month old passes it, or not, by how old it may be.
fn policy(name: &str, within: &str, otherwise: &str) -> String {
    let rule = format!("{{verified_within: {within}, otherwise: {otherwise}}}");
    format!("version: 1\npolicies: {{{name}: {{require: [{rule}]}}}}\n")
}

fn allows(name: &str) -> String {
    policy(name, "90d", "deny")
}

fn steps_up(name: &str) -> String {
    policy(name, "30d", "step_up")
}

fn denies(name: &str) -> String {
    policy(name, "30d", "deny")
}

const BROKEN: &str = "version: 1\npolicies: {p: {require: [verified_witin: 30d]}}\n";

/// A folder of policies that the test writes.
struct Folder {
    temporary: TempDir,
    root: PathBuf,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("policies");
        fs::create_dir(&root).unwrap();
        let folder = Self { temporary, root };
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// As editors do it: a file beside it takes its name.
    fn rename_over(&self, name: &str, text: &str) {
        let beside = self.temporary.path().join("beside");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.path(name)).unwrap();
    }

    /// As Kubernetes does it: a new hidden folder, a link that takes the place of `..data`, links into it, and the old
    /// folder deleted.
    fn swap(&self, version: &str, files: &[(&str, &str)]) {
        let old = fs::read_link(self.path("..data")).ok();
        for (name, text) in files {
            self.write(&format!("..{version}/{name}"), text);
        }
        symlink(format!("..{version}"), self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        for (name, _) in files {
            let first = Path::new(name).iter().next().unwrap();
            let link = self.root.join(first);
            if fs::symlink_metadata(&link).is_err() {
                symlink(Path::new("..data").join(first), link).unwrap();
            }
        }
        if let Some(old) = old {
            fs::remove_dir_all(self.root.join(old)).unwrap();
        }
    }

    async fn world(&self) -> World {
        World::with(|config| config.policies.clone_from(&self.root)).await
    }
}

async fn get(world: &World, path: &str) -> String {
    let url = format!("http://{}{path}", world.admin_address());
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

async fn readyz(world: &World) -> serde_json::Value {
    let url = format!("http://{}/readyz", world.admin_address());
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200, "a good set is in force");
    answer.json().await.unwrap()
}

/// What this policy says of a verification that is a month old; nothing if there is no such policy.
async fn decides(world: &World, policy: &str) -> String {
    let answer = world.ask(check_request(policy, "month-old")).await;
    let missing = answer
        .as_ref()
        .is_err_and(|status| status.code() == Code::NotFound);
    if missing {
        return "none".to_owned();
    }
    let gist = gist(&answer.unwrap());
    gist.split(' ').next().unwrap().to_owned()
}

/// Waits until it is so. What never comes fails the test.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, waiting).await.expect(what);
}

async fn until_decides(world: &World, policy: &str, expected: &str) {
    until(expected, async || decides(world, policy).await == expected).await;
}

async fn until_metric(world: &World, line: &str) {
    until(line, async || get(world, "/metrics").await.contains(line)).await;
}

#[tokio::test]
async fn a_changed_file_is_in_force_once_it_is_read_again() {
    let folder = Folder::new(&[("p.yaml", &allows("p"))]);
    let world = folder.world().await;
    assert_eq!(decides(&world, "p").await, "ALLOW");
    let before = world.check("p", "month-old").await.policy_revision;
    folder.write("p.yaml", &denies("p"));
    assert_eq!(decides(&world, "p").await, "ALLOW");
    assert_eq!(world.service.reloader.reload(), ReloadOutcome::Ok);
    let answer = world.check("p", "month-old").await;
    assert_eq!(gist(&answer), "DENY VERIFICATION_TOO_OLD");
    assert_ne!(answer.policy_revision, before);
    assert_eq!(world.service.reloader.reload(), ReloadOutcome::Unchanged);
    folder.write("p.yaml", &format!("# A remark.\n{}", denies("p")));
    assert_eq!(world.service.reloader.reload(), ReloadOutcome::Unchanged);
    let metrics = get(&world, "/metrics").await;
    for line in [
        r#"verigate_policy_reloads_total{outcome="ok"} 1"#,
        r#"verigate_policy_reloads_total{outcome="failed"} 0"#,
        r#"verigate_policy_reloads_total{outcome="unchanged"} 2"#,
        "verigate_policy_last_reload_successful 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn files_that_others_can_write_are_never_put_in_force() {
    let folder = Folder::new(&[("p.yaml", &allows("p"))]);
    let world = folder.world().await;
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let file = folder.path("p.yaml");
    for (path, mode, refused) in [
        (&file, 0o644, false),
        (&file, 0o646, true),
        (&file, 0o644, false),
        (&folder.root, 0o777, true),
        (&folder.root, 0o755, false),
    ] {
        set(path, mode);
        // Another policy each time, so that something would be put in force.
        folder.write("p.yaml", &denies("p"));
        let expected = if refused {
            [ReloadOutcome::Failed, ReloadOutcome::Unchanged]
        } else {
            [ReloadOutcome::Ok, ReloadOutcome::Unchanged]
        };
        let outcomes = [(); 2].map(|()| world.service.reloader.reload_if_changed());
        assert_eq!(outcomes, expected, "{mode:o}");
        let decides = decides(&world, "p").await;
        assert_eq!(decides, if refused { "ALLOW" } else { "DENY" }, "{mode:o}");
        set(path, 0o755);
        folder.write("p.yaml", &allows("p"));
        assert_eq!(world.service.reloader.reload(), ReloadOutcome::Ok);
    }
}

#[tokio::test]
async fn a_reload_that_redirects_where_nobody_allowed_it_is_refused() {
    let folder = Folder::new(&[("p.yaml", &allows("p"))]);
    let world = folder.world().await;
    let step_up =
        "require: [verified_within: 1d], step_up: {redirect: 'https://sso.example.com/x'}";
    folder.write(
        "p.yaml",
        &format!("version: 1\npolicies: {{p: {{{step_up}}}}}\n"),
    );
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Failed
    );
    assert_eq!(decides(&world, "p").await, "ALLOW");
    assert!(
        readyz(&world)
            .await
            .to_string()
            .contains("step_up.redirects")
    );
}

#[tokio::test]
async fn a_file_that_lost_its_policies_keeps_the_last_good_set() {
    let folder = Folder::new(&[("p.yaml", &allows("p"))]);
    let world = folder.world().await;
    folder.write("p.yaml", "version: 1\npolicies: {}\n");
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Failed
    );
    assert_eq!(decides(&world, "p").await, "ALLOW");
    let error = live::load(&folder.root).unwrap_err().to_string();
    assert!(error.contains("`policies` is empty"), "{error}");
}

#[tokio::test]
async fn a_broken_file_keeps_the_last_good_set_and_is_reported_until_it_is_corrected() {
    let folder = Folder::new(&[("p.yaml", &allows("p")), ("q.yaml", &allows("q"))]);
    let world = folder.world().await;
    let reloader = &world.service.reloader;
    assert!(readyz(&world).await["policy_reload_failure"].is_null());
    let before = world.check("p", "month-old").await.policy_revision;
    folder.write("p.yaml", BROKEN);
    folder.write("q.yaml", &denies("q"));
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Failed);
    let answer = world.check("q", "month-old").await;
    assert_eq!(gist(&answer), "ALLOW", "nothing of a broken set is used");
    assert_eq!(answer.policy_revision, before);
    let ready = readyz(&world).await;
    let failure = &ready["policy_reload_failure"];
    let error = failure["error"].as_str().unwrap();
    assert!(error.contains("p.yaml:2:"), "{error}");
    assert!(error.contains("did you mean `verified_within`?"), "{error}");
    assert_eq!(failure["at"], BEGINNING);
    assert_eq!(ready["policy_revision"], before);
    let metrics = get(&world, "/metrics").await;
    for line in [
        r#"verigate_policy_reloads_total{outcome="failed"} 1"#,
        "verigate_policy_last_reload_successful 0",
        "verigate_policies 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    // Reading the same again reports nothing new; a requested reload reports it again.
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Unchanged);
    assert!(!readyz(&world).await["policy_reload_failure"].is_null());
    assert_eq!(reloader.reload(), ReloadOutcome::Failed);
    folder.write("p.yaml", &steps_up("p"));
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Ok);
    assert_eq!(decides(&world, "p").await, "STEP_UP");
    assert_eq!(decides(&world, "q").await, "DENY");
    assert!(readyz(&world).await["policy_reload_failure"].is_null());
    let metrics = get(&world, "/metrics").await;
    assert!(metrics.contains("verigate_policy_last_reload_successful 1"));
}

#[tokio::test]
async fn going_back_to_what_is_in_force_corrects_it_too() {
    let folder = Folder::new(&[("p.yaml", &allows("p"))]);
    let world = folder.world().await;
    folder.write("p.yaml", BROKEN);
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Failed
    );
    folder.write("p.yaml", &allows("p"));
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Ok
    );
    assert!(readyz(&world).await["policy_reload_failure"].is_null());
}

#[tokio::test]
async fn a_long_failure_is_shown_in_a_few_lines() {
    let folder = Folder::new(&[("p.yaml", &allows("p"))]);
    let world = folder.world().await;
    let rules = "      - nonsense: 1\n".repeat(60);
    let text = format!("version: 1\npolicies:\n  p:\n    require:\n{rules}");
    folder.write("p.yaml", &text);
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Failed
    );
    let ready = readyz(&world).await;
    let error = ready["policy_reload_failure"]["error"].as_str().unwrap();
    assert!(error.lines().count() <= 13, "{error}");
    assert!(error.ends_with('…'), "{error}");
}

#[tokio::test]
async fn a_config_map_is_swapped_whole() {
    let folder = Folder::new(&[]);
    let (allows_p, denies_p) = (allows("p"), denies("p"));
    folder.swap(
        "one",
        &[("p.yaml", &allows_p), ("sub/q.yaml", &allows("q"))],
    );
    let world = folder.world().await;
    assert_eq!(decides(&world, "q").await, "ALLOW");
    folder.swap(
        "two",
        &[("p.yaml", &denies_p), ("sub/q.yaml", &denies("q"))],
    );
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Ok
    );
    assert_eq!(decides(&world, "p").await, "DENY");
    assert_eq!(decides(&world, "q").await, "DENY");
    // A key that is gone leaves a link to nowhere for a moment, and one that is new has none yet.
    folder.swap(
        "three",
        &[("p.yaml", &steps_up("p")), ("r.yaml", &denies("r"))],
    );
    fs::remove_file(folder.path("r.yaml")).unwrap();
    assert!(fs::metadata(folder.path("sub")).is_err());
    assert_eq!(
        world.service.reloader.reload_if_changed(),
        ReloadOutcome::Ok
    );
    assert_eq!(decides(&world, "p").await, "STEP_UP");
    assert_eq!(decides(&world, "q").await, "DENY", "it is held");
    assert_eq!(decides(&world, "r").await, "DENY");
    let_go(&world);
    assert_eq!(decides(&world, "q").await, "none");
    assert_eq!(decides(&world, "r").await, "DENY");
}

/// As long as a policy that went away is held.
const HELD_FOR: Duration = Duration::from_secs(4);

/// Lets the time pass for which policies are held.
fn let_go(world: &World) {
    world.clock.advance(HELD_FOR);
    let reloaded = world.service.reloader.reload_if_changed();
    assert_eq!(reloaded, ReloadOutcome::Ok);
}

#[tokio::test]
async fn a_deleted_file_takes_its_policies_along_unless_it_was_the_last() {
    let folder = Folder::new(&[("p.yaml", &allows("p")), ("q.yaml", &allows("q"))]);
    let world = folder.world().await;
    let reloader = &world.service.reloader;
    fs::remove_file(folder.path("q.yaml")).unwrap();
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Unchanged);
    let_go(&world);
    assert_eq!(decides(&world, "q").await, "none");
    assert!(
        get(&world, "/metrics")
            .await
            .contains("verigate_policies 1")
    );
    for deleted in ["p.yaml", ""] {
        let path = folder.path(deleted);
        if deleted.is_empty() {
            fs::remove_dir(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Failed);
        assert_eq!(decides(&world, "p").await, "ALLOW");
        let ready = readyz(&world).await;
        assert_eq!(ready["policies"], 1);
        let error = ready["policy_reload_failure"]["error"].as_str().unwrap();
        assert!(error.contains("policies"), "{error}");
    }
    fs::create_dir(&folder.root).unwrap();
    folder.write("p.yaml", &denies("p"));
    assert_eq!(reloader.reload_if_changed(), ReloadOutcome::Ok);
    assert_eq!(decides(&world, "p").await, "DENY");
}
