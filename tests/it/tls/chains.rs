//! Chains of certificates: each certificate is held to what the CAs above it may issue.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, GeneralSubtree, IsCa, KeyUsagePurpose,
    NameConstraints, SanType, date_time_ymd,
};
use tonic::Code;

use super::{
    Files, ask, callers, is_refused,
    pki::{Authority, Leaf, uri_name},
};

const DOOR: &str = "spiffe://example.org/door/north";

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn named(ca: &Authority, names: Vec<SanType>) -> Leaf {
    ca.issue(|params| params.subject_alt_names = names)
}

/// A CA that may issue for DNS names below `example.org` but one.
fn for_example_org(params: &mut CertificateParams) {
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example.org".to_owned())],
        excluded_subtrees: vec![GeneralSubtree::DnsName("secret.example.org".to_owned())],
    });
}

/// A CA that may issue for URIs of `example.org` alone (RFC 5280, section 4.2.1.10).
fn for_uris_of_example_org(params: &mut CertificateParams) {
    let name = b"example.org";
    let length = u8::try_from(name.len()).unwrap();
    // SEQUENCE { [0] permittedSubtrees { SEQUENCE { [6] base } } }
    let base = [&[0x86, length][..], name].concat();
    let subtree = [&[0x30, length + 2][..], &base].concat();
    let permitted = [&[0xa0, length + 4][..], &subtree].concat();
    let all = [&[0x30, length + 6][..], &permitted].concat();
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 30], all);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
}

