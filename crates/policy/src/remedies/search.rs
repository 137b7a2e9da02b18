//! The minimal sets: for each combination of kinds, the minimal plans of all requirements together, at each instant that may help.
//!
//! The plans of an `any_of` are those of its parts, and the plans of several rules are combined pair by pair. A plan that is stricter
//! than another one is dropped at once: whatever is combined with it later would be stricter too.

use super::{
    goal::{Goal, One},
    kinds::Kinds,
    moments::{Kept, Moment},
    parts::{least_part, suffices, suffices_if_new},
    plan::{MaxAge, Plan},
    set::{ALTERNATIVES_MAX, Set},
    work::Work,
};

/// How many steps are made in all to look at alternatives. What is left after that is searched with the plans of one requirement, and one of
/// each other, in at most as many steps again.
const WORK_MAX: usize = 1_000_000;
/// How many plans of the same requirements are kept.
const PLANS_MAX: usize = 64;

/// The search for the minimal sets of a goal.
#[derive(Debug)]
pub(super) struct Search<'s, 'p> {
    goal: &'s Goal<'p>,
    /// When the verification's own time is credible.
    credible: Kept,
    /// The first is now.
    moments: &'s [Moment],
    /// Whether several rules need a session, so that one choice of a session may satisfy them by several paths.
    has_choices: bool,
    found: Vec<Set<'p>>,
    /// How many steps were made.
    steps: usize,
}

/// Which actions may be used, at which instant, and the work that is left.
struct Trial<'s> {
    allowed: Kinds,
    moment: &'s Moment,
    work: &'s Work,
}

impl<'s, 'p> Search<'s, 'p> {
    pub(super) fn new(goal: &'s Goal<'p>, credible: Kept, moments: &'s [Moment]) -> Self {
        Self {
            goal,
            credible,
            moments,
            has_choices: goal.sessions() > 1,
            found: Vec::new(),
            steps: 0,
        }
    }

    /// The minimal sets, the preferred one first.
    pub(super) fn sets(&mut self) -> Vec<Set<'p>> {
        if matches!(self.goal, Goal::Lost) {
            return Vec::new();
        }
        let mut kinds = self.goal.kinds();
        if self.credible != Kept::Always {
            kinds = kinds.and(Kinds::REVERIFY);
        }
        if self.moments.len() > 1 {
            kinds = kinds.and(Kinds::WAIT);
        }
        let combinations = kinds.combinations();
        let least = WORK_MAX.checked_div(combinations.len()).unwrap_or(0) / 2;
        for kinds in combinations {
            // Most combinations need little, so that the first may use more than an even share; each has some.
            let left = WORK_MAX.saturating_sub(self.steps);
            let share = (left / 4).max(least);
            let work = Work::of(share);
            self.add_sets_of(kinds, &work);
            self.steps = self.steps.saturating_add(work.done());
            // A set that was missed might be a part of one that would be found next.
            let is_incomplete = work.is_spent() && !self.found.is_empty();
            let is_over = self.steps >= WORK_MAX.saturating_mul(2);
            if self.found.len() >= ALTERNATIVES_MAX || is_incomplete || is_over {
                break;
            }
        }
        self.found.truncate(ALTERNATIVES_MAX);
        std::mem::take(&mut self.found)
    }

    /// How many steps the search made.
    #[cfg(test)]
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// Adds the minimal sets that have all of these kinds. Whatever is no stricter than one of them has fewer kinds, or the same, so that
    /// it is found before.
    fn add_sets_of(&mut self, kinds: Kinds, work: &Work) {
        let allowed = kinds.without(Kinds::WAIT);
        let waits = Kinds::WAIT.are_within(kinds);
        let mut sets: Vec<Set<'p>> = Vec::new();
        let mut earlier: Vec<Vec<Plan<'p>>> = Vec::new();
        for (index, moment) in self.moments.iter().enumerate() {
            let is_before = waits && index == 0;
            if waits != (index > 0) && !(is_before && self.has_choices) {
                continue;
            }
            if work.is_over() || (work.is_spent() && !sets.is_empty()) {
                break;
            }
            let trial = Trial {
                allowed,
                moment,
                work,
            };
            let plans = trial.whole(self.goal, self.credible);
            if is_before {
                earlier.push(plans);
                continue;
            }
            let has_all = |plan: &Plan<'p>| plan.kinds() == allowed;
            let whole: Vec<Plan<'p>> = if self.has_choices {
                let whole = plans.iter().filter(|plan| has_all(plan)).cloned().collect();
                let mut whole = self.least_parts(whole, &plans, &trial);
                // No wait is needed where each session that a plan permits suffices earlier, each by another path.
                whole.retain(|plan| !earlier.iter().any(|plans| suffices(plan, plans, work)));
                earlier.push(plans);
                whole
            } else {
                plans.into_iter().filter(has_all).collect()
            };
            for plan in whole {
                let set = Set {
                    plan,
                    wait: waits.then_some(moment.at),
                };
                let known = self.found.iter().chain(&sets);
                work.spend(known.map(|known| known.plan.steps_with(&set.plan)).sum());
                let mut known = self.found.iter().chain(&sets);
                if !known.any(|known| known.makes_superfluous(&set, work)) {
                    sets.retain(|known| !set.makes_superfluous(known, work));
                    sets.push(set);
                }
            }
        }
        sets.sort_by_key(|set| (set.wait, set.plan.scopes()));
        self.found.extend(sets);
    }
}

