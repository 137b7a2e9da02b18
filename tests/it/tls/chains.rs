//! Chains of certificates: each certificate is held to what the CAs above it may issue.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, GeneralSubtree, IsCa, NameConstraints,
    SanType, date_time_ymd,
};

use super::{
    Files, ask, is_refused,
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
