//! `docs/audit.md`: its commands are run as they stand there, on a journal that holds and on ones that were changed.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    compressed::compress,
    naive::{Writer, journal, key},
};
use crate::components::has;

/// The salt of a purge.
const SALT: &str = "00112233445566778899aabbccddeeff";

/// A journal in whose second segment two persons were purged; the record of one has this salt and identity.
fn with_purge() -> Writer {
    let mut writer = Writer::new(key());
    for segment in 0..4 {
        writer.open();
        writer.decision();
        for id in ["id-ada", "id-bob"] {
            if segment == 1 {
                let digest = Sha256::digest(format!("{SALT}:identity:{id}"));
                let digest = verigate::journal::hex(&digest.into());
                writer.line(&json!({ "event": "purged", "subject_digest": digest }));
            }
        }
        writer.decision();
        if segment < 3 {
            writer.close();
        }
    }
    writer.stop();
    writer
}

/// The shell commands below a heading of the page.
fn commands(heading: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.md");
    let page = fs::read_to_string(path).unwrap();
    let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// The commands below this heading, after what those of all sections need.
fn script(heading: &str) -> String {
    format!("{}{}", commands("Read all lines"), commands(heading))
}

fn run(script: &str, journal: &Path, vkey: &str) -> Output {
    let work = tempfile::tempdir().unwrap();
    let key = work.path().join("journal.vkey");
    fs::write(&key, format!("{vkey}\n")).unwrap();
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .env("JOURNAL", journal)
        .env("VKEY", &key)
        .env("WORK", work.path())
        .env("SALT", SALT)
        .env("ID", "id-ada")
        .output()
        .unwrap()
}

#[test]
fn the_journal_is_verified_with_standard_tools_as_the_page_says() {
    if !has(&["bash", "openssl", "basenc", "sha256sum", "python3"]) {
        return;
    }
    let writer = journal();
    let script = script("Verify with standard tools");
    assert!(script.contains("openssl pkeyutl") && script.contains("sha256sum"));
    let folder = writer.folder();
    let output = run(&script, folder.path(), &writer.verifier());
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let shown = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}");
    let count = writer.leaves.len();
    assert!(
        printed.contains(&format!("{count} lines are chained")),
        "{shown}"
    );
    assert!(
        printed.contains("Signature Verified Successfully"),
        "{shown}"
    );
    assert!(printed.contains("the root is the signed one"), "{shown}");
    assert!(printed.contains("\"holds\": true"), "{shown}");
    if has(&["zstd"]) {
        let folder = writer.folder();
        compress(folder.path(), &writer);
        let output = run(&script, folder.path(), &writer.verifier());
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{printed}");
        assert!(printed.contains(&format!("{count} lines are chained")));
        let size = writer.files[1].lines.concat().len();
        assert!(printed.contains(&format!("{size} ")), "{printed}");
    }
    // A line, the last line, the signature, and the size in a checkpoint.
    for (name, from, to, said) in [
        (
            &*writer.files[1].name,
            "front-door",
            "back-door0",
            "is not what the line before says",
        ),
        (
            &*writer.files[3].name,
            "journal_stopped",
            "journal_stopper",
            "the root is another one",
        ),
        (
            "checkpoints",
            "journal.example/test ",
            "journal.example/test A",
            "base64: invalid input",
        ),
        ("checkpoints", "\n4", "\n3", "Verification Failure"),
    ] {
        let folder = writer.folder();
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).unwrap();
        let at = text.rfind(from).unwrap();
        let changed = format!("{}{to}{}", &text[..at], &text[at + from.len()..]);
        fs::write(&path, changed).unwrap();
        let output = run(&script, folder.path(), &writer.verifier());
        assert!(!output.status.success(), "{name}: {from}");
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).unwrap();
        assert!(printed.contains(said), "{name}: {from}: {printed}");
    }
}

#[test]
fn the_commands_of_the_page_find_the_same_of_plain_and_of_compressed_segments() {
    if !has(&["bash", "jq", "sha256sum", "zstd"]) {
        return;
    }
    let writer = with_purge();
    for heading in ["Show a purge", "Look into it"] {
        let printed = |folder: &Path| {
            let output = run(&script(heading), folder, &writer.verifier());
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{heading}: {errors}");
            String::from_utf8(output.stdout).unwrap()
        };
        let folder = writer.folder();
        let plain = printed(folder.path());
        // What is no segment does not count.
        let damaged = folder
            .path()
            .join(format!("{}.damaged", writer.files[0].name));
        fs::write(damaged, "{\"decision\":\"deny\"}").unwrap();
        compress(folder.path(), &writer);
        assert_eq!(printed(folder.path()), plain, "{heading}");
        // While a segment is compressed, both forms are there.
        let both = folder.path().join(&writer.files[1].name);
        fs::write(both, writer.files[1].lines.concat()).unwrap();
        assert_eq!(printed(folder.path()), plain, "{heading}");
        if heading == "Show a purge" {
            assert_eq!(plain.lines().count(), 1, "{plain}");
            assert!(plain.contains("\"event\":\"purged\""), "{plain}");
        }
    }
}

#[test]
fn the_one_liners_of_the_page_find_decisions() {
    if !has(&["bash", "jq"]) {
        return;
    }
    let writer = journal();
    let folder = writer.folder();
    let output = run(&script("Look into it"), folder.path(), &writer.verifier());
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(printed.contains("VERIFICATION_TOO_OLD"), "{printed}");
    assert!(printed.contains("\"policy\": \"front-door\""), "{printed}");
}
