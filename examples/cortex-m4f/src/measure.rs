//! Measurements of a running program: instructions and stack.

/// Runs `work`. Returns its result and the number of its instructions, if they can be counted: in QEMU, on a Cortex-M with
/// `-icount shift=6`, on RISC-V with `-icount shift=0`.
///
/// With the first option each instruction takes 64 ns of virtual time, and SysTick counts a tick every 40 ns; RISC-V has a
/// counter of instructions. A loop of known length calibrates the count. If the loop does not take the expected time, the clock
/// is another one, and `None` is returned.
#[inline]
pub fn instructions<T>(work: impl FnOnce() -> T) -> (T, Option<u32>) {
    #[cfg(all(feature = "print", target_os = "none"))]
    {
        let nothing = counter::ticks(|| {}).1;
        let short = counter::ticks(|| counter::spin(1000)).1;
        let long = counter::ticks(|| counter::spin(11_000)).1;
        // 10,000 rounds of two instructions.
        let calibration = long.saturating_sub(short);
        let (value, ticks) = counter::ticks(work);
        let count = u64::from(ticks.saturating_sub(nothing)) * 20_000 / u64::from(calibration.max(1));
        (value, (calibration.abs_diff(counter::CALIBRATION) < 320).then_some(count as u32))
    }
    #[cfg(not(all(feature = "print", target_os = "none")))]
    (work(), None)
}

/// Prints the number of instructions, if it is known, and the largest size of the stack so far.
#[inline(always)]
pub fn report(instructions: Option<u32>) {
    let stack = stack();
    if let Some(instructions) = instructions {
        crate::println!("instructions {instructions}");
    }
    crate::println!("stack {stack}");
}

#[cfg(all(feature = "print", target_arch = "arm"))]
mod counter {
    use core::{arch::asm, ptr};

    /// 1.6 ticks for each of 20,000 instructions.
    pub(super) const CALIBRATION: u32 = 32_000;

    const CONTROL: *mut u32 = 0xe000_e010 as *mut u32;
    const RELOAD: *mut u32 = 0xe000_e014 as *mut u32;
    const VALUE: *mut u32 = 0xe000_e018 as *mut u32;
    const LONGEST: u32 = 0x00ff_ffff;

    /// Runs `work`. Returns its result and the number of ticks, at most 2²⁴.
    #[inline(always)]
    pub(super) fn ticks<T>(work: impl FnOnce() -> T) -> (T, u32) {
        // SAFETY: Every Cortex-M of QEMU has a SysTick timer at these addresses, and no other code
        // uses it.
        unsafe {
            ptr::write_volatile(RELOAD, LONGEST);
            ptr::write_volatile(VALUE, 0);
            ptr::write_volatile(CONTROL, 0b101);
            let start = ptr::read_volatile(VALUE);
            let value = core::hint::black_box(work());
            let end = ptr::read_volatile(VALUE);
            ptr::write_volatile(CONTROL, 0);
            (value, start.wrapping_sub(end) & LONGEST)
        }
    }

    /// Runs a loop of two instructions `rounds` times.
    #[inline(never)]
    pub(super) fn spin(rounds: u32) {
        // SAFETY: The code only counts a register down.
        unsafe {
            asm!("2:", "subs {0}, #1", "bne 2b", inout(reg) rounds => _, options(nomem, nostack));
        }
    }
}

#[cfg(all(feature = "print", target_arch = "riscv32"))]
mod counter {
    use core::arch::asm;

    /// A tick for each of 20,000 instructions.
    pub(super) const CALIBRATION: u32 = 20_000;

    /// Runs `work`. Returns its result and the number of instructions, at most 2³².
    #[inline(always)]
    pub(super) fn ticks<T>(work: impl FnOnce() -> T) -> (T, u32) {
        let start = instructions();
        let value = core::hint::black_box(work());
        (value, instructions().wrapping_sub(start))
    }

    /// The lower half of the counter of retired instructions.
    #[inline(always)]
    fn instructions() -> u32 {
        let count;
        // SAFETY: The code only reads a counter.
        unsafe { asm!("csrr {}, minstret", out(reg) count) };
        count
    }

    /// Runs a loop of two instructions `rounds` times.
    #[inline(never)]
    pub(super) fn spin(rounds: u32) {
        // SAFETY: The code only counts a register down.
        unsafe {
            asm!("2:", "addi {0}, {0}, -1", "bnez {0}, 2b", inout(reg) rounds => _, options(nomem, nostack));
        }
    }
}

/// The largest size of the stack so far, in bytes. At start-up the stack is filled with a known value (painted); this
/// function looks for the first overwritten word.
///
/// Only on a Cortex-M is the stack painted; elsewhere this is 0.
#[inline(never)]
#[must_use]
pub fn stack() -> usize {
    #[cfg(target_arch = "arm")]
    {
        unsafe extern "C" {
            static _stack_start: u32;
            static _stack_end: u32;
        }
        let (top, mut at) = (&raw const _stack_start, &raw const _stack_end);
        // SAFETY: All memory between the two symbols is RAM that start-up painted.
        while at < top && unsafe { at.read_volatile() } == cortex_m_rt::STACK_PAINT_VALUE {
            at = at.wrapping_add(1);
        }
        top.addr() - at.addr()
    }
    #[cfg(not(target_arch = "arm"))]
    0
}
