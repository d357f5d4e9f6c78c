//! From a chain of `f32` layers to a chain of layers on bytes.

use core::fmt::{self, Debug, Formatter};

use super::{Bytes, Int8Chain, LinearError, QuantParams, QuantizeError, Range, Ranges, Stored, WriteSource};
use crate::{Sequential, Standardize, simd::Zeroed};

/// A row of real numbers.
pub(super) type Real<B> = <B as Bytes>::Real;

/// A layer of `f32` numbers that has an eight-bit form.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no eight-bit form; a quantised network is made of `Linear`, the activations `Relu`, `LeakyRelu`, `Tanh`, `Sigmoid`, `Elu`, `Gelu` and `Silu`, `Dropout`, and `Standardize` as its first layer, all of `f32`",
    label = "this layer has no eight-bit form"
)]
pub trait EightBitLayer {
    /// The input.
    type In: Bytes;
    /// The output.
    type Out: Bytes;
    /// What is done with real inputs before they become bytes: `()`, or a [`Standardize`] layer.
    type Before: Before<Real<Self::In>>;
    /// The chain of the layer's eight-bit form and the rest `R`: `R` itself if the layer vanishes.
    type Chain<R: Int8Chain<In = Self::Out>>: Int8Chain<In = Self::In, Out = R::Out>;
    /// Whether the eight-bit form has no layer for this one, so that its input has no bytes.
    const VANISHES: bool = false;
    /// Whether this is a ReLU.
    const RELU: bool = false;

    /// `y = layer(x)`
    fn real(&self, x: &Real<Self::In>) -> Real<Self::Out>;

    /// Writes the type as a line of Rust source.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    fn write_type(f: &mut Formatter<'_>) -> fmt::Result;

    /// What is done with real inputs, if this is the first layer.
    fn before(&self) -> Self::Before {
        Zeroed::ZERO
    }

    /// The rest of a chain.
    fn rest<R: Int8Chain<In = Self::Out>>(chain: &mut Self::Chain<R>) -> &mut R;

    /// Sets the first layer of a chain, given the scale and zero point of the input and the range of the output. Returns
    /// the scale and zero point of the output.
    ///
    /// # Errors
    ///
    /// If an output cannot be represented.
    fn quantize<R: Int8Chain<In = Self::Out>>(
        &self,
        chain: &mut Self::Chain<R>,
        x: QuantParams,
        y: &Range,
    ) -> Result<QuantParams, LinearError>;
}

/// A chain of layers of `f32` numbers that has an eight-bit form.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no eight-bit form; a quantised network is made of `Linear`, the activations `Relu`, `LeakyRelu`, `Tanh`, `Sigmoid`, `Elu`, `Gelu` and `Silu`, `Dropout`, and `Standardize` as its first layer, all of `f32`",
    label = "this layer has no eight-bit form"
)]
pub trait EightBit {
    /// The input.
    type In: Bytes;
    /// The output.
    type Out: Bytes;
    /// What is done with real inputs before they become bytes.
    type Before: Before<Real<Self::In>>;
    /// The eight-bit form.
    type Chain: Int8Chain<In = Self::In, Out = Self::Out>;
    /// The ranges of the input of each layer, and of the output.
    type Ranges: Ranges;

    /// What is done with real inputs before they become bytes.
    fn before(&self) -> Self::Before;

    /// Writes the types of the layers as Rust source, a line for each.
    ///
    /// # Errors
    ///
    /// Those of the formatter.
    fn write_type(f: &mut Formatter<'_>) -> fmt::Result;

    /// Returns the output for a row, and adds the values of all layers to the ranges. The first layer has the index
    /// `layer`.
    ///
    /// # Errors
    ///
    /// If a value is not finite.
    fn observe(
        &self,
        x: &Real<Self::In>,
        ranges: &mut Self::Ranges,
        layer: usize,
    ) -> Result<Real<Self::Out>, Infinite>;

    /// The index of a layer on bytes, which is counted without the layers that vanish, in this chain.
    fn layer_index(layer: usize) -> Option<usize>;

    /// Whether bytes come after a ReLU: those of the input, 0, or those of the output of a layer on bytes, counted from 1.
    fn is_after_relu(bytes: usize) -> bool;

    /// The range of the input.
    fn input(ranges: &Self::Ranges) -> &Range;

    /// Sets the eight-bit form, given the scale and zero point of the input. Layers are counted from `layer` on.
    ///
    /// # Errors
    ///
    /// If a layer cannot be represented.
    fn quantize(
        &self,
        chain: &mut Self::Chain,
        x: QuantParams,
        ranges: &Self::Ranges,
        layer: usize,
    ) -> Result<(), QuantizeError>;
}

/// A value of a layer that is not finite: the index of the layer, and of the output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Infinite {
    pub(super) layer: usize,
    pub(super) output: usize,
    pub(super) value: f32,
}

/// What is done with real inputs before they become bytes.
pub trait Before<X>: Copy + Debug + PartialEq + Zeroed + Stored + WriteSource {
    /// `y = f(x)`
    fn apply(&self, x: &X) -> X;
}

impl<X: Copy> Before<X> for () {
    #[inline(always)]
    fn apply(&self, x: &X) -> X {
        *x
    }
}

impl<const N: usize> Before<[f32; N]> for Standardize<N> {
    #[inline(always)]
    fn apply(&self, x: &[f32; N]) -> [f32; N] {
        Self::apply(self, x)
    }
}

