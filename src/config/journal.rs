//! The settings of the journal.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use secrecy::ExposeSecret as _;
use url::Url;

use super::section::{Reported, Section};
use crate::{
    journal::{
        Config, CopyTarget, Durability, IdentifierKey, Recipient, RetentionTerms, SegmentTerms,
        check_checkpoints, checkpoints_beside, signed_note::SigningKey,
    },
    secrets::Secret,
    violations::ATTRIBUTE_KEY_BYTES_MAX,
};

/// How many links are followed to a file that does not exist yet: as many as the system follows.
const LINKS_MAX: usize = 40;
/// How many attributes of a request can be recorded.
const ATTRIBUTES_MAX: usize = 16;

/// The journal, whose file or folder can be written. Nothing is created or changed to find out.
pub(super) fn read(section: &mut Section<'_>) -> Result<Config, Reported> {
    let path = read_path(section);
    let durability = read_durability(section);
    // The one thing that can be done for all policies; a policy itself may permit more.
    let on_error = section.one_of("on_error", &[("wait", ())]);
    let size = section.bytes("segment_size");
    let age = section.duration("segment_age");
    let retain_for = optional(section, "retain_for", Section::duration);
    let compress = section.one_of("compress", &[("none", false), ("zstd", true)]);
    let signing_key = section.secret("signing_key", "signing_key_file", is_signing_key);
    let retain_size = optional(section, "retain_size", Section::bytes);
    let attributes = read_attributes(section);
    let auditor = read_auditor(section);
    let identifier_key = read_identifier_key(section);
    let path = path?;
    on_error?;
    let compress = checked_compress(section, &path, compress?)?;
    let signing_key = signing_key?;
    let checkpoint_copy = read_copy(section, &path, signing_key.as_ref())?;
    let segments = SegmentTerms {
        size: u64::try_from(size?).unwrap_or(u64::MAX),
        age: age?,
    };
    Ok(Config {
        signing_key,
        checkpoint_copy,
        durability: checked_durability(section, &path, durability?)?,
        segments,
        compress,
        retention: RetentionTerms {
            age: retain_for?,
            size: retain_size?.map(|size| u64::try_from(size).unwrap_or(u64::MAX)),
            pause_max: segments.pause_max(),
        },
        attributes: attributes?,
        auditor: auditor?,
        identifier_key: identifier_key?,
        path,
    })
}

/// What is wrong with the text of a signing key.
fn is_signing_key(text: &str) -> Result<(), String> {
    let key = SigningKey::parse(text);
    key.map(drop).map_err(|error| error.to_string())
}

/// The public key that facts are sealed to, if they are.
fn read_auditor(section: &mut Section<'_>) -> Result<Option<Recipient>, Reported> {
    let is_sealed = section.one_of("facts", &[("verdicts", false), ("sealed", true)]);
    let text = section.text("age_recipient");
    match (is_sealed?, text) {
        (false, "") => Ok(None),
        (false, _) => {
            let message = "journal.age_recipient is set, but journal.facts is `verdicts`";
            let hint = "set journal.facts to \"sealed\", or remove the key";
            Err(section.problem("age_recipient", message, Some(hint)))
        }
        (true, "") => {
            let hint = "the auditor makes a key with `verigate audit keygen --auditor` or `age-keygen`, and gives its public key";
            Err(section.missing("age_recipient", Some(hint)))
        }
        (true, text) => Recipient::parse(text).map(Some).map_err(|error| {
            let message = format!("journal.age_recipient {error}");
            section.problem("age_recipient", message, None)
        }),
    }
}

/// The text of the key under which identifiers are recorded, if they are keyed.
fn read_identifier_key(section: &mut Section<'_>) -> Result<Option<Secret>, Reported> {
    let is_keyed = section.one_of("identifiers", &[("plain", false), ("keyed", true)]);
    let key = section.secret("identifier_key", "identifier_key_file", |text| {
        let key = IdentifierKey::parse(text);
        key.map(drop).map_err(|error| error.to_string())
    });
    match (is_keyed?, key?) {
        (false, Some(_)) => {
            let message = "journal.identifier_key_file is set, but journal.identifiers is `plain`";
            let hint = "set journal.identifiers to \"keyed\", or remove the key";
            Err(section.problem("identifier_key_file", message, Some(hint)))
        }
        (true, None) => {
            let hint = "make a key with `verigate audit keygen --identifiers FILE`";
            Err(section.missing("identifier_key_file", Some(hint)))
        }
        (_, key) => Ok(key),
    }
}

