//! The HTTP listeners: each file has its routes, and they are merged here.

mod admin;
mod not_implemented;
pub mod webhook;

use std::sync::Arc;

use axum::Router;

pub use self::{admin::Admin, webhook::Webhooks};

/// The routes for operators.
pub fn admin(admin: Admin) -> Router {
    admin::routes(admin)
}

/// The routes for callers and for the vendor.
pub fn decisions(webhooks: Arc<Webhooks>) -> Router {
    not_implemented::routes().merge(webhook::routes(webhooks))
}
