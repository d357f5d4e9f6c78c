//! How a program starts and ends on each target.

use core::{cell::UnsafeCell, panic::PanicInfo};

/// Memory that a program has as a `static`, and borrows once, when it starts.
#[derive(Debug)]
#[repr(transparent)]
pub struct Memory<T>(UnsafeCell<T>);

// SAFETY: There is one core and no interrupt that touches the memory.
unsafe impl<T> Sync for Memory<T> {}

impl<T> Memory<T> {
    /// All of it as it is when the program starts; all zeros cost no flash.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The memory, to be changed.
    ///
    /// # Safety
    ///
    /// There is no other borrow of it.
    #[expect(clippy::mut_from_ref, reason = "that is what the caller promises")]
    pub unsafe fn borrow(&self) -> &mut T {
        // SAFETY: The caller promises that this is the only borrow.
        unsafe { &mut *self.0.get() }
    }
}

/// Makes `fn run(&mut T) -> Result<f32, E>` of a program its start, on memory of type `T`.
///
/// On WebAssembly the program becomes a function `run` that a host may call again and again, and
/// which gives what the program gives, or NaN.
#[macro_export]
macro_rules! program {
    ($run:path, $memory:ty = $initial:expr) => {
        static MEMORY: $crate::Memory<$memory> = $crate::Memory::new($initial);

        #[cfg(target_arch = "arm")]
        #[$crate::cortex_m_rt::entry]
        fn main() -> ! {
            // SAFETY: A program starts once.
            let result = $run(unsafe { MEMORY.borrow() });
            $crate::exit(result)
        }

        #[cfg(target_arch = "riscv32")]
        #[$crate::riscv_rt::entry]
        fn main() -> ! {
            // SAFETY: A program starts once.
            let result = $run(unsafe { MEMORY.borrow() });
            $crate::exit(result)
        }

        #[cfg(target_family = "wasm")]
        #[unsafe(export_name = "run")]
        extern "C" fn start() -> f32 {
            // SAFETY: There is one thread, and no call returns before it is done with the memory.
            $run(unsafe { MEMORY.borrow() }).unwrap_or(f32::NAN)
        }
    };
}

/// Ends the program: status 0 or, with the error printed, 1.
#[cfg(target_os = "none")]
pub fn exit<E: core::fmt::Display>(result: Result<f32, E>) -> ! {
    let status = match core::hint::black_box(result) {
        Ok(value) => {
            crate::println!("result {value:e}");
            0
        }
        Err(error) => {
            crate::println!("{error}");
            1
        }
    };
    semihosting::process::exit(status)
}

/// Ends the program.
#[cfg(not(target_os = "none"))]
pub fn exit<E>(_: Result<f32, E>) {}

/// The vectors of a device's interrupts, which its own crate would give. These programs use none,
/// and the linker script asks for one.
#[cfg(target_arch = "arm")]
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [usize; 1] = [0];

/// Nothing in these programs panics: this is never linked, as `check-panics` makes sure.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
