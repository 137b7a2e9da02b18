//! Everything that a policy set is made of, gathered before anything is compiled, and where to watch for another.

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashSet},
    ffi::OsStr,
    fs,
    io::{self, Read as _},
    path::{Component, Path, PathBuf, absolute},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use super::NoPolicies;
use crate::policy::{POLICY_FILE_BYTES_MAX, PolicySet, SourceText, parse};

/// What a policy file's name ends in.
pub(super) const EXTENSION: &str = "yaml";
/// What it may not end in, because it would be left out without a word.
const NEARLY_EXTENSION: &str = "yml";
/// The link by which Kubernetes swaps all files of a ConfigMap or Secret at once.
const SWAPPED: &str = "..data";
/// A file is read just beyond what the parser takes, so that it tells that there is more.
const READ_BYTES_MAX: u64 = POLICY_FILE_BYTES_MAX as u64 + 1;
/// All files together are no larger.
const ALL_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// No list of identities is longer: 100,000 of them, and room to spare.
const LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// More files than policies make no sense, and a set has at most a thousand of these.
const FILES_MAX: usize = 1000;
/// How many sub-folders are read.
const FOLDERS_MAX: usize = 200;
/// How deep they may lie.
const DEPTH_MAX: usize = 16;
/// How many entries of folders are looked at, whatever they are.
const ENTRIES_MAX: usize = 10_000;
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
        let mut walk = Walk::default();
        let gathered = absolute(path)
            .map_err(|error| NoPolicies::Unreadable(path.to_owned(), error))
            .and_then(|rooted| walk.gather(path, &rooted));
        let lists = lists(&walk.files);
        for (policy, name) in lists.keys() {
            walk.places.add(&Path::new(policy).with_file_name(name));
        }
        let Walk { files, places, .. } = walk;
        Self::new(gathered.map(|()| Sources { files, lists }), places)
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

/// A folder that is still to be read.
#[derive(Debug)]
struct Folder {
    /// Where it really is.
    path: PathBuf,
    /// How operators know it.
    shown: PathBuf,
    depth: usize,
}

/// A walk through a folder and its sub-folders.
#[derive(Debug, Default)]
struct Walk {
    files: Vec<Arc<SourceText>>,
    places: Places,
    /// What was met already, free of links: whatever leads to it, it is read once, and no ring of links is followed.
    met: HashSet<PathBuf>,
    entries: usize,
    bytes: u64,
}

impl Walk {
    /// Reads a file, or every policy file of a folder and its sub-folders.
    fn gather(&mut self, shown: &Path, path: &Path) -> Result<(), NoPolicies> {
        self.places.add(path);
        let metadata = fs::metadata(path).map_err(unreadable(shown))?;
        if metadata.is_file() {
            return self.read(path, shown);
        }
        let mut folders = Vec::new();
        self.enter(path, shown, 0, &mut folders)?;
        while let Some(folder) = folders.pop() {
            self.walk(&folder, &mut folders)?;
        }
        // The order of the paths, so that problems are told in one order.
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
        if self.files.is_empty() {
            return Err(NoPolicies::NoFile(shown.to_owned()));
        }
        Ok(())
    }

    /// Puts a folder on the list, unless it was met.
    fn enter(
        &mut self,
        path: &Path,
        shown: &Path,
        depth: usize,
        folders: &mut Vec<Folder>,
    ) -> Result<(), NoPolicies> {
        let path = path.canonicalize().map_err(unreadable(shown))?;
        if self.places.folders.len() >= FOLDERS_MAX {
            return Err(too_much(shown, format!("{FOLDERS_MAX} folders")));
        }
        if depth > DEPTH_MAX {
            return Err(too_much(
                shown,
                format!("{DEPTH_MAX} folders in each other"),
            ));
        }
        if self.met.insert(path.clone()) {
            self.places.folders.insert(path.clone());
            let shown = shown.to_owned();
            folders.push(Folder { path, shown, depth });
        }
        Ok(())
    }

    /// Reads the policy files of a folder, and puts its sub-folders on the list. What is hidden is left out: editors and
    /// Kubernetes keep their own there.
    fn walk(&mut self, folder: &Folder, folders: &mut Vec<Folder>) -> Result<(), NoPolicies> {
        let swapped = fs::read_link(folder.path.join(SWAPPED)).is_ok();
        if swapped {
            // The link is followed once for all that is behind it, so that a swap comes before all of it or after.
            let path = folder.path.join(SWAPPED);
            self.enter(&path, &folder.shown, folder.depth, folders)?;
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder.path).map_err(unreadable(&folder.shown))? {
            self.entries = self.entries.saturating_add(1);
            if self.entries > ENTRIES_MAX {
                return Err(too_much(&folder.shown, format!("{ENTRIES_MAX} entries")));
            }
            names.push(entry.map_err(unreadable(&folder.shown))?.file_name());
        }
        names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
        // The last that is put on the list is read first.
        names.sort_by(|one, other| Reverse(one).cmp(&Reverse(other)));
        for name in names {
            let (path, shown) = (folder.path.join(&name), folder.shown.join(&name));
            let target = fs::read_link(&path).ok();
            if swapped && target.as_ref().is_some_and(|to| to.starts_with(SWAPPED)) {
                continue;
            }
            if target.is_some() {
                self.places.add(&path);
            }
            // A link to nowhere is an error too: something would be left out.
            let metadata = fs::metadata(&path).map_err(unreadable(&shown))?;
            let extension = path.extension();
            if metadata.is_dir() {
                self.enter(&path, &shown, folder.depth.saturating_add(1), folders)?;
            } else if extension == Some(OsStr::new(NEARLY_EXTENSION)) {
                return Err(NoPolicies::Misnamed(shown));
            } else if extension == Some(OsStr::new(EXTENSION)) && metadata.is_file() {
                self.read(&path, &shown)?;
            }
        }
        Ok(())
    }

    /// Reads a file, unless it was met. What is not UTF-8 is read as far as it is, and the parser tells where it is not.
    fn read(&mut self, path: &Path, shown: &Path) -> Result<(), NoPolicies> {
        let path = path.canonicalize().map_err(unreadable(shown))?;
        if self.met.contains(&path) {
            return Ok(());
        }
        if self.files.len() >= FILES_MAX {
            return Err(too_much(shown, format!("{FILES_MAX} files")));
        }
        let bytes = read(&path).map_err(unreadable(shown))?;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > ALL_BYTES_MAX {
            return Err(too_much(shown, format!("{ALL_BYTES_MAX} bytes in all")));
        }
        self.met.insert(path);
        self.files.push(Arc::new(SourceText {
            path: shown.display().to_string(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }));
        Ok(())
    }
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
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(LIST_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > LIST_BYTES_MAX {
        return Err(format!("it is longer than {LIST_BYTES_MAX} bytes"));
    }
    Ok(text)
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(file)?;
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(shown: &Path) -> impl Fn(io::Error) -> NoPolicies {
    |error| NoPolicies::Unreadable(shown.to_owned(), error)
}

fn too_much(shown: &Path, bound: String) -> NoPolicies {
    NoPolicies::TooMuch(shown.to_owned(), bound)
}
