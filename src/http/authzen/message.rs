//! The messages of AuthZEN: what is asked, from JSON. Unknown members are ignored; known ones must have their type.

use crate::json::{StrictJson, StrictJsonError};

/// Why a body asks nothing that can be answered. The message says what is wrong, and where.
#[derive(Debug, thiserror::Error)]
pub(super) enum MalformedError {
    /// Not JSON.
    #[error("the body is {0}")]
    NotJson(#[from] StrictJsonError),
    /// Not an object.
    #[error("the body is not an object")]
    NotAnObject,
    /// A member is missing.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A member is not of its type.
    #[error("`{0}` is not {1}")]
    Type(String, &'static str),
    /// There is no such way to evaluate several.
    #[error(
        "`options.evaluations_semantic` is not one of: execute_all, deny_on_first_deny, permit_on_first_permit"
    )]
    Semantic,
    /// Too many evaluations.
    #[error("`evaluations` has more than {0} items")]
    TooMany(usize),
}

/// Who wants to do what with what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evaluation<'b> {
    pub(super) subject: Entity<'b>,
    /// Its name is `name`.
    pub(super) action: Action<'b>,
    pub(super) resource: Entity<'b>,
    pub(super) context: Properties<'b>,
}

/// A subject or a resource.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entity<'b> {
    pub(super) kind: &'b str,
    pub(super) id: &'b str,
    pub(super) properties: Properties<'b>,
}

/// An action.
#[derive(Debug, Clone, Copy)]
pub(super) struct Action<'b> {
    pub(super) name: &'b str,
    pub(super) properties: Properties<'b>,
}

/// The members of an object, if it is there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Properties<'b>(Option<&'b StrictJson>);

impl<'b> Properties<'b> {
    /// A member, also one that is null.
    pub(super) fn get(self, name: &str) -> Option<&'b StrictJson> {
        self.0?.get(name)
    }
}

/// How several evaluations are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Semantic {
    /// All of them.
    ExecuteAll,
    /// In their order, up to the first that is not permitted.
    DenyOnFirstDeny,
    /// In their order, up to the first that is permitted.
    PermitOnFirstPermit,
}

/// What a body of the endpoint for several asks.
#[derive(Debug)]
pub(super) enum Asked<'b> {
    /// One evaluation.
    One(Evaluation<'b>),
    /// Several, of which each can be wrong by itself.
    Several {
        items: Vec<Result<Evaluation<'b>, MalformedError>>,
        semantic: Semantic,
    },
}

/// The body of the endpoint for one evaluation.
pub(super) fn one(body: &StrictJson) -> Result<Evaluation<'_>, MalformedError> {
    let parts = Parts::of(body, "")?;
    parts.evaluation(Parts::default())
}

/// The body of the endpoint for several, of which there may be `items_max`. Without any, it is that of one.
pub(super) fn several(body: &StrictJson, items_max: usize) -> Result<Asked<'_>, MalformedError> {
    let defaults = Parts::of(body, "")?;
    let semantic = semantic(body)?;
    let items = match body.get("evaluations") {
        None => &[],
        Some(value) => {
            let wrong = || wrong("evaluations", "an array");
            value.items().ok_or_else(wrong)?
        }
    };
    if items.is_empty() {
        return defaults.evaluation(Parts::default()).map(Asked::One);
    }
    if items.len() > items_max {
        return Err(MalformedError::TooMany(items_max));
    }
    let mut evaluations = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let place = format!("evaluations[{index}].");
        if item.members().is_none() {
            let place = place.trim_end_matches('.');
            return Err(wrong(place, "an object"));
        }
        let parts = Parts::of(item, &place);
        evaluations.push(parts.and_then(|parts| parts.evaluation(defaults)));
    }
    Ok(Asked::Several {
        items: evaluations,
        semantic,
    })
}

