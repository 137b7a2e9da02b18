//! Who else can read or write a file, by the modes of the file and of the folders above it.
//!
//! "Others" are all but the owner and root. A group counts as others, unless it is the private group of the owner, as many systems give one
//! to each user. What is on a file system that is mounted read-only, or below `/run/secrets` or `/run/credentials`, is exposed to nobody:
//! Kubernetes, Docker and systemd show secrets there with modes that say more than anybody can do.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf, absolute},
};

use rustix::fs::{StatVfsMountFlags, statvfs};

/// Where orchestrators mount secrets.
const MOUNTED: [&str; 4] = [
    "/run/secrets",
    "/run/credentials",
    "/var/run/secrets",
    "/var/run/credentials",
];
/// How much of `/etc/passwd` and `/etc/group` is read.
const ACCOUNTS_BYTES_MAX: usize = 1024 * 1024;

const GROUP_READ: u32 = 0o040;
const OTHER_READ: u32 = 0o004;
const GROUP_WRITE: u32 = 0o020;
const OTHER_WRITE: u32 = 0o002;
const SEARCH: u32 = 0o011;
const STICKY: u32 = 0o1000;

/// What others can do to a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// They can write this file, or replace what is in this folder.
    Writable(PathBuf, u32),
    /// They can add files to this folder, but replace none (the sticky bit).
    Extensible(PathBuf, u32),
    /// They can read this file.
    Readable(PathBuf, u32),
}

impl Exposure {
    /// Whether somebody else can change what is read.
    pub fn is_writable(&self) -> bool {
        matches!(self, Self::Writable(..))
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, mode, what, cure) = match self {
            Self::Writable(path, mode) => (path, mode, "can be written by others", "chmod go-w"),
            Self::Extensible(path, mode) => (
                path,
                mode,
                "is a folder to which others can add files",
                "chmod go-w",
            ),
            Self::Readable(path, mode) => (path, mode, "can be read by others", "chmod go-r"),
        };
        let path = path.display();
        write!(f, "`{path}` {what} (mode {mode:04o}): {cure} {path}")
    }
}

/// How others can change this file: by writing it, or by replacing it or a folder above it. Blocks.
pub fn writers(path: &Path) -> Vec<Exposure> {
    let Some(named) = unprotected(path) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if let Some(file) = Modes::of(path)
        && file.is_writable()
    {
        found.push(if file.is_folder && file.mode & STICKY != 0 {
            Exposure::Extensible(path.to_owned(), file.mode)
        } else {
            Exposure::Writable(path.to_owned(), file.mode)
        });
    }
    let resolved = path.canonicalize().unwrap_or_else(|_| named.clone());
    // The folders of a link and of what it points to: in either, the file can be replaced by another one.
    for path in [&named, &resolved] {
        for (depth, folder) in path.ancestors().skip(1).enumerate() {
            let Some(modes) = Modes::of(folder) else {
                continue;
            };
            // Higher up, groups are those of administrators, such as `staff` of Debian.
            let is_writable = modes.is_writable_by_all() || depth == 0 && modes.is_writable();
            let (folder, mode) = (folder.to_owned(), modes.mode);
            match (is_writable, mode & STICKY != 0) {
                (true, false) => found.push(Exposure::Writable(folder, mode)),
                (true, true) if depth == 0 => found.push(Exposure::Extensible(folder, mode)),
                _ => {}
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Whether others can read this file. Blocks.
pub fn readers(path: &Path) -> Option<Exposure> {
    unprotected(path)?;
    let file = Modes::of(path)?;
    let by_group = file.mode & GROUP_READ != 0 && !file.is_our_group();
    let is_readable = file.mode & OTHER_READ != 0 || by_group && file.group_is_shared();
    is_readable.then(|| Exposure::Readable(path.to_owned(), file.mode))
}

/// Whether others than the owners of the folders above a file can get to it. Blocks.
pub fn is_reachable(path: &Path) -> bool {
    let resolved = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut folders = resolved.ancestors().skip(1);
    folders.all(|folder| Modes::of(folder).is_none_or(|modes| modes.mode & SEARCH != 0))
}

/// The absolute path, unless nobody can write there whatever the modes say.
fn unprotected(path: &Path) -> Option<PathBuf> {
    let named = absolute(path).ok()?;
    let resolved = path.canonicalize().unwrap_or_else(|_| named.clone());
    let is_mounted = |path: &Path| MOUNTED.iter().any(|folder| path.starts_with(folder));
    let is_read_only =
        statvfs(&resolved).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY));
    (!is_mounted(&named) && !is_mounted(&resolved) && !is_read_only).then_some(named)
}

/// The mode of a file, and whose it is.
#[derive(Debug, Clone, Copy)]
struct Modes {
    mode: u32,
    uid: u32,
    gid: u32,
    is_folder: bool,
}

impl Modes {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            is_folder: metadata.is_dir(),
        })
    }

    fn is_writable_by_all(self) -> bool {
        self.mode & OTHER_WRITE != 0
    }

    fn is_writable(self) -> bool {
        self.is_writable_by_all() || self.mode & GROUP_WRITE != 0 && self.group_is_shared()
    }

    /// Whether we read the file as a member of its group, as a service reads the secret of an administrator.
    fn is_our_group(self) -> bool {
        let groups = rustix::process::getgroups().unwrap_or_default();
        let mut ours = groups
            .into_iter()
            .chain([rustix::process::getegid()])
            .map(rustix::fs::Gid::as_raw);
        self.uid != rustix::process::geteuid().as_raw() && ours.any(|gid| gid == self.gid)
    }

    /// Whether somebody besides the owner is in the group. If that is not known, the answer is yes.
    fn group_is_shared(self) -> bool {
        let read = |path: &str| super::read_text(Path::new(path), ACCOUNTS_BYTES_MAX);
        match (read("/etc/passwd"), read("/etc/group")) {
            (Ok(passwd), Ok(group)) => !is_private(self.uid, self.gid, &passwd, &group),
            _ => true,
        }
    }
}

