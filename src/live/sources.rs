//! Everything that a policy set is made of, gathered before anything is compiled, and where to watch for another.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path, PathBuf, absolute},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use super::NoPolicies;
use crate::{
    files::{Bound, File, Limits, Links, Walk, WalkError, read_start, read_text},
    policy::{PolicySet, SourceText, TEXT_BYTES_MAX, parse},
};

/// All files together are no larger.
const ALL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// No list of identities is longer: 100,000 of them, and room to spare.
const LIST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// More files than policies make no sense, and a set has at most a thousand of these.
const FILES_MAX: usize = 1000;
/// How many sub-folders are read.
const FOLDERS_MAX: usize = 200;
/// How deep they may lie.
const DEPTH_MAX: usize = 16;
/// How many entries of folders are looked at, whatever they are.
const ENTRIES_MAX: usize = 10_000;
const LIMITS: Limits = Limits {
    files: FILES_MAX,
    folders: FOLDERS_MAX,
    entries: ENTRIES_MAX,
    depth: DEPTH_MAX,
    links: Links::Once,
};
/// As many links as the system itself follows to a file.
const LINKS_MAX: usize = 40;
/// How often something that changes while it is read is read again.
const READINGS_MAX: usize = 8;

/// What was read: texts to compile, each with the path by which operators know it.
#[derive(Debug)]
pub(super) struct Sources {
    files: Vec<Arc<SourceText>>,
    lists: Lists,
}

/// The lists of identities that policies name: by the path of the policy file and the name in it, the text, or why there is
/// none.
type Lists = BTreeMap<(String, String), Result<String, String>>;

impl Sources {
    /// Compiles all of it into one set that has a policy.
    pub(super) fn compile(&self, path: &Path) -> Result<PolicySet, NoPolicies> {
        let list = |policy: &str, name: &str| {
            let known = self.lists.get(&(policy.to_owned(), name.to_owned()));
            known
                .cloned()
                .unwrap_or_else(|| Err("it was not read".to_owned()))
        };
        let set = parse(&self.files, &list).map_err(NoPolicies::Mistaken)?;
        if set.is_empty() {
            return Err(NoPolicies::NoPolicy(path.to_owned()));
        }
        Ok(set)
    }
}

/// A digest of what was read, or of why it could not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

/// One look at a file or folder.
#[derive(Debug)]
pub(super) struct Reading {
    /// What was read.
    pub(super) sources: Result<Sources, NoPolicies>,
    /// The same in short.
    pub(super) fingerprint: Fingerprint,
    /// Where a change of it would show.
    pub(super) places: Places,
}

impl Reading {
    /// Reads until two readings in a row are the same, or one is like `known`. Files that are swapped while they are read
    /// one after another are thus never mixed with those that they replace.
    pub(super) fn settled(path: &Path, known: Option<Fingerprint>) -> Self {
        let mut last = Self::once(path);
        for _ in 1..READINGS_MAX {
            if known == Some(last.fingerprint) {
                return last;
            }
            let next = Self::once(path);
            if next.fingerprint == last.fingerprint {
                return next;
            }
            last = next;
        }
        Self::new(Err(NoPolicies::Unsettled(path.to_owned())), last.places)
    }

    fn once(path: &Path) -> Self {
        let mut places = Places::default();
        let sources = gather(path, &mut places).map(|files| {
            let lists = lists(&files);
            for (policy, name) in lists.keys() {
                places.add(&Path::new(policy).with_file_name(name));
            }
            Sources { files, lists }
        });
        Self::new(sources, places)
    }

    fn new(sources: Result<Sources, NoPolicies>, places: Places) -> Self {
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update(text.len().to_le_bytes());
            digest.update(text);
        };
        match &sources {
            Ok(sources) => {
                for file in &sources.files {
                    add(&file.path);
                    add(&file.text);
                }
                for ((policy, name), text) in &sources.lists {
                    add(policy);
                    add(name);
                    add(text.as_ref().unwrap_or_else(|why| why));
                }
            }
            Err(error) => add(&error.told()),
        }
        let fingerprint = Fingerprint(digest.finalize().into());
        Self {
            sources,
            fingerprint,
            places,
        }
    }
}

/// Where a change would show. All paths are free of links, because the system tells of each folder by one path only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Folders in which everything counts.
    folders: BTreeSet<PathBuf>,
    /// Files and links that count, whatever else is beside them.
    names: BTreeSet<PathBuf>,
}

impl Places {
    /// The folders to watch.
    pub(super) fn watched(&self) -> BTreeSet<&Path> {
        let beside = self.names.iter().filter_map(|name| name.parent());
        self.folders
            .iter()
            .map(PathBuf::as_path)
            .chain(beside)
            .collect()
    }

    /// Whether what happened to this path counts.
    pub(super) fn concern(&self, path: &Path) -> bool {
        let inside = path.parent().is_some_and(|p| self.folders.contains(p));
        inside || self.folders.contains(path) || self.names.contains(path)
    }