/// Where checkpoints are copied to. Checks also the files that they go on in.
fn read_copy(
    section: &mut Section<'_>,
    path: &Path,
    key: Option<&Secret>,
) -> Result<Option<CopyTarget>, Reported> {
    let copy = match section.text("checkpoint_copy") {
        "" => None,
        text if text.contains("://") => Some(CopyTarget::Url(read_url(section, text)?)),
        text => Some(CopyTarget::File(text.into())),
    };
    let Some(key) = key.and_then(|key| SigningKey::parse(key.expose_secret()).ok()) else {
        if copy.is_some() {
            let message = "journal.checkpoint_copy is set, but journal.signing_key_file is not";
            let hint = "make a key with `verigate audit keygen`";
            return Err(section.problem("checkpoint_copy", message, Some(hint)));
        }
        return Ok(None);
    };
    let beside = checkpoints_beside(path);
    if beside.is_none() && !matches!(copy, Some(CopyTarget::Url(_))) {
        let message = "journal.signing_key_file is set, but beside a journal on stdout or in a pipe there is no file for checkpoints";
        let hint =
            "set journal.path to a folder or a file, or journal.checkpoint_copy to an address";
        return Err(section.problem("signing_key_file", message, Some(hint)));
    }
    if let Some(beside) = &beside {
        check_file(section, "signing_key_file", beside, &key)?;
    }
    if let Some(CopyTarget::File(file)) = &copy {
        if file == path || Some(file) == beside.as_ref() {
            let message = format!(
                "journal.checkpoint_copy: `{}` is a file of the journal itself",
                file.display()
            );
            let hint = "name a file on another disk or machine";
            return Err(section.problem("checkpoint_copy", message, Some(hint)));
        }
        check_file(section, "checkpoint_copy", file, &key)?;
    }
    Ok(copy)
}

/// A file of checkpoints can be written, and has only those of this key.
fn check_file(
    section: &mut Section<'_>,
    setting: &str,
    file: &Path,
    key: &SigningKey,
) -> Result<(), Reported> {
    let flaw = check(file).err().or_else(|| {
        let checked = check_checkpoints(file, key);
        checked.err().map(|error| error.to_string())
    });
    flaw.map_or(Ok(()), |flaw| {
        Err(section.problem(setting, format!("journal.{setting}: {flaw}"), None))
    })
}

fn read_url(section: &mut Section<'_>, text: &str) -> Result<Url, Reported> {
    let url = Url::parse(text).ok().filter(|url| {
        let has_user = !url.username().is_empty() || url.password().is_some();
        matches!(url.scheme(), "http" | "https") && url.has_host() && !has_user
    });
    url.ok_or_else(|| {
        let message = "journal.checkpoint_copy is neither a file nor an http or https address without user and password";
        let hint = "such as https://audit.example.com/checkpoints";
        section.problem("checkpoint_copy", message, Some(hint))
    })
}

/// A value, if one is set.
fn optional<'s, T>(
    section: &mut Section<'s>,
    key: &str,
    read: impl Fn(&mut Section<'s>, &str) -> Result<T, Reported>,
) -> Result<Option<T>, Reported> {
    if section.text(key).is_empty() {
        return Ok(None);
    }
    read(section, key).map(Some)
}

fn read_path(section: &mut Section<'_>) -> Result<PathBuf, Reported> {
    let path = PathBuf::from(section.required("path")?);
    if path.as_os_str() == "-" {
        return Ok(path);
    }
    match check(&path) {
        Ok(()) => Ok(path),
        Err(flaw) => {
            let message = format!("journal.path: {flaw}");
            Err(section.problem("path", message, None))
        }
    }
}

