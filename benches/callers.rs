//! What it costs to authenticate a caller by a JWT: one that is cached, and one that is new. `cargo bench` prints it.

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
    callers::{CallerConfig, CallerJwt, CallerName, Callers},
    clock::{Clock as _, SystemClock},
    deps::Deps,
    jwt::{KeySets, Keys},
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

criterion_group!(benches, jwt);
criterion_main!(benches);
