//! Files that name lists.

use super::*;
use crate::testing::source;

fn list(policy_path: &str, name: &str) -> ListFile {
    ListFile {
        policy_path: policy_path.to_owned(),
        name: name.to_owned(),
    }
}

const POLICY: &str = "version: 1
policies:
  p:
    require:
      - identity_not_in: { file: blocked.txt }
      - any_of:
          - all_of:
              - identity_in: { file: staff.txt }
              - identity_in: [eve]
          - identity_in: { file: staff.txt }
";

#[test]
fn drafts_know_the_lists_that_their_files_name_each_once() {
    let files = [source("a/p.yaml", POLICY), source("b/p.yaml", POLICY)];
    let drafts = Drafts::read(&files);
    let lists: Vec<ListFile> = drafts.lists().cloned().collect();
    let expected = [
        list("a/p.yaml", "blocked.txt"),
        list("a/p.yaml", "staff.txt"),
        list("b/p.yaml", "blocked.txt"),
        list("b/p.yaml", "staff.txt"),
    ];
    assert_eq!(lists, expected);
}

#[test]
fn drafts_compile_with_the_texts_of_their_lists() {
    let drafts = Drafts::read(&[source("p.yaml", POLICY)]);
    let named = ["blocked.txt", "staff.txt"].map(|name| list("p.yaml", name));
    let texts = |text: &str| -> ListTexts {
        let named = named.iter().cloned();
        named.map(|list| (list, Ok(text.to_owned()))).collect()
    };
    let one = drafts.link(&texts("eve\n")).unwrap();
    let other = drafts.link(&texts("eve\nmallory\n")).unwrap();
    assert_ne!(one.revision(), other.revision());
    assert_eq!(
        one.revision(),
        drafts.link(&texts("eve")).unwrap().revision()
    );
}

#[test]
fn a_list_without_a_text_is_a_problem_where_it_is_named() {
    let drafts = Drafts::read(&[source("p.yaml", POLICY)]);
    let blocked = (list("p.yaml", "blocked.txt"), Ok("eve".to_owned()));
    let problems = drafts.link(&[blocked].into()).unwrap_err();
    assert_eq!(problems.count(), 2);
    let short = problems.in_short();
    assert!(
        short.contains("p.yaml:8:38: the list `staff.txt` cannot be read"),
        "{short}"
    );
}
