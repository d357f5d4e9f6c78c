//! Files that are written completely or not at all.

use std::{
    ffi::OsString,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{Safetensors, WeightsError};
use crate::layers::Layer;

impl Safetensors<'_> {
    /// Loads a network from a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, and those of [`load`](Self::load); the network is then as it was.
    pub fn load_file<N: Layer>(&self, net: &mut N, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|error| WeightsError::Io { path: path.into(), error })?;
        self.load(net, &bytes)
    }

    /// Writes a network to a file. The data are written under another name first, so the path always leads to a complete
    /// file: the old one or the new one.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, and those of [`save`](Self::save).
    pub fn save_file<N: Layer>(&self, net: &N, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        let path = path.as_ref();
        replace(path, &self.save(net)?).map_err(|error| WeightsError::Io { path: path.into(), error })
    }
}

/// Writes a file with this content, which replaces the file at this path if there is one.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let (new, mut file) = create_beside(path)?;
    // The new file gets the permissions of the old one.
    if let Ok(old) = fs::metadata(path) {
        let _ = file.set_permissions(old.permissions());
    }
    let written = file.write_all(content).and_then(|()| file.sync_all());
    drop(file);
    let renamed = written.and_then(|()| fs::rename(&new, path));
    if renamed.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&new);
    }
    renamed?;
    // Flushes the new name to the disk, too. Not every file system allows opening a folder for that.
    #[cfg(unix)]
    if let Some(folder) = new.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// A new file in the same folder, and so on the same file system.
///
/// No other thread takes its name. Another process can have: one of the same number that crashed, or that
/// runs in another container. Its file is left alone.
fn create_beside(path: &Path) -> io::Result<(PathBuf, fs::File)> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"));
    };
    loop {
        let mut new = OsString::from(".");
        new.push(name);
        new.push(std::format!(".{}-{}.tmp", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let new = path.with_file_name(new);
        match fs::File::create_new(&new) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (new, file)),
        }
    }
}
