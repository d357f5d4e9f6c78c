//! The SIMD backend, the crate `pulp`: safe vectors whose instruction set is chosen at run time.

use ::pulp::{self, Simd as PulpSimd};

use super::{
    Dispatch, Kernel, LayerPasses,
    constants::{POWER_F32, POWER_F64},
};

/// An instruction set of `pulp`, with four items that `pulp` lacks: whether it has an FMA, a call in a separate
/// function, a fast test of all lanes of a mask, and an exchange of lanes.
trait PulpExt: PulpSimd {
    /// Whether the instruction set has a fused multiply-add. Without one, `pulp` would call a software
    /// routine that rounds only once.
    const HAS_FMA: bool;

    /// Runs `f` in a separate function, compiled for this instruction set. (Without `inline(never)` the optimiser
    /// would inline some of these functions again.)
    #[inline(never)]
    fn outlined<R>(self, f: impl FnOnce() -> R) -> R {
        PulpSimd::vectorize(self, f)
    }

    /// [`all`](super::Simd::all)
    #[inline(always)]
    fn all_m32s(self, mask: Self::m32s) -> bool {
        let (yes, no) = (self.splat_f32s(0.0), self.splat_f32s(1.0));
        self.reduce_sum_f32s(self.select_f32s(mask, yes, no)) == 0.0
    }

    /// [`all`](super::Simd::all)
    #[inline(always)]
    fn all_m64s(self, mask: Self::m64s) -> bool {
        let (yes, no) = (self.splat_f64s(0.0), self.splat_f64s(1.0));
        self.reduce_sum_f64s(self.select_f64s(mask, yes, no)) == 0.0
    }

    /// [`exchange`](super::Simd::exchange)
    #[inline(always)]
    fn exchange_f32s(self, a: Self::f32s, b: Self::f32s, run: usize) -> [Self::f32s; 2] {
        let lanes: [f32; 16] = core::array::from_fn(|lane| if lane & run == 0 { -1.0 } else { 1.0 });
        let stays = self.less_than_f32s(Self::as_simd_f32s(&lanes).0[0], self.splat_f32s(0.0));
        [
            self.select_f32s(stays, a, self.rotate_right_f32s(b, run)),
            self.select_f32s(stays, self.rotate_right_f32s(a, Self::F32_LANES - run), b),
        ]
    }

    /// [`exchange`](super::Simd::exchange)
    #[inline(always)]
    fn exchange_f64s(self, a: Self::f64s, b: Self::f64s, run: usize) -> [Self::f64s; 2] {
        let lanes: [f64; 8] = core::array::from_fn(|lane| if lane & run == 0 { -1.0 } else { 1.0 });
        let stays = self.less_than_f64s(Self::as_simd_f64s(&lanes).0[0], self.splat_f64s(0.0));
        [
            self.select_f64s(stays, a, self.rotate_right_f64s(b, run)),
            self.select_f64s(stays, self.rotate_right_f64s(a, Self::F64_LANES - run), b),
        ]
    }
}

#[cfg(all(target_arch = "x86_64", feature = "avx512"))]
impl PulpExt for pulp::x86::V4 {
    const HAS_FMA: bool = true;

    #[inline(always)]
    fn all_m32s(self, mask: Self::m32s) -> bool {
        mask.0 == u16::MAX
    }

    #[inline(always)]
    fn all_m64s(self, mask: Self::m64s) -> bool {
        mask.0 == u8::MAX
    }
}

#[cfg(all(target_arch = "x86_64", feature = "avx2"))]
impl PulpExt for pulp::x86::V3 {
    const HAS_FMA: bool = true;

    #[inline(always)]
    fn all_m32s(self, mask: Self::m32s) -> bool {
        self.avx._mm256_movemask_ps(pulp::cast(mask)) == 0xff
    }

    #[inline(always)]
    fn all_m64s(self, mask: Self::m64s) -> bool {
        self.avx._mm256_movemask_pd(pulp::cast(mask)) == 0xf
    }

    /// One or two instructions each; `pulp`'s rotation takes about six. (`f64` is not overridden: `transpose`
    /// gathers vectors of 4 lanes instead of exchanging lanes.)
    #[inline(always)]
    fn exchange_f32s(self, a: Self::f32s, b: Self::f32s, run: usize) -> [Self::f32s; 2] {
        let (avx, a, b) = (self.avx, pulp::cast(a), pulp::cast(b));
        let [a, b] = match run {
            1 => [
                avx._mm256_blend_ps::<0b1010_1010>(a, avx._mm256_moveldup_ps(b)),
                avx._mm256_blend_ps::<0b1010_1010>(avx._mm256_movehdup_ps(a), b),
            ],
            2 => [avx._mm256_shuffle_ps::<0b01_00_01_00>(a, b), avx._mm256_shuffle_ps::<0b11_10_11_10>(a, b)],
            _ => [avx._mm256_permute2f128_ps::<0x20>(a, b), avx._mm256_permute2f128_ps::<0x31>(a, b)],
        };
        [pulp::cast(a), pulp::cast(b)]
    }
}

