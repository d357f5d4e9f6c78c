//! Files that are written completely or not at all.

use core::fmt;
use std::{
    format,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

/// The reason why a file was not read or not written.
#[derive(Debug)]
#[non_exhaustive]
pub struct FileError {
    /// What failed: `"open"`, `"replace"` or another verb.
    pub operation: &'static str,
    /// The path that the caller gave.
    pub path: PathBuf,
    /// The reason.
    pub error: io::Error,
}

impl FileError {
    /// Adds the operation and the path to an error.
    pub(crate) fn of<'p>(
        operation: &'static str,
        path: &'p Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'p> {
        move |error| Self { operation, path: path.into(), error }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.operation, self.path.display(), self.error)
    }
}

impl core::error::Error for FileError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Writes a file with this content, or replaces the content of the file that is there, atomically: a reader, also after a
/// crash, finds either the old content or the new.
///
/// The data are written to a temporary file in the same folder first, `.constnet-0.tmp`, then to the disk, and then the
/// temporary file is renamed. If the process is killed before that, the temporary file stays; the next `write_file` to
/// this folder removes it. (Processes that write to one folder at the same time use `.constnet-1.tmp` and so on.)
///
/// | at the path there is | what happens |
/// |---|---|
/// | nothing | A file is created, with the permissions that the system gives to new files. |
/// | a file | It is replaced. The new file has the permissions of the old one, and its owner and group if the system allows this process to set them; if it cannot set the group, the group has no permissions. A file that this process may not write to is an error. Access control lists and extended attributes are not copied. |
/// | a symbolic link | It stays, and the file that it leads to is written, as in the other rows. |
/// | a file with several hard links (Unix) | It is overwritten in place, so that all links have the new content. This is not atomic: if the process is killed meanwhile, the file is too short, which every loader of this crate refuses; the temporary file then has the whole content. |
/// | a named pipe, a socket, a device | The data are written to it. For a named pipe, this blocks until another process reads it. |
/// | a folder | An error. |
///
/// # Errors
///
/// If one of these operations fails. What was at the path is unchanged, except that a device or a pipe, or a file with
/// several hard links, may have got a part of the data.
///
/// # Examples
///
/// A network as JSON:
///
#[cfg_attr(feature = "serde", doc = "```no_run")]
#[cfg_attr(not(feature = "serde"), doc = "```ignore")]
/// use constnet::{Zeroed, formats::write_file, mlp};
///
/// let net = <mlp![5, 64, 3]>::ZERO;
/// write_file("net.json", serde_json::to_vec(&net)?)?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub fn write_file(path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<(), FileError> {
    write(path.as_ref(), content.as_ref())
}

/// Opens a file for reading, and returns its length. A pipe, which could block for ever, is an error, and a device, which
/// could have no end.
#[cfg(any(feature = "onnx", feature = "safetensors"))]
pub(crate) fn open(path: &Path) -> Result<(File, u64), FileError> {
    let failed = |operation| FileError::of(operation, path);
    // Before it is opened: that would block, too.
    let there = fs::metadata(path).map_err(failed("open"))?;
    if there.is_dir() {
        return Err(failed("read")(ErrorKind::IsADirectory.into()));
    }
    if !there.is_file() {
        let reason = "it is a pipe or a device, expected a file; the bytes of a pipe can be read first, and then loaded";
        return Err(failed("read")(io::Error::new(ErrorKind::InvalidInput, reason)));
    }
    let file = File::open(path).map_err(failed("open"))?;
    let length = file.metadata().map_err(failed("open"))?.len();
    Ok((file, length))
}

fn write(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let failed = |operation| FileError::of(operation, path);
    let old = match fs::metadata(path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed("look up")(error)),
    };
    let target = match &old {
        Some(old) if old.is_dir() => return Err(failed("replace")(ErrorKind::IsADirectory.into())),
        // What has a name but is no file, and so has no content that could be incomplete.
        Some(old) if !old.is_file() => {
            let mut there = OpenOptions::new().write(true).open(path).map_err(failed("open"))?;
            return there.write_all(content).and_then(|()| there.flush()).map_err(failed("write to"));
        }
        Some(_) => {
            // Replacing a file takes permission to write to the folder only.
            OpenOptions::new().write(true).open(path).map_err(failed("open"))?;
            fs::canonicalize(path).map_err(failed("look up"))?
        }
        None => end_of_links(path).map_err(failed("look up"))?,
    };
    let (Some(folder), Some(_)) = (target.parent(), target.file_name()) else {
        let error = io::Error::new(ErrorKind::InvalidInput, "the path has no file name");
        return Err(failed("create")(error));
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };

    let temporary =
        Temporary::create_in(folder, old.is_some()).map_err(failed("create a temporary file beside"))?;
    (&temporary.file).write_all(content).map_err(failed("write a temporary file beside"))?;
    let in_place = old.as_ref().is_some_and(has_other_names);
    if let Some(old) = old.as_ref().filter(|_| !in_place) {
        keep_attributes(&temporary.file, old).map_err(failed("set the permissions of a new"))?;
    }
    temporary.file.sync_all().map_err(failed("write a temporary file beside"))?;
    if in_place {
        return overwrite(&target, content).map_err(|error| failed("overwrite")(temporary.keep(&error)));
    }
    temporary.rename(&target).map_err(failed("replace"))?;
    // Writes the new name to the disk, too. Not every file system allows opening a folder for that.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// The path that a symbolic link leads to, if nothing is there.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    /// The limit of Linux.
    const LINKS: usize = 40;
    let mut end = path.to_path_buf();
    for _ in 0..LINKS {
        match fs::symlink_metadata(&end) {
            Ok(metadata) if metadata.is_symlink() => {
                let link = fs::read_link(&end)?;
                end.pop();
                end.push(link);
            }
            _ => return Ok(end),
        }
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "too many symbolic links"))
}

