//! Networks: [`Sequential`](struct@Sequential), the macros that write it as a flat list, access to its layers,
//! and initialisation.

pub mod init;
mod macros;
mod sequential;

pub(crate) use self::sequential::{Buffers, Forward};
pub use self::{
    macros::types,
    sequential::{Cache, Pass, Sequential},
};
