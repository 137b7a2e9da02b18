//! Texts of somebody else on a terminal: whatever a service or a file says, no command prints what a terminal would obey.

use std::{fs, path::Path, process::Command};

use tokio::net::TcpListener;
use tonic::{Request, Response, Status, Streaming, codegen::BoxStream};
use verigate::{
    policy::yaml::{is_visible, quoted},
    proto::v1::{
        BatchCheckAccessRequest, BatchCheckAccessResponse, BeginStepUpRequest, BeginStepUpResponse,
        CheckAccessRequest, CheckAccessResponse, Decision, EvidenceInfo, GrantScopes, Reason,
        Remedy, StepUp, StreamCheckAccessResponse,
        access_service_server::{AccessService, AccessServiceServer},
        remedy,
    },
};

/// What a terminal obeys, and what a reader does not see.
const HOSTILE: &str = "a\u{1b}[2J\u{1b}]0;t\u{7}b\rc\u{9b}31md\u{202e}e\u{2066}f\u{2028}g\u{200b}h\u{feff}i\u{8}j\u{7f}\nALLOW\u{e0041}";

/// A service that says so in every text.
struct Liar;

#[tonic::async_trait]
impl AccessService for Liar {
    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        if request.get_ref().policy == "error" {
            return Err(Status::unavailable(HOSTILE));
        }
        let text = || HOSTILE.to_owned();
        let scopes = GrantScopes {
            scopes: vec![text()],
        };
        let mut answer = Response::new(CheckAccessResponse {
            decision: Decision::Deny.into(),
            reasons: vec![Reason {
                rule: text(),
                message: text(),
                ..Reason::default()
            }],
            decision_id: text(),
            policy_revision: text(),
            step_up: Some(StepUp {
                remedies: vec![Remedy {
                    remedy: Some(remedy::Remedy::GrantScopes(scopes)),
                }],
                alternatives: Vec::new(),
            }),
            evidence: Some(EvidenceInfo {
                status: text(),
                scopes: vec![text()],
                trace_id: text(),
                ..EvidenceInfo::default()
            }),
            request_id: text(),
            ..CheckAccessResponse::default()
        });
        let timing = "\tqueue;dur=1".parse().unwrap();
        answer.metadata_mut().insert("server-timing", timing);
        Ok(answer)
    }

    async fn batch_check_access(
        &self,
        _: Request<BatchCheckAccessRequest>,
    ) -> Result<Response<BatchCheckAccessResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    type StreamCheckAccessStream = BoxStream<StreamCheckAccessResponse>;

    async fn stream_check_access(
        &self,
        _: Request<Streaming<CheckAccessRequest>>,
    ) -> Result<Response<Self::StreamCheckAccessStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn begin_step_up(
        &self,
        _: Request<BeginStepUpRequest>,
    ) -> Result<Response<BeginStepUpResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// What a command prints, both outputs together. None of it may do anything to a terminal.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    let obeyed = text
        .chars()
        .find(|&c| c != '\n' && c != char::REPLACEMENT_CHARACTER && !is_visible(c));
    assert_eq!(obeyed, None, "{arguments:?}: {text:?}");
    text
}

#[tokio::test]
async fn whatever_a_service_says_check_prints_it_harmlessly() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let routes = tonic::service::Routes::new(AccessServiceServer::new(Liar));
    tokio::spawn(async move { axum::serve(listener, routes.into_axum_router()).await });
    for (policy, more) in [
        ("door", &["--explain"][..]),
        ("door", &["--json", "--explain"]),
        ("error", &[]),
    ] {
        let arguments: Vec<String> = [
            "check",
            "--policy",
            policy,
            "--verification",
            "v",
            "--server",
        ]
        .into_iter()
        .chain([server.as_str()])
        .chain(more.iter().copied())
        .map(str::to_owned)
        .collect();
        let text = tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            printed(&arguments)
        });
        let text = text.await.unwrap();
        assert!(text.contains("ALLOW"), "{text}");
        // A line of the service's own making would be taken for the answer.
        assert!(
            !text.lines().any(|line| line.starts_with("ALLOW")),
            "{text}"
        );
        if more.contains(&"--json") {
            let json = text.lines().take_while(|line| !line.starts_with("  took"));
            let json: String = json.collect();
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(json["requestId"], HOSTILE);
        }
    }
}