/// Empties a file and writes the new content. A process that reads it meanwhile finds only the start of the new content.
fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Whether the file has several hard links.
#[cfg(unix)]
fn has_other_names(file: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(file) > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &Metadata) -> bool {
    false
}

/// Gives a new file the owner, the group and the permissions of the old one, as far as the system allows it.
#[cfg(unix)]
fn keep_attributes(new: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    let mut mode = old.mode() & 0o7777;
    let is = new.metadata()?;
    if is.uid() != old.uid() && fchown(new, Some(old.uid()), None).is_err() {
        // A setuid program must not run as another user than before.
        mode &= !0o4000;
    }
    if is.gid() != old.gid() && fchown(new, None, Some(old.gid())).is_err() {
        mode &= !0o2070;
    }
    // Some file systems have the same permissions for all files, and allow no change.
    if is.mode() & 0o7777 == mode { Ok(()) } else { new.set_permissions(fs::Permissions::from_mode(mode)) }
}

/// Elsewhere the permissions only say whether a file is read-only, and this one was opened for writing.
#[cfg(not(unix))]
fn keep_attributes(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// A temporary file, which no other thread or process uses. It is removed, unless it is renamed.
struct Temporary {
    path: PathBuf,
    file: File,
    /// Whether there is something at the path that is to stay.
    stays: bool,
}

impl Temporary {
    /// The largest number of threads and processes that write to one folder at the same time.
    const MAX: usize = 1000;

    /// Creates a file in this folder. If `private`, no other user may read it.
    fn create_in(folder: &Path, private: bool) -> io::Result<Self> {
        for number in 0..Self::MAX {
            let path = folder.join(format!(".constnet-{number}.tmp"));
            if let Some(file) = claim(&path, private)? {
                return Ok(Self { path, file, stays: false });
            }
        }
        let error = format!("{} temporary files are in use there", Self::MAX);
        Err(io::Error::new(ErrorKind::ResourceBusy, error))
    }

    fn rename(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.stays = true;
        Ok(())
    }

    /// Does not remove the file after this error, and names it. It gets a name that the next save does not remove, if that
    /// is possible.
    fn keep(mut self, error: &io::Error) -> io::Error {
        self.stays = true;
        let kept = self.path.with_extension("kept");
        let path = if fs::rename(&self.path, &kept).is_ok() { &kept } else { &self.path };
        io::Error::new(error.kind(), format!("{error}; all data are in {}", path.display()))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.stays {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Creates a file at this path, for this process alone; one that a killed process left there is removed. Returns `None`
/// if another thread or process uses the path.
///
/// The file is locked while it is in use: one that can be locked was left by a killed process.
#[cfg(not(windows))]
fn claim(path: &Path, private: bool) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    // Twice: the first time may find the file of a killed process.
    for _ in 0..2 {
        match options.open(path) {
            // Where files cannot be locked, an existing file counts as in use.
            Ok(file) => return Ok(lock(&file, path).unwrap_or(true).then_some(file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // Not a link, and not a pipe, which would block.
                if !fs::symlink_metadata(path).is_ok_and(|there| there.is_file()) {
                    return Ok(None);
                }
                let Ok(file) = File::open(path) else { return Ok(None) };
                if !lock(&file, path).unwrap_or(false) || fs::remove_file(path).is_err() {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Locks a file, if no other thread or process has locked it, and if it still has this path: the process that had
/// locked it before may have renamed or removed it.
#[cfg(not(windows))]
fn lock(file: &File, path: &Path) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(false),
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let (this, there) = (file.metadata()?, fs::symlink_metadata(path));
        Ok(there.is_ok_and(|there| (there.dev(), there.ino()) == (this.dev(), this.ino())))
    }
    #[cfg(not(unix))]
    Ok(path.exists())
}

/// As above: Windows lets no other thread or process open the file, but it can be renamed.
#[cfg(windows)]
fn claim(path: &Path, _: bool) -> io::Result<Option<File>> {
    use std::os::windows::fs::OpenOptionsExt as _;
    const FILE_SHARE_DELETE: u32 = 4;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    match OpenOptions::new().write(true).create(true).truncate(true).share_mode(FILE_SHARE_DELETE).open(path)
    {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(ERROR_SHARING_VIOLATION) => Ok(None),
        Err(error) => Err(error),
    }
}
