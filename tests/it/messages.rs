//! The bodies of calls, byte by byte: what is malformed is the caller's mistake, and said so; gzip is accepted within a bound.

use std::{collections::HashMap, io::Write as _};

use flate2::{Compression, write::GzEncoder};
use http_body_util::BodyExt as _;
use prost::Message as _;
use reqwest::{Client, header::HeaderMap};
use tonic::{Code, transport::Channel};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt as _;
use verigate::proto::v1::{CheckAccessRequest, CheckAccessResponse};

use crate::world::{World, check_request, gist};

const CHECK: &str = "/verigate.v1.AccessService/CheckAccess";
const BATCH: &str = "/verigate.v1.AccessService/BatchCheckAccess";
const STEP_UP: &str = "/verigate.v1.AccessService/BeginStepUp";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

pub fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], length.as_slice(), message].concat()
}

pub fn gzip(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(message).unwrap();
    encoder.finish().unwrap()
}

/// What a call was answered.
#[derive(Debug)]
pub struct Answer {
    pub code: Code,
    headers: HeaderMap,
    /// The first message.
    message: Vec<u8>,
    /// What the headers take, as RFC 9113 counts them.
    header_bytes: usize,
}

impl Answer {
    /// The first message.
    pub fn first<M: prost::Message + Default>(&self) -> M {
        M::decode(self.message.as_slice()).unwrap()
    }
}

pub async fn call(world: &World, path: &str, encodings: &[&str], body: Vec<u8>) -> Answer {
    let client = Client::builder().http2_prior_knowledge().no_proxy();
    let url = format!("http://{}{path}", world.grpc_address());
    let mut request = client.build().unwrap().post(url).body(body);
    request = request.header("content-type", "application/grpc");
    for encoding in encodings {
        request = request.header("grpc-encoding", *encoding);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    let sizes = headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 32);
    let header_bytes = sizes.sum();
    let body = http::Response::<reqwest::Body>::from(answer).into_body();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let code = trailers.get("grpc-status").or(headers.get("grpc-status"));
    let code = Code::from_bytes(code.unwrap().as_bytes());
    let body = body.to_bytes();
    let first = body.get(1..5).map_or(0, |length| {
        5 + usize::try_from(u32::from_be_bytes(length.try_into().unwrap())).unwrap()
    });
    Answer {
        code,
        headers,
        message: body.get(5..first).unwrap_or_default().to_vec(),
        header_bytes,
    }
}

fn check() -> Vec<u8> {
    check_request("front-door", "fresh").encode_to_vec()
}

#[tokio::test]
async fn a_malformed_body_is_an_invalid_argument_at_every_method() {
    let world = World::new().await;
    let valid = frame(0, &[]);
    let bodies: [(&str, Vec<u8>); 11] = [
        ("no message", vec![]),
        ("half a header", valid[..3].to_vec()),
        ("half a message", frame(0, &check())[..20].to_vec()),
        ("no protobuf", frame(0, b"\xff\xff\xff\xff")),
        ("another wire type", frame(0, b"\x08\x01")),
        ("no text", frame(0, b"\x0a\x02\xc3\x28")),
        ("compressed, but how", frame(1, &gzip(&[]))),
        ("a flag of 2", frame(2, &[])),
        ("a flag of 255", frame(255, &[])),
        (
            "a byte behind the message",
            [valid.clone(), vec![0]].concat(),
        ),
        ("two messages", [valid.clone(), valid].concat()),
    ];
    for path in [CHECK, BATCH, STEP_UP, HEALTH, WATCH] {
        for (what, body) in &bodies {
            let answer = call(&world, path, &[], body.clone()).await;
            assert_eq!(answer.code, Code::InvalidArgument, "{what} at {path}");
        }
    }
    // A stream may have any number of messages, and each must be one.
    for (what, body) in &bodies[1..10] {
        let answer = call(&world, REFLECTION, &[], body.clone()).await;
        assert_eq!(answer.code, Code::InvalidArgument, "{what} at a stream");
    }
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.details), (0, 0));
}

