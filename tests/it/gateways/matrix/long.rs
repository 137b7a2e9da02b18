//! Where people are sent from long addresses: what the service answers is longer than what proxies expect of a head.

use std::sync::Arc;

use super::{Cell, Scene, Sessions, Times};
use crate::gateways::proxy::Kind;

/// The longest path with its query that the service leads people back to, in bytes.
const URI_BYTES_MAX: usize = 4_096;
const STEP_UP_URL: &str = "step_up_url = '/login?acr_values={acr_values}";

/// A person who must step up is sent to the login from each address that the service can lead back to.
pub async fn sent_on(kind: Kind, times: &Arc<Times>) {
    let sessions = Sessions::new();
    let config = sessions.config(kind);
    let with_return = format!("return_hosts = ['localhost']\n{STEP_UP_URL}&rd={{original_url}}");
    let config = config.replace(STEP_UP_URL, &with_return);
    let scene = Scene::with(kind, sessions, config, times).await;
    let weak = scene.session("ada-fresh", "urn:x:pwd");
    let room = URI_BYTES_MAX - kind.door().len() - 1;
    // Each of these is three bytes in the query of another address.
    for length in [10, room / 4, room / 2, room] {
        let query = "&".repeat(length);
        let request = || {
            scene
                .get(&format!("/door?{query}"))
                .header("host", "localhost")
                .header("authorization", &weak)
        };
        let what = format!("{length} bytes");
        let browser = scene
            .refused(Cell::StepUp, &what, request().header("accept", "text/html"))
            .await;
        assert_eq!(browser.status(), 302, "{what}");
        let encoded = kind.door().replace('/', "%2F");
        let back = format!(
            "&rd=http%3A%2F%2Flocalhost{encoded}%3F{}",
            "%26".repeat(length)
        );
        let location = browser.headers()["location"].to_str().unwrap();
        assert!(location.ends_with(&back), "{what}: {location}");
        let program = scene.refused(Cell::StepUp, &what, request()).await;
        assert_eq!(program.status(), 401, "{what}");
        let offered = &program.headers()["x-verigate-step-up-url"];
        assert_eq!(offered, location, "{what}");
    }
    // From a longer one there is no way back, and it is refused all the same.
    let query = "&".repeat(room + 1);
    let longer = scene.get(&format!("/door?{query}"));
    let longer = longer
        .header("host", "localhost")
        .header("authorization", &weak)
        .header("accept", "text/html");
    let refused = scene.refused(Cell::StepUp, "longer", longer);
    assert_eq!(refused.await.status(), 401);
}
