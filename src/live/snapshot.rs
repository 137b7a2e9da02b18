//! One consistent reading of the policy files and of the lists that they name.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use super::{error::LoadError, list_files, policy_files};
use crate::{
    file_watch::{WatchPaths, read_settled},
    files::{Exposure, IgnoredFile, writers},
    policy::{Drafts, ListFile, ListTexts, PolicySet, SourceText},
};

/// The SHA-256 of what was read, or of why it could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// The digest of these texts in this order. Each is preceded by its length, so that no other texts have the same bytes.
    fn of<'t>(texts: impl IntoIterator<Item = &'t [u8]>) -> Self {
        let mut digest = Sha256::new();
        for text in texts {
            digest.update(text.len().to_le_bytes());
            digest.update(text);
        }
        Self(digest.finalize().into())
    }
}

/// What was read, and where a change of it shows.
#[derive(Debug)]
pub(super) struct Snapshot {
    content: Result<Content, LoadError>,
    /// The digest of the content.
    pub(super) digest: Digest,
    /// Where a change of the content shows.
    pub(super) watch_paths: WatchPaths,
    /// What was found beside the policy files and their lists; `None` if the reading failed.
    pub(super) ignored: Option<Vec<IgnoredFile>>,
}

/// The texts of a policy set.
#[derive(Debug)]
struct Content {
    policies: PolicyTexts,
    lists: ListTexts,
}

/// The texts of all policy files.
#[derive(Debug)]
struct PolicyTexts {
    files: Vec<Arc<SourceText>>,
    digest: Digest,
}

/// What parsing the policy files has given. It is kept from one reading to the next, so that no text is parsed twice: which lists
/// there are to read is known only by parsing, but it is the same as long as the policy files are.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// The digest of the policy files, if any were parsed.
    policies: Option<Digest>,
    lists: Vec<ListFile>,
    /// The parsed files until they are compiled. Afterwards they would only take memory.
    drafts: Option<Drafts>,
    /// How often files were parsed.
    #[cfg(test)]
    pub(super) times: usize,
}

impl Snapshot {
    /// Reads until two readings in a row are equal, or one is equal to `known`. So files that are replaced one after another while
    /// they are read are never mixed with those that they replace.
    pub(super) fn stable(path: &Path, known: Option<Digest>, parsed: &mut Parsed) -> Self {
        let read = || Self::read(path, parsed);
        read_settled(read, |snapshot| snapshot.digest, known.as_ref()).unwrap_or_else(|last| {
            let error = LoadError::Unsettled(path.to_owned());
            Self::new(Err(error), last.watch_paths, None)
        })
    }

    /// The paths of the policy files; none if they could not be read.
    pub(super) fn files(&self) -> BTreeSet<String> {
        let files = self
            .content
            .iter()
            .flat_map(|content| &content.policies.files);
        files.map(|file| file.path.clone()).collect()
    }

    /// How others than the owners and root can change what was read: the folder, the policy files and their lists.
    pub(super) fn exposures(&self, path: &Path) -> BTreeSet<Exposure> {
        let content = self.content.iter();
        let read = content.flat_map(|content| {
            let files = content.policies.files.iter();
            let files = files.map(|file| PathBuf::from(&file.path));
            let lists = content.lists.iter();
            files.chain(lists.map(|(list, _)| list_files::path_of(list)))
        });
        let paths = std::iter::once(path.to_owned()).chain(read);
        paths.flat_map(|path| writers(&path)).collect()
    }

    /// The same reading, refused for this reason.
    pub(super) fn refused(self, error: LoadError) -> Self {
        Self::new(Err(error), self.watch_paths, self.ignored)
    }

    fn read(path: &Path, parsed: &mut Parsed) -> Self {
        let mut watch_paths = WatchPaths::default();
        let mut ignored = None;
        let content = policy_files::read(path, &mut watch_paths).and_then(|found| {
            let policies = PolicyTexts::new(found.texts);
            let mut named = BTreeSet::new();
            let lists = parsed.lists_of(&policies).iter().map(|list| {
                let list_path = list_files::path_of(list);
                watch_paths.add(&list_path);
                named.insert(list_path);
                (list.clone(), list_files::read(list))
            });
            let lists = lists.collect();
            policy_files::check_names(&found.ignored, &named)?;
            let others = found.ignored.into_iter();
            ignored = Some(others.filter(|file| !named.contains(&file.shown)).collect());
            Ok(Content { policies, lists })
        });
        Self::new(content, watch_paths, ignored)
    }

    fn new(
        content: Result<Content, LoadError>,
        watch_paths: WatchPaths,
        ignored: Option<Vec<IgnoredFile>>,
    ) -> Self {
        let digest = match &content {
            Ok(content) => {
                let lists = content.lists.iter().flat_map(|(list, text)| {
                    let text = text.as_ref().unwrap_or_else(|why| why);
                    [&list.policy_path, &list.name, text]
                });
                let policies = std::iter::once(content.policies.digest.0.as_slice());
                Digest::of(policies.chain(lists.map(String::as_bytes)))
            }
            Err(error) => Digest::of([error.in_full().as_bytes()]),
        };
        Self {
            content,
            digest,
            watch_paths,
            ignored,
        }
    }

    /// Compiles what was read into one set, which has at least one policy.
    pub(super) fn compile(self, path: &Path, parsed: &mut Parsed) -> Result<PolicySet, LoadError> {
        let content = self.content?;
        let drafts = parsed.take_drafts_of(&content.policies);
        let set = drafts.link(&content.lists).map_err(LoadError::Invalid)?;
        if set.is_empty() {
            return Err(LoadError::NoPolicy(path.to_owned()));
        }
        Ok(set)
    }
}

impl PolicyTexts {
    fn new(files: Vec<Arc<SourceText>>) -> Self {
        let texts = files.iter().flat_map(|file| [&file.path, &file.text]);
        let digest = Digest::of(texts.map(String::as_bytes));
        Self { files, digest }
    }
}

impl Parsed {
    /// The lists that these policy files name. Parses the files, unless they are those that were parsed last.
    fn lists_of(&mut self, policies: &PolicyTexts) -> &[ListFile] {
        if self.policies != Some(policies.digest) {
            let drafts = self.parse(policies);
            self.drafts = Some(drafts);
        }
        &self.lists
    }

    /// The drafts of these policy files. Parses the files, unless they are those that were parsed last and nobody took their drafts.
    fn take_drafts_of(&mut self, policies: &PolicyTexts) -> Drafts {
        let kept = self.drafts.take();
        let kept = kept.filter(|_| self.policies == Some(policies.digest));
        kept.unwrap_or_else(|| self.parse(policies))
    }

    fn parse(&mut self, policies: &PolicyTexts) -> Drafts {
        let drafts = Drafts::read(&policies.files);
        self.policies = Some(policies.digest);
        self.lists = drafts.lists().cloned().collect();
        #[cfg(test)]
        {
            self.times += 1;
        }
        drafts
    }
}
