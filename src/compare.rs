//! Comparing networks to within a tolerance, by the traits of `approx`.

use approx::{AbsDiffEq, RelativeEq, UlpsEq};

use crate::{
    Dropout, Elem, Element, Layer, LayerNorm, Linear, Residual, Sequential, Softmax,
    activation::{Elementwise, Function},
    residual::AddsTo,
};

/// Whether each parameter of one network compares with the other's as asked.
fn all<N: Layer>(a: &N, b: &N, mut same: impl FnMut(&Elem<N>, &Elem<N>) -> bool) -> bool {
    (0..a.tensors()).all(|index| match (a.parameter(index), b.parameter(index)) {
        (Some(a), Some(b)) => a.values.iter().zip(b.values).all(|(a, b)| same(a, b)),
        (a, b) => a.is_none() && b.is_none(),
    })
}

macro_rules! compare {
    ($net:ty, $t:ty, $($generics:tt)*) => {
        /// Every parameter is compared.
        impl<$($generics)*> AbsDiffEq for $net {
            type Epsilon = $t;

            fn default_epsilon() -> $t {
                <$t>::default_epsilon()
            }

            fn abs_diff_eq(&self, other: &Self, epsilon: $t) -> bool {
                all(self, other, |a, b| a.abs_diff_eq(b, epsilon))
            }
        }

        /// Every parameter is compared.
        impl<$($generics)*> RelativeEq for $net {
            fn default_max_relative() -> $t {
                <$t>::default_max_relative()
            }

            fn relative_eq(&self, other: &Self, epsilon: $t, max_relative: $t) -> bool {
                all(self, other, |a, b| a.relative_eq(b, epsilon, max_relative))
            }
        }

        /// Every parameter is compared.
        impl<$($generics)*> UlpsEq for $net {
            fn default_max_ulps() -> u32 {
                <$t>::default_max_ulps()
            }

            fn ulps_eq(&self, other: &Self, epsilon: $t, max_ulps: u32) -> bool {
                all(self, other, |a, b| a.ulps_eq(b, epsilon, max_ulps))
            }
        }
    };
}

compare!(Linear<IN, OUT, T>, T, const IN: usize, const OUT: usize, T: Element);
compare!(Elementwise<F, N, T>, T, F: Function<T> + PartialEq, const N: usize, T: Element);
compare!(LayerNorm<N, T>, T, const N: usize, T: Element);
compare!(Residual<L>, Elem<L>, L: PartialEq + Layer<Out: AddsTo<L::In>>);
compare!(Dropout<N, PERCENT, T>, T, const N: usize, const PERCENT: usize, T: Element);
compare!(Softmax<N, T>, T, const N: usize, T: Element);
compare!(Sequential<L>, Elem<L>, L: Layer + PartialEq);