impl<'p> Search<'_, 'p> {
    /// The plans, reduced to what is needed, without those of which a part with fewer kinds suffices: such parts are among the sets
    /// that were found earlier.
    fn least_parts(
        &self,
        whole: Vec<Plan<'p>>,
        minimal: &[Plan<'p>],
        trial: &Trial<'_>,
    ) -> Vec<Plan<'p>> {
        let mut least: Vec<Plan<'p>> = Vec::new();
        for plan in whole {
            let Some(plan) = least_part(plan, minimal, trial.work) else {
                continue;
            };
            let steps = least.iter().map(|known| known.steps_with(&plan));
            trial.work.spend(steps.sum());
            if !least.iter().any(|known| known.shows_no_more(&plan)) {
                least.retain(|known| !plan.shows_no_more(known));
                least.push(plan);
            }
        }
        for kind in [Kinds::IDENTIFY, Kinds::REVERIFY, Kinds::GRANT] {
            if least.is_empty() || !kind.are_within(trial.allowed) {
                continue;
            }
            let fewer = Trial {
                allowed: trial.allowed.without(kind),
                ..*trial
            };
            let minimal = fewer.whole(self.goal, self.credible);
            least.retain(|plan| !suffices_if_new(&plan.without(kind), &minimal, trial.work));
        }
        least
    }
}

impl Trial<'_> {
    /// The minimal plans of a goal, and of a verification whose time may be believed.
    fn whole<'p>(&self, goal: &Goal<'p>, credible: Kept) -> Vec<Plan<'p>> {
        let believed = self.moment.keeps(credible);
        if !(believed || Kinds::REVERIFY.are_within(self.allowed)) || !self.may_hold(goal) {
            return Vec::new();
        }
        let mut plans = self.plans(goal);
        if !believed {
            let again = Plan::reverify(MaxAge::Any);
            plans = plans
                .iter()
                .filter_map(|plan| plan.and(&again, self.work))
                .collect();
        }
        plans
    }

    /// Whether the goal may hold, apart from contradictions between plans.
    fn may_hold(&self, goal: &Goal<'_>) -> bool {
        self.work.spend(1);
        match goal {
            Goal::Met => true,
            Goal::Lost => false,
            Goal::One(one) => self.is_kept(one) || self.plan(one).is_some(),
            Goal::Any(goals) => goals.iter().any(|goal| self.may_hold(goal)),
            Goal::All(goals) => goals.iter().all(|goal| self.may_hold(goal)),
        }
    }

    /// Whether no action replaces the facts that the requirement reads, and it holds with them.
    fn is_kept(&self, one: &One<'_>) -> bool {
        let stays = one.replaced_by == Kinds::NONE || !one.replaced_by.are_within(self.allowed);
        stays && self.moment.keeps(one.kept)
    }

    fn plan<'o, 'p>(&self, one: &'o One<'p>) -> Option<&'o Plan<'p>> {
        let plan = one.plan.as_ref();
        plan.filter(|plan| plan.kinds().are_within(self.allowed))
    }

    /// The minimal plans that make the goal hold; a plan without actions if it holds already; empty if no plan does.
    fn plans<'p>(&self, goal: &Goal<'p>) -> Vec<Plan<'p>> {
        self.work.spend(1);
        if self.work.is_over() {
            return Vec::new();
        }
        match goal {
            Goal::Met => vec![Plan::default()],
            Goal::Lost => Vec::new(),
            Goal::One(one) if self.is_kept(one) => vec![Plan::default()],
            Goal::One(one) => {
                let plan = self.plan(one).into_iter();
                plan.inspect(|plan| self.work.spend(plan.size()))
                    .cloned()
                    .collect()
            }
            Goal::Any(goals) => {
                let mut minimal = Vec::new();
                for goal in goals {
                    if self.work.is_spent() && !minimal.is_empty() {
                        break;
                    }
                    for plan in self.plans(goal) {
                        self.add(&mut minimal, plan);
                    }
                }
                minimal
            }
            Goal::All(goals) => self.plans_of_all(goals),
        }
    }

    fn plans_of_all<'p>(&self, goals: &[Goal<'p>]) -> Vec<Plan<'p>> {
        let mut parts: Vec<Vec<Plan<'p>>> = Vec::with_capacity(goals.len());
        for goal in goals {
            // Most goals hold already: nothing is made for them.
            if matches!(goal, Goal::One(one) if self.is_kept(one)) {
                self.work.spend(1);
                continue;
            }
            let plans = self.plans(goal);
            match plans.first() {
                None => return Vec::new(),
                Some(plan) if plan.kinds() == Kinds::NONE => {}
                Some(_) => parts.push(plans),
            }
        }
        // The goals with the fewest plans first, to keep combinations few.
        parts.sort_by_key(Vec::len);
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_else(|| vec![Plan::default()]);
        for part in parts {
            let mut minimal = Vec::new();
            for (one, other) in all
                .iter()
                .flat_map(|one| part.iter().map(move |p| (one, p)))
            {
                if self.work.is_over() {
                    return Vec::new();
                }
                if self.work.is_spent() && !minimal.is_empty() {
                    break;
                }
                if let Some(both) = one.and(other, self.work) {
                    self.add(&mut minimal, both);
                }
            }
            all = minimal;
        }
        all
    }

    /// Adds a plan, unless another one is no stricter, and removes stricter ones.
    fn add<'p>(&self, minimal: &mut Vec<Plan<'p>>, plan: Plan<'p>) {
        let steps = minimal.iter().map(|known| known.steps_with(&plan));
        self.work.spend(steps.sum());
        if minimal.iter().any(|known| known.is_no_stricter(&plan)) {
            return;
        }
        minimal.retain(|known| !plan.is_no_stricter(known));
        let has_room = minimal.len() < PLANS_MAX && !self.work.is_spent();
        if minimal.is_empty() || has_room {
            minimal.push(plan);
        }
    }
}