/// Arrays of the size of an SSE2 vector, for the operations of [`Sse2`] that are not one instruction.
#[cfg(target_arch = "x86_64")]
impl PulpExt for pulp::Scalar128b {
    const HAS_FMA: bool = false;
}

#[cfg(target_arch = "aarch64")]
impl PulpExt for pulp::aarch64::Neon {
    const HAS_FMA: bool = true;
}

#[cfg(target_feature = "simd128")]
impl PulpExt for pulp::wasm::Simd128 {
    const HAS_FMA: bool = false;
}

/// Runs `f` in a separate function. The SSE2 code of a kernel must not enlarge every caller, as few processors
/// use it.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn not_inlined<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Implements [`Simd`](super::Simd) for an instruction set of `pulp`.
#[derive(Clone, Copy)]
struct Token<S, P>(S, P);

/// Runs a kernel on the first of these instruction sets that the processor has, and returns its result.
macro_rules! return_best {
    ($kernel:ident, $passes:ident: $(#[$compiled_in:meta] $machine:ty,)+) => { $(
        #[$compiled_in]
        if let Some(simd) = <$machine>::try_new() {
            return simd.vectorize(
                #[inline(always)]
                || $kernel.run(Token(simd, $passes)),
            );
        }
    )+ };
}

macro_rules! implement_simd {
    ($float:ty, $lanes:ident, $vector:ident, $mask:ident, $power:ident, $ops:tt) => {
        impl<S: PulpExt, P: LayerPasses> super::Simd<$float> for Token<S, P> {
            type Register = S::$vector;
            type Mask = S::$mask;
            const LANES: usize = S::$lanes;
            const REGISTERS: usize = if S::REGISTER_COUNT >= 32 { 32 } else { 16 };
            const HAS_FMA: bool = S::HAS_FMA;
            implement_simd!(@ops $float, $power, $ops);
        }

        impl Dispatch for $float {
            #[inline(always)]
            fn dispatch_passes<P: LayerPasses, K: Kernel<Self>>(kernel: K) -> K::Output {
                let passes = P::default();
                return_best! { kernel, passes:
                    #[cfg(all(target_arch = "x86_64", feature = "avx512"))] pulp::x86::V4,
                    #[cfg(all(target_arch = "x86_64", feature = "avx2"))] pulp::x86::V3,
                    #[cfg(target_arch = "aarch64")] pulp::aarch64::Neon,
                    #[cfg(target_feature = "simd128")] pulp::wasm::Simd128,
                }
                // Every x86-64 processor has SSE2.
                #[cfg(target_arch = "x86_64")]
                return not_inlined(
                    #[inline(always)]
                    || kernel.run(Sse2(pulp::x86::V1::try_new().expect("x86-64 includes SSE2"), passes)),
                );
                #[cfg(not(target_arch = "x86_64"))]
                kernel.run(super::Scalar)
            }
        }
    };
    (@ops $float:ty, $power:ident, {
        $splat:ident $as_simd:ident $as_mut_simd:ident $partial_load:ident $partial_store:ident
        $add:ident $sub:ident $mul:ident $div:ident $sqrt:ident $mul_add:ident
        $max:ident $min:ident $abs:ident $lt:ident $le:ident $all:ident $select:ident $exchange:ident $sum:ident
    }) => {
        #[inline(always)]
        fn splat(self, value: $float) -> Self::Register {
            self.0.$splat(value)
        }

        #[inline(always)]
        fn load(self, from: &[$float]) -> Self::Register {
            match S::$as_simd(from).0 {
                [first, ..] => *first,
                [] => self.0.$partial_load(from),
            }
        }

        #[inline(always)]
        fn store(self, to: &mut [$float], value: Self::Register) {
            if let [first, ..] = S::$as_mut_simd(to).0 {
                *first = value;
            } else {
                self.0.$partial_store(to, value);
            }
        }

        #[inline(always)]
        fn add(self, a: Self::Register, b: Self::Register) -> Self::Register {
            self.0.$add(a, b)
        }

        #[inline(always)]
        fn sub(self, a: Self::Register, b: Self::Register) -> Self::Register {
            self.0.$sub(a, b)
        }

        #[inline(always)]
        fn mul(self, a: Self::Register, b: Self::Register) -> Self::Register {
            self.0.$mul(a, b)
        }

        #[inline(always)]
        fn div(self, a: Self::Register, b: Self::Register) -> Self::Register {
            self.0.$div(a, b)
        }

        #[inline(always)]
        fn sqrt(self, a: Self::Register) -> Self::Register {
            self.0.$sqrt(a)
        }

        #[inline(always)]
        fn mul_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register {
            if const { S::HAS_FMA } { self.0.$mul_add(a, b, c) } else { self.0.$add(self.0.$mul(a, b), c) }
        }

        #[inline(always)]
        fn power_of_two(self, n: Self::Register) -> Self::Register {
            let (start, places) = $power;
            let bits: S::u32s = pulp::cast(super::Simd::<$float>::add(self, n, self.0.$splat(start)));
            pulp::cast(self.0.wrapping_dyn_shl_u32s(bits, self.0.splat_u32s(places)))
        }

        #[inline(always)]
        fn max(self, a: Self::Register, b: Self::Register) -> Self::Register {
            // Without an FMA: on simd128, pulp's `max` does not return `b` when either is NaN, so compare and select
            // instead. (SSE2 has its own implementation: `Sse2`.)
            if const { S::HAS_FMA } { self.0.$max(a, b) } else { self.0.$select(self.0.$lt(b, a), a, b) }
        }

        #[inline(always)]
        fn min(self, a: Self::Register, b: Self::Register) -> Self::Register {
            if const { S::HAS_FMA } { self.0.$min(a, b) } else { self.0.$select(self.0.$lt(a, b), a, b) }
        }

        #[inline(always)]
        fn abs(self, a: Self::Register) -> Self::Register {
            self.0.$abs(a)
        }

        #[inline(always)]
        fn lt(self, a: Self::Register, b: Self::Register) -> Self::Mask {
            self.0.$lt(a, b)
        }

        #[inline(always)]
        fn le(self, a: Self::Register, b: Self::Register) -> Self::Mask {
            self.0.$le(a, b)
        }

        #[inline(always)]
        fn all(self, mask: Self::Mask) -> bool {
            self.0.$all(mask)
        }

        #[inline(always)]
        fn select(self, mask: Self::Mask, yes: Self::Register, no: Self::Register) -> Self::Register {
            self.0.$select(mask, yes, no)
        }

        #[inline(always)]
        fn exchange(self, a: Self::Register, b: Self::Register, run: usize) -> [Self::Register; 2] {
            self.0.$exchange(a, b, run)
        }

        #[inline(always)]
        fn sum(self, a: Self::Register) -> $float {
            self.0.$sum(a)
        }

        #[inline(always)]
        fn layer_pass<R>(self, f: impl FnOnce() -> R) -> R {
            if const { P::OUTLINED } { self.0.outlined(f) } else { f() }
        }
    };
}