fn semantic(body: &StrictJson) -> Result<Semantic, MalformedError> {
    let Some(options) = body.get("options") else {
        return Ok(Semantic::ExecuteAll);
    };
    if options.members().is_none() {
        return Err(wrong("options", "an object"));
    }
    match options.get("evaluations_semantic") {
        None => Ok(Semantic::ExecuteAll),
        Some(semantic) => match semantic.text() {
            Some("execute_all") => Ok(Semantic::ExecuteAll),
            Some("deny_on_first_deny") => Ok(Semantic::DenyOnFirstDeny),
            Some("permit_on_first_permit") => Ok(Semantic::PermitOnFirstPermit),
            Some(_) | None => Err(MalformedError::Semantic),
        },
    }
}

/// The four parts of an evaluation, each of which may stand in the defaults. A part replaces that of the defaults whole.
#[derive(Debug, Clone, Copy, Default)]
struct Parts<'b> {
    subject: Option<Entity<'b>>,
    action: Option<Action<'b>>,
    resource: Option<Entity<'b>>,
    context: Option<Properties<'b>>,
}

impl<'b> Parts<'b> {
    /// Those of an object, whose members are named in messages with this before them.
    fn of(object: &'b StrictJson, place: &str) -> Result<Self, MalformedError> {
        if object.members().is_none() {
            return Err(MalformedError::NotAnObject);
        }
        let context = object.get("context");
        let context = context.map(|value| properties(value, &format!("{place}context")));
        Ok(Self {
            subject: entity(object, place, "subject")?,
            action: action(object, place)?,
            resource: entity(object, place, "resource")?,
            context: context.transpose()?,
        })
    }

    /// The evaluation, with what is missing from the defaults.
    fn evaluation(self, defaults: Self) -> Result<Evaluation<'b>, MalformedError> {
        let missing = |name: &str| MalformedError::Missing(name.to_owned());
        let subject = self.subject.or(defaults.subject);
        let action = self.action.or(defaults.action);
        let resource = self.resource.or(defaults.resource);
        Ok(Evaluation {
            subject: subject.ok_or_else(|| missing("subject"))?,
            action: action.ok_or_else(|| missing("action"))?,
            resource: resource.ok_or_else(|| missing("resource"))?,
            context: self.context.or(defaults.context).unwrap_or_default(),
        })
    }
}

/// A subject or a resource, if it is there.
fn entity<'b>(
    object: &'b StrictJson,
    place: &str,
    name: &str,
) -> Result<Option<Entity<'b>>, MalformedError> {
    let Some(value) = object.get(name) else {
        return Ok(None);
    };
    let place = format!("{place}{name}");
    if value.members().is_none() {
        return Err(wrong(&place, "an object"));
    }
    Ok(Some(Entity {
        kind: text(value, &place, "type")?,
        id: text(value, &place, "id")?,
        properties: properties_of(value, &place)?,
    }))
}

/// The action, if it is there.
fn action<'b>(object: &'b StrictJson, place: &str) -> Result<Option<Action<'b>>, MalformedError> {
    let Some(value) = object.get("action") else {
        return Ok(None);
    };
    let place = format!("{place}action");
    if value.members().is_none() {
        return Err(wrong(&place, "an object"));
    }
    Ok(Some(Action {
        name: text(value, &place, "name")?,
        properties: properties_of(value, &place)?,
    }))
}

fn properties_of<'b>(
    entity: &'b StrictJson,
    place: &str,
) -> Result<Properties<'b>, MalformedError> {
    entity.get("properties").map_or_else(
        || Ok(Properties::default()),
        |value| properties(value, &format!("{place}.properties")),
    )
}

fn properties<'b>(value: &'b StrictJson, place: &str) -> Result<Properties<'b>, MalformedError> {
    match value.members() {
        Some(_) => Ok(Properties(Some(value))),
        None => Err(wrong(place, "an object")),
    }
}

/// A member that is a text and must be there.
fn text<'b>(object: &'b StrictJson, place: &str, name: &str) -> Result<&'b str, MalformedError> {
    let place = || format!("{place}.{name}");
    let value = object
        .get(name)
        .ok_or_else(|| MalformedError::Missing(place()))?;
    value.text().ok_or_else(|| wrong(&place(), "a string"))
}

fn wrong(place: &str, kind: &'static str) -> MalformedError {
    MalformedError::Type(place.to_owned(), kind)
}

#[cfg(test)]
mod tests;
