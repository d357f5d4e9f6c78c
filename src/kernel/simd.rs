//! Vectors by `pulp`: safe, and chosen at run time.

use pulp::{Arch, Simd, WithSimd};

use super::{Dispatch, Isa, Kernel};

/// An instruction set of `pulp`'s as one of ours.
#[derive(Clone, Copy)]
struct Vector<S>(S);

macro_rules! vectors {
    ($float:ty, $lanes:ident, $vector:ident, $mask:ident, $ops:tt) => {
        impl<S: Simd> Isa<$float> for Vector<S> {
            type V = S::$vector;
            type Mask = S::$mask;
            const LANES: usize = S::$lanes;
            const MANY_REGISTERS: bool = S::REGISTER_COUNT >= 32;
            vectors!(@ops $float, $ops);
        }

        impl Dispatch for $float {
            #[inline(always)]
            fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output {
                struct Run<K>(K);
                impl<K: Kernel<$float>> WithSimd for Run<K> {
                    type Output = K::Output;

                    #[inline(always)]
                    fn with_simd<S: Simd>(self, simd: S) -> K::Output {
                        self.0.run(Vector(simd))
                    }
                }
                Arch::new().dispatch(Run(kernel))
            }
        }
    };
    (@ops $float:ty, {
        $splat:ident $as_simd:ident $as_mut_simd:ident $partial_load:ident $partial_store:ident
        $add:ident $sub:ident $mul:ident $div:ident $sqrt:ident $mul_add:ident
        $lt:ident $select:ident $rotate:ident $sum:ident
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
            self.0.$mul_add(a, b, c)
        }

        #[inline(always)]
        fn lt(self, a: Self::V, b: Self::V) -> Self::Mask {
            self.0.$lt(a, b)
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

vectors!(f32, F32_LANES, f32s, m32s, {
    splat_f32s as_simd_f32s as_mut_simd_f32s partial_load_f32s partial_store_f32s
    add_f32s sub_f32s mul_f32s div_f32s sqrt_f32s mul_add_e_f32s
    less_than_f32s select_f32s rotate_right_f32s reduce_sum_f32s
});
vectors!(f64, F64_LANES, f64s, m64s, {
    splat_f64s as_simd_f64s as_mut_simd_f64s partial_load_f64s partial_store_f64s
    add_f64s sub_f64s mul_f64s div_f64s sqrt_f64s mul_add_e_f64s
    less_than_f64s select_f64s rotate_right_f64s reduce_sum_f64s
});