/// Adds the input of a layer to its range, unless the layer vanishes. Returns the output.
pub(super) fn observe_layer<L: EightBitLayer>(
    net: &L,
    x: &Real<L::In>,
    range: &mut Range,
    layer: usize,
) -> Result<Real<L::Out>, Infinite> {
    if !L::VANISHES {
        range.observe(x.as_ref());
    }
    let y = net.real(x);
    match y.as_ref().iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((output, value)) => Err(Infinite { layer, output, value: *value }),
        None => Ok(y),
    }
}

/// A chain: the first layer, then the rest, which does nothing with real inputs.
impl<A: EightBitLayer, R: EightBit<In = A::Out, Before = ()>> EightBit for (A, R) {
    type In = A::In;
    type Out = R::Out;
    type Before = A::Before;
    type Chain = A::Chain<R::Chain>;
    type Ranges = (Range, R::Ranges);

    fn before(&self) -> A::Before {
        self.0.before()
    }

    fn write_type(f: &mut Formatter<'_>) -> fmt::Result {
        A::write_type(f)?;
        R::write_type(f)
    }

    fn observe(
        &self,
        x: &Real<A::In>,
        (range, ranges): &mut (Range, R::Ranges),
        layer: usize,
    ) -> Result<Real<R::Out>, Infinite> {
        self.1.observe(&observe_layer(&self.0, x, range, layer)?, ranges, layer + 1)
    }

    fn layer_index(layer: usize) -> Option<usize> {
        match layer.checked_sub(usize::from(!A::VANISHES)) {
            Some(layer) => Some(1 + R::layer_index(layer)?),
            None => Some(0),
        }
    }

    fn is_after_relu(bytes: usize) -> bool {
        let of_rest = bytes.checked_sub(usize::from(!A::VANISHES));
        A::RELU && bytes == 0 || of_rest.is_some_and(R::is_after_relu)
    }

    fn input((range, ranges): &(Range, R::Ranges)) -> &Range {
        if A::VANISHES { R::input(ranges) } else { range }
    }

    fn quantize(
        &self,
        chain: &mut A::Chain<R::Chain>,
        x: QuantParams,
        (_, ranges): &(Range, R::Ranges),
        layer: usize,
    ) -> Result<(), QuantizeError> {
        let y = self.0.quantize(chain, x, R::input(ranges));
        let y = y.map_err(|error| QuantizeError::Unrepresentable { layer, error })?;
        let rest = A::rest(chain);
        self.1.quantize(rest, y, ranges, layer + 1)?;
        if R::Chain::IS_OUTPUT {
            let output = rest.output_mut();
            output.relu |= A::RELU;
        }
        Ok(())
    }
}

/// Implements [`EightBit`] for a layer at the end of a chain.
macro_rules! chain_end {
    ($layer:ident<$($generics:ident),+>) => {
        impl<$(const $generics: usize),+> EightBit for $layer<$($generics),+> {
            type In = <Self as EightBitLayer>::In;
            type Out = <Self as EightBitLayer>::Out;
            type Before = <Self as EightBitLayer>::Before;
            type Chain = <Self as EightBitLayer>::Chain<Output<<Self as EightBitLayer>::Out>>;
            type Ranges = (Range, Range);

            fn before(&self) -> Self::Before {
                EightBitLayer::before(self)
            }

            fn write_type(f: &mut Formatter<'_>) -> fmt::Result {
                <Self as EightBitLayer>::write_type(f)
            }

            fn observe(
                &self,
                x: &Real<Self::In>,
                (input, output): &mut (Range, Range),
                layer: usize,
            ) -> Result<Real<Self::Out>, Infinite> {
                let y = observe_layer(self, x, input, layer)?;
                output.observe(&y);
                Ok(y)
            }

            fn layer_index(layer: usize) -> Option<usize> {
                (layer == 0 && !Self::VANISHES).then_some(0)
            }

            fn is_after_relu(bytes: usize) -> bool {
                Self::RELU && bytes == 0
            }

            fn input((input, output): &(Range, Range)) -> &Range {
                if Self::VANISHES { output } else { input }
            }

            fn quantize(
                &self,
                chain: &mut Self::Chain,
                x: QuantParams,
                (_, output): &(Range, Range),
                layer: usize,
            ) -> Result<(), QuantizeError> {
                let y = EightBitLayer::quantize(self, chain, x, output);
                let y = y.map_err(|error| QuantizeError::Unrepresentable { layer, error })?;
                *<Self as EightBitLayer>::rest(chain) = Output::new(y, Self::RELU);
                Ok(())
            }
        }
    };
}
pub(super) use chain_end;

impl<L: EightBit> EightBit for Sequential<L> {
    type In = L::In;
    type Out = L::Out;
    type Before = L::Before;
    type Chain = L::Chain;
    type Ranges = L::Ranges;

    fn before(&self) -> L::Before {
        self.0.before()
    }

    fn write_type(f: &mut Formatter<'_>) -> fmt::Result {
        L::write_type(f)
    }

    fn observe(
        &self,
        x: &Real<L::In>,
        ranges: &mut L::Ranges,
        layer: usize,
    ) -> Result<Real<L::Out>, Infinite> {
        self.0.observe(x, ranges, layer)
    }

    fn layer_index(layer: usize) -> Option<usize> {
        L::layer_index(layer)
    }

    fn is_after_relu(bytes: usize) -> bool {
        L::is_after_relu(bytes)
    }

    fn input(ranges: &L::Ranges) -> &Range {
        L::input(ranges)
    }

    fn quantize(
        &self,
        chain: &mut L::Chain,
        x: QuantParams,
        ranges: &L::Ranges,
        layer: usize,
    ) -> Result<(), QuantizeError> {
        self.0.quantize(chain, x, ranges, layer)
    }
}
