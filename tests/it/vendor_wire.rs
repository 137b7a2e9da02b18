//! The vendor's JSON. The messages in `tests/incode` are read by the service's own decoder, and what the simulator sends is
//! compared with them: neither can drift from the vendor without a test that fails.

mod messages;
mod replay;
mod decoder;
mod service;
mod simulator;
