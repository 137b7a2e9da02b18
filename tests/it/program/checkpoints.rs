//! The program signs checkpoints of its journal, and the verifier says that they hold: after a stop, a kill, a restart and a rotation.

use verigate::journal::signed_note::{SigningKey, signing_key_text};

use super::*;
use crate::audit::verify::verified;

/// A journal with its key, and a second place for checkpoints.
struct Signed {
    folder: TempDir,
    journal: PathBuf,
    copy: PathBuf,
    verifier: String,
}

impl Signed {
    fn new(is_folder: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        if is_folder {
            fs::create_dir(&journal).unwrap();
        }
        let text = signing_key_text("door.example.org/journal", &[9; 32]).unwrap();
        fs::write(folder.path().join("key"), format!("{}\n", *text)).unwrap();
        Self {
            journal,
            copy: folder.path().join("copy"),
            verifier: SigningKey::parse(&text).unwrap().verifier().to_string(),
            folder,
        }
    }

    async fn start(&self) -> Program {
        let key = self.folder.path().join("key");
        let config = format!(
            "signing_key_file = '{}'\ncheckpoint_copy = '{}'\nsegment_size = '8KiB'\n",
            key.display(),
            self.copy.display()
        );
        Program::start(Start {
            journal: Some(self.journal.clone()),
            before: Box::leak(environment(&config).into_boxed_str()),
            ..Start::default()
        })
        .await
    }

    /// Starts the program and asks this many times.
    async fn asked(&self, times: usize) -> Program {
        let program = self.start().await;
        for _ in 0..times {
            program.check("ada-fresh").await.unwrap();
        }
        program
    }

    fn verify(&self) -> (i32, Value) {
        let copy = self.copy.to_str().unwrap();
        verified(
            &self.journal,
            &["--key", &self.verifier, "--checkpoint", copy],
        )
    }

    /// How often a process has recorded by which key it signs.
    fn processes(&self) -> usize {
        let files = if self.journal.is_dir() {
            let entries = fs::read_dir(&self.journal).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            paths.filter(|path| path.extension().is_some()).collect()
        } else {
            vec![self.journal.clone()]
        };
        let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
        let key = format!(r#""key":"{}""#, self.verifier);
        let says_so =
            |line: &&str| line.contains(r#""event":"signing_key_in_use""#) && line.contains(&key);
        texts.map(|text| text.lines().filter(says_so).count()).sum()
    }

    /// Asserts that all holds, and that a checkpoint covers the last line.
    fn assert_whole(&self) {
        let (code, report) = self.verify();
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(report["checkpoints"]["covered_lines"], report["lines"]);
    }
}

/// Sets these settings of the journal.
fn environment(config: &str) -> String {
    let lines = config.lines().map(|line| {
        let (name, value) = line.split_once(" = ").unwrap();
        format!("VERIGATE_JOURNAL__{}={value}", name.to_uppercase())
    });
    format!("export {}", lines.collect::<Vec<_>>().join(" "))
}

/// A journal of several segments by a program that was killed, and by the one that went on after it: its folder, itself and the verifier key.
pub async fn journal_of_a_killed_program() -> (TempDir, PathBuf, String) {
    let signed = Signed::new(true);
    let program = signed.asked(12).await;
    program.process.signal("-KILL");
    assert!(!Program::ended(program.process).await.success());
    signed.asked(12).await.stop().await;
    signed.assert_whole();
    (signed.folder, signed.journal, signed.verifier)
}

#[tokio::test]
async fn a_journal_that_the_program_signed_holds_after_a_stop_a_kill_and_a_restart() {
    for is_folder in [true, false] {
        let signed = Signed::new(is_folder);
        signed.asked(30).await.stop().await;
        signed.assert_whole();
        assert_eq!(signed.processes(), 1);
        let program = signed.asked(30).await;
        assert_eq!(signed.processes(), 2);
        program.process.signal("-KILL");
        assert!(!Program::ended(program.process).await.success());
        let (code, report) = signed.verify();
        assert_eq!(code, 0, "{report:#}");
        signed.asked(30).await.stop().await;
        signed.assert_whole();
        let (_, report) = signed.verify();
        assert_eq!(
            report["files"].as_u64().unwrap() > 2,
            is_folder,
            "{report:#}"
        );
    }
}

#[tokio::test]
async fn a_journal_that_was_set_back_with_its_checkpoints_is_found_by_the_copy() {
    let signed = Signed::new(false);
    let beside = signed.folder.path().join("journal.checkpoints");
    signed.asked(3).await.stop().await;
    let (lines, notes) = (
        fs::read(&signed.journal).unwrap(),
        fs::read(&beside).unwrap(),
    );
    signed.asked(3).await.stop().await;
    signed.assert_whole();
    fs::write(&signed.journal, lines).unwrap();
    fs::write(&beside, notes).unwrap();
    let without = verified(&signed.journal, &["--key", &signed.verifier]);
    assert_eq!(without.0, 0, "{:#}", without.1);
    let (code, report) = signed.verify();
    assert_eq!(code, 1, "{report:#}");
}