implement_simd!(f32, F32_LANES, f32s, m32s, POWER_F32, {
    splat_f32s as_simd_f32s as_mut_simd_f32s partial_load_f32s partial_store_f32s
    add_f32s sub_f32s mul_f32s div_f32s sqrt_f32s mul_add_e_f32s
    max_f32s min_f32s abs_f32s less_than_f32s less_than_or_equal_f32s all_m32s select_f32s exchange_f32s reduce_sum_f32s
});
implement_simd!(f64, F64_LANES, f64s, m64s, POWER_F64, {
    splat_f64s as_simd_f64s as_mut_simd_f64s partial_load_f64s partial_store_f64s
    add_f64s sub_f64s mul_f64s div_f64s sqrt_f64s mul_add_e_f64s
    max_f64s min_f64s abs_f64s less_than_f64s less_than_or_equal_f64s all_m64s select_f64s exchange_f64s reduce_sum_f64s
});

/// SSE2. `pulp` has functions for its instructions, but implements its trait `Simd` for AVX2 and wider only.
///
/// `pulp::Scalar128b` computes the same bits lane by lane, and LLVM joins the lanes to vectors only after it has
/// unrolled and vectorised loops: it computed the sums of lanes in vectors of two, and turned short loops over
/// vectors into loops that load every lane alone. A training step at batch 1 took 1.4 times as long.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Sse2<P>(pulp::x86::V1, P);

/// For the operations of [`Sse2`] that are not one instruction.
#[cfg(target_arch = "x86_64")]
const LANE_BY_LANE: Token<pulp::Scalar128b, super::Inlined> = Token(pulp::Scalar128b, super::Inlined);