/// Writes a file into a folder; its path.
fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Files with hostile texts, by what they are.
struct Files {
    policies: String,
    other: String,
    cases: String,
    wrong: String,
    raw: String,
    named: String,
    cast: String,
    config: String,
    absent: String,
}

fn files(folder: &Path) -> Files {
    let text = quoted(HOSTILE);
    let in_raw = |c: &char| !matches!(c, '\n' | '\r');
    let raw: String = HOSTILE.chars().filter(in_raw).collect();
    Files {
        policies: file(
            folder,
            "door.yaml",
            &format!(
                "version: 1\npolicies:\n  door:\n    description: {text}\n    require:\n      - verified_within: 30d\n      \
                 - attribute: {{ name: {text}, in: [{text}] }}\n      \
                 - authenticated: {{ within: 1h, amr_any: [{text}] }}\n"
            ),
        ),
        other: file(
            folder,
            "other.yaml",
            "version: 1\npolicies:\n  door:\n    require:\n      - verified_within: 20d\n",
        ),
        cases: file(
            folder,
            "cases.yaml",
            &format!(
                "cases:\n  - name: {text}\n    policy: door\n    at: 2026-01-31T12:00:00Z\n    \
                 verification: {{ verified_ago: 1d, identity_id: {text} }}\n    \
                 request: {{ attributes: {{ {text}: x }} }}\n    expect: {{ decision: allow }}\n"
            ),
        ),
        wrong: file(
            folder,
            "wrong.yaml",
            &format!("version: 1\npolicies:\n  {text}:\n    {text}: 1\n    require: [{text}]\n"),
        ),
        raw: file(
            folder,
            "raw.yaml",
            &format!("version: 1\npolicies:\n  d: {{ require: [{raw}] }}\n"),
        ),
        named: file(
            folder,
            "\u{1b}[2J\u{202e}\u{9b}.yaml",
            &format!("version: 1\n{text}: 1\n"),
        ),
        cast: file(
            folder,
            "cast.yaml",
            &format!("people: {{}}\nverifications: {{}}\n{text}: 1\n"),
        ),
        config: file(
            folder,
            "verigate.toml",
            &format!("[{text}]\n{text} = {text}\n"),
        ),
        absent: format!("{}/\u{1b}]0;t\u{7}", folder.display()),
    }
}

#[test]
fn whatever_a_file_says_no_command_prints_what_a_terminal_obeys() {
    let folder = tempfile::tempdir().unwrap();
    let f = files(folder.path());
    let (door, cases, wrong) = (f.policies.as_str(), f.cases.as_str(), f.wrong.as_str());
    let mut commands: Vec<Vec<&str>> = Vec::new();
    for format in ["human", "json"] {
        for path in [door, &f.other, wrong, &f.raw, &f.named] {
            for command in [
                &["check", path][..],
                &["needs", path],
                &["diff", path, &f.other],
                &["test", "--policies", path, cases],
                &["test", "--policies", door, path],
            ] {
                commands.push([&["policy"], command, &["--format", format]].concat());
            }
        }
    }
    for path in [door, wrong] {
        let test = ["policy", "test", "--policies", path];
        for more in [
            &["--format", "junit", cases][..],
            &["--generate"],
            &["--coverage", cases],
        ] {
            commands.push([&test, more].concat());
        }
        commands.push(vec!["policy", "explain", "--policies", path, cases]);
    }
    for path in [door, &f.other, wrong, &f.raw, &f.named] {
        for format in ["sarif", "github"] {
            commands.push(vec!["policy", "check", path, "--format", format]);
        }
    }
    commands.push(vec!["policy", "check", &f.absent]);
    commands.push(vec!["policy", "explain", "--policies", door, &f.absent]);
    commands.push(vec!["sim", "--cast", &f.cast]);
    commands.push(vec!["sim", "--cast", &f.absent]);
    commands.push(vec!["serve", "--check", "--config", &f.config]);
    commands.push(vec!["serve", "--check", "--config", &f.absent]);
    for command in commands {
        let text = printed(&command);
        assert!(!text.is_empty(), "{command:?}");
        let forged = text.lines().find(|line| line.starts_with("ALLOW"));
        assert_eq!(forged, None, "{command:?}: {text}");
    }
}
