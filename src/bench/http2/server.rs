//! What a server says of itself, and the numbers of its settings.

pub(super) const SETTING_TABLE_SIZE: u16 = 1;
pub(super) const SETTING_PUSH: u16 = 2;
pub(super) const SETTING_STREAMS: u16 = 3;
pub(super) const SETTING_WINDOW: u16 = 4;

/// What the server has said of itself.
#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) is_ready: bool,
    /// Why it takes no further calls.
    pub(super) drain_reason: Option<String>,
    pub(super) has_no_table: bool,
    pub(super) streams_max: Option<u32>,
}
