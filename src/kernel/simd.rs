//! Vectors by `pulp`: safe, and chosen at run time.

use pulp::Simd;

use super::{
    Dispatch, Isa, Kernel,
    math::{POWER_F32, POWER_F64},
};

/// An instruction set of `pulp`'s, with what it does not tell of itself.
trait Machine: Simd {
    /// Whether it has a fused multiply-add. Where it has none, `pulp` calls a software routine to
    /// round only once.
    const FUSED: bool;

    /// [`Isa::swap`]
    #[inline(always)]
    fn swap_f32s(self, a: Self::f32s, b: Self::f32s, run: usize) -> [Self::f32s; 2] {
        let lanes: [f32; 16] = core::array::from_fn(|lane| if lane & run == 0 { -1.0 } else { 1.0 });
        let stays = self.less_than_f32s(Self::as_simd_f32s(&lanes).0[0], self.splat_f32s(0.0));
        [
            self.select_f32s(stays, a, self.rotate_right_f32s(b, run)),
            self.select_f32s(stays, self.rotate_right_f32s(a, Self::F32_LANES - run), b),
        ]
    }

    /// [`Isa::swap`]
    #[inline(always)]
    fn swap_f64s(self, a: Self::f64s, b: Self::f64s, run: usize) -> [Self::f64s; 2] {
        let lanes: [f64; 8] = core::array::from_fn(|lane| if lane & run == 0 { -1.0 } else { 1.0 });
        let stays = self.less_than_f64s(Self::as_simd_f64s(&lanes).0[0], self.splat_f64s(0.0));
        [
            self.select_f64s(stays, a, self.rotate_right_f64s(b, run)),
            self.select_f64s(stays, self.rotate_right_f64s(a, Self::F64_LANES - run), b),
        ]
    }
}

#[cfg(all(target_arch = "x86_64", feature = "avx512"))]
impl Machine for pulp::x86::V4 {
    const FUSED: bool = true;
}

#[cfg(all(target_arch = "x86_64", feature = "avx2"))]
impl Machine for pulp::x86::V3 {
    const FUSED: bool = true;

