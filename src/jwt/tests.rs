//! Tokens that must be refused and tokens that must be accepted, and the keys that say so.

mod issuer;
mod matrix;
mod form;
mod key_sets;
mod keys;
mod https;
