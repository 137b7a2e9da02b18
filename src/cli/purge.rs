//! `verigate purge`: removes what a running service knows of a person or of a verification.

use clap::{ArgGroup, Args};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    admin::AdminServer,
    examples,
    exit::Exit,
    output::{Visible, print, print_json},
};

/// Remove what a service knows of a person or of a verification.
///
/// Evidence, aliases and step-ups leave its memory at once, and the journal records that without saying whose they were. The answer has a
/// salt: keep it, for it alone shows later whose purge that was. Ends with 0 if it is done and recorded, 1 if the record is not written
/// yet, and 2 if nothing was purged or if that is not known, after a timeout or a lost connection: repeat it then.
#[derive(Debug, Args)]
#[command(after_help = examples::PURGE)]
#[command(group = ArgGroup::new("whose").required(true))]
pub(super) struct Purge {
    /// Identity of the person, as the vendor gives it.
    #[arg(long, value_name = "ID", group = "whose")]
    identity: Option<String>,
    /// Id of the verification, or its trace id.
    #[arg(long, value_name = "ID", group = "whose")]
    verification: Option<String>,
    #[command(flatten)]
    service: AdminServer,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

impl Purge {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let body = match (self.identity, self.verification) {
            (Some(identity), _) => json!({ "identity_id": identity }),
            (None, verification) => json!({ "verification_id": verification }),
        };
        let (status, answer) = self.service.post("/admin/purge", &body).await?;
        if self.json {
            print_json(&answer)?;
        } else {
            print(&as_text(&answer))?;
        }
        Ok(match status {
            StatusCode::OK => Exit::Done,
            _ => Exit::Invalid,
        })
    }
}

/// The answer in words.
fn as_text(answer: &Value) -> String {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let removed = |key: &str| {
        let removed = answer.get("removed").and_then(|removed| removed.get(key));
        removed.and_then(Value::as_u64).unwrap_or_default()
    };
    let is_recorded = answer.get("recorded") == Some(&json!(true));
    let recorded = if is_recorded {
        "recorded in the journal"
    } else {
        "NOT YET RECORDED in the journal; repeat it if the service ends before it is"
    };
    let mut lines = vec![
        format!("purge {}: {recorded}", Visible(text("purge_id"))),
        format!(
            "  removed  evidence {}, aliases {}, step-ups {}",
            removed("evidence"),
            removed("aliases"),
            removed("step_ups")
        ),
    ];
    let unidentified = answer.get("unidentified").and_then(Value::as_u64);
    if let Some(count) = unidentified.filter(|count| *count > 0) {
        lines.push(format!(
            "  left     evidence {count} of which nobody knows whose it is, because no policy reads identities: purge by --verification too"
        ));
    }
    lines.push(format!("  salt     {}", Visible(text("salt"))));
    lines.push(format!("  digest   {}", Visible(text("subject_digest"))));
    let journal = answer.get("journal");
    let journal = journal.and_then(|journal| journal.get("message"));
    let journal = journal.and_then(Value::as_str).unwrap_or_default();
    lines.push(format!("  journal  {}", Visible(journal)));
    lines.join("\n") + "\n"
}