    /// Each by one or two instructions, where `pulp` rotates by half a dozen. (Four lanes of `f64` are not
    /// turned, see `transpose`.)
    #[inline(always)]
    fn swap_f32s(self, a: Self::f32s, b: Self::f32s, run: usize) -> [Self::f32s; 2] {
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

/// SSE2.
#[cfg(target_arch = "x86_64")]
impl Machine for pulp::Scalar128b {
    const FUSED: bool = false;
}

#[cfg(target_arch = "aarch64")]
impl Machine for pulp::aarch64::Neon {
    const FUSED: bool = true;
}

#[cfg(target_feature = "simd128")]
impl Machine for pulp::wasm::Simd128 {
    const FUSED: bool = false;
}

/// Keeps the code that only old machines run out of that of every caller.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn apart<Y>(run: impl FnOnce() -> Y) -> Y {
    run()
}

/// An instruction set of `pulp`'s as one of ours.
#[derive(Clone, Copy)]
struct Vector<S>(S);

/// Runs a kernel on the first of these that the machine has, and returns what it gives.
macro_rules! return_best {
    ($kernel:ident: $(#[$compiled_in:meta] $machine:ty,)+) => { $(
        #[$compiled_in]
        if let Some(simd) = <$machine>::try_new() {
            return simd.vectorize(
                #[inline(always)]
                || $kernel.run(Vector(simd)),
            );
        }
    )+ };
}

macro_rules! vectors {
    ($float:ty, $lanes:ident, $vector:ident, $mask:ident, $power:ident, $ops:tt) => {
        impl<S: Machine> Isa<$float> for Vector<S> {
            type V = S::$vector;
            type Mask = S::$mask;
            const LANES: usize = S::$lanes;
            const MANY_REGISTERS: bool = S::REGISTER_COUNT >= 32;
            const FUSED: bool = S::FUSED;
            vectors!(@ops $float, $power, $ops);
        }

        impl Dispatch for $float {
            #[inline(always)]
            fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output {
                return_best! { kernel:
                    #[cfg(all(target_arch = "x86_64", feature = "avx512"))] pulp::x86::V4,
                    #[cfg(all(target_arch = "x86_64", feature = "avx2"))] pulp::x86::V3,
                    #[cfg(target_arch = "aarch64")] pulp::aarch64::Neon,
                    #[cfg(target_feature = "simd128")] pulp::wasm::Simd128,
                }
                // What every machine of the architecture has.
                #[cfg(target_arch = "x86_64")]
                return apart(
                    #[inline(always)]
                    || kernel.run(Vector(pulp::Scalar128b)),
                );
                #[cfg(not(target_arch = "x86_64"))]
                kernel.run(super::Scalar)
            }
        }
    };
    (@ops $float:ty, $power:ident, {
        $splat:ident $as_simd:ident $as_mut_simd:ident $partial_load:ident $partial_store:ident
        $add:ident $sub:ident $mul:ident $div:ident $sqrt:ident $mul_add:ident
        $max:ident $lt:ident $le:ident $select:ident $swap:ident $sum:ident
    }) => {
        #[inline(always)]
        fn splat(self, value: $float) -> Self::V {
            self.0.$splat(value)
        }

        #[inline(always)]
        fn load(self, from: &[$float]) -> Self::V {
            match S::$as_simd(from).0 {
                [first, ..] => *first,
                [] => self.0.$partial_load(from),
            }
        }

        #[inline(always)]
        fn store(self, to: &mut [$float], value: Self::V) {
            if let [first, ..] = S::$as_mut_simd(to).0 {
                *first = value;
            } else {
                self.0.$partial_store(to, value);
            }
        }

        #[inline(always)]
        fn add(self, a: Self::V, b: Self::V) -> Self::V {
            self.0.$add(a, b)
        }

        #[inline(always)]
        fn sub(self, a: Self::V, b: Self::V) -> Self::V {
            self.0.$sub(a, b)
        }

        #[inline(always)]
        fn mul(self, a: Self::V, b: Self::V) -> Self::V {
            self.0.$mul(a, b)
        }

        #[inline(always)]
        fn div(self, a: Self::V, b: Self::V) -> Self::V {
            self.0.$div(a, b)
        }

        #[inline(always)]
        fn sqrt(self, a: Self::V) -> Self::V {
            self.0.$sqrt(a)
        }

        #[inline(always)]
        fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            if const { S::FUSED } { self.0.$mul_add(a, b, c) } else { self.0.$add(self.0.$mul(a, b), c) }
        }

        #[inline(always)]
        fn power_of_two(self, n: Self::V) -> Self::V {
            let (start, places) = $power;
            let bits: S::u32s = pulp::cast(Isa::<$float>::add(self, n, self.0.$splat(start)));
            pulp::cast(self.0.wrapping_dyn_shl_u32s(bits, self.0.splat_u32s(places)))
        }

        #[inline(always)]
        fn max(self, a: Self::V, b: Self::V) -> Self::V {
            // Where `pulp`'s is not one instruction, it is one that loses NaN.
            if const { S::FUSED } { self.0.$max(a, b) } else { self.0.$select(self.0.$lt(b, a), a, b) }
        }

        #[inline(always)]
        fn lt(self, a: Self::V, b: Self::V) -> Self::Mask {
            self.0.$lt(a, b)
        }

        #[inline(always)]
        fn le(self, a: Self::V, b: Self::V) -> Self::Mask {
            self.0.$le(a, b)
        }

        #[inline(always)]
        fn select(self, mask: Self::Mask, yes: Self::V, no: Self::V) -> Self::V {
            self.0.$select(mask, yes, no)
        }

        #[inline(always)]
        fn swap(self, a: Self::V, b: Self::V, run: usize) -> [Self::V; 2] {
            self.0.$swap(a, b, run)
        }

        #[inline(always)]
        fn sum(self, a: Self::V) -> $float {
            self.0.$sum(a)
        }
    };
}

vectors!(f32, F32_LANES, f32s, m32s, POWER_F32, {
    splat_f32s as_simd_f32s as_mut_simd_f32s partial_load_f32s partial_store_f32s
    add_f32s sub_f32s mul_f32s div_f32s sqrt_f32s mul_add_e_f32s
    max_f32s less_than_f32s less_than_or_equal_f32s select_f32s swap_f32s reduce_sum_f32s
});
vectors!(f64, F64_LANES, f64s, m64s, POWER_F64, {
    splat_f64s as_simd_f64s as_mut_simd_f64s partial_load_f64s partial_store_f64s
    add_f64s sub_f64s mul_f64s div_f64s sqrt_f64s mul_add_e_f64s
    max_f64s less_than_f64s less_than_or_equal_f64s select_f64s swap_f64s reduce_sum_f64s
});
