//! The paths at which a change of files shows.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// How many links are followed to one file: as many as the system follows.
const LINKS_MAX: usize = 40;

/// The paths at which a change of files shows. All are free of links, because the system reports each folder by one path only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchPaths {
    /// Folders in which every entry is relevant.
    folders: BTreeSet<PathBuf>,
    /// Files and links that are relevant, whatever else is in their folders.
    names: BTreeSet<PathBuf>,
}

impl WatchPaths {
    /// The folders to watch.
    pub(super) fn watched_folders(&self) -> BTreeSet<&Path> {
        let parents = self.names.iter().filter_map(|name| name.parent());
        self.folders
            .iter()
            .map(PathBuf::as_path)
            .chain(parents)
            .collect()
    }

    /// Whether a change at this path may be one of the files.
    pub(super) fn includes(&self, path: &Path) -> bool {
        let inside = path.parent().is_some_and(|p| self.folders.contains(p));
        inside || self.folders.contains(path) || self.names.contains(path)
    }

    /// Adds the paths of another.
    pub fn join(&mut self, other: Self) {
        self.folders.extend(other.folders);
        self.names.extend(other.names);
    }

    /// Adds folders by their paths without links.
    pub fn add_folders(&mut self, folders: BTreeSet<PathBuf>) {
        self.folders.extend(folders);
    }

    /// Adds a path, and every link on the way to its target.
    pub fn add(&mut self, path: &Path) {
        let mut path = path.to_owned();
        for _ in 0..LINKS_MAX {
            let mut prefixes: Vec<&Path> = path.ancestors().collect();
            prefixes.reverse();
            let link = prefixes
                .into_iter()
                .find_map(|prefix| Some((prefix, fs::read_link(prefix).ok()?)));
            let Some((link, target)) = link else {
                self.add_name(&path);
                return;
            };
            self.add_name(link);
            let target = link.parent().unwrap_or(link).join(target);
            path = match path.strip_prefix(link) {
                Ok(rest) if rest != Path::new("") => target.join(rest),
                _ => target,
            };
        }
    }

    fn add_name(&mut self, path: &Path) {
        let folder = path.parent().and_then(|p| p.canonicalize().ok());
        if let Some((folder, name)) = folder.zip(path.file_name()) {
            self.names.insert(folder.join(name));
        }
    }
}
