//! Networks in files.

use alloc::{borrow::Cow, vec};
use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use super::{Safetensors, WeightsError, header::Source};
use crate::{
    formats::{
        FileError,
        file::{open, write_file},
    },
    layers::Layer,
};

impl Safetensors<'_> {
    /// Loads a network from a file. First the header is read and checked, then the tensors of the network, and no others:
    /// the memory that is allocated is proportional to the size of the network and of the header.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is a pipe or a device; and those of [`load`](Self::load). The network is then as
    /// it was.
    pub fn load_file<N: Layer>(&self, net: &mut N, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        let path = path.as_ref();
        let (file, length) = open(path)?;
        self.load_from(net, OpenFile { file, length, path })
    }

    /// Writes a network to a file, atomically: by [`write_file`].
    ///
    /// # Errors
    ///
    /// Those of [`write_file`] and of [`save`](Self::save).
    pub fn save_file<N: Layer>(&self, net: &N, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        Ok(write_file(path, self.save(net)?)?)
    }
}

/// A file that is open for reading.
pub(super) struct OpenFile<'p> {
    pub(super) file: File,
    pub(super) length: u64,
    pub(super) path: &'p Path,
}

impl Source<'static> for OpenFile<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&mut self, start: u64, length: usize) -> Result<Cow<'static, [u8]>, WeightsError> {
        let mut bytes = vec![0; length];
        let read = self.file.seek(SeekFrom::Start(start)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(FileError::of("read", self.path))?;
        Ok(bytes.into())
    }
}