/// Whether a group is known, and its owner is its only member. The group of root is that of some accounts of the system.
fn is_private(uid: u32, gid: u32, passwd: &str, group: &str) -> bool {
    let (uid, gid_text) = (uid.to_string(), gid.to_string());
    let mut owner = None;
    for line in passwd.lines() {
        let mut fields = line.split(':');
        let (name, id, primary) = (fields.next(), fields.nth(1), fields.next());
        if id == Some(&uid) {
            owner = name;
        } else if primary == Some(&gid_text) {
            return false;
        }
    }
    let named = group.lines().find_map(|line| {
        let mut fields = line.split(':').skip(2);
        (fields.next() == Some(&gid_text)).then(|| fields.next().unwrap_or_default())
    });
    let (Some(owner), Some(members)) = (owner, named) else {
        return false;
    };
    let mut members = members.split(',').filter(|member| !member.is_empty());
    gid != 0 && members.all(|member| member == owner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A folder in a folder, with a file, and the modes of the three.
    fn laid(outer: u32, folder: u32, file: u32) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let (top, inner) = (root.path().join("top"), root.path().join("top/inner"));
        fs::create_dir_all(&inner).unwrap();
        let path = inner.join("file");
        fs::write(&path, "x").unwrap();
        set(&path, file);
        set(&inner, folder);
        set(&top, outer);
        (root, path)
    }

    fn writable(outer: u32, folder: u32, file: u32) -> Vec<bool> {
        let (_root, path) = laid(outer, folder, file);
        writers(&path).iter().map(Exposure::is_writable).collect()
    }

    #[test]
    fn a_file_that_others_can_write_or_replace_is_found_by_the_modes() {
        for (modes, expected) in [
            ([0o755, 0o755, 0o644], &[][..]),
            ([0o755, 0o700, 0o400], &[]),
            ([0o755, 0o755, 0o646], &[true]),
            ([0o755, 0o755, 0o602], &[true]),
            ([0o755, 0o757, 0o600], &[true]),
            ([0o755, 0o777, 0o666], &[true, true]),
            // In a folder as `/tmp` others can add files, but replace none.
            ([0o755, 0o1777, 0o600], &[false]),
            ([0o757, 0o755, 0o600], &[true]),
            ([0o1777, 0o755, 0o600], &[]),
        ] {
            assert_eq!(
                writable(modes[0], modes[1], modes[2]),
                expected,
                "{modes:?}"
            );
        }
    }

    #[test]
    fn a_link_in_a_folder_that_others_can_write_is_found() {
        let (root, path) = laid(0o755, 0o755, 0o600);
        let open = root.path().join("open");
        fs::create_dir(&open).unwrap();
        symlink(&path, open.join("link")).unwrap();
        set(&open, 0o777);
        let found = writers(&open.join("link"));
        assert_eq!(found, [Exposure::Writable(open, 0o777)]);
    }

    #[test]
    fn a_file_that_others_can_read_is_found_by_its_mode() {
        for (mode, expected) in [(0o600, false), (0o400, false), (0o604, true), (0o644, true)] {
            let (_root, path) = laid(0o755, 0o755, mode);
            assert_eq!(readers(&path).is_some(), expected, "{mode:o}");
        }
    }

    #[test]
    fn a_file_below_a_folder_that_only_its_owner_enters_is_out_of_reach() {
        for (outer, folder, expected) in [
            (0o755, 0o755, true),
            (0o755, 0o700, false),
            (0o700, 0o755, false),
            (0o711, 0o710, true),
            (0o744, 0o755, false),
        ] {
            let (root, path) = laid(outer, folder, 0o644);
            set(root.path(), 0o755);
            assert_eq!(is_reachable(&path), expected, "{outer:o} {folder:o}");
        }
    }

    #[test]
    fn a_mount_of_secrets_protects_whatever_its_modes_are() {
        for path in [
            "/run/secrets/key",
            "/run/credentials/verigate.service/key",
            "/var/run/secrets/key",
        ] {
            assert_eq!(unprotected(Path::new(path)), None, "{path}");
        }
        for path in [
            "/run/secret",
            "/run/secretsx/key",
            "/etc/verigate/run/secrets/key",
        ] {
            assert!(unprotected(Path::new(path)).is_some(), "{path}");
        }
    }

    #[test]
    fn only_a_group_without_other_members_is_private() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/:/bin/sh\nbob:x:1001:1001::/:/bin/sh\neve:x:1002:100::/:/bin/sh\nfay:x:1003:100::/:/bin/sh\n";
        let group = "root:x:0:\nada:x:1000:\nbob:x:1001:bob,ada\nusers:x:100:\n";
        for (uid, gid, expected) in [
            (1000, 1000, true),
            (1001, 1001, false),
            (1002, 100, false),
            (0, 0, false),
            (0, 1000, false),
            (1000, 4242, false),
            (4242, 1000, false),
        ] {
            assert_eq!(is_private(uid, gid, passwd, group), expected, "{uid}:{gid}");
        }
    }
}
