//! Random policies as texts, with limits that can be moved, and random facts. The same seed makes the same policies.

/// A generator of numbers (`xorshift64*`).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % count
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn some<'t>(&mut self, of: &[&'t str], least: usize) -> Vec<&'t str> {
        let mut some: Vec<&str> = of.iter().filter(|_| self.below(2) == 0).copied().collect();
        while some.len() < least {
            let more = self.one(of);
            if !some.contains(&more) {
                some.push(more);
            }
        }
        some
    }
}

/// A requirement that can be changed and written.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Plain(String),
    VerifiedWithin(i64),
    Authenticated(i64, String),
    AgeAtLeast(i64),
    AgeBelow(i64),
    Schedule {
        days: Vec<usize>,
        from: i64,
        to: i64,
        zone: &'static str,
    },
    Any(Vec<Part>),
    All(Vec<Part>),
}

/// A policy: requirements, each with its `otherwise`.
#[derive(Debug, Clone)]
pub(super) struct MadeUp(pub(super) Vec<(Part, &'static str)>);

const HOURS: [i64; 9] = [1, 2, 12, 24, 25, 720, 721, 2160, 87_600];
const AGES: [i64; 6] = [1, 16, 17, 18, 56, 65];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// The clocks of the last two have not been set since 2021 and 2019.
const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Sao_Paulo",
];
const TIMES: [i64; 8] = [0, 6, 7, 8, 14, 15, 18, 22];

impl MadeUp {
    pub(super) fn new(random: &mut Random) -> Self {
        let count = random.one(&[1, 1, 2, 2, 3, 4, 6]);
        let rules = (0..count).map(|_| (part(random, 0), random.one(&["deny", "step_up"])));
        Self(rules.collect())
    }

    pub(super) fn text(&self) -> String {
        let rules = self.0.iter().map(|(part, otherwise)| {
            format!("      - {{{}, otherwise: {otherwise}}}\n", part.text())
        });
        let rules: String = rules.collect();
        format!("version: 1\npolicies:\n  p:\n    require:\n{rules}")
    }

    /// The same policy with each limit changed in each possible way, and what was changed.
    pub(super) fn changed(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        for (index, (part, otherwise)) in self.0.iter().enumerate() {
            for (what, changed) in part.changed() {
                let mut policy = self.clone();
                policy.0[index] = (changed, otherwise);
                all.push((format!("rule {index}: {what}"), policy));
            }
        }
        all
    }
}

fn part(random: &mut Random, depth: usize) -> Part {
    let groups = if depth < 2 { 5 } else { 0 };
    match random.below(13 + groups) {
        0..=2 => Part::VerifiedWithin(random.one(&HOURS)),
        3 | 4 => {
            let mut lists = String::new();
            for (key, values) in [
                ("amr_any", ["hwk", "pwd", "face"]),
                ("acr_any", ["a", "b", "c"]),
            ] {
                if random.below(2) == 0 {
                    let values = random.some(&values, 1).join(", ");
                    lists.extend([format!(", {key}: [{values}]")]);
                }
            }
            Part::Authenticated(random.one(&HOURS[..6]), lists)
        }
        5 => Part::AgeAtLeast(random.one(&AGES)),
        6 => Part::AgeBelow(random.one(&AGES)),
        7..=9 => {
            let days = random.some(&DAYS, 1);
            let days = days
                .iter()
                .map(|day| DAYS.iter().position(|d| d == day).unwrap());
            let days = days.collect();
            let from = random.one(&TIMES);
            let to = loop {
                let to = random.one(&[6, 7, 14, 15, 18, 20, 24]);
                if to != from {
                    break to;
                }
            };
            let zone = random.one(&ZONES);
            if random.below(6) == 0 {
                // The whole week.
                let (days, from, to) = ((0..7).collect(), 0, 24);
                return Part::Schedule {
                    days,
                    from,
                    to,
                    zone,
                };
            }
            Part::Schedule {
                days,
                from,
                to,
                zone,
            }
        }
        10..=12 => Part::Plain(plain(random)),
        more => {
            let count = random.one(&[2, 2, 3]);
            let parts = (0..count).map(|_| part(random, depth + 1)).collect();
            if more % 2 == 0 {
                Part::Any(parts)
            } else {
                Part::All(parts)
            }
        }
    }
}

fn plain(random: &mut Random) -> String {
    let list = |random: &mut Random, of: &[&str]| random.some(of, 1).join(", ");
    match random.below(8) {
        0 => format!(
            "attribute: {{name: site, in: [{}]}}",
            list(random, &["hq", "lab"])
        ),
        1 => format!(
            "attribute: {{name: door, in: [{}]}}",
            list(random, &["north", "south"])
        ),
        2 => format!("scopes: [{}]", list(random, &["NAME", "PHONE", "BADGE"])),
        3 => format!("status: [{}]", list(random, &["VERIFIED", "EXPIRED"])),
        4 => format!("project: [{}]", list(random, &["p-1", "p-2"])),
        5 => format!("identity_in: [{}]", list(random, &["id-1", "id-2"])),
        6 => format!("identity_not_in: [{}]", list(random, &["id-1", "id-3"])),
        _ => random
            .one(&[
                "identity: same_as_request",
                "phone_prefix: ['+1', '+49']",
                "phone_prefix: ['+1202']",
            ])
            .to_owned(),
    }
}

impl Part {
    fn text(&self) -> String {
        let inner = |parts: &[Self]| -> String {
            let parts: Vec<String> = parts
                .iter()
                .map(|part| format!("{{{}}}", part.text()))
                .collect();
            parts.join(", ")
        };
        match self {
            Self::Plain(text) => text.clone(),
            Self::VerifiedWithin(hours) => format!("verified_within: {hours}h"),
            Self::Authenticated(hours, lists) => {
                format!("authenticated: {{within: {hours}h{lists}}}")
            }
            Self::AgeAtLeast(years) => format!("age_at_least: {years}"),
            Self::AgeBelow(years) => format!("age_below: {years}"),
            Self::Schedule {
                days,
                from,
                to,
                zone,
            } => {
                let days: Vec<&str> = days.iter().map(|day| DAYS[*day]).collect();
                format!(
                    "schedule: {{days: [{}], from: \"{from:02}:00\", to: \"{to:02}:00\", zone: {zone}}}",
                    days.join(", ")
                )
            }
            Self::Any(parts) => format!("any_of: [{}]", inner(parts)),
            Self::All(parts) => format!("all_of: [{}]", inner(parts)),
        }
    }

    /// This part with one limit changed by an hour, a day or a year.
    fn changed(&self) -> Vec<(String, Self)> {
        let hours = [1, 24, 8_760].into_iter().flat_map(|by| [by, -by]);
        let named = |part: Self| (part.text(), part);
        match self {
            Self::Plain(_) => Vec::new(),
            Self::VerifiedWithin(limit) => hours
                .map(|by| limit + by)
                .filter(|limit| *limit > 0)
                .map(|limit| named(Self::VerifiedWithin(limit)))
                .collect(),
            Self::Authenticated(limit, lists) => hours
                .map(|by| limit + by)
                .filter(|limit| *limit > 0)
                .map(|limit| named(Self::Authenticated(limit, lists.clone())))
                .collect(),
            Self::AgeAtLeast(years) => [years - 1, years + 1]
                .map(|years| named(Self::AgeAtLeast(years)))
                .into(),
            Self::AgeBelow(years) => [years - 1, years + 1]
                .map(|years| named(Self::AgeBelow(years)))
                .into(),
            Self::Schedule { .. } => self.changed_schedules().into_iter().map(named).collect(),
            Self::Any(parts) => changed_inside(parts, Self::Any),
            Self::All(parts) => changed_inside(parts, Self::All),
        }
    }

    /// This schedule an hour longer or shorter, and with a day more, a day less, and a day later.
    fn changed_schedules(&self) -> Vec<Self> {
        let Self::Schedule {
            days,
            from,
            to,
            zone,
        } = self
        else {
            return Vec::new();
        };
        let with = |days: Vec<usize>, from: i64, to: i64| Self::Schedule {
            days,
            from,
            to,
            zone,
        };
        let times = [
            (from - 1, *to),
            (from + 1, *to),
            (*from, to - 1),
            (*from, to + 1),
        ];
        let times = times
            .into_iter()
            .filter(|(from, to)| (0..24).contains(from) && (1..=24).contains(to) && from != to);
        let mut all: Vec<Self> = times
            .map(|(from, to)| with(days.clone(), from, to))
            .collect();
        for day in 0..7 {
            let mut other = days.clone();
            if days.contains(&day) {
                other.retain(|other| *other != day);
            } else {
                other.push(day);
            }
            if !other.is_empty() {
                all.push(with(other, *from, *to));
            }
        }
        all.push(with(
            days.iter().map(|day| (day + 1) % 7).collect(),
            *from,
            *to,
        ));
        all
    }
}

fn changed_inside(parts: &[Part], group: impl Fn(Vec<Part>) -> Part) -> Vec<(String, Part)> {
    let mut all = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        for (what, changed) in part.changed() {
            let mut parts = parts.to_vec();
            parts[index] = changed;
            all.push((what, group(parts)));
        }
    }
    all
}
