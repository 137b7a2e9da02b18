//! What is kept of an approval.

use super::*;

#[test]
fn the_id_of_an_approval_is_kept_within_a_bound() {
    let of = |id: &str| {
        let body = json!({
            "subject": { "type": "t", "id": "i" },
            "action": { "name": "n" },
            "resource": { "type": "u", "id": "j" },
            "context": { "approval": { "id": id } },
        });
        let body = StrictJson::parse(body.to_string().as_bytes()).unwrap();
        Approval::of(message::one(&body).unwrap().context).unwrap()
    };
    let longest = "x".repeat(APPROVAL_BYTES_MAX);
    assert_eq!(*of(&longest).0, *longest);
    for bytes in [APPROVAL_BYTES_MAX + 1, 1_000_000] {
        assert_eq!(*of(&"x".repeat(bytes)).0, *"", "{bytes}");
    }
}
