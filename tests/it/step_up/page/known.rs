//! The person whom the gateway knows: the token of the session has the address, and nobody types it.

use std::fs;

use http::HeaderName;
use verigate::{
    jwt::{self, Keys},
    session,
};

use super::*;
use crate::callers::issuer::{AUDIENCE, ISSUER, Issuer};

/// A gateway whose sessions say who the person is.
pub struct Known {
    pub world: World,
    issuer: Issuer,
    _folder: tempfile::TempDir,
}

impl Known {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = Issuer::new("ec");
        let file = folder.path().join("jwks.json");
        fs::write(&file, issuer.set()).unwrap();
        let world = world_with(|config| {
            config.session = Some(session::Config {
                header: HeaderName::from_static("authorization"),
                token: jwt::Config::new(ISSUER, vec![AUDIENCE.to_owned()], Keys::File(file)),
                identity_claim: None,
                verification_claim: Some("verification".to_owned()),
                email_claim: Some("email".to_owned()),
            });
        })
        .await;
        Self {
            world,
            issuer,
            _folder: folder,
        }
    }

    /// The address of the page to which somebody is sent whose session has this e-mail address.
    pub async fn sent(&self, email: serde_json::Value) -> String {
        let claims = serde_json::json!({ "verification": "month-old", "email": email });
        let now = self.world.clock_now().as_second();
        let token = self.issuer.token(now, serde_json::json!({}), claims);
        let url = format!(
            "http://{}/check/front-door?profile=browser",
            self.world.http_address()
        );
        let request = client()
            .get(url)
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "text/html")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", HOST)
            .header("x-forwarded-uri", ASKED);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 302);
        shown(&answer, "location").to_owned()
    }
}

#[tokio::test]
async fn an_address_that_the_session_has_is_not_asked_for_and_is_in_no_page_or_address() {
    let known = Known::new().await;
    let url = known.sent("ada@example.com".into()).await;
    let mut browser = Browser::default();
    let (_, form) = browser.get(&url).await;
    assert!(
        !form.contains("type=\"email\"") && !form.contains("ada@"),
        "{form}"
    );
    // Nothing is typed.
    let link = browser.link(&url, "").await;
    let (_, waiting) = browser.get(&url).await;
    assert!(!waiting.contains("ada@"), "{waiting}");
    // Another address may be given all the same.
    let first = url;
    let url = known.sent("ada@example.com".into()).await;
    let (_, form) = browser.get(&format!("{url}&again=1")).await;
    assert!(form.contains("type=\"email\""), "{form}");
    browser.link(&url, "ben@example.com").await;
    // What is no address is asked for, and refuses nobody.
    for email in [
        serde_json::json!("ada"),
        serde_json::json!(7),
        serde_json::Value::Null,
    ] {
        let url = known.sent(email).await;
        let (_, form) = browser.get(&url).await;
        assert!(form.contains("type=\"email\""), "{form}");
        assert_eq!(browser.submit(&url, "").await.status(), 422);
    }
    open(&link, "").await;
    until_shown(&mut browser, &first, "was received").await;
    let (_, journal) = known.world.stop().await;
    assert!(!journal.contains("ada@"), "{journal}");
}
