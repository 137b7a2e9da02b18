//! Who receives the lines of the journal while it runs.

use verigate::export::Transport;

use super::{GOOD, load};

#[test]
fn receivers_of_lines_are_read_with_who_we_are() {
    let settings = "syslog = 'tls://[::1]:6514'\nsyslog_ca = '/ca.pem'\notlp_endpoint = 'http://127.0.0.1:4318'";
    let config = load(&format!("[journal]\n{settings}\n{GOOD}"), &[]).unwrap();
    let syslog = config.export.syslog.unwrap();
    assert_eq!(syslog.target.transport, Transport::Tls);
    assert_eq!((&*syslog.target.host, syslog.target.port), ("::1", 6514));
    assert_eq!(syslog.files.ca.unwrap().to_str(), Some("/ca.pem"));
    assert_eq!(syslog.sender.enterprise, 32473);
    assert!(!syslog.sender.host.is_empty() && &*syslog.sender.process != "-");
    assert_eq!(config.export.otlp.unwrap().port(), Some(4318));
    let none = load(GOOD, &[]).unwrap().export;
    assert!(none.syslog.is_none() && none.otlp.is_none());
}

#[test]
fn what_is_wrong_with_a_receiver_is_reported_with_its_setting() {
    for (settings, expected) in [
        ("syslog = 'udp://localhost'", "journal.syslog is no address"),
        ("syslog = 'localhost:514'", "journal.syslog is no address"),
        ("syslog_ca = '/ca.pem'", "journal.syslog_ca is set, but"),
        (
            "syslog = 'tcp://a:1'\nsyslog_ca = '/ca.pem'",
            "journal.syslog is no address of tls",
        ),
        (
            "syslog = 'tcp://a:1'\nsyslog_host = 'a b'",
            "journal.syslog_host is not a host name",
        ),
        ("otlp_endpoint = 'localhost:4318'", "journal.otlp_endpoint"),
        (
            "otlp_endpoint = 'http://a:1/?q'",
            "journal.otlp_endpoint must not contain a query",
        ),
    ] {
        let error = load(&format!("[journal]\n{settings}\n{GOOD}"), &[]).unwrap_err();
        assert!(error.contains(expected), "{settings}: {error}");
    }
}
