//! The interface to an instruction set, as small as the backend allows.

/// An instruction set: a token of size 0 with the operations on one vector register.
///
/// To hold a token proves that the processor has the instruction set. All operations work lane by lane,
/// unless they say otherwise. Formulas do not call these functions: they use the operators of
/// [`Vector`](super::Vector).
pub trait Simd<T>: Copy {
    /// A vector register.
    type Register: Copy;
    /// The result of a comparison: one truth value per lane.
    type Mask: Copy;
    /// The number of lanes of a register.
    const LANES: usize;
    /// The number of vector registers: 16 or 32. It decides how large the register tiles are.
    const REGISTERS: usize;
    /// Whether [`mul_add`](Self::mul_add) is one instruction.
    const HAS_FMA: bool;

    /// The same value in every lane.
    fn splat(self, value: T) -> Self::Register;
    /// The first elements of a slice. Lanes beyond its end are 0.
    fn load(self, from: &[T]) -> Self::Register;
    /// Stores the first lanes, as many as the slice is long.
    fn store(self, to: &mut [T], value: Self::Register);
    /// `a + b`
    fn add(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// `a - b`
    fn sub(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// `a * b`
    fn mul(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// `a / b`
    fn div(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// The square root.
    fn sqrt(self, a: Self::Register) -> Self::Register;
    /// `a * b + c`, rounded once if the processor has a fused multiply-add, else twice.
    fn mul_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register;
    /// `2ⁿ`, for a whole number `n` for which `2ⁿ` is a normal number.
    fn power_of_two(self, n: Self::Register) -> Self::Register;
    /// `if b < a { a } else { b }`: NaN where `b` is NaN. (Where only `a` is NaN, NEON returns NaN, all others return
    /// `b`.)
    fn max(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// `if a < b { a } else { b }`; NaN as for [`max`](Self::max).
    fn min(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// `|a|`
    fn abs(self, a: Self::Register) -> Self::Register;
    /// `a < b`, false where either is NaN.
    fn lt(self, a: Self::Register, b: Self::Register) -> Self::Mask;
    /// `a <= b`, false where either is NaN.
    fn le(self, a: Self::Register, b: Self::Register) -> Self::Mask;
    /// Whether the mask is true in every lane.
    fn all(self, mask: Self::Mask) -> bool;
    /// `yes` where the mask is true, `no` elsewhere.
    fn select(self, mask: Self::Mask, yes: Self::Register, no: Self::Register) -> Self::Register;
    /// Exchanges lanes between two registers. Both are cut into runs of `run` lanes, a power of two below
    /// [`LANES`](Self::LANES). The second run of `a` is exchanged with the first of `b`, the fourth with the
    /// third, and so on: runs of 1 give `[a0 b0 a2 b2 …]` and `[a1 b1 a3 b3 …]`. Transposes are made of it.
    fn exchange(self, a: Self::Register, b: Self::Register, run: usize) -> [Self::Register; 2];
    /// The sum of all lanes.
    fn sum(self, a: Self::Register) -> T;

    /// Runs `f`, the pass of one layer: see [`LayerPasses`](super::LayerPasses).
    #[inline(always)]
    fn layer_pass<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }
}
