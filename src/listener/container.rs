//! How much memory the container of this process may have, as its control groups (cgroup v2 and v1) say.

use std::{
    fs,
    path::{Component, Path},
};

/// The lowest limit of memory among the groups of this process, in bytes; `None` if there is none, or none can be read.
pub(super) fn memory_max() -> Option<usize> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    memory_max_in(Path::new("/sys/fs/cgroup"), &groups)
}

/// The same in this file system of control groups, for a process in these groups: lines of `number:controllers:path`.
fn memory_max_in(root: &Path, groups: &str) -> Option<usize> {
    let limits = groups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next(), fields.next());
        let (root, file) = match controllers {
            Some("") => (root.to_owned(), "memory.max"),
            Some(names) if names.split(',').any(|name| name == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        // In a container the path may be that of the host, which is not mounted there: its own group is then the root.
        let path = path.unwrap_or_default().trim_start_matches('/');
        let path = Path::new(path);
        let is_below = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let below = path.ancestors().filter(|_| is_below);
        below
            .chain([Path::new("")])
            .filter_map(|path| limit(&root.join(path).join(file)))
            .collect()
    });
    limits.min()
}

/// The limit in a file; `None` if it is `max`.
fn limit(file: &Path) -> Option<usize> {
    let text = fs::read_to_string(file).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_limit_of_all_groups_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let put = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let memory = |groups: &str| memory_max_in(root, groups);
        assert_eq!(memory("0::/a/b\n"), None);
        put("a/b/memory.max", "max\n");
        assert_eq!(memory("0::/a/b\n"), None);
        put("a/memory.max", "268435456\n");
        assert_eq!(memory("0::/a/b\n"), Some(268_435_456));
        put("a/b/memory.max", "1048576\n");
        assert_eq!(memory("0::/a/b\n"), Some(1_048_576));
        assert_eq!(memory("0::/../../a/b\n"), None, "not outside");
        put("memory.max", "2097152\n");
        assert_eq!(memory("0::/not/mounted/here\n"), Some(2_097_152));
        put("memory/x/memory.limit_in_bytes", "4096\n");
        let first = "9:name=systemd:/x\n4:cpu,memory:/x\n";
        assert_eq!(memory(first), Some(4_096));
        assert_eq!(memory(&format!("{first}0::/\n")), Some(4_096));
        assert_eq!(memory("nonsense\n::\n"), Some(2_097_152));
    }
}
