//! CPU and memory of a process, as Linux shows them in /proc. Elsewhere nothing is known.

use std::{fs, path::Path, time::Duration};

/// The memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What is resident now.
    pub resident: u64,
    /// The most that ever was.
    pub peak: u64,
}

impl Memory {
    /// That of this process.
    pub fn of(pid: u32) -> Option<Self> {
        parse_memory(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
    }
}

/// The CPU time that a process has used, user and system, all its threads.
pub fn process_cpu(pid: u32) -> Option<Duration> {
    stat(Path::new(&format!("/proc/{pid}/stat")))
}

/// That of the present thread.
pub(super) fn thread_cpu() -> Option<Duration> {
    stat(Path::new("/proc/thread-self/stat"))
}

fn stat(path: &Path) -> Option<Duration> {
    parse_cpu(
        &fs::read_to_string(path).ok()?,
        rustix::param::clock_ticks_per_second(),
    )
}

fn parse_cpu(stat: &str, ticks_per_second: u64) -> Option<Duration> {
    // The name of the program stands in brackets, and may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    // utime and stime are the 14th and the 15th field, of which two are before the bracket.
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || times.next()?.parse::<u64>().ok();
    let ticks = next()?.checked_add(next()?)?;
    let micros = ticks
        .checked_mul(1_000_000)?
        .checked_div(ticks_per_second)?;
    Some(Duration::from_micros(micros))
}

fn parse_memory(status: &str) -> Option<Memory> {
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib: u64 = line?.trim().strip_suffix(" kB")?.parse().ok()?;
        kib.checked_mul(1_024)
    };
    Some(Memory {
        resident: of("VmRSS:")?,
        peak: of("VmHWM:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_a_process_are_found_whatever_its_name_is() {
        let stat = "1234 (a) b (c) R 1 2 3 4 5 6 7 8 9 10 250 51 0 0 20 0 9 0 1 2";
        assert_eq!(parse_cpu(stat, 100), Some(Duration::from_millis(3_010)));
        assert_eq!(parse_cpu("1234 (a) R 1 2", 100), None);
        assert_eq!(parse_cpu("", 100), None);
    }

    #[test]
    fn the_memory_of_a_process_is_in_bytes() {
        let status = "Name:\ta\nVmPeak:\t 999 kB\nVmHWM:\t    20 kB\nVmRSS:\t    10 kB\n";
        let expected = Memory {
            resident: 10_240,
            peak: 20_480,
        };
        assert_eq!(parse_memory(status), Some(expected));
        assert_eq!(parse_memory("Name:\ta\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_both() {
        let pid = std::process::id();
        assert!(process_cpu(pid).is_some() && thread_cpu().is_some());
        assert!(Memory::of(pid).is_some_and(|memory| memory.peak >= memory.resident));
    }
}
