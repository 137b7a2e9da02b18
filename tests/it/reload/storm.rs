//! Thousands of swaps, some of them broken, while checks run: each answer is that of the policies that it names.

use super::*;

/// The revision of what is in the folder now.
fn revision(folder: &Folder) -> String {
    live::load(&folder.root).unwrap().revision().to_string()
}

/// Checks without end: how many were answered by each revision. An answer that is not that revision's fails the test.
async fn check_on(
    world: Arc<World>,
    known: Arc<HashMap<String, &'static str>>,
    stormy: Arc<AtomicBool>,
    checks: Arc<AtomicUsize>,
) -> HashMap<String, usize> {
    let mut answered = HashMap::new();
    while stormy.load(Ordering::SeqCst) {
        for policy in ["p", "q"] {
            let answer = world.check(policy, "month-old").await;
            let revision = answer.policy_revision.clone();
            let expected = known.get(&revision);
            let decision = gist(&answer);
            assert_eq!(
                decision.split(' ').next(),
                expected.copied(),
                "{policy} by {revision}"
            );
            *answered.entry(revision).or_insert(0) += 1;
            checks.fetch_add(1, Ordering::SeqCst);
        }
    }
    answered
}

/// Three sets, each of two files that decide alike: a mixed set would have another revision.
fn three() -> [(&'static str, [String; 2]); 3] {
    [
        ("ALLOW", [allows("p"), allows("q")]),
        ("STEP_UP", [steps_up("p"), steps_up("q")]),
        ("DENY", [denies("p"), denies("q")]),
    ]
}

/// Lets checks run while the policies change. Ends when `change` has been called this number of times and enough checks were made.
async fn storm(folder: Folder, change: impl Fn(&Folder, &World, usize) + Send + 'static) {
    let mut known = HashMap::new();
    for (effect, [p, q]) in three() {
        known.insert(
            revision(&Folder::new(&[("p.yaml", &p), ("q.yaml", &q)])),
            effect,
        );
    }
    assert_eq!(known.len(), 3);
    let (known, world) = (Arc::new(known), Arc::new(folder.world().await));
    let stormy = Arc::new(AtomicBool::new(true));
    let checks = Arc::new(AtomicUsize::new(0));
    let checkers: Vec<_> = (0..4)
        .map(|_| {
            let (world, known) = (Arc::clone(&world), Arc::clone(&known));
            tokio::spawn(check_on(
                world,
                known,
                Arc::clone(&stormy),
                Arc::clone(&checks),
            ))
        })
        .collect();
    let stage = Arc::clone(&world);
    let swaps = tokio::task::spawn_blocking(move || {
        let mut swaps = 0;
        while swaps < SWAPS || checks.load(Ordering::SeqCst) < SWAPS {
            change(&folder, &stage, swaps);
            swaps += 1;
            assert!(swaps < 20 * SWAPS, "the checks do not get on");
        }
        swaps
    });
    let swapped = swaps.await;
    stormy.store(false, Ordering::SeqCst);
    let mut answered: HashMap<String, usize> = HashMap::new();
    for checker in checkers {
        for (revision, count) in checker.await.unwrap() {
            *answered.entry(revision).or_insert(0) += count;
        }
    }
    assert!(swapped.unwrap() >= SWAPS);
    assert_eq!(answered.len(), 3, "every set has decided: {answered:?}");
}

const SWAPS: usize = 3_000;

#[tokio::test(flavor = "multi_thread")]
async fn in_a_reload_storm_every_answer_is_that_of_the_revision_that_it_names() {
    let [(_, [p, q]), ..] = three();
    let folder = Folder::new(&[("p.yaml", &p), ("q.yaml", &q)]);
    storm(folder, |folder, world, n| {
        let reloader = &world.service.reloader;
        let in_force = || {
            let asked = world.check("p", "month-old");
            Handle::current().block_on(asked).policy_revision
        };
        if n % 4 == 3 {
            folder.rename_over("p.yaml", BROKEN);
            assert_eq!(reloader.reload(), ReloadOutcome::Failed);
            return;
        }
        let (_, [p, q]) = &three()[n % 3];
        folder.rename_over("p.yaml", p);
        folder.rename_over("q.yaml", q);
        assert_ne!(reloader.reload(), ReloadOutcome::Failed);
        if n % 16 == 2 {
            let expected = revision(folder);
            assert_eq!(in_force(), expected);
            folder.rename_over("q.yaml", BROKEN);
            assert_eq!(reloader.reload(), ReloadOutcome::Failed);
            assert_eq!(in_force(), expected);
        }
    })
    .await;
}

#[test]
fn a_swap_while_files_are_read_never_mixes_them() {
    let folder = Folder::new(&[]);
    for (n, (_, [p, q])) in three().into_iter().enumerate() {
        folder.write(&format!("..v{n}/p.yaml"), &p);
        folder.write(&format!("..v{n}/q.yaml"), &q);
    }
    symlink("..v0", folder.path("..data")).unwrap();
    symlink("..data/p.yaml", folder.path("p.yaml")).unwrap();
    symlink("..data/q.yaml", folder.path("q.yaml")).unwrap();
    let (next, data) = (folder.path("..next"), folder.path("..data"));
    let stormy = Arc::new(AtomicBool::new(true));
    let swaps = Arc::new(AtomicUsize::new(0));
    let (still, swapped) = (Arc::clone(&stormy), Arc::clone(&swaps));
    let swapping = std::thread::spawn(move || {
        while still.load(Ordering::SeqCst) {
            let n = swapped.fetch_add(1, Ordering::SeqCst);
            symlink(format!("..v{}", n % 3), &next).unwrap();
            fs::rename(&next, &data).unwrap();
        }
    });
    // A reading of files that never come to rest may fail, but what is read is one set.
    let mut whole = Vec::new();
    while whole.len() < SWAPS || swaps.load(Ordering::SeqCst) <= SWAPS {
        let loaded = live::load(&folder.root).ok();
        whole.push(loaded.map(|set| set.revision().to_string()));
    }
    stormy.store(false, Ordering::SeqCst);
    swapping.join().unwrap();
    let written: HashSet<String> = three()
        .map(|(_, [p, q])| revision(&Folder::new(&[("p.yaml", &p), ("q.yaml", &q)])))
        .into();
    let read: HashSet<String> = whole.into_iter().flatten().collect();
    assert_eq!(read, written);
}