#[tokio::test]
async fn a_chain_is_accepted_only_for_what_its_cas_may_issue() {
    let files = Files::new();
    let root = &files.client_ca;
    let plain = root.intermediate("Intermediate CA");
    let expired = root.intermediate_with("Expired CA", |params| {
        params.not_after = date_time_ymd(2026, 1, 30);
    });
    let future = root.intermediate_with("Future CA", |params| {
        params.not_before = date_time_ymd(2026, 2, 1);
    });
    let no_ca = root.leaf_as_ca("Door that issues");
    let last = root.intermediate_with("Last CA", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let below_last = last.intermediate("CA below the last");
    let of_names = root.intermediate_with("CA for example.org", for_example_org);
    let of_uris = root.intermediate_with("CA for URIs of example.org", for_uris_of_example_org);
    let all = [
        root,
        &plain,
        &expired,
        &future,
        &no_ca,
        &last,
        &below_last,
        &of_names,
        &of_uris,
    ];
    files.write("ca.crl", &all.map(|ca| ca.list(&[])).concat());
    let world = files.world().await;
    let other = || dns("door-1.example.net");
    for (what, leaf) in [
        ("an intermediate CA that has expired", expired.client(DOOR)),
        ("one that is not valid yet", future.client(DOOR)),
        ("an issuer that is no CA", no_ca.client(DOOR)),
        ("a CA too deep", below_last.client(DOOR)),
        (
            "a name that is not permitted",
            named(&of_names, vec![other()]),
        ),
        (
            "a name beside one that is permitted",
            named(&of_names, vec![dns("door-1.example.org"), other()]),
        ),
        (
            "a name that is excluded",
            named(&of_names, vec![dns("door-1.secret.example.org")]),
        ),
        (
            "a URI that is not permitted",
            named(&of_uris, vec![uri_name("spiffe://example.net/door/1")]),
        ),
    ] {
        let answer = ask(&files.client(&world, Some(&leaf)), "fresh").await;
        assert!(is_refused(&answer), "{what}: {answer:?}");
    }
    assert_eq!(world.calls().details, 0, "the vendor is not asked");
    assert_eq!(world.calls().authorize, 0, "not even for a token");
    for (what, leaf) in [
        ("an intermediate CA", plain.client(DOOR)),
        ("the last CA", last.client(DOOR)),
        (
            "a name that is permitted",
            named(&of_names, vec![dns("door-1.example.org")]),
        ),
    ] {
        let answer = ask(&files.client(&world, Some(&leaf)), "fresh").await;
        assert!(answer.is_ok(), "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn the_constraints_of_the_configured_ca_count_as_well() {
    let mut files = Files::new();
    files.client_ca = Authority::with("Constrained CA", for_example_org);
    files.write("ca.crt", &files.client_ca.pem());
    files.write("ca.crl", &files.client_ca.list(&[]));
    let world = files.world().await;
    let other = named(&files.client_ca, vec![dns("door-1.example.net")]);
    let answer = ask(&files.client(&world, Some(&other)), "fresh").await;
    assert!(is_refused(&answer), "{answer:?}");
    assert_eq!(world.calls().details, 0, "the vendor is not asked");
    let good = named(&files.client_ca, vec![dns("door-1.example.org")]);
    ask(&files.client(&world, Some(&good)), "fresh")
        .await
        .unwrap();
}

/// CAs below one another, and a client's certificate of the last.
fn chain_of(root: &Authority, length: usize) -> (Vec<Authority>, Leaf) {
    let mut chain: Vec<Authority> = Vec::new();
    for number in 1..=length {
        let above = chain.last().unwrap_or(root);
        let below = above.intermediate(&format!("CA {number} of {length}"));
        chain.push(below);
    }
    let leaf = chain.last().unwrap_or(root).client(DOOR);
    (chain, leaf)
}

/// The same certificate, sent with these of CAs.
fn sent_with(leaf: &Leaf, authorities: &[String]) -> Leaf {
    let end = leaf.chain.find("-----END CERTIFICATE-----").unwrap() + 26;
    Leaf {
        chain: format!("{}{}", &leaf.chain[..end], authorities.concat()),
        key: leaf.key.clone(),
        serial: leaf.serial,
        der: leaf.der.clone(),
    }
}

#[tokio::test]
async fn a_client_sends_at_most_four_cas_each_with_a_name_of_its_own() {
    let files = Files::new();
    let root = &files.client_ca;
    let (four, leaf_of_four) = chain_of(root, 4);
    let (five, leaf_of_five) = chain_of(root, 5);
    let above: Vec<String> = four.iter().map(Authority::pem).collect();
    let mut reversed = above.clone();
    reversed.reverse();
    let (one, leaf_of_one) = chain_of(root, 1);
    let only = one[0].pem();
    let many = vec![only.clone(); 30];
    let lists = four.iter().chain(&five).chain(&one).chain([root]);
    let lists: Vec<String> = lists.map(|ca| ca.list(&[])).collect();
    files.write("ca.crl", &lists.concat());
    let world = files.world().await;
    for (what, leaf) in [
        ("a chain of four", sent_with(&leaf_of_four, &above)),
        ("in another order", sent_with(&leaf_of_four, &reversed)),
        (
            "with the root, and one that does not belong to it",
            sent_with(&leaf_of_one, &[root.pem(), four[0].pem(), only.clone()]),
        ),
    ] {
        let answer = ask(&files.client(&world, Some(&leaf)), "fresh").await;
        assert!(answer.is_ok(), "{what}: {answer:?}");
    }
    let asked = world.calls().details;
    for (what, leaf) in [
        ("a chain of five", leaf_of_five),
        (
            "one CA twice",
            sent_with(&leaf_of_one, &[only.clone(), only.clone()]),
        ),
        ("one CA thirty times", sent_with(&leaf_of_one, &many)),
        (
            "another CA of the name",
            sent_with(&leaf_of_one, &[only, root.intermediate("CA 1 of 1").pem()]),
        ),
    ] {
        let answer = ask(&files.client(&world, Some(&leaf)), "fresh").await;
        assert!(is_refused(&answer), "{what}: {answer:?}");
    }
    assert_eq!(world.calls().details, asked, "the vendor is not asked");
}

#[tokio::test]
async fn a_client_whose_certificates_are_longer_than_a_handshake_may_be_is_refused() {
    let files = Files::new();
    let root = &files.client_ca;
    let padded = |bytes: usize| {
        root.intermediate_with(&format!("CA of {bytes} bytes"), |params| {
            let text = vec![0; bytes];
            let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 1, 1], text);
            params.custom_extensions.push(extension);
        })
    };
    let (short, long) = (padded(10_000), padded(16_384));
    let lists = [root, &short, &long].map(|ca| ca.list(&[]));
    files.write("ca.crl", &lists.concat());
    let world = files.world().await;
    let answer = ask(&files.client(&world, Some(&long.client(DOOR))), "fresh").await;
    assert!(is_refused(&answer), "{answer:?}");
    assert_eq!(world.calls().details, 0, "the vendor is not asked");
    let answer = ask(&files.client(&world, Some(&short.client(DOOR))), "fresh").await;
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn a_configured_ca_that_issues_only_to_clients_has_no_cas_below_it() {
    for (limit, depth_max) in [(0, 0), (1, 1), (2, 2)] {
        let mut files = Files::new();
        files.client_ca = Authority::with("Issuing CA", |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(limit));
        });
        files.write("ca.crt", &files.client_ca.pem());
        let root = &files.client_ca;
        let chains: Vec<_> = (0..=3).map(|length| chain_of(root, length)).collect();
        let lists = chains.iter().flat_map(|(cas, _)| cas).chain([root]);
        let lists: Vec<String> = lists.map(|ca| ca.list(&[])).collect();
        files.write("ca.crl", &lists.concat());
        let world = files.world().await;
        for (depth, (_, leaf)) in chains.iter().enumerate() {
            let answer = ask(&files.client(&world, Some(leaf)), "fresh").await;
            if depth <= depth_max {
                assert!(answer.is_ok(), "limit {limit}, {depth}: {answer:?}");
            } else {
                assert!(is_refused(&answer), "limit {limit}, {depth}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_issuer_whose_key_must_not_sign_certificates_issues_none() {
    let files = Files::new();
    let root = &files.client_ca;
    let signs_lists = root.intermediate_with("CA for lists", |params| {
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
    });
    let lists = [root, &signs_lists].map(|ca| ca.list(&[]));
    files.write("ca.crl", &lists.concat());
    let world = files.world().await;
    let leaf = signs_lists.client(DOOR);
    let answer = ask(&files.client(&world, Some(&leaf)), "fresh").await;
    assert!(is_refused(&answer), "{answer:?}");
    assert_eq!(world.calls().details, 0, "the vendor is not asked");
}

#[tokio::test]
async fn a_certificate_that_signs_certificates_or_lists_names_no_client() {
    let files = Files::new();
    let root = &files.client_ca;
    files.write("ca.crl", &root.list(&[]));
    let world = callers::world(&files, vec![callers::doors()]).await;
    for usage in [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign] {
        let leaf = root.issue(|params| {
            params.subject_alt_names = vec![uri_name(DOOR)];
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature, usage];
        });
        let answer = ask(&files.client(&world, Some(&leaf)), "fresh").await;
        assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated);
    }
    assert_eq!(world.calls().details, 0, "the vendor is not asked");
    let door = root.client(DOOR);
    ask(&files.client(&world, Some(&door)), "fresh")
        .await
        .unwrap();
}