    /// Adds a path, and every link on the way to what it stands for.
    fn add(&mut self, path: &Path) {
        let mut path = path.to_owned();
        for _ in 0..LINKS_MAX {
            let mut ways: Vec<&Path> = path.ancestors().collect();
            ways.reverse();
            let link = ways
                .into_iter()
                .find_map(|way| Some((way, fs::read_link(way).ok()?)));
            let Some((link, target)) = link else {
                self.name(&path);
                return;
            };
            self.name(link);
            let target = link.parent().unwrap_or(link).join(target);
            path = match path.strip_prefix(link) {
                Ok(rest) if rest != Path::new("") => target.join(rest),
                _ => target,
            };
        }
    }

    fn name(&mut self, path: &Path) {
        let folder = path.parent().and_then(|p| p.canonicalize().ok());
        if let Some((folder, name)) = folder.zip(path.file_name()) {
            self.names.insert(folder.join(name));
        }
    }
}

/// Finds and reads the policy files. What was found counts for the places even if an error ends it.
fn gather(path: &Path, places: &mut Places) -> Result<Vec<Arc<SourceText>>, NoPolicies> {
    let rooted = absolute(path).map_err(unreadable(path))?;
    places.add(&rooted);
    let metadata = fs::metadata(&rooted).map_err(unreadable(path))?;
    let mut walk = Walk::new(LIMITS);
    let walked = if metadata.is_file() {
        walk.add_file(&rooted, path)
    } else {
        walk.add_folder(&rooted, path)
    };
    places.folders.append(&mut walk.folders);
    for link in &walk.links {
        places.add(link);
    }
    walked.map_err(explained)?;
    if walk.files.is_empty() {
        return Err(NoPolicies::NoFile(path.to_owned()));
    }
    read_all(&walk.files)
}

/// Reads these files, in the order of the paths by which operators know them: problems are reported in one order.
fn read_all(files: &[File]) -> Result<Vec<Arc<SourceText>>, NoPolicies> {
    let mut texts = Vec::new();
    let mut bytes_in_all: usize = 0;
    for file in files {
        let bytes = read_start(&file.path, TEXT_BYTES_MAX).map_err(unreadable(&file.shown))?;
        bytes_in_all = bytes_in_all.saturating_add(bytes.len());
        if bytes_in_all > ALL_BYTES_MAX {
            let bound = format!("{ALL_BYTES_MAX} bytes in all");
            return Err(NoPolicies::TooMuch(file.shown.clone(), bound));
        }
        // What is not UTF-8 is replaced, and the parser reports its place.
        texts.push(Arc::new(SourceText {
            path: file.shown.display().to_string(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }));
    }
    texts.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(texts)
}

/// The error of a walk as one of a policy set.
fn explained(error: WalkError) -> NoPolicies {
    let (path, bound) = match error {
        WalkError::Unreadable(path, error) => return NoPolicies::Unreadable(path, error),
        WalkError::Misnamed(path) | WalkError::NotAFile(path) => {
            return NoPolicies::Misnamed(path);
        }
        WalkError::Exceeded(path, bound) => (path, bound),
    };
    let bound = match bound {
        Bound::Files => format!("{FILES_MAX} files"),
        Bound::Folders => format!("{FOLDERS_MAX} folders"),
        Bound::Entries => format!("{ENTRIES_MAX} entries"),
        Bound::Depth => format!("{DEPTH_MAX} folders in each other"),
    };
    NoPolicies::TooMuch(path, bound)
}

/// Reads every list that these files name. Which these are, only compiling tells; what comes of it is thrown away.
fn lists(files: &[Arc<SourceText>]) -> Lists {
    let lists = RefCell::new(Lists::new());
    let read = |policy: &str, name: &str| {
        let text = read_list(policy, name);
        let key = (policy.to_owned(), name.to_owned());
        lists.borrow_mut().insert(key, text.clone());
        text
    };
    let _ = parse(files, &read);
    lists.into_inner()
}

/// The text of a list of identities, whose name is relative to the policy file that names it.
fn read_list(policy: &str, name: &str) -> Result<String, String> {
    let inside = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        return Err("its name must be relative to the policy file, and lead inside".to_owned());
    }
    let path = Path::new(policy).with_file_name(name);
    // A pipe would be waited for, and nothing be reloaded any more.
    let is_file = fs::metadata(&path).map_err(|error| error.to_string())?;
    if !is_file.is_file() {
        return Err("it is not a file".to_owned());
    }
    read_text(&path, LIST_BYTES_MAX).map_err(|error| error.to_string())
}

fn unreadable(shown: &Path) -> impl Fn(io::Error) -> NoPolicies {
    |error| NoPolicies::Unreadable(shown.to_owned(), error)
}
