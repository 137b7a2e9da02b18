//! The rules of the house that a reader would otherwise have to check: who may import whom, and what never appears where.

pub mod tokens;
pub mod sources;
mod rooms;
mod imports;
mod circles;
mod exports;
mod unused;
mod sizes;
mod events;
mod page;
mod purity;
