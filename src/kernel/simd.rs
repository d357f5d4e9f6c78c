//! Vectors by `pulp`: safe, and chosen at run time.

use core::marker::PhantomData;

use pulp::{Simd, WithSimd};

use super::{
    Dispatch, Isa, Kernel, Scalar,
    math::{POWER_F32, POWER_F64},
};

/// An instruction set of `pulp`'s as one of ours. `FUSED` says whether it has a fused
/// multiply-add; where it has none, `pulp` calls a software routine to round only once.
#[derive(Clone, Copy)]
struct Vector<S, const FUSED: bool>(S);

/// A kernel of ours as one of `pulp`'s.
struct Run<T, K, const FUSED: bool>(K, PhantomData<T>);

/// Runs a kernel on the best instruction set that is compiled in and that the machine has.
#[inline(always)]
fn run<T, K: Kernel<T>>(kernel: K) -> K::Output
where
    Run<T, K, true>: WithSimd<Output = K::Output>,
    Run<T, K, false>: WithSimd<Output = K::Output>,
    Scalar: Isa<T>,
{
    #[cfg(all(target_arch = "x86_64", feature = "avx512"))]
    if let Some(simd) = pulp::x86::V4::try_new() {
        return Simd::vectorize(simd, Run::<T, K, true>(kernel, PhantomData));
    }
    #[cfg(all(target_arch = "x86_64", feature = "avx2"))]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, Run::<T, K, true>(kernel, PhantomData));
    }
    // What is left is what every machine of the architecture has, and so was compiled for it.
    #[cfg(target_arch = "x86_64")]
    return Simd::vectorize(pulp::Scalar128b, Run::<T, K, false>(kernel, PhantomData));
    #[cfg(target_arch = "aarch64")]
    if let Some(simd) = pulp::aarch64::Neon::try_new() {
        return Simd::vectorize(simd, Run::<T, K, true>(kernel, PhantomData));
    }
    #[cfg(target_arch = "wasm32")]
    if let Some(simd) = pulp::wasm::Simd128::try_new() {
        return Simd::vectorize(simd, Run::<T, K, false>(kernel, PhantomData));
    }
    #[cfg(not(target_arch = "x86_64"))]
    kernel.run(Scalar)
}

macro_rules! vectors {
    ($float:ty, $lanes:ident, $vector:ident, $mask:ident, $power:ident, $ops:tt) => {
        impl<S: Simd, const FUSED: bool> Isa<$float> for Vector<S, FUSED> {
            type V = S::$vector;
            type Mask = S::$mask;
            const LANES: usize = S::$lanes;
            const MANY_REGISTERS: bool = S::REGISTER_COUNT >= 32;
            const FUSED: bool = FUSED;
            vectors!(@ops $float, $power, $ops);
        }

        impl<K: Kernel<$float>, const FUSED: bool> WithSimd for Run<$float, K, FUSED> {
            type Output = K::Output;

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) -> K::Output {
                self.0.run(Vector::<S, FUSED>(simd))
            }
        }

        impl Dispatch for $float {
            #[inline(always)]
            fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output {
                run::<$float, K>(kernel)
            }
        }
    };
    (@ops $float:ty, $power:ident, {
        $splat:ident $as_simd:ident $as_mut_simd:ident $partial_load:ident $partial_store:ident
        $add:ident $sub:ident $mul:ident $div:ident $sqrt:ident $mul_add:ident
        $max:ident $lt:ident $le:ident $select:ident $rotate:ident $sum:ident
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
            if const { FUSED } { self.0.$mul_add(a, b, c) } else { self.0.$add(self.0.$mul(a, b), c) }
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
            if const { FUSED } { self.0.$max(a, b) } else { self.0.$select(self.0.$lt(b, a), a, b) }
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
        fn rotate(self, a: Self::V, places: usize) -> Self::V {
            self.0.$rotate(a, places)
        }

        #[inline(always)]
        fn alternate(self, run: usize) -> Self::Mask {
            const MOST: usize = 64 / size_of::<$float>();
            let lanes: [$float; MOST] = core::array::from_fn(|lane| if lane & run == 0 { -1.0 } else { 1.0 });
            self.0.$lt(Isa::<$float>::load(self, &lanes), self.0.$splat(0.0))
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
    max_f32s less_than_f32s less_than_or_equal_f32s select_f32s rotate_right_f32s reduce_sum_f32s
});
vectors!(f64, F64_LANES, f64s, m64s, POWER_F64, {
    splat_f64s as_simd_f64s as_mut_simd_f64s partial_load_f64s partial_store_f64s
    add_f64s sub_f64s mul_f64s div_f64s sqrt_f64s mul_add_e_f64s
    max_f64s less_than_f64s less_than_or_equal_f64s select_f64s rotate_right_f64s reduce_sum_f64s
});
