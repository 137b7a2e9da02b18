//! The HTTP listeners.

/// One of the HTTP listeners, as its section of the configuration is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Listener {
    /// For callers.
    Http,
    /// For the Internet.
    Public,
    /// For operators.
    Admin,
}

impl Listener {
    /// Every listener.
    pub(super) const ALL: [Self; 3] = [Self::Http, Self::Public, Self::Admin];

    /// The name of its section.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Public => "public",
            Self::Admin => "admin",
        }
    }

    /// The setting of its host names.
    pub(super) fn hosts_setting(self) -> &'static str {
        match self {
            Self::Http => "http.hosts",
            Self::Public => "public.hosts",
            Self::Admin => "admin.hosts",
        }
    }
}
