//! What it costs to authenticate a caller: by a JWT that is cached and by one that is new, and by a certificate among a thousand callers; and
//! to read a thousand callers. `cargo bench` prints it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a bench fails by panicking"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, header::AUTHORIZATION};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use verigate::{
    callers::{
        CallerConfig, CallerJwt, CallerName, Callers, CertificatePattern, ConflictingCallersError,
        Token,
    },
    clock::{Clock as _, SystemClock},
    deps::Deps,
    jwt::{KeySets, Keys},
    peer::{Memo, Peer, PeerAddress, PeerCertificate, Urgency},
};

fn jwt(c: &mut Criterion) {
    let mut group = c.benchmark_group("callers");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::new(&folder.path().join("jwks.json"));
    let callers = issuer.callers(&Deps::new(Arc::new(SystemClock)));
    let headers = issuer.headers(0);
    group.bench_function("by a JWT that is cached", |b| {
        b.to_async(&runtime)
            .iter(async || callers.authenticate(&headers, None).await.unwrap());
    });
    // More of them than are cached, in turn.
    let all: Vec<HeaderMap> = (0..3_000).map(|n| issuer.headers(n)).collect();
    let turn = AtomicUsize::new(0);
    group.bench_function("by a JWT that is new", |b| {
        b.to_async(&runtime).iter(async || {
            let turn = turn.fetch_add(1, Ordering::Relaxed) % all.len();
            callers.authenticate(&all[turn], None).await.unwrap()
        });
    });
    group.finish();
}

/// An issuer of a caller's JWTs, which are signed on P-256.
struct Issuer {
    key: EcdsaKeyPair,
    random: SystemRandom,
    set: PathBuf,
}

impl Issuer {
    fn new(set: &Path) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap();
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let jwks =
            format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"k","x":"{x}","y":"{y}"}}]}}"#);
        fs::write(set, jwks).unwrap();
        Self {
            key,
            random,
            set: set.to_owned(),
        }
    }

    fn callers(&self, deps: &Deps) -> Callers {
        let mut caller = CallerConfig::new(CallerName::parse("gateway").unwrap());
        caller.jwt = Some(CallerJwt {
            issuer: "https://id.example.com".to_owned(),
            audience: "verigate".to_owned(),
            keys: Keys::File(self.set.clone()),
            subjects: vec!["gateway-1".to_owned()],
        });
        let clock = Arc::clone(&deps.clock);
        Callers::new(&[caller], KeySets::new(deps).unwrap(), clock).unwrap()
    }

    /// The headers of a call with the token of this number.
    fn headers(&self, n: usize) -> HeaderMap {
        let expires_at = SystemClock.now().as_second() + 3_600;
        let claims = format!(
            r#"{{"iss":"https://id.example.com","aud":"verigate","sub":"gateway-1","exp":{expires_at},"jti":"{n}"}}"#
        );
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(&self.random, signed.as_bytes()).unwrap();
        let token = format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        HeaderMap::from_iter([(AUTHORIZATION, token.parse().unwrap())])
    }
}

/// A thousand callers, each with a certificate, a token and JWTs of its own.
fn thousand() -> Vec<CallerConfig> {
    let caller = |n: u16| {
        let mut caller = CallerConfig::new(CallerName::parse(&format!("door-{n}")).unwrap());
        let texts = [
            format!("spiffe://example.org/door/{n}"),
            format!("dns:door-{n}.example.org"),
        ];
        caller.certificates = texts
            .iter()
            .map(|text| CertificatePattern::parse(text).unwrap())
            .collect();
        // A character of the id for each: there are 36.
        let [high, low] = [n / 36, n % 36].map(|digit| u8::try_from(digit).unwrap());
        let token = Token::from_random([high, low, 0, 0, 0, 0, 0, 0], [high; 32]);
        caller.tokens = vec![token.entry()];
        caller
    };
    (0..1_000).map(caller).collect()
}

fn many(c: &mut Criterion) {
    let mut group = c.benchmark_group("a thousand callers");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let deps = Deps::new(Arc::new(SystemClock));
    let configs = thousand();
    let key_sets = KeySets::new(&deps).unwrap();
    let callers = Callers::new(&configs, key_sets, Arc::clone(&deps.clock)).unwrap();
    let peer = |uris: Vec<Box<str>>, dns_names: Vec<Box<str>>| Peer {
        address: PeerAddress::Unix,
        certificate: Some(Arc::new(PeerCertificate { uris, dns_names })),
        urgency: Urgency::default(),
        authenticated: Memo::default(),
    };
    for (what, peer) in [
        (
            "the last by its URI",
            peer(vec!["spiffe://example.org/door/999".into()], Vec::new()),
        ),
        (
            "the last by its DNS name",
            peer(Vec::new(), vec!["door-999.example.org".into()]),
        ),
    ] {
        let headers = HeaderMap::new();
        group.bench_function(what, |b| {
            b.to_async(&runtime)
                .iter(async || callers.authenticate(&headers, Some(&peer)).await.unwrap());
        });
    }
    group.bench_function("find conflicts", |b| {
        b.iter(|| assert!(ConflictingCallersError::among(&configs).is_empty()));
    });
    group.bench_function("put in force", |b| {
        b.iter(|| callers.replace(&configs).unwrap());
    });
    group.finish();
}

criterion_group!(benches, jwt, many);
criterion_main!(benches);
