//! The factor by which a sum becomes a byte.

/// Thumb-1 has no instruction for the high half of a product.
pub(super) const THUMB_1: bool = cfg!(all(target_arch = "arm", not(target_has_atomic = "32")));

/// A factor from 0 to 1/4 (exclusive), by which a sum is multiplied and rounded once: `sum · factor`, ties up.
///
/// The 24 bits of the factor, `m`, from bit 7 on, and below them a shift `s`: `factor = m · 2⁷ · 2^(−33 − s)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
pub(crate) struct Multiplier(u32);

impl Multiplier {
    pub(super) const ZERO: Self = Self(0);
    const SHIFT: u32 = 31;
    /// The exponent in the bits of 1/8, whose shift is 0.
    const LARGEST: u32 = 124;

    /// A factor below 2⁻³² becomes 0: the byte is the same, because an absolute value of a sum is less than 2³⁰.
    pub(crate) const fn new(factor: f32) -> Option<Self> {
        let exponent = factor.to_bits() >> 23;
        match Self::LARGEST.checked_sub(exponent) {
            Some(shift @ 0..30) => Some(Self((factor.to_bits() & 0x7f_ffff | 0x80_0000) << 7 | shift)),
            Some(_) => Some(Self(0)),
            // −0 has a sign.
            None if factor == 0.0 => Some(Self(0)),
            None => None,
        }
    }

    pub(crate) const fn factor(self) -> f32 {
        let exponent = Self::LARGEST - (self.0 & Self::SHIFT);
        if self.0 == 0 { 0.0 } else { f32::from_bits(exponent << 23 | (self.0 >> 7 & 0x7f_ffff)) }
    }

    /// `sum · factor + (twice_plus_one − 1) / 2`, rounded.
    #[inline(always)]
    pub(crate) const fn apply(self, sum: i32, twice_plus_one: i32) -> i32 {
        let product = high_word::<THUMB_1>(sum, (self.0 & !Self::SHIFT) as i32);
        (product >> (self.0 & Self::SHIFT)).wrapping_add(twice_plus_one) >> 1
    }
}

/// The high 32 bits of the product; if `HALVES`, of four products of halves.
#[inline(always)]
const fn high_word<const HALVES: bool>(a: i32, m: i32) -> i32 {
    if !HALVES {
        return ((a as i64 * m as i64) >> 32) as i32;
    }
    let (a_high, a_low, m_high, m_low) = (a >> 16, a as u32 & 0xffff, m >> 16, m as u32 & 0xffff);
    let u = a_high.wrapping_mul(m_low as i32).wrapping_add((a_low.wrapping_mul(m_low) >> 16) as i32);
    let v = a_low.wrapping_mul(m_high as u32).wrapping_add(u as u32 & 0xffff);
    a_high.wrapping_mul(m_high).wrapping_add(u >> 16).wrapping_add((v >> 16) as i32)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::{Multiplier, high_word};

    /// On every processor, also on those whose code a host does not run.
    #[test]
    fn both_ways_give_the_same_high_word() {
        let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
        let limit = 1 << 30;
        let sums = [0, 1, -1, 0xffff, -0xffff, 0x1_0000, -0x1_0000, limit - 1, 1 - limit];
        let factors = [0, 1 << 30, i32::MAX & !31, 0x4000_ff80, 0x7fff_0000, 0x4001_0000];
        let random =
            (0..100_000).map(|_| (rng.random_range(1 - limit..limit), rng.random_range(limit..=i32::MAX)));
        let edges = sums.into_iter().flat_map(|a| factors.map(|m| (a, m)));
        for (a, m) in edges.chain(random) {
            assert_eq!(high_word::<true>(a, m), high_word::<false>(a, m), "{a} · {m}");
        }
    }

    #[test]
    fn a_factor_keeps_all_its_bits_or_becomes_0() {
        let smallest = 1.0 / (1_u64 << 32) as f32;
        for factor in [0.25_f32.next_down(), 0.125, 0.1, 1e-5, smallest] {
            assert_eq!(Multiplier::new(factor).map(Multiplier::factor), Some(factor));
        }
        for factor in [smallest.next_down(), f32::MIN_POSITIVE, 1e-45, 0.0, -0.0] {
            assert_eq!(Multiplier::new(factor), Some(Multiplier::ZERO), "{factor:e}");
        }
        for factor in [0.25, -1e-45, -0.1, f32::INFINITY, f32::NAN] {
            assert_eq!(Multiplier::new(factor), None, "{factor:e}");
        }
    }
}
