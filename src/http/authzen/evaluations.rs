//! Evaluations of one request, by one snapshot: made at the same time, or in their order up to the one that ends them.
//!
//! Why at the same time, and each counts as one in flight: those of one verification then wait for one fetch, and all of them take no longer than
//! the slowest, and no more of the service than as many requests would.

use std::sync::Arc;

use axum::response::Response;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::{coop::consume_budget, yield_now};
use tracing::Span;

use super::{
    access_requests::Approval,
    answer::{self, Evaluated, Supported, is_permitted},
    config::Config,
    error::EvaluationError,
    evaluator::{Declared, Evaluator},
    message::{Asked, Evaluation, MalformedError, Semantic},
    request::{self, policy, verification},
    response::{answered, failed},
};
use crate::{
    call::Call,
    gate::Snapshot,
    json::StrictJson,
    policy::{PolicyName, Request},
    span,
};

/// What a caller declares that it can do.
const SUPPORTED: &str = "supported_obligations";

/// What one request asks, ready to be decided.
#[derive(Debug)]
pub(super) struct Evaluations {
    snapshot: Snapshot,
    items: Items,
}

#[derive(Debug)]
enum Items {
    One(Item),
    Several(Vec<Item>, Semantic),
}

/// One evaluation, ready to be decided.
#[derive(Debug)]
struct Item {
    request: Result<Arc<Request>, EvaluationError>,
    /// The policy that it is about, if that is known.
    policy: Option<PolicyName>,
    declared: Declared,
}

impl Evaluations {
    /// What is asked, by the policies of this snapshot. What is not ready within the deadline of the call, which counts from the snapshot, is late.
    pub(super) async fn of(
        asked: Asked<'_>,
        config: &Config,
        snapshot: Snapshot,
        call: &Call,
        id: &str,
    ) -> Self {
        let item = |evaluation| Item::of(evaluation, config, &snapshot, call, id);
        let items = match asked {
            Asked::One(evaluation) => Items::One(item(Ok(evaluation))),
            Asked::Several { items, semantic } => {
                let is_over = || call.deadline.after(snapshot.elapsed()).is_over();
                Items::Several(in_time(items, is_over, item, Item::late).await, semantic)
            }
        };
        Self { snapshot, items }
    }

    /// Decides them; the response.
    pub(super) async fn response(self, evaluator: &Evaluator, call: &Call) -> Response {
        let snapshot = &self.snapshot;
        match self.items {
            Items::One(item) => {
                let span = span::check(&call.trace, call.caller.id.as_str());
                let (evaluated, answer) = item.evaluate(evaluator, snapshot, call, &span).await;
                match &evaluated {
                    Err(error) if error.is_about_the_call() => failed(error),
                    _ => answered(&answer),
                }
            }
            Items::Several(items, semantic) => {
                let batch = span::batch(&call.trace, call.caller.id.as_str(), items.len());
                let several = Several {
                    evaluator,
                    snapshot,
                    call,
                    batch,
                };
                let answers = match semantic {
                    Semantic::ExecuteAll => several.all(items).await,
                    Semantic::DenyOnFirstDeny => several.until(items, false).await,
                    Semantic::PermitOnFirstPermit => several.until(items, true).await,
                };
                answered(&json!({ "evaluations": answers }))
            }
        }
    }
}

/// The outcome of each item: by `made` as long as it is not over, and by `late` after that. Other tasks run in between.
async fn in_time<T, R>(
    items: Vec<T>,
    is_over: impl Fn() -> bool,
    made: impl Fn(T) -> R,
    late: impl Fn() -> R,
) -> Vec<R> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        yield_now().await;
        all.push(if is_over() { late() } else { made(item) });
    }
    all
}

impl Item {
    fn of(
        evaluation: Result<Evaluation<'_>, MalformedError>,
        config: &Config,
        snapshot: &Snapshot,
        call: &Call,
        id: &str,
    ) -> Self {
        let declared = evaluation.as_ref();
        let declared = declared.map(|evaluation| self::declared(evaluation, config));
        let declared = declared.unwrap_or_default();
        let mut about = None;
        let request = evaluation.map_err(EvaluationError::Malformed);
        let request = request.and_then(|evaluation| {
            let policy = policy(&evaluation, config)?;
            about = Some(policy.clone());
            // First of all that follows: neither what is there nor what a policy reads is shown to a caller that may not ask for it.
            let permissions = &call.caller.permissions;
            let permitted = permissions.permit_policy(&policy);
            permitted.map_err(EvaluationError::NotPermitted)?;
            let in_force = snapshot.policy(&policy);
            let permitted = request::permit(&evaluation, in_force, permissions);
            permitted.map_err(EvaluationError::NotPermitted)?;
            let verification = verification(&evaluation, config)?;
            let now = snapshot.now();
            let request = request::request(&evaluation, policy, verification, in_force, now)?;
            Ok(Arc::new(Request {
                id: id.into(),
                ..request
            }))
        });
        Self {
            request,
            policy: about,
            declared,
        }
    }
}

