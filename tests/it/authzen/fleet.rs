//! Access requests at an instance that has not made the denial: with the configured key, it takes what another one has signed.

use serde_json::Value;

use super::{
    access_requests::{self, ENDPOINT, denial, get, problem, refused, requested},
    post_as,
};
use crate::{step_up::page::page, world::World};

const KEY: &str = "the-key-of-a-fleet-in-the-tests";
const NEXT: &str = "the-next-key-of-a-fleet-in-the-tests";

/// An instance with this key, and a previous one.
async fn instance(key: Option<&str>, previous: Option<&str>) -> (World, tempfile::TempDir) {
    access_requests::world_with(|config| {
        config.step_up.page = key.map(|key| {
            let mut page = page("https://pdp.example.org");
            page.key = key.into();
            page.previous_key = previous.map(Into::into);
            page
        });
    })
    .await
}

#[tokio::test]
async fn a_denial_of_one_instance_is_requested_to_be_changed_at_another_one_with_its_key() {
    let (first, _one) = instance(Some(KEY), None).await;
    let (asked, denied) = denial(&first).await;
    let body = requested(&asked, &denied);
    for (key, previous, is_taken) in [
        (Some(KEY), None, true),
        (Some(NEXT), Some(KEY), true),
        (Some(NEXT), None, false),
        (None, None, false),
    ] {
        let (other, _folder) = instance(key, previous).await;
        let response = post_as(&other, 5, ENDPOINT, &body).send().await.unwrap();
        if is_taken {
            assert_eq!(response.status(), 201, "{key:?}");
            let created: Value = response.json().await.unwrap();
            let task = created["task"]["id"].as_str().unwrap().to_owned();
            assert_eq!(get(&other, 5, &task).send().await.unwrap().status(), 200);
            // It is of its caller; and the state of a step-up is with the instance that has begun it.
            for (world, n) in [(&other, 6), (&first, 5)] {
                let unknown = get(world, n, &task).send().await.unwrap();
                assert_eq!(problem(unknown).await.0, 404, "{n}");
            }
        } else {
            let (status, name) = problem(response).await;
            assert_eq!((status, name.as_str()), (400, "invalid_denial_binding"), "{key:?}");
            assert_eq!(other.calls().link, 0);
        }
        // And not for another caller.
        let (status, _) = refused(&other, 6, &body).await;
        assert_eq!(status, 400);
    }
    // Without a configured key, the key is one of the process.
    let (alone, _folder) = instance(None, None).await;
    let (asked, denied) = denial(&alone).await;
    let body = requested(&asked, &denied);
    let (beside, _beside) = instance(None, None).await;
    assert_eq!(refused(&beside, 5, &body).await.0, 400);
    let own = post_as(&alone, 5, ENDPOINT, &body).send().await.unwrap();
    assert_eq!(own.status(), 201);
}