/// The names of the attributes of requests that are recorded.
fn read_attributes(section: &mut Section<'_>) -> Result<Arc<[Box<str>]>, Reported> {
    let names = section.list("attributes");
    let mut known = BTreeSet::new();
    let flaw = names.iter().find_map(|name| match name {
        None => Some("is not a list of texts".to_owned()),
        Some("") => Some("has an empty name".to_owned()),
        Some(name) if name.len() > ATTRIBUTE_KEY_BYTES_MAX => Some(format!(
            "has a name of more than {ATTRIBUTE_KEY_BYTES_MAX} bytes, which no request can have"
        )),
        Some(name) if !known.insert(*name) => Some(format!("names `{name}` more than once")),
        Some(_) => None,
    });
    let count = names.len();
    let too_many = (count > ATTRIBUTES_MAX)
        .then(|| format!("has {count} names; at most {ATTRIBUTES_MAX} are recorded"));
    match flaw.or(too_many) {
        None => Ok(known.into_iter().map(Into::into).collect()),
        Some(flaw) => {
            let message = format!("journal.attributes {flaw}");
            Err(section.problem("attributes", message, Some(r#"such as ["door", "site"]"#)))
        }
    }
}

/// What an answer waits for; `None` where the path decides.
fn read_durability(section: &mut Section<'_>) -> Result<Option<Durability>, Reported> {
    let words = [
        ("", None),
        ("queued", Some(Durability::Queued)),
        ("written", Some(Durability::Written)),
        ("synced", Some(Durability::Synced)),
    ];
    section.one_of("durability", &words)
}

/// The durability that this path can have.
fn checked_durability(
    section: &mut Section<'_>,
    path: &Path,
    durability: Option<Durability>,
) -> Result<Durability, Reported> {
    let is_stdout = path.as_os_str() == "-";
    let can_sync = !is_stdout
        && fs::metadata(path).map_or(true, |metadata| metadata.is_file() || metadata.is_dir());
    match durability {
        None if is_stdout => Ok(Durability::Queued),
        None => Ok(Durability::Written),
        Some(Durability::Synced) if !can_sync => {
            let shown = path.display();
            let message = format!(
                "journal.durability: `synced` needs a file or a folder, which `{shown}` is not"
            );
            let hint = "set journal.path to a file or a folder, or use `written`";
            Err(section.problem("durability", message, Some(hint)))
        }
        Some(durability) => Ok(durability),
    }
}

/// Only a folder has files that are closed.
fn checked_compress(
    section: &mut Section<'_>,
    path: &Path,
    compress: bool,
) -> Result<bool, Reported> {
    if !compress || path.is_dir() {
        return Ok(compress);
    }
    let shown = path.display();
    let message = format!("journal.compress: `zstd` needs a folder, which `{shown}` is not");
    let hint = "set journal.path to a folder, or journal.compress to `none`";
    Err(section.problem("compress", message, Some(hint)))
}

/// Why this file or folder cannot be written.
fn check(path: &Path) -> Result<(), String> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) => {
            let kind = metadata.file_type();
            if kind.is_dir() {
                let access = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
                return may(path, access)
                    .map_err(|error| format!("the folder `{shown}` cannot be written: {error}"));
            }
            if kind.is_socket() || kind.is_block_device() {
                return Err(format!("`{shown}` is a socket or a disk, not a file"));
            }
            // A pipe is opened for reading too, so that the service does not wait for its reader.
            let access = Access::WRITE_OK | Access::READ_OK;
            may(path, access).map_err(|error| format!("`{shown}` cannot be written: {error}"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => check_folder(&target(path)),
        Err(error) => Err(format!("`{shown}` cannot be written: {error}")),
    }
}

/// Why a file cannot be created.
fn check_folder(path: &Path) -> Result<(), String> {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    };
    let shown = folder.display();
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(format!("there is no folder `{}`", path.display()));
    }
    if !folder.is_dir() {
        return Err(format!("there is no folder `{shown}`"));
    }
    may(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| format!("no file can be created in the folder `{shown}`: {error}"))
}

/// Whether the user whom the service runs as may do this.
fn may(path: &Path, access: Access) -> io::Result<()> {
    Ok(accessat(CWD, path, access, AtFlags::empty())?)
}

/// The file that would be created at a path, behind links to nowhere.
fn target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
}