impl Item {
    /// One that was not looked at.
    fn late() -> Self {
        Self {
            request: Err(EvaluationError::Late),
            policy: None,
            declared: Declared::default(),
        }
    }

    /// The same, refused before it is decided.
    fn refused(self, error: EvaluationError) -> Self {
        Self {
            request: self.request.and(Err(error)),
            ..self
        }
    }

    /// What it came to, and the answer.
    async fn evaluate(
        self,
        evaluator: &Evaluator,
        snapshot: &Snapshot,
        call: &Call,
        span: &Span,
    ) -> (Evaluated, Value) {
        let request = self.request.as_ref().ok().cloned();
        let policy = self.policy.as_ref();
        let evaluated = evaluator.evaluate(self.request, policy, snapshot, call, span);
        let evaluated = evaluated.await;
        let declared = &self.declared;
        let left = call.deadline.after(snapshot.elapsed());
        let answer = evaluator.answer(&evaluated, request.as_deref(), declared, call, left);
        let answer = answer.await;
        (evaluated, answer)
    }
}

/// What the context of an evaluation declares. What is not known is ignored.
fn declared(evaluation: &Evaluation<'_>, config: &Config) -> Declared {
    let obligations = evaluation.context.get(SUPPORTED);
    let obligations = obligations.and_then(StrictJson::items).unwrap_or_default();
    let mut names = obligations.iter().map(StrictJson::text);
    Declared {
        supported: Supported {
            step_up: names.any(|name| name == Some(answer::STEP_UP)),
        },
        approval: if config.access_requests {
            Approval::of(evaluation.context)
        } else {
            None
        },
    }
}

/// What the evaluations of one request share.
struct Several<'s> {
    evaluator: &'s Evaluator,
    snapshot: &'s Snapshot,
    call: &'s Call,
    batch: Span,
}

impl Several<'_> {
    /// The answers to all, in their order.
    async fn all(&self, items: Vec<Item>) -> Vec<Value> {
        let items = items.into_iter().enumerate();
        let answers = items.map(|(index, item)| async move {
            let (answer, _) = self.one(index, item).await;
            answer
        });
        join_all(answers).await
    }

    /// The answers up to the first that is permitted, or that is not.
    async fn until(&self, items: Vec<Item>, permitted: bool) -> Vec<Value> {
        let mut answers = Vec::new();
        for item in items {
            // Those before it are no longer in flight.
            let (answer, is_permitted) = self.one(0, item).await;
            answers.push(answer);
            if is_permitted == permitted {
                break;
            }
        }
        answers
    }

    /// The answer to one, and whether that is permitted. The request is in flight already, which counts for the first.
    async fn one(&self, index: usize, item: Item) -> (Value, bool) {
        // Where all evidence is cached, nothing else would run before the end.
        consume_budget().await;
        let span = span::check_of(&self.batch, self.call.caller.id.as_str());
        let permit = match index {
            0 => Ok(None),
            _ => self.evaluator.enter().map(Some),
        };
        let (permit, item) = match permit {
            Ok(permit) => (permit, item),
            Err(error) => (None, item.refused(error)),
        };
        let evaluated = item.evaluate(self.evaluator, self.snapshot, self.call, &span);
        let (evaluated, answer) = evaluated.await;
        drop(permit);
        (answer, is_permitted(&evaluated))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn what_is_left_when_the_time_is_over_is_late_and_not_looked_at() {
        let looked_at = Cell::new(0);
        let made = |n| {
            looked_at.set(looked_at.get() + 1);
            Some(n)
        };
        let all = in_time(vec![1, 2, 3, 4], || looked_at.get() == 2, made, || None).await;
        assert_eq!(all, [Some(1), Some(2), None, None]);
        assert_eq!(looked_at.get(), 2);
    }
}
