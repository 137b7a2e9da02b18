//! On which cores a thread and its children run. On Linux alone: elsewhere the system chooses.

/// The cores that this process may use.
#[cfg(target_os = "linux")]
pub fn available() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};

    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    (0..CpuSet::MAX_CPU)
        .filter(|core| set.is_set(*core))
        .collect()
}

/// Keeps the present thread, and the processes that it starts from now on, on these cores. Without cores, or if that is not permitted, the
/// system chooses.
#[cfg(target_os = "linux")]
pub fn stay_on(cores: &[usize]) {
    use rustix::thread::{CpuSet, sched_setaffinity};

    let mut set = CpuSet::new();
    for core in cores.iter().filter(|core| **core < CpuSet::MAX_CPU) {
        set.set(*core);
    }
    if !cores.is_empty() {
        let _ = sched_setaffinity(None, &set);
    }
}

/// The cores that this process may use: none is known.
#[cfg(not(target_os = "linux"))]
pub fn available() -> Vec<usize> {
    Vec::new()
}

/// Does nothing here.
#[cfg(not(target_os = "linux"))]
pub fn stay_on(_: &[usize]) {}
