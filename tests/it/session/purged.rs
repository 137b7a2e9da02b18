//! What a purge leaves of the tokens that were verified.

use verigate::policy::{Identity, VerificationId};

use super::*;

#[tokio::test]
async fn a_purge_drops_the_tokens_of_an_identity_or_a_verification_and_no_others() {
    let scene = Scene::new("authorization");
    for claims in [
        json!({ "person": "id-ada" }),
        json!({ "verification": "v-ada" }),
        json!({ "person": "id-ada", "verification": "v-ada" }),
        json!({ "person": "id-ben", "verification": "v-ben" }),
        json!({}),
    ] {
        verified(scene.with_claims(claims).await);
    }
    let [ada, kim] = ["id-ada", "id-kim"].map(|id| Identity::parse(id).unwrap());
    let [v_ada, v_ben] = ["v-ada", "v-ben"].map(|id| VerificationId::parse(id).unwrap());
    let purge = |identity, ids: &[&VerificationId]| {
        let ids = ids.iter().copied().collect();
        scene.sessions.purge(identity, &ids)
    };
    assert_eq!(purge(Some(&kim), &[]), 0);
    assert_eq!(purge(Some(&ada), &[]), 2);
    assert_eq!(purge(None, &[&v_ada]), 1);
    assert_eq!(purge(Some(&ada), &[&v_ada]), 0);
    assert_eq!(purge(None, &[&v_ben]), 1);
}
