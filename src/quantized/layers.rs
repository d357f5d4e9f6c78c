//! The eight-bit forms of the layers.

use core::fmt::{self, Formatter};

use super::{
    EightBit, EightBitLayer, Int8Chain, Int8Linear, LinearError, LinearProblem, Output, QuantParams,
    QuantizeError, Range, Table,
    calibrate::{Infinite, Real, chain_end, observe_layer},
};
use crate::{
    Dropout, Elu, Gelu, LeakyRelu, Linear, Relu, Sigmoid, Silu, Standardize, Tanh, activation::Activation,
    simd::Vector,
};

/// The scales of an output of a linear layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputScale {
    /// That of the input.
    x: f32,
    /// That of the weights, which are from −127 to 127.
    weight: f32,
}

impl OutputScale {
    /// Given the largest absolute value of a weight. The scale is larger if the bias would be too large.
    pub(crate) fn new(largest_weight: f32, bias: f32, x: QuantParams) -> Self {
        /// The largest absolute value of a bias, so that with the sum of the products it is less than 2³⁰.
        const BIAS_LIMIT: f32 = 67_108_864.0; // 2²⁶
        Self { x: x.scale, weight: (largest_weight / 127.0).max(bias.abs() / BIAS_LIMIT / x.scale) }
    }

    /// The scale and zero point of the output. A range that is so small that a multiplier would not be less than 1/4 is
    /// extended.
    pub(crate) fn output_params(
        all: impl Iterator<Item = Self>,
        y: &Range,
    ) -> Result<QuantParams, LinearError> {
        let mut largest = 0.0_f32;
        for (output, Self { x, weight }) in all.enumerate() {
            let scale = 4.001 * (x * weight);
            if !scale.is_finite() {
                return Err(LinearError { output, problem: LinearProblem::Scale(scale) });
            }
            largest = largest.max(scale);
        }
        Ok(y.params(largest))
    }

    /// The nearest integer, ties to even.
    pub(crate) fn weight(self, weight: f32) -> i8 {
        self.round(f64::from(weight / self.weight)).clamp(-127, 127) as i8
    }

    /// The nearest integer, ties to even.
    pub(crate) fn bias(self, bias: f32) -> i32 {
        self.round(f64::from(bias) / (f64::from(self.x) * f64::from(self.weight)))
    }

    pub(crate) fn multiplier(self, y: QuantParams) -> f32 {
        self.x * self.weight / y.scale
    }

    /// The absolute value is less than 2³¹.
    fn round(self, value: f64) -> i32 {
        // So large that a sum with it has no bits for fractions.
        const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 · 2⁵²
        // With a scale of 0, all weights and the bias are 0.
        if self.weight == 0.0 { 0 } else { (value + ROUND - ROUND) as i32 }
    }
}

impl<const IN: usize, const OUT: usize> Linear<IN, OUT> {
    fn output_scale(&self, output: usize, x: QuantParams) -> OutputScale {
        let largest = (0..IN).fold(0.0_f32, |largest, i| largest.max(self.weight_at(output, i).abs()));
        OutputScale::new(largest, self.bias()[output], x)
    }
}

impl<const IN: usize, const OUT: usize> EightBitLayer for Linear<IN, OUT> {
    type In = [u8; IN];
    type Out = [u8; OUT];
    type Before = ();
    type Chain<R: Int8Chain<In = [u8; OUT]>> = (Int8Linear<IN, OUT>, R);

    fn real(&self, x: &[f32; IN]) -> [f32; OUT] {
        let [y] = self.forward(&[*x]);
        y
    }

