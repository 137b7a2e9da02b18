//! What is left in the memory of the program of a person whose evidence was evicted, or who was purged: nothing that can be read from outside.

use std::os::unix::fs::FileExt as _;

use memchr::memmem::Finder;
use verigate::callers::Token;

use super::*;
use crate::components::skip;

/// What is looked for: texts, and the date of birth as the number that the program computes with.
const LOOKED_FOR: [(&str, &[u8]); 7] = [
    ("full name", b"Zqxwname Canaryfull"),
    ("first name", b"Zqxwfirst"),
    ("last name", b"Zqxwlast"),
    ("telephone number", b"+12025559173"),
    ("identity", b"id-zqxwcanary"),
    ("date of birth", b"587433600000"),
    (
        "number of the date of birth",
        &587_433_600_000_i64.to_le_bytes(),
    ),
];
const CAST: &str = "people:
  c: {identity_id: id-zqxwcanary, full_name: Zqxwname Canaryfull, first_name: Zqxwfirst, last_name: Zqxwlast, date_of_birth: 1988-08-13, phone: \"+12025559173\"}
  o: {identity_id: id-other, full_name: Otto Other, first_name: Otto, last_name: Other, date_of_birth: 1985-11-02, phone: \"+12025550102\"}
verifications:
  v-canary: {person: c, verified_ago: 10m, scopes: [NAME, PHONE, DATE_OF_BIRTH]}
";
const POLICIES: &str = "version: 1
policies:
  front-door:
    description: Reads everything.
    require:
      - scopes: [NAME]
      - age_at_least: 18
      - phone_prefix: [\"+1\"]
      - identity_not_in: [id-nobody]
";
/// How much is read at once.
const CHUNK: usize = 4 << 20;
/// How often other people are looked up before something counts as left for ever.
const ROUNDS_MAX: usize = 20;
/// Other people who are looked up between two readings.
const OTHERS: usize = 64;

/// How often each is in the memory of this process that it can write; `None` if we may not read it.
fn scan(process: u32) -> Option<Vec<(&'static str, usize)>> {
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    let finders = LOOKED_FOR.map(|(name, bytes)| (name, Finder::new(bytes)));
    let longest = LOOKED_FOR.iter().map(|(_, bytes)| bytes.len()).max()?;
    let mut counts = LOOKED_FOR.map(|(name, _)| (name, 0));
    let mut chunk = vec![0; CHUNK + longest];
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next()?, fields.next()?);
        let (from, to) = range.split_once('-')?;
        let from = u64::from_str_radix(from, 16).ok()?;
        let size = u64::from_str_radix(to, 16).ok()? - from;
        if !rights.starts_with("rw") {
            continue;
        }
        for start in (0..size).step_by(CHUNK) {
            let wanted = (size - start).min(u64::try_from(chunk.len()).unwrap());
            let part = &mut chunk[..usize::try_from(wanted).unwrap()];
            // Pages of the kernel, and those that went away meanwhile, cannot be read.
            if memory.read_exact_at(part, from + start).is_err() {
                continue;
            }
            for ((_, finder), (_, count)) in finders.iter().zip(&mut counts) {
                // What begins in the next chunk is counted there.
                let found = finder.find_iter(part).filter(|at| *at < CHUNK);
                *count += found.count();
            }
        }
    }
    Some(counts.to_vec())
}

/// What is there of it.
fn left(process: u32) -> Vec<(&'static str, usize)> {
    let mut counts = scan(process).unwrap();
    counts.retain(|(_, count)| *count > 0);
    counts
}

/// A program that knows these people, and whose memory can be read: with these further lines of its configuration.
async fn started(config: &str) -> Option<Program> {
    let others: Vec<String> = (0..OTHERS)
        .map(|n| {
            format!(
                "  v-{n}: {{person: o, verified_ago: 10m, scopes: [NAME, PHONE, DATE_OF_BIRTH]}}\n"
            )
        })
        .collect();
    let program = Program::start(Start {
        // Where we are not root, only what may be dumped can be read.
        config: format!("[process]\ncore_dumps = true\n[log]\nlevel = 'trace'\n{config}"),
        cast: format!("{CAST}{}", others.concat()),
        policies: POLICIES,
        ..Start::default()
    })
    .await;
    if scan(program.process.0.id()).is_none() {
        skip("the memory of the program cannot be read");
        return None;
    }
    Some(program)
}

/// What is kept is there, and so the search finds it.
fn assert_kept(process: u32) {
    let found = left(process);
    for kept in [
        "telephone number",
        "identity",
        "number of the date of birth",
    ] {
        assert!(
            found.iter().any(|(name, _)| *name == kept),
            "{kept}: {found:?}"
        );
    }
}

#[tokio::test]
async fn of_a_person_whose_evidence_was_evicted_nothing_is_left_in_memory() {
    let Some(program) = started("[cache]\ncapacity = 1\n").await else {
        return;
    };
    let process = program.process.0.id();
    let answer = program.check("v-canary").await.unwrap();
    assert_eq!(crate::world::gist(&answer), "ALLOW");
    assert_kept(process);
    let last = parking_lot::Mutex::new(left(process));
    let is_gone = async || {
        for n in 0..OTHERS {
            let answer = program.check(&format!("v-{n}")).await.unwrap();
            assert_eq!(crate::world::gist(&answer), "ALLOW");
        }
        *last.lock() = left(process);
        last.lock().is_empty()
    };
    let mut rounds = 0;
    while !is_gone().await {
        rounds += 1;
        assert!(rounds < ROUNDS_MAX, "still there: {:?}", last.lock());
    }
    program.stop().await;
}

/// The ids of her verification are no data of hers: the table of the cache has them until it grows.
#[tokio::test]
async fn of_a_person_who_was_purged_nothing_is_left_in_memory() {
    let token = Token::from_random([1; 8], [2; 32]);
    let config = format!(
        "[callers.operator]\ntoken_sha256 = ['{}']\npolicies = ['*']\nadmin = true\n",
        token.entry()
    );
    let Some(program) = started(&config).await else {
        return;
    };
    let process = program.process.0.id();
    let check = async |verification: &str| {
        let mut request = tonic::Request::new(check_request("front-door", verification));
        let token = token.reveal().parse().unwrap();
        request.metadata_mut().insert("x-verigate-token", token);
        let answer = program.client.clone().check_access(request).await;
        assert_eq!(crate::world::gist(answer.unwrap().get_ref()), "ALLOW");
    };
    check("v-canary").await;
    assert_kept(process);
    let purge = reqwest::Client::new()
        .post(format!("{}/admin/purge", program.admin))
        .header("x-verigate-token", token.reveal())
        .header("content-type", "application/json")
        .body(r#"{"identity_id":"id-zqxwcanary"}"#);
    assert_eq!(purge.send().await.unwrap().status(), 200);
    // Buffers of connections, and what a reader of the cache has held up.
    let mut last = left(process);
    for _ in 0..ROUNDS_MAX {
        if last.is_empty() {
            break;
        }
        for n in 0..OTHERS {
            check(&format!("v-{n}")).await;
        }
        last = left(process);
    }
    assert_eq!(last, []);
    program.stop().await;
}
