//! How many warm checks the service answers on one core, beside tonic's own server with an empty handler: both of the same build, in
//! turn, in one run. The figures of one run can be compared with each other, and with nothing else.
//!
//! The servers have one core, the load has another; on a machine with one core they share it, and the figures say little.
//! Names of ways to ask (`cargo bench --bench throughput -- token`) leave out the others.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::arithmetic_side_effects,
    reason = "a bench measures time, prints, and fails by panicking"
)]

mod callers;
mod load;
mod receivers;
mod servers;
mod stream;

use std::{fs, thread, time::Duration};

use callers::{Way, ways};
use load::{Answers, Load};
use prost::Message as _;
use servers::{EMPTY, Server, VERIFICATIONS, serve_empty, verification};
use verigate::{bench::stay_on, proto::v1::CheckAccessRequest};

/// Many and short: what else the machine does then meets all servers alike.
const ROUNDS: usize = 31;
const ROUND: Duration = Duration::from_millis(500);
/// Connections, and calls in flight on each.
const SHAPES: [(usize, usize); 2] = [(16, 8), (128, 1)];
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;

/// One server as it was measured in one round.
struct Measured {
    per_second: f64,
    cpu_micros: f64,
    micros: Vec<u32>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == EMPTY) {
        return serve_empty();
    }
    // `cargo test` runs benches without this argument, to see that they start.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let empty = Way {
        name: "tonic, empty handler",
        settings: String::new(),
        journal: String::new(),
        shadow: false,
        token: None,
        tls: None,
    };
    let names: Vec<&String> = arguments
        .iter()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let mut ways = ways(folder.path());
    ways.retain(|way| names.is_empty() || names.iter().any(|name| *name == way.name));
    stay_on(&[SERVER_CORE]);
    let mut servers = vec![(empty, Server::empty())];
    for (n, way) in ways.into_iter().enumerate() {
        let own = folder.path().join(n.to_string());
        fs::create_dir(&own).unwrap();
        let server = Server::verigate(&own, &way);
        servers.push((way, server));
    }
    stay_on(&[LOAD_CORE]);
    for (connections, streams) in SHAPES {
        println!(
            "\n{connections} connections x {streams} calls in flight, {ROUNDS} rounds of {ROUND:?}"
        );
        println!(
            "{:24} {:>10} {:>24} {:>12} {:>8} {:>8}",
            "", "calls/s", "x the empty handler", "CPU us/call", "p50 us", "p99 us"
        );
        let loads: Vec<Load> = servers
            .iter()
            .map(|(way, server)| load(way, server, connections, streams))
            .collect();
        for load in &loads {
            let warm = load.run(Duration::from_secs(1));
            assert!(warm.good > 0, "no answer while warming up");
        }
        let mut rounds: Vec<Vec<Measured>> = Vec::new();
        for round in 0..ROUNDS {
            let mut order: Vec<usize> = (0..servers.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            let mut measured: Vec<(usize, Measured)> = order
                .into_iter()
                .map(|n| (n, measure(&servers[n].1, &loads[n])))
                .collect();
            measured.sort_by_key(|(n, _)| *n);
            rounds.push(measured.into_iter().map(|(_, m)| m).collect());
        }
        for (n, (way, _)) in servers.iter().enumerate() {
            report(way.name, n, &rounds);
        }
    }
}

fn load(way: &Way, server: &Server, connections: usize, streams: usize) -> Load {
    let messages = (0..VERIFICATIONS).map(|n| {
        CheckAccessRequest {
            verification_id: verification(n),
            policy: "front-door".to_owned(),
            request_id: format!("0192f0c1-2222-7000-8000-{n:012}"),
            ..CheckAccessRequest::default()
        }
        .encode_to_vec()
    });
    Load {
        server: server.address,
        connections,
        streams,
        token: way.token.clone(),
        tls: way.tls.clone(),
        messages: messages.collect(),
    }
}

fn measure(server: &Server, load: &Load) -> Measured {
    // What was left over from the server before, such as its journal, is over.
    thread::sleep(Duration::from_millis(100));
    let before = server.cpu();
    let Answers {
        good,
        bad,
        mut micros,
    } = load.run(ROUND);
    let cpu = server.cpu().saturating_sub(before);
    assert_eq!(bad, 0, "answers that are no ALLOW, beside {good} that are");
    micros.sort_unstable();
    Measured {
        per_second: good as f64 / ROUND.as_secs_f64(),
        cpu_micros: cpu.as_secs_f64() * 1e6 / good as f64,
        micros,
    }
}

fn report(name: &str, n: usize, rounds: &[Vec<Measured>]) {
    let of = |value: fn(&Measured) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(|round| value(&round[n])).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let mut ratios: Vec<f64> = rounds
        .iter()
        .map(|round| round[n].per_second / round[0].per_second)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    let ratio = format!("{:.2} ({least:.2}..{most:.2})", ratios[ratios.len() / 2]);
    let per_second = of(|m| m.per_second);
    let cpu = of(|m| m.cpu_micros);
    let p50 = of(|m| quantile(&m.micros, 50));
    let p99 = of(|m| quantile(&m.micros, 99));
    println!("{name:24} {per_second:>10.0} {ratio:>24} {cpu:>12.1} {p50:>8.0} {p99:>8.0}");
}

fn quantile(sorted: &[u32], percent: usize) -> f64 {
    f64::from(sorted[(sorted.len() - 1) * percent / 100])
}
