//! Shared by all programs: start and end, errors, measurements, the trained network.
#![no_std]

mod failure;
pub mod measure;
pub mod quantized;
#[path = "../../../tests/data/random_layers.rs"]
pub mod random_layers;
mod start;
mod task;
pub mod trained;

use constnet::sizes::budget::{self, RamBudget, RamSize};
#[cfg(target_arch = "arm")]
pub use cortex_m_rt;
pub use failure::{Failure, as_on_host, below, below_goal};
#[cfg(target_arch = "riscv32")]
pub use riscv_rt;
pub use start::{Memory, exit};

/// Prints a line over semihosting. Without the feature `print` it does nothing, and no text is linked.
#[cfg(all(feature = "print", target_os = "none"))]
#[macro_export]
macro_rules! println {
    ($($arguments:tt)*) => { $crate::print(core::format_args!($($arguments)*)) };
}

/// Prints a line over semihosting. Without the feature `print` it does nothing, and no text is linked.
#[cfg(not(all(feature = "print", target_os = "none")))]
#[macro_export]
macro_rules! println {
    ($($arguments:tt)*) => {
        if false {
            let _ = core::format_args!($($arguments)*);
        }
    };
}

/// Prints a line over semihosting. Never inlined, so that printing does not change the stack of the program's other
/// functions.
#[cfg(all(feature = "print", target_os = "none"))]
#[inline(never)]
pub fn print(line: core::fmt::Arguments<'_>) {
    semihosting::println!("{line}");
}

/// Checks at compile time that a trainer takes at most `KIB` KiB of RAM, and that the library's budget counts its
/// exact size.
pub const fn fits_ram<const KIB: usize, T: RamBudget<KIB> + RamSize>() {
    budget::fits_ram::<KIB, T>();
    assert!(size_of::<T>() == <T::Bytes as typenum::Unsigned>::USIZE);
}
