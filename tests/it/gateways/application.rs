//! What is protected: it shows what reaches it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{Json, Router, body::to_bytes, extract::Request};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::loopback;

/// The application behind a proxy.
pub struct Application {
    pub address: SocketAddr,
    reached: Arc<AtomicUsize>,
}

impl Application {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let reached = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reached);
        let router = Router::new().fallback(async move |request: Request| {
            counted.fetch_add(1, SeqCst);
            let (request, body) = request.into_parts();
            // One that is not read would break the connection of the proxy.
            to_bytes(body, 1024 * 1024).await.unwrap();
            let headers = request.headers.iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                json!([name.as_str(), value])
            });
            let headers: Vec<Value> = headers.collect();
            Json(json!({ "target": request.uri.to_string(), "headers": headers }))
        });
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, reached }
    }

    /// How many requests have reached it.
    pub fn reached(&self) -> usize {
        self.reached.load(SeqCst)
    }
}
