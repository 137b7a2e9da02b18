//! Frames of HTTP/2 (RFC 9113), written by hand.

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head.as_slice(), payload].concat()
}

/// The preface, and SETTINGS with this INITIAL_WINDOW_SIZE.
pub fn hello(window: u32) -> Vec<u8> {
    let setting = [&[0, 4], window.to_be_bytes().as_slice()].concat();
    [PREFACE, &frame(4, 0, 0, &setting)].concat()
}

/// HEADERS of a call of this method, and of this header.
pub fn headers(stream: u32, flags: u8, path: &str, more: Option<(&str, &str)>) -> Vec<u8> {
    headers_of(stream, flags, path, "application/grpc", more)
}

/// HEADERS of a request with a body of this type, and of this header.
pub fn headers_of(
    stream: u32,
    flags: u8,
    path: &str,
    content_type: &str,
    more: Option<(&str, &str)>,
) -> Vec<u8> {
    let literal = |name: &str, value: &str| {
        let (n, v) = (
            u8::try_from(name.len()).unwrap(),
            u8::try_from(value.len()).unwrap(),
        );
        [&[0, n], name.as_bytes(), &[v], value.as_bytes()].concat()
    };
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", content_type),
    ];
    let block: Vec<u8> = fields
        .into_iter()
        .chain(more)
        .flat_map(|(name, value)| literal(name, value))
        .collect();
    frame(1, flags | END_HEADERS, stream, &block)
}

pub fn data(stream: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    frame(0, flags, stream, payload)
}

/// The types and flags of the frames that a peer has received.
pub fn kinds(mut received: &[u8]) -> Vec<(u8, u8)> {
    let mut kinds = Vec::new();
    while let Some((head, rest)) = received.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        kinds.push((head[3], head[4]));
        received = rest
            .get(usize::try_from(length).unwrap()..)
            .unwrap_or_default();
    }
    kinds
}
