//! The journal's output stalls, refuses, or is gone: readiness and health follow, no further decision is given, and both come back.

use super::{rotation::assert_whole, *};
use crate::healthcheck::healthcheck;

fn stdout() -> Start {
    Start {
        journal: Some("-".into()),
        workers: "1",
        ..Start::default()
    }
}

/// Checks until one is refused; the decisions that were given.
async fn until_refused(program: &Program) -> Vec<String> {
    let mut given = Vec::new();
    loop {
        match program.check("ada-fresh").await {
            Ok(answer) => given.push(answer.decision_id),
            Err(code) => {
                assert_eq!(code, Code::Unavailable);
                return given;
            }
        }
    }
}

#[tokio::test]
async fn a_stdout_that_nobody_reads_makes_it_unready_until_it_is_read() {
    let mut program = Program::start(stdout()).await;
    program.stdout.fill();
    // Nothing has to be written yet.
    program.until_ready(true).await;
    let given = until_refused(&program).await;
    program.until_ready(false).await;
    let journal = program.stdout.drain();
    program.until_ready(true).await;
    let after = program.check("ada-fresh").await.unwrap().decision_id;
    let log = program.stop().await;
    assert_eq!(events(&log, "journal_blocked").len(), 1);
    assert_eq!(events(&log, "journal_unblocked").len(), 1);
    let lines = journal.join().unwrap();
    let is_decision = |line: &String| line.contains("\"decision_id\"");
    let lines: Vec<String> = lines.into_iter().filter(is_decision).collect();
    assert_eq!(lines.len(), given.len() + 1);
    for (line, id) in lines.iter().zip(given.iter().chain([&after])) {
        assert!(line.contains(id.as_str()), "{line}");
    }
}

#[tokio::test]
async fn a_stdout_that_nobody_reads_does_not_hold_up_the_end() {
    let mut program = Program::start(stdout()).await;
    program.stdout.fill();
    until_refused(&program).await;
    assert_eq!(program.get("/livez").await.0, 200);
    let log = program.stderr.drain();
    drop(program.client);
    program.process.signal("-TERM");
    // Decisions are missing in the journal.
    assert_eq!(Program::ended(program.process).await.code(), Some(2));
    let log = log.join().unwrap();
    assert!(log.last().unwrap().contains("journal"), "{log:?}");
}

/// Without a single check, and for good.
#[tokio::test]
async fn a_stdout_whose_reader_has_left_makes_it_unready_for_good() {
    let mut program = Program::start(stdout()).await;
    program.until_ready(true).await;
    program.stdout.reader = None;
    program.until_ready(false).await;
    assert_eq!(program.check("ada-fresh").await, Err(Code::Unavailable));
    let (_, readyz) = program.get("/readyz").await;
    assert!(readyz.contains("the reader of stdout"), "{readyz}");
    let log = program.stop().await;
    assert_eq!(events(&log, "journal_stdout_closed").len(), 1);
}

#[tokio::test]
async fn a_pipe_is_written_while_somebody_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let program = Program::start(Start {
        journal: Some(pipe.clone()),
        ..Start::default()
    })
    .await;
    program.until_ready(false).await;
    let (_, readyz) = program.get("/readyz").await;
    assert!(readyz.contains("no process reads the pipe"), "{readyz}");
    assert_eq!(program.check("ada-fresh").await, Err(Code::Unavailable));
    for _ in 0..2 {
        let reader = BufReader::new(File::open(&pipe).unwrap());
        program.until_ready(true).await;
        let given = program.check("ada-fresh").await.unwrap().decision_id;
        let reading = tokio::task::spawn_blocking(move || {
            let mut lines = reader.lines().map_while(Result::ok);
            lines.find(|line| line.contains("decision_id")).unwrap()
        });
        assert!(reading.await.unwrap().contains(&given));
        program.until_ready(false).await;
    }
    program.stop().await;
}

/// `/dev/full` refuses every write as a full disk does.
#[tokio::test]
async fn a_full_disk_makes_it_unready_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = (folder.path().join("journal"), folder.path().join("file"));
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let program = Program::start(Start {
        journal: Some(path.clone()),
        ..Start::default()
    })
    .await;
    let given = until_refused(&program).await;
    program.until_ready(false).await;
    let (_, metrics) = program.get("/metrics").await;
    assert!(metrics.contains("verigate_journal_writable 0"), "{metrics}");
    let swap = folder.path().join("swap");
    std::os::unix::fs::symlink(&file, &swap).unwrap();
    fs::rename(&swap, &path).unwrap();
    program.until_ready(true).await;
    let after = program.check("ada-fresh").await.unwrap().decision_id;
    let log = program.stop().await;
    assert_eq!(events(&log, "journal_recovered").len(), 1);
    assert_eq!(
        recorded(&[&file]),
        given.into_iter().chain([after]).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_health_check_sees_that_nothing_can_be_recorded() {
    let program = Program::start(Start {
        journal: Some("/dev/full".into()),
        ..Start::default()
    })
    .await;
    let listen = program.grpc.replace("http://", "");
    let config = program.folder.path().join("verigate.toml");
    let config = config.display().to_string();
    let asked = ["--config", &config, "--timeout", "30s"];
    // The first line of a journal says that the service has started.
    program.until_ready(false).await;
    let health = healthcheck(&asked, Some(&listen)).await;
    assert_eq!(health, (Some(1), "NOT_SERVING\n".to_owned()));
}

/// Beyond a limit of file sizes a write is answered by SIGXFSZ, which kills a process that does not ignore it.
#[tokio::test]
async fn a_limit_of_file_sizes_is_a_full_disk() {
    let program = Program::start(Start {
        before: "ulimit -f 8",
        ..Start::default()
    })
    .await;
    let given = until_refused(&program).await;
    program.until_ready(false).await;
    let kept = program.folder.path().join("kept");
    fs::rename(&program.journal, &kept).unwrap();
    program.until_ready(true).await;
    let journal = program.journal.clone();
    let (_, folder) = program.stop_and_keep().await;
    // The line that did not fit is in the new file.
    let old = fs::read_to_string(&kept).unwrap();
    let whole = old.rfind('\n').unwrap() + 1;
    assert_eq!(whole, old.len(), "the part of a line was cut");
    // The check that was refused waited for its line, which is written once there is room.
    assert_whole(given, recorded(&[&kept, &journal]));
    drop(folder);
}