#[tokio::test]
async fn gzip_is_accepted_within_the_bound_of_messages_and_answered_uncompressed() {
    let world = World::new().await;
    for (encodings, body) in [
        (&["gzip"][..], frame(1, &gzip(&check()))),
        (&["gzip"], frame(0, &check())),
        (&["identity"], frame(0, &check())),
        (&[], frame(0, &check())),
    ] {
        let answer = call(&world, CHECK, encodings, body).await;
        assert_eq!(answer.code, Code::Ok, "{encodings:?}");
        assert!(!answer.headers.contains_key("grpc-encoding"));
        let message = CheckAccessResponse::decode(answer.message.as_slice()).unwrap();
        assert_eq!(gist(&message), "ALLOW");
    }
    let list = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    for (path, message) in [(HEALTH, vec![]), (REFLECTION, list.encode_to_vec())] {
        let answer = call(&world, path, &["gzip"], frame(1, &gzip(&message))).await;
        assert_eq!(answer.code, Code::Ok, "{path}");
    }
    let corrupt = |at: usize| {
        let mut message = gzip(&check());
        message[at] ^= 0xff;
        frame(1, &message)
    };
    let checksum = gzip(&check()).len() - 6;
    for (what, body) in [
        ("no gzip", frame(1, &check())),
        ("nothing", frame(1, &[])),
        ("half of it", frame(1, &gzip(&check())[..20])),
        ("another byte", corrupt(15)),
        ("another checksum", corrupt(checksum)),
        (
            "more behind it",
            frame(1, &[gzip(&check()), vec![1, 2]].concat()),
        ),
    ] {
        let answer = call(&world, CHECK, &["gzip"], body).await;
        assert_eq!(answer.code, Code::InvalidArgument, "{what}");
    }
}

#[tokio::test]
async fn a_message_over_its_bound_is_out_of_range_compressed_or_not() {
    let world = World::new().await;
    let sized = |bytes: usize| {
        // The tag and the length of a field that nobody knows take four bytes.
        let length = bytes - 4;
        let low = u8::try_from(length % 128).unwrap() | 0x80;
        let middle = u8::try_from(length / 128 % 128).unwrap() | 0x80;
        let high = u8::try_from(length / 16_384).unwrap();
        [vec![0x7a, low, middle, high], vec![b'x'; length]].concat()
    };
    let bomb = gzip(&vec![0; 15 * 1024 * 1024]);
    assert!(bomb.len() < 16 * 1024);
    for (what, encodings, body, code) in [
        (
            "at the bound",
            &[][..],
            frame(0, &sized(16_384)),
            Code::InvalidArgument,
        ),
        ("over it", &[], frame(0, &sized(16_385)), Code::OutOfRange),
        (
            "only announced",
            &[],
            b"\0\xff\xff\xff\xff".to_vec(),
            Code::OutOfRange,
        ),
        (
            "zipped, at it",
            &["gzip"],
            frame(1, &gzip(&sized(16_384))),
            Code::InvalidArgument,
        ),
        (
            "zipped, over it",
            &["gzip"],
            frame(1, &gzip(&sized(16_385))),
            Code::OutOfRange,
        ),
        ("a bomb", &["gzip"], frame(1, &bomb), Code::OutOfRange),
    ] {
        // Up to the bound it is only an invalid request: no policy is named.
        let answer = call(&world, CHECK, encodings, body).await;
        assert_eq!(answer.code, code, "{what}");
    }
}

#[tokio::test]
async fn another_compression_is_unimplemented_with_those_that_are_accepted() {
    let world = World::new().await;
    for encodings in [
        &["deflate"][..],
        &["zstd"],
        &["br"],
        &["GZIP"],
        &[""],
        &["gzip", "gzip"],
    ] {
        let answer = call(&world, CHECK, encodings, frame(0, &check())).await;
        assert_eq!(answer.code, Code::Unimplemented, "{encodings:?}");
        assert_eq!(answer.headers["grpc-accept-encoding"], "gzip,identity");
    }
}

/// Attributes with keys that are too long, in this number.
fn wrong_attributes(count: usize, piece: &str) -> HashMap<String, String> {
    let key = |n: usize| format!("{n:04}{}", piece.repeat(64 / piece.len()));
    (0..count).map(|n| (key(n), String::new())).collect()
}

