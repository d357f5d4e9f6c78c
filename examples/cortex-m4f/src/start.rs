//! How a program starts and ends on each target.

use core::{cell::UnsafeCell, panic::PanicInfo};

/// The memory of a program: a `static` that the program borrows once, when it starts.
#[derive(Debug)]
#[repr(transparent)]
pub struct Memory<T>(UnsafeCell<T>);

// SAFETY: There is one core and no interrupt that touches the memory.
unsafe impl<T> Sync for Memory<T> {}

impl<T> Memory<T> {
    /// Memory with this initial value. If all its bytes are 0, it takes no flash.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The memory, to be changed.
    ///
    /// # Safety
    ///
    /// No other borrow of the memory may exist.
    #[expect(clippy::mut_from_ref, reason = "that is what the caller promises")]
    pub unsafe fn borrow(&self) -> &mut T {
        // SAFETY: The caller promises that this is the only borrow.
        unsafe { &mut *self.0.get() }
    }
}

/// Starts a program with `fn run(&mut T) -> Result<f32, E>`, on memory of type `T`.
///
/// On WebAssembly the program becomes a function `run`, which the host can call repeatedly. It returns the value of the
/// program, or NaN in case of an error.
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
            // SAFETY: There is one thread, and `run` gives the borrow back when it returns.
            $run(unsafe { MEMORY.borrow() }).unwrap_or(f32::NAN)
        }
    };
}

/// Ends the program with status 0, or prints the error and ends with status 1.
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

/// Does nothing: without an operating system or an emulator no program ends.
#[cfg(not(target_os = "none"))]
pub fn exit<E>(_: Result<f32, E>) {}

/// The interrupt vectors, usually defined by the crate of the device. The programs use no interrupts, but the linker
/// script needs at least one vector.
#[cfg(target_arch = "arm")]
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [usize; 1] = [0];

/// No code in these programs panics, so this function is never linked: `check-panics` checks it.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
