//! The program hands the lines of its journal on: to rsyslog by UDP, TCP and TLS, and to a collector; receivers that stall hold up nothing.

use std::net::{TcpListener, TcpStream, UdpSocket};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest, common::v1::any_value::Value as Any,
};
use parking_lot::Mutex;
use prost::Message as _;
use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::{
    audit::{audit, ended},
    components::skip,
};

const RSYSLOGD: &str = "/usr/sbin/rsyslogd";

/// rsyslog on a free port, which writes each message as it comes to a file.
struct Rsyslog {
    process: Killed,
    port: u16,
    received: PathBuf,
    /// The CA of its certificate.
    ca: PathBuf,
    _folder: TempDir,
}

impl Rsyslog {
    /// `None` where it is not installed.
    async fn start(transport: &str) -> Option<Self> {
        if !Path::new(RSYSLOGD).exists() {
            skip("rsyslogd is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(path("certificate"), certificate.pem()).unwrap();
        fs::write(path("key"), key.serialize_pem()).unwrap();
        let port = free_port();
        let (receive, module) = match transport {
            "udp" => ("imudp", "module(load=\"imudp\")".to_owned()),
            "tcp" => ("imtcp", "module(load=\"imtcp\")".to_owned()),
            _ => {
                let module = format!(
                    "global(DefaultNetstreamDriverCAFile=\"{0}\" DefaultNetstreamDriverCertFile=\"{0}\" DefaultNetstreamDriverKeyFile=\"{1}\")\n\
                     module(load=\"imtcp\" StreamDriver.Name=\"ossl\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"anon\")",
                    path("certificate"),
                    path("key")
                );
                ("imtcp", module)
            }
        };
        let config = format!(
            "{module}\ntemplate(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
             ruleset(name=\"all\") {{ action(type=\"omfile\" file=\"{}\" template=\"raw\") }}\n\
             input(type=\"{receive}\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"all\")\n",
            path("received")
        );
        fs::write(path("rsyslog.conf"), config).unwrap();
        let process = Command::new(RSYSLOGD)
            .args(["-n", "-iNONE", "-f", &path("rsyslog.conf")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("rsyslog receives", async || {
            if transport == "udp" {
                return UdpSocket::bind(("127.0.0.1", port)).is_err();
            }
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        })
        .await;
        Some(Self {
            process: Killed(process),
            port,
            received: path("received").into(),
            ca: path("certificate").into(),
            _folder: folder,
        })
    }

    fn messages(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.received).unwrap_or_default();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        text[..whole].lines().map(str::to_owned).collect()
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn start(setting: String) -> Program {
    Program::start(Start {
        before: format!("export {setting}").leak(),
        ..Start::default()
    })
    .await
}

fn lines(journal: &Path) -> Vec<String> {
    let text = fs::read_to_string(journal).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn rsyslog_gets_each_line_by_udp_tcp_and_tls_as_audit_export_prints_it() {
    for transport in ["udp", "tcp", "tls"] {
        let Some(receiver) = Rsyslog::start(transport).await else {
            return;
        };
        let port = receiver.port;
        let host = if transport == "tls" {
            "localhost"
        } else {
            "127.0.0.1"
        };
        let ca = if transport == "tls" {
            format!(" VERIGATE_JOURNAL__SYSLOG_CA={}", receiver.ca.display())
        } else {
            String::new()
        };
        let program = start(format!(
            "VERIGATE_JOURNAL__SYSLOG={transport}://{host}:{port} VERIGATE_JOURNAL__SYSLOG_HOST=door-1{ca}"
        ))
        .await;
        let id = program.process.0.id();
        let mut given = Vec::new();
        for _ in 0..40 {
            given.push(program.check("ada-fresh").await.unwrap().decision_id);
        }
        let journal = program.journal.clone();
        let (_, folder) = program.stop_and_keep().await;
        let all = lines(&journal);
        until("all lines are received", async || {
            receiver.messages().len() >= all.len()
        })
        .await;
        let messages = receiver.messages();
        assert_eq!(messages.len(), all.len(), "{transport}");
        for (index, message) in messages.iter().enumerate() {
            assert!(
                message.contains(&format!(" index=\"{index}\"")),
                "{message}"
            );
        }
        let path = journal.to_str().unwrap();
        let (code, exported, _) = ended(&audit(&[
            "export", path, "--format", "syslog", "--host", "door-1",
        ]));
        assert_eq!(code, 0);
        let own = format!(" verigate {id} decision ");
        let decisions = messages.iter().filter(|message| message.contains(&own));
        let decisions: Vec<String> = decisions
            .map(|message| message.replace(&own, " verigate - decision "))
            .collect();
        assert_eq!(decisions, exported.lines().collect::<Vec<_>>());
        assert_eq!(decisions.len(), given.len());
        drop(folder);
        receiver.process.signal("-TERM");
    }
}

#[tokio::test]
async fn a_collector_gets_each_line_as_the_body_of_a_record_before_the_end() {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let take = async |State(taken): State<Arc<Mutex<Vec<Bytes>>>>, body: Bytes| {
        taken.lock().push(body);
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/otlp/v1/logs", post(take));
    let router = router.with_state(Arc::clone(&taken));
    tokio::spawn(async { axum::serve(listener, router).await });
    let setting = format!("VERIGATE_JOURNAL__OTLP_ENDPOINT=http://{address}/otlp");
    let program = start(setting).await;
    for _ in 0..700 {
        program.check("ada-fresh").await.unwrap();
    }
    let journal = program.journal.clone();
    let (_, folder) = program.stop_and_keep().await;
    let requests: Vec<ExportLogsServiceRequest> = taken
        .lock()
        .iter()
        .map(|body| ExportLogsServiceRequest::decode(body.clone()).unwrap())
        .collect();
    let records = requests
        .into_iter()
        .flat_map(|request| request.resource_logs)
        .flat_map(|resource| resource.scope_logs)
        .flat_map(|scope| scope.log_records);
    let bodies: Vec<String> = records
        .map(|record| match record.body.unwrap().value.unwrap() {
            Any::StringValue(text) => text,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bodies, lines(&journal));
    drop(folder);
}

/// Neither of them takes anything.
#[tokio::test]
async fn receivers_that_stall_hold_up_no_check_and_no_stop() {
    let syslog = TcpListener::bind("127.0.0.1:0").unwrap();
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let program = start(format!(
        "VERIGATE_JOURNAL__SYSLOG=tcp://{} VERIGATE_JOURNAL__OTLP_ENDPOINT=http://{}",
        syslog.local_addr().unwrap(),
        collector.local_addr().unwrap(),
    ))
    .await;
    let mut given = Vec::new();
    for _ in 0..500 {
        given.push(program.check("ada-fresh").await.unwrap().decision_id);
    }
    let (ready, _) = program.get("/readyz").await;
    assert_eq!(ready, 200);
    let journal = program.journal.clone();
    let (log, folder) = program.stop_and_keep().await;
    assert_eq!(recorded(&[&journal]), given);
    let unfinished = events(&log, "journal_export_unfinished");
    assert!(
        unfinished
            .iter()
            .any(|line| line.contains("\"target\":\"otlp\"")),
        "{log:?}"
    );
    drop(folder);
}