    fn write_type(f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "    constnet::Linear<{IN}, {OUT}>,")
    }

    fn rest<R: Int8Chain<In = [u8; OUT]>>((_, rest): &mut (Int8Linear<IN, OUT>, R)) -> &mut R {
        rest
    }

    fn quantize<R: Int8Chain<In = [u8; OUT]>>(
        &self,
        (linear, _): &mut (Int8Linear<IN, OUT>, R),
        x: QuantParams,
        y: &Range,
    ) -> Result<QuantParams, LinearError> {
        let y = OutputScale::output_params((0..OUT).map(|o| self.output_scale(o, x)), y)?;
        linear.set_zero_points([x.zero_point, y.zero_point]);
        for (o, bias) in self.bias().iter().enumerate() {
            let scale = self.output_scale(o, x);
            let weight = core::array::from_fn(|i| scale.weight(self.weight_at(o, i)));
            linear.set_output(o, &weight, scale.bias(*bias), scale.multiplier(y))?;
        }
        Ok(y)
    }
}

chain_end!(Linear<IN, OUT>);

/// Implements [`EightBitLayer::write_type`].
macro_rules! write_type {
    ($layer:ident $first:ident $($generics:ident)*) => {
        fn write_type(f: &mut Formatter<'_>) -> fmt::Result {
            write!(f, "    constnet::{}<{}", stringify!($layer), $first)?;
            $(write!(f, ", {}", $generics)?;)*
            f.write_str(">,\n")
        }
    };
}

/// Implements [`EightBitLayer`] for a layer that computes nothing on bytes: the bytes of its output are those of its input.
macro_rules! vanishes {
    ($layer:ident<$($generics:ident),+>, before $before:ty, { $($items:item)+ }) => {
        impl<$(const $generics: usize),+> EightBitLayer for $layer<$($generics),+> {
            type In = [u8; N];
            type Out = [u8; N];
            type Before = $before;
            type Chain<R: Int8Chain<In = [u8; N]>> = R;
            const VANISHES: bool = true;

            write_type!($layer $($generics)+);

            fn rest<R: Int8Chain<In = [u8; N]>>(chain: &mut R) -> &mut R {
                chain
            }

            fn quantize<R: Int8Chain<In = [u8; N]>>(
                &self,
                _: &mut R,
                x: QuantParams,
                _: &Range,
            ) -> Result<QuantParams, LinearError> {
                Ok(x)
            }

            $($items)+
        }

        chain_end!($layer<$($generics),+>);
    };
}

// The layer before gives no bytes for negative numbers: the zero point is 0.
vanishes!(Relu<N>, before(), {
    const RELU: bool = true;

    fn real(&self, x: &[f32; N]) -> [f32; N] {
        let [y] = self.forward(&[*x]);
        y
    }
});

vanishes!(Dropout<N, PERCENT>, before (), {
    fn real(&self, x: &[f32; N]) -> [f32; N] {
        *x
    }
});

vanishes!(Standardize<N>, before Self, {
    fn real(&self, x: &[f32; N]) -> [f32; N] {
        self.apply(x)
    }

    fn before(&self) -> Self {
        *self
    }
});

/// Implements [`EightBitLayer`] for an activation, whose form is a [`Table`].
macro_rules! tables {
    ($($layer:ident<$($generics:ident),+>;)+) => { $(
        impl<$(const $generics: usize),+> EightBitLayer for $layer<$($generics),+> {
            type In = [u8; N];
            type Out = [u8; N];
            type Before = ();
            type Chain<R: Int8Chain<In = [u8; N]>> = (Table<N>, R);

            fn real(&self, x: &[f32; N]) -> [f32; N] {
                let [y] = self.forward(&[*x]);
                y
            }

            write_type!($layer $($generics)+);

            fn rest<R: Int8Chain<In = [u8; N]>>((_, rest): &mut (Table<N>, R)) -> &mut R {
                rest
            }

            fn quantize<R: Int8Chain<In = [u8; N]>>(
                &self,
                (table, _): &mut (Table<N>, R),
                x: QuantParams,
                y: &Range,
            ) -> Result<QuantParams, LinearError> {
                let y = y.params(0.0);
                table.set(x, y, |x| <Self as Activation>::forward(Vector::number(x)).get());
                Ok(y)
            }
        }

        chain_end!($layer<$($generics),+>);
    )+ };
}

tables! {
    Elu<N>;
    Gelu<N>;
    LeakyRelu<N, PERCENT>;
    Sigmoid<N>;
    Silu<N>;
    Tanh<N>;
}
