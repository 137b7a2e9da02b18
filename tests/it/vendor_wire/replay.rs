//! A server that replays recorded messages.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use tokio::{net::TcpListener, task::JoinHandle};

use super::messages::recorded;
use crate::world::loopback;

/// A server that answers every path with one recorded message, and keeps what it was asked.
pub struct Replay {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

type Answers = dyn Fn(&str) -> (u16, String) + Send + Sync;
type ReplayState = (Arc<Answers>, Arc<Mutex<Vec<Asked>>>);

impl Replay {
    /// Answers with the status and the file that are given for a path.
    pub async fn of(answers: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let state: ReplayState = (Arc::new(answers), Arc::clone(&asked));
        let router = Router::new().fallback(replay).with_state(state);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            asked,
            server,
        }
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The only request for a path that begins like this.
    pub fn only(&self, beginning: &str) -> Asked {
        let asked = self.asked();
        let mut asked = asked.into_iter().filter(|a| a.path.starts_with(beginning));
        let first = asked.next().unwrap();
        assert!(asked.next().is_none(), "{beginning}");
        first
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn replay(
    State((answers, asked)): State<ReplayState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let path = uri.path().to_owned();
    let (status, file) = answers(&path);
    asked.lock().unwrap().push(Asked {
        method,
        path,
        headers,
        body,
    });
    let kind = match file.rsplit('.').next() {
        Some("html") => "text/html",
        _ => "application/json",
    };
    let status = StatusCode::from_u16(status).unwrap();
    if file.is_empty() {
        return status.into_response();
    }
    (status, [(CONTENT_TYPE, kind)], recorded(&file)).into_response()
}
