//! What the programs share: their start, their end, and what they measure of themselves.
#![no_std]

mod failure;
pub mod measure;
mod start;
mod task;
pub mod trained;

use constnet::budget::{RamBudget, TrainingRam};
#[cfg(target_arch = "arm")]
pub use cortex_m_rt;
pub use failure::{Failure, as_on_host, below_goal};
#[cfg(target_arch = "riscv32")]
pub use riscv_rt;
pub use start::{Memory, exit};

/// Prints a line over semihosting; without the feature `print`, nothing, and no text is linked.
#[cfg(all(feature = "print", target_os = "none"))]
#[macro_export]
macro_rules! println {
    ($($arguments:tt)*) => { $crate::print(core::format_args!($($arguments)*)) };
}

/// Prints a line over semihosting; without the feature `print`, nothing, and no text is linked.
#[cfg(not(all(feature = "print", target_os = "none")))]
#[macro_export]
macro_rules! println {
    ($($arguments:tt)*) => {
        if false {
            let _ = core::format_args!($($arguments)*);
        }
    };
}

/// Prints a line over semihosting. Never inlined, so that a program's own stack stays as it would
/// be without printing.
#[cfg(all(feature = "print", target_os = "none"))]
#[inline(never)]
pub fn print(line: core::fmt::Arguments<'_>) {
    semihosting::println!("{line}");
}

/// Refuses a trainer of more than so many KiB, when the program is checked. On a device the count
/// that the budget compares is the very size of the trainer, of which this makes sure.
pub const fn fits_ram<const KIB: usize, T: RamBudget<KIB> + TrainingRam>() {
    assert!(size_of::<T>() == <T::Bytes as typenum::Unsigned>::USIZE);
}
