//! What operators change while the service runs is in the journal, in the same chain as the decisions.

use verigate::callers::Token;

use super::{killed::assert_chained, *};

#[tokio::test]
async fn reloads_of_policies_and_callers_are_in_the_chain() {
    let mut program = Program::start(Start::default()).await;
    program.check("ada-fresh").await.unwrap();
    let at = |name: &str| program.folder.path().join(name);
    let policies = fs::read_to_string(at("p.yaml")).unwrap();
    let more = format!("{policies}  another:\n    require: [verified_within: 1d]\n");
    let (config, journal) = (at("verigate.toml"), program.journal.clone());
    fs::write(at("p.yaml"), more).unwrap();
    program.process.signal("-HUP");
    program = program.until_logged("policies_reloaded").await;
    let token = Token::from_random([1; 8], [2; 32]);
    let caller = format!(
        "[callers.door-1]\ntoken_sha256 = ['{}']\npolicies = ['*']\n",
        token.entry()
    );
    let before = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{before}\n{caller}")).unwrap();
    program = program.until_logged("callers_reloaded").await;
    let (_, _folder) = program.stop_and_keep().await;
    assert_chained(std::slice::from_ref(&journal));
    let lines = fs::read_to_string(&journal).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let event = |name: &str| lines.iter().find(|line| line["event"] == name).expect(name);
    let revision = event("policies_reloaded")["revision"].as_str().unwrap();
    assert_eq!(revision.len(), 16);
    assert_eq!(event("callers_reloaded")["callers"], 1);
    event("reload_requested");
    assert_eq!(event("journal_reopened")["requested"], true);
    crate::audit::schema::check_lines(&fs::read_to_string(&journal).unwrap());
}