#[tokio::test]
async fn however_many_fields_are_wrong_the_answer_is_short_and_says_how_many_are_left_out() {
    let world = World::new().await;
    let hostile = ["k", "\u{1b}", "\u{202e}", "\u{10ffff}", "`\"%"];
    for piece in hostile {
        for count in [1, 2, 10, 33, 64, 70, 75, 80, 85, 100, 200] {
            let request = CheckAccessRequest {
                attributes: wrong_attributes(count, piece),
                ..check_request("No Such Policy", "a/b")
            };
            let what = format!("{count} of {piece:?}");
            let body = frame(0, &request.encode_to_vec());
            let answer = call(&world, CHECK, &[], body).await;
            assert_eq!(answer.code, Code::InvalidArgument, "{what}");
            // nginx takes 4 KiB by default, and other peers 8.
            let bytes = answer.header_bytes;
            assert!(bytes <= 4000, "{bytes} bytes: {what}");

            let status = world.ask(request).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{what}");
            let details = status.get_details_bad_request().unwrap();
            let mut listed = details.field_violations;
            let wrong = 2 + count + usize::from(count > 32);
            if listed.len() < wrong || listed.last().unwrap().field.is_empty() {
                let rest = listed.pop().unwrap();
                let more = wrong - listed.len();
                assert_eq!(rest.description, format!("{more} more are not listed"));
                assert!(status.message().contains(" more"), "{status}");
            }
            assert!(!listed.is_empty() && listed.iter().all(|v| !v.field.is_empty()));
            assert!(!status.message().contains(char::is_control), "{status:?}");
        }
    }
}

#[tokio::test]
async fn a_thousand_attributes_are_one_wrong_field() {
    let world = World::new().await;
    let attributes = (0..1000).map(|n| (n.to_string(), String::new()));
    let request = CheckAccessRequest {
        attributes: attributes.collect(),
        ..check_request("front-door", "fresh")
    };
    let status = world.ask(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        status.message(),
        "attributes must be at most 32; there are 1000"
    );
}

#[tokio::test]
async fn what_is_wrong_with_an_attribute_names_its_key() {
    let world = World::new().await;
    let long = "k".repeat(65);
    for (key, value, expected) in [
        (
            "site",
            "x".repeat(257),
            "value of `site` must be at most 256 bytes, and has 257",
        ),
        ("", String::new(), "key `` must be 1 to 64 bytes, and has 0"),
        (
            long.as_str(),
            String::new(),
            "key `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…` must be 1 to 64 bytes, and has 65",
        ),
    ] {
        let request = CheckAccessRequest {
            attributes: HashMap::from([(key.to_owned(), value), ("ok".to_owned(), String::new())]),
            ..check_request("front-door", "fresh")
        };
        let status = world.ask(request).await.unwrap_err();
        let details = status.get_details_bad_request().unwrap();
        let [violation] = details.field_violations.as_slice() else {
            panic!("{details:?}");
        };
        assert_eq!(violation.field, "attributes");
        assert_eq!(violation.description, expected);
        assert_eq!(status.message(), format!("attributes {expected}"));
    }
}

#[tokio::test]
async fn the_details_of_errors_can_be_resolved_by_reflection() {
    let world = World::new().await;
    let url = format!("http://{}", world.grpc_address());
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = ServerReflectionClient::new(channel);
    for symbol in [
        "google.rpc.Status",
        "google.rpc.BadRequest",
        "google.rpc.BadRequest.FieldViolation",
        "google.rpc.RetryInfo",
        "google.protobuf.Any",
        "google.protobuf.Duration",
        "verigate.v1.CheckAccessResponse",
    ] {
        let request = ServerReflectionRequest {
            message_request: Some(MessageRequest::FileContainingSymbol(symbol.to_owned())),
            ..ServerReflectionRequest::default()
        };
        let requests = futures_util::stream::iter([request]);
        let answers = client.server_reflection_info(requests).await.unwrap();
        let answer = answers.into_inner().message().await.unwrap().unwrap();
        let Some(MessageResponse::FileDescriptorResponse(files)) = answer.message_response else {
            panic!("{symbol}: {answer:?}");
        };
        let file =
            prost_types::FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice());
        let (package, _) = symbol.split_at(symbol.find(|c: char| c.is_uppercase()).unwrap() - 1);
        let file = file.unwrap();
        assert_eq!(file.package(), package);
        // By this name clients have it in their own code.
        let folder = format!("{}/", package.replace('.', "/"));
        assert!(file.name().starts_with(&folder), "{}", file.name());
    }
}
