//! Two replicas behind a load balancer with the recipe that is shipped. They are restarted one after the other, and no call fails.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use parking_lot::Mutex;
use verigate::proto::v1::Decision;

use super::*;
use crate::gateways::proxy::{Kind, ROOT, free_address};

/// Callers that make one call after the other.
const CALLERS: usize = 8;
/// The pause between two calls of one caller.
const PAUSE: Duration = Duration::from_millis(4);

/// Where a replica listens, also after it was restarted.
struct Replica {
    grpc: SocketAddr,
    admin: SocketAddr,
}

impl Replica {
    fn new() -> Self {
        Self {
            grpc: free_address(),
            admin: free_address(),
        }
    }

    async fn start(&self) -> Program {
        let Self { grpc, admin } = self;
        let addresses =
            format!("export VERIGATE_GRPC__LISTEN={grpc} VERIGATE_ADMIN__LISTEN={admin}");
        Program::start(Start::default().after(addresses)).await
    }
}

/// A load balancer that runs.
struct Balancer {
    url: String,
    _process: Killed,
    _folder: TempDir,
}

impl Balancer {
    async fn start(kind: Kind, replicas: &[Replica; 2]) -> Self {
        let own = free_address();
        let folder = tempfile::tempdir().unwrap();
        let (file, arguments, replaced) = if kind == Kind::Envoy {
            let port = |address: SocketAddr| format!("port_value: {}", address.port());
            let arguments = vec!["--disable-hot-restart", "--concurrency", "1", "-c"];
            let replaced = vec![
                ("port_value: 50050", port(own)),
                ("port_value: 50051", port(replicas[0].grpc)),
                ("port_value: 50052", port(replicas[1].grpc)),
            ];
            ("envoy.yaml", arguments, replaced)
        } else {
            let replaced = vec![
                ("127.0.0.1:50050", own.to_string()),
                ("127.0.0.1:50051", replicas[0].grpc.to_string()),
                ("127.0.0.1:50052", replicas[1].grpc.to_string()),
                ("port 9091", format!("port {}", replicas[0].admin.port())),
                ("port 9092", format!("port {}", replicas[1].admin.port())),
            ];
            ("haproxy.cfg", vec!["-db", "-f"], replaced)
        };
        let recipe = Path::new(ROOT).join("deploy/balancers").join(file);
        let mut text = fs::read_to_string(recipe).unwrap();
        for (from, to) in replaced {
            assert!(text.contains(from), "{from} is not in {file}");
            text = text.replace(from, &to);
        }
        let config = folder.path().join(file);
        fs::write(&config, text).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(kind.program());
        let command = command.args(arguments).arg(config).stdout(Stdio::null());
        let process = Killed(command.stderr(log).spawn().unwrap());
        let balancer = Self {
            url: format!("http://{own}"),
            _process: process,
            _folder: folder,
        };
        until("calls are answered through the balancer", async || {
            balancer.check().await.is_ok()
        })
        .await;
        balancer
    }

    /// A call on a connection of its own.
    async fn check(&self) -> Result<i32, String> {
        let channel = Channel::from_shared(self.url.clone()).unwrap();
        let channel = channel.connect().await.map_err(|error| error.to_string())?;
        check(&mut AccessServiceClient::new(channel)).await
    }
}

async fn check(client: &mut AccessServiceClient<Channel>) -> Result<i32, String> {
    let mut request = tonic::Request::new(check_request("front-door", "ada-fresh"));
    request.set_timeout(Duration::from_secs(5));
    let answer = client.check_access(request).await;
    answer
        .map(|answer| answer.into_inner().decision)
        .map_err(|status| format!("{:?}: {}", status.code(), status.message()))
}

/// What the callers have seen.
#[derive(Default)]
struct Seen {
    ends: AtomicBool,
    allowed: AtomicUsize,
    others: Mutex<Vec<String>>,
}

impl Seen {
    async fn call(self: Arc<Self>, mut client: AccessServiceClient<Channel>) {
        while !self.ends.load(Relaxed) {
            match check(&mut client).await {
                Ok(decision) if decision == i32::from(Decision::Allow) => {
                    self.allowed.fetch_add(1, Relaxed);
                }
                other => self.others.lock().push(format!("{other:?}")),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Waits until a replica has decided something: the balancer gives it calls.
async fn until_asked(replica: &Program) {
    until("the balancer gives it calls", async || {
        let metrics = replica.get("/metrics").await.1;
        metrics.contains("\nverigate_checks_total{")
    })
    .await;
}

async fn restarts(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let replicas = [Replica::new(), Replica::new()];
    let mut running = [replicas[0].start().await, replicas[1].start().await];
    let balancer = Balancer::start(kind, &replicas).await;
    let channel = Channel::from_shared(balancer.url.clone()).unwrap();
    let client = AccessServiceClient::new(channel.connect().await.unwrap());
    let seen = Arc::new(Seen::default());
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| tokio::spawn(Arc::clone(&seen).call(client.clone())))
        .collect();
    until_asked(&running[0]).await;
    until_asked(&running[1]).await;
    for (replica, place) in replicas.iter().zip(&mut running) {
        place.process.signal("-TERM");
        assert!(place.process.0.wait().unwrap().success());
        *place = replica.start().await;
        until_asked(place).await;
    }
    seen.ends.store(true, Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let others = seen.others.lock();
    assert_eq!(*others, [""; 0], "{kind:?}");
    assert!(seen.allowed.load(Relaxed) > 100, "the callers made calls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_envoy_no_call_fails_while_its_replicas_are_restarted() {
    restarts(Kind::Envoy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_haproxy_no_call_fails_while_its_replicas_are_restarted() {
    restarts(Kind::Haproxy).await;
}