#[cfg(target_arch = "x86_64")]
macro_rules! sse2 {
    ($float:ty, $lanes:literal, $register:ident, $from:ident, {
        $splat:ident $add:ident $sub:ident $mul:ident $div:ident $sqrt:ident
        $max:ident $min:ident $lt:ident $le:ident $and:ident $and_not:ident $or:ident $movemask:ident $sum:ident
    }) => {
        impl<P: LayerPasses> super::Simd<$float> for Sse2<P> {
            type Register = core::arch::x86_64::$register;
            type Mask = core::arch::x86_64::$register;
            const LANES: usize = $lanes;
            const REGISTERS: usize = 16;
            const HAS_FMA: bool = false;

            #[inline(always)]
            fn splat(self, value: $float) -> Self::Register {
                self.0.$from.$splat(value)
            }

            #[inline(always)]
            fn load(self, from: &[$float]) -> Self::Register {
                pulp::cast(LANE_BY_LANE.load(from))
            }

            #[inline(always)]
            fn store(self, to: &mut [$float], value: Self::Register) {
                LANE_BY_LANE.store(to, pulp::cast(value));
            }

            #[inline(always)]
            fn add(self, a: Self::Register, b: Self::Register) -> Self::Register {
                self.0.$from.$add(a, b)
            }

            #[inline(always)]
            fn sub(self, a: Self::Register, b: Self::Register) -> Self::Register {
                self.0.$from.$sub(a, b)
            }

            #[inline(always)]
            fn mul(self, a: Self::Register, b: Self::Register) -> Self::Register {
                self.0.$from.$mul(a, b)
            }

            #[inline(always)]
            fn div(self, a: Self::Register, b: Self::Register) -> Self::Register {
                self.0.$from.$div(a, b)
            }

            #[inline(always)]
            fn sqrt(self, a: Self::Register) -> Self::Register {
                self.0.$from.$sqrt(a)
            }

            #[inline(always)]
            fn mul_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register {
                self.0.$from.$add(self.0.$from.$mul(a, b), c)
            }

            #[inline(always)]
            fn power_of_two(self, n: Self::Register) -> Self::Register {
                pulp::cast(super::Simd::<$float>::power_of_two(LANE_BY_LANE, pulp::cast(n)))
            }

            #[inline(always)]
            fn max(self, a: Self::Register, b: Self::Register) -> Self::Register {
                self.0.$from.$max(a, b)
            }

            #[inline(always)]
            fn min(self, a: Self::Register, b: Self::Register) -> Self::Register {
                self.0.$from.$min(a, b)
            }

            #[inline(always)]
            fn abs(self, a: Self::Register) -> Self::Register {
                // −0 has the sign bit only.
                self.0.$from.$and_not(self.0.$from.$splat(-0.0), a)
            }

            #[inline(always)]
            fn lt(self, a: Self::Register, b: Self::Register) -> Self::Mask {
                self.0.$from.$lt(a, b)
            }

            #[inline(always)]
            fn le(self, a: Self::Register, b: Self::Register) -> Self::Mask {
                self.0.$from.$le(a, b)
            }

            #[inline(always)]
            fn all(self, mask: Self::Mask) -> bool {
                self.0.$from.$movemask(mask) == (1 << $lanes) - 1
            }

            #[inline(always)]
            fn select(self, mask: Self::Mask, yes: Self::Register, no: Self::Register) -> Self::Register {
                self.0.$from.$or(self.0.$from.$and(mask, yes), self.0.$from.$and_not(mask, no))
            }

            #[inline(always)]
            fn exchange(self, a: Self::Register, b: Self::Register, run: usize) -> [Self::Register; 2] {
                super::Simd::<$float>::exchange(LANE_BY_LANE, pulp::cast(a), pulp::cast(b), run)
                    .map(pulp::cast)
            }

            #[inline(always)]
            fn sum(self, a: Self::Register) -> $float {
                self.0.$sum(pulp::cast(a))
            }

            #[inline(always)]
            fn layer_pass<R>(self, f: impl FnOnce() -> R) -> R {
                if const { P::OUTLINED } { not_inlined(f) } else { f() }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
sse2!(f32, 4, __m128, sse, {
    _mm_set1_ps _mm_add_ps _mm_sub_ps _mm_mul_ps _mm_div_ps _mm_sqrt_ps
    _mm_max_ps _mm_min_ps _mm_cmplt_ps _mm_cmple_ps _mm_and_ps _mm_andnot_ps _mm_or_ps _mm_movemask_ps reduce_sum_f32x4
});
#[cfg(target_arch = "x86_64")]
sse2!(f64, 2, __m128d, sse2, {
    _mm_set1_pd _mm_add_pd _mm_sub_pd _mm_mul_pd _mm_div_pd _mm_sqrt_pd
    _mm_max_pd _mm_min_pd _mm_cmplt_pd _mm_cmple_pd _mm_and_pd _mm_andnot_pd _mm_or_pd _mm_movemask_pd reduce_sum_f64x2
});
