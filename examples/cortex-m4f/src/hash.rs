//! A hash of bytes, by which a device compares many outputs with those of the host.

/// FNV-1a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub u32);

impl Hash {
    /// Of no bytes.
    pub const EMPTY: Self = Self(0x811c_9dc5);

    /// With these bytes after the others.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)))
    }
}
