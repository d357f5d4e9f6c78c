//! What every layer type implements in the same way: the traits of `approx`, for comparing layers and networks to
//! within a tolerance, and access to the last layer of a chain.

use super::{Elem, Layer};

/// Whether `same` is true for each pair of corresponding parameters of `a` and `b`.
pub fn all_parameters<N: Layer>(a: &N, b: &N, mut same: impl FnMut(&Elem<N>, &Elem<N>) -> bool) -> bool {
    (0..a.tensors()).all(|index| match (a.parameter(index), b.parameter(index)) {
        (Some(a), Some(b)) => a.values.iter().zip(b.values).all(|(a, b)| same(a, b)),
        (a, b) => a.is_none() && b.is_none(),
    })
}

/// Implements what all layers have in common: the traits of `approx`, and access to the last layer of a chain.
#[doc(hidden)]
#[macro_export]
macro_rules! layer_impls {
    ($net:ty, $t:ty, $($generics:tt)*) => {
        $crate::last_layer!($net, $($generics)*);
        $crate::compare_impls!($net, $t, $($generics)*);
    };
}

/// Implements [`LayerAt`](crate::layers::LayerAt) for a layer at the end of a chain.
#[doc(hidden)]
#[macro_export]
macro_rules! last_layer {
    ($net:ty, $($generics:tt)*) => {
        /// The last layer of a chain is a chain of one layer.
        impl<$($generics)*> $crate::layers::LayerAt<$crate::private::typenum::UTerm> for $net {
            type Layer = Self;

            fn layer_at(&self) -> &Self {
                self
            }

            fn layer_at_mut(&mut self) -> &mut Self {
                self
            }
        }
    };
}

/// Implements the traits of `approx`, which compare every parameter.
#[doc(hidden)]
#[macro_export]
macro_rules! compare_impls {
    ($net:ty, $t:ty, $($generics:tt)*) => {
        /// Every parameter is compared.
        impl<$($generics)*> $crate::private::approx::AbsDiffEq for $net {
            type Epsilon = $t;

            fn default_epsilon() -> $t {
                <$t as $crate::private::approx::AbsDiffEq>::default_epsilon()
            }

            fn abs_diff_eq(&self, other: &Self, epsilon: $t) -> bool {
                $crate::private::all_parameters(self, other, |a, b| $crate::private::approx::AbsDiffEq::abs_diff_eq(a, b, epsilon))
            }
        }

        /// Every parameter is compared.
        impl<$($generics)*> $crate::private::approx::RelativeEq for $net {
            fn default_max_relative() -> $t {
                <$t as $crate::private::approx::RelativeEq>::default_max_relative()
            }

            fn relative_eq(&self, other: &Self, epsilon: $t, max_relative: $t) -> bool {
                $crate::private::all_parameters(self, other, |a, b| $crate::private::approx::RelativeEq::relative_eq(a, b, epsilon, max_relative))
            }
        }

        /// Every parameter is compared.
        impl<$($generics)*> $crate::private::approx::UlpsEq for $net {
            fn default_max_ulps() -> u32 {
                <$t as $crate::private::approx::UlpsEq>::default_max_ulps()
            }

            fn ulps_eq(&self, other: &Self, epsilon: $t, max_ulps: u32) -> bool {
                $crate::private::all_parameters(self, other, |a, b| $crate::private::approx::UlpsEq::ulps_eq(a, b, epsilon, max_ulps))
            }
        }
    };
}

pub(crate) use {compare_impls, last_layer, layer_impls};
