//! Values that random policies and cases are drawn from, and instants at which something changes.

use super::super::clock::{DAY, HOUR, MINUTE, SECOND};
use super::super::model::Weekday;

/// The zones of schedules.
pub const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "UTC",
];

/// Clock changes of those zones, forward and back: the zone, and the first instant of the new offset.
pub const CLOCK_CHANGES: [(&str, i64); 10] = [
    ("Europe/Berlin", 1_711_846_800_000), // 2024-03-31T01:00Z, forward
    ("Europe/Berlin", 1_792_890_000_000), // 2026-10-25T01:00Z, back
    ("America/New_York", 1_741_503_600_000), // 2025-03-09T07:00Z, forward
    ("America/New_York", 1_919_916_000_000), // 2030-11-03T06:00Z, back
    ("America/New_York", 2_025_759_600_000), // 2034-03-12T07:00Z, forward
    ("Australia/Lord_Howe", 1_728_142_200_000), // 2024-10-05T15:30Z, forward by half an hour
    ("Australia/Lord_Howe", 1_743_865_200_000), // 2025-04-05T15:00Z, back by half an hour
    ("Pacific/Apia", 1_491_055_200_000),  // 2017-04-01T14:00Z, back
    ("Pacific/Apia", 1_569_679_200_000),  // 2019-09-28T14:00Z, forward
    ("Asia/Kolkata", 1_767_205_800_000),  // 2025-12-31T18:30Z, a new year
];

pub const YEAR_2016: i64 = 1_451_606_400_000;
pub const YEAR_2036: i64 = 2_082_758_400_000;

/// Ends of months and years, and days about 29 February.
pub const TURNS: [i64; 6] = [
    1_456_704_000_000, // 2016-02-29T00:00Z
    1_709_207_999_999, // 2024-02-29T11:59:59.999Z
    1_735_689_599_999, // 2024-12-31T23:59:59.999Z
    1_772_323_200_000, // 2026-03-01T00:00Z
    1_835_481_600_000, // 2028-03-01T00:00Z
    1_519_862_400_000, // 2018-03-01T00:00Z
];

/// Births on or about 29 February, at midnights of several zones.
pub const LEAP_BIRTHS: [i64; 4] = [
    1_204_243_200_000, // 2008-02-29T00:00Z
    951_782_400_000,   // 2000-02-29T00:00Z
    1_204_281_000_000, // 2008-02-29T10:30Z
    951_866_400_000,   // 2000-02-29T23:20Z
];

pub const SPANS: [i64; 16] = [
    1,
    SECOND,
    MINUTE,
    10 * MINUTE,
    HOUR,
    2 * HOUR,
    12 * HOUR,
    14 * HOUR,
    DAY,
    36 * HOUR,
    7 * DAY,
    30 * DAY,
    90 * DAY,
    365 * DAY,
    3_652 * DAY,
    3_653 * DAY,
];
pub const AGES: [u32; 9] = [0, 1, 13, 16, 18, 21, 65, 149, 150];
pub const STATUSES: [&str; 4] = ["VERIFIED", "PENDING", "EXPIRED", "verified"];
pub const SCOPES: [&str; 5] = ["NAME", "PHONE", "DATE_OF_BIRTH", "IDENTITY_ID", "ADDRESS"];
pub const PREFIXES: [&str; 5] = ["+1", "+1202", "+49", "+4915", "+44"];
pub const PHONES: [&str; 7] = [
    "+12025550123",
    "+13125550123",
    "+4915112345678",
    "+12025550123",
    "5550123",
    "+0123456789",
    "+1234567890123456",
];
/// On lists: a UUID has 36 characters, in any case.
pub const LISTED: [&str; 6] = [
    "id-1",
    "id-2",
    "ID-1",
    "ädä",
    "9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a",
    "9B1C6F0E-2F57-4B41-8A55-6F1D3F1F6C0B",
];
/// Of the vendor and of requests: the same in other spellings too, and what is no identity.
pub const IDENTITIES: [&str; 20] = [
    "id-1",
    "id-1",
    "id-2",
    "id-3",
    "ID-1",
    "ädä",
    "9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a",
    "9B1C6F0E-2F57-4B41-8A55-6F1D3F1F6C0A",
    "{9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0b}",
    "URN:UUID:9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0b",
    "9b1c6f0e2f574b418a556f1d3f1f6c0a",
    "9b1c6f0e-2f574b41-8a55-6f1d3f1f6c0a",
    "id-1 ",
    " ",
    "id-1\u{200b}",
    "\u{feff}id-1",
    "a\u{308}da\u{308}",
    "ｉｄ-１",
    "id-\u{3164}1",
    "id 1",
];
pub const PROJECTS: [&str; 3] = ["p-1", "p-2", "p-3"];
pub const ATTRIBUTES: [&str; 2] = ["site", "door"];
pub const VALUES: [&str; 3] = ["hq", "lab", "HQ"];
pub const METHODS: [&str; 4] = ["hwk", "face", "pwd", "otp"];
pub const CLASSES: [&str; 3] = ["a", "b", "c"];
pub const TIMES: [u32; 14] = [
    0, 1, 90, 119, 120, 121, 150, 180, 181, 360, 420, 1_140, 1_320, 1_439,
];
pub const DAYS: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];
