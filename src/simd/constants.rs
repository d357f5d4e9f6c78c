//! The constants of the functions in `math.rs`.

#![expect(clippy::excessive_precision, reason = "one constant serves both element types")]

/// The constants of these functions for one element type.
pub trait Constants: Sized + 'static {
    /// `1 / ln 2`
    const LOG2_E: Self;
    /// The leading bits of `ln 2`, so few that their product with a whole number in the range of `exp` is
    /// exact.
    const LN_2: Self;
    /// `ln 2` less [`LN_2`](Self::LN_2).
    const LN_2_LOW: Self;
    /// Adding and then subtracting this constant rounds to the nearest integer: `1.5 · 2²³`, for `f64`
    /// `1.5 · 2⁵²`.
    const ROUND_MAGIC: Self;
    /// Below the first number `exp` is 0, above the second it is infinite.
    const EXP_RANGE: [Self; 2];
    /// Above this number `tanh` is 1 to the last bit, and so is `expm1 / (expm1 + 2)`.
    const TANH_RANGE: Self;
    /// `1/k!` for `k` down to 2: the series of `exp`.
    const FACTORIALS: &'static [Self];
    /// `2 / (2k + 1)` for `k` down to 1: the series of `2 artanh`.
    const ATANH_SERIES: &'static [Self];
    /// Above this number `exp(−u² / 2)` is 0.
    const ERFCX_RANGE: Self;
    /// The polynomial `P` of the normal distribution, computed by tests/data/erfcx.py.
    const ERFCX_POLY: &'static [Self];

    /// `2ⁿ`, for a whole number `n` for which `2ⁿ` is a normal number.
    #[must_use]
    fn power_of_two(n: Self) -> Self;
}

/// Adding the first number puts `n + bias` into the low mantissa bits; shifting left by the second moves it
/// into the exponent field.
pub(super) const POWER_F32: (f32, u32) = (12_582_912.0 + 127.0, 23);
/// The same for `f64`, of which only the upper 32 bits are shifted.
pub(super) const POWER_F64: (f64, u32) = (1_572_864.0 + 1023.0, 20);

impl Constants for f32 {
    const LOG2_E: Self = core::f32::consts::LOG2_E;
    const LN_2: Self = 0.693_359_375;
    const LN_2_LOW: Self = -2.121_944_4e-4;
    const ROUND_MAGIC: Self = 12_582_912.0;
    const EXP_RANGE: [Self; 2] = [-104.0, 89.0];
    const TANH_RANGE: Self = 10.0;
    const FACTORIALS: &'static [Self] = &[1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5];
    const ATANH_SERIES: &'static [Self] =
        &[2.0 / 15.0, 2.0 / 13.0, 2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0];
    const ERFCX_RANGE: Self = 15.0;
    const ERFCX_POLY: &'static [Self] = &[
        0.000_109_390_88,
        -0.000_660_748_7,
        -0.000_852_651_6,
        0.003_071_442_2,
        0.020_792_28,
        0.069_102_325,
        0.165_022_51,
        0.313_534_46,
        0.495_305_46,
        0.665_382_47,
        0.769_193_05,
    ];

    #[inline(always)]
    fn power_of_two(n: Self) -> Self {
        let (start, places) = POWER_F32;
        Self::from_bits((n + start).to_bits() << places)
    }
}

impl Constants for f64 {
    const LOG2_E: Self = core::f64::consts::LOG2_E;
    const LN_2: Self = 0.693_147_180_369_123_8;
    const LN_2_LOW: Self = 1.908_214_929_270_587_7e-10;
    const ROUND_MAGIC: Self = 6_755_399_441_055_744.0;
    const EXP_RANGE: [Self; 2] = [-746.0, 710.0];
    const TANH_RANGE: Self = 20.0;
    const FACTORIALS: &'static [Self] = &[
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ];
    const ATANH_SERIES: &'static [Self] = &[
        2.0 / 33.0,
        2.0 / 31.0,
        2.0 / 29.0,
        2.0 / 27.0,
        2.0 / 25.0,
        2.0 / 23.0,
        2.0 / 21.0,
        2.0 / 19.0,
        2.0 / 17.0,
        2.0 / 15.0,
        2.0 / 13.0,
        2.0 / 11.0,
        2.0 / 9.0,
        2.0 / 7.0,
        2.0 / 5.0,
        2.0 / 3.0,
    ];
    const ERFCX_RANGE: Self = 39.0;
    const ERFCX_POLY: &'static [Self] = &[
        -2.224_938_767_716_443_3e-9,
        7.630_410_417_873_182e-9,
        1.061_827_417_423_937_6e-8,
        -6.667_529_339_227_572e-8,
        -4.375_841_598_285_575e-8,
        4.344_390_726_376_458_5e-7,
        3.374_965_203_524_632e-7,
        -2.770_320_944_146_952_3e-6,
        -3.981_182_741_532_577_5e-6,
        1.668_170_360_977_268e-5,
        4.976_285_316_503_013_6e-5,
        -5.937_586_616_736_071e-5,
        -0.000_544_899_062_695_852_1,
        -0.000_797_869_374_891_193_3,
        0.002_993_376_769_094_472_8,
        0.020_795_066_797_569_856,
        0.069_118_638_706_479_82,
        0.165_020_366_170_500_7,
        0.313_533_156_671_297_1,
        0.495_305_615_969_974_14,
        0.665_382_502_890_056_8,
        0.769_193_049_750_063,
    ];

    #[inline(always)]
    fn power_of_two(n: Self) -> Self {
        let (start, places) = POWER_F64;
        Self::from_bits((n + start).to_bits() << places)
    }
}
