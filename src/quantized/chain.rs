//! Chains of layers on bytes: nested pairs, as those of `f32` layers, with an [`Output`] at the end.

use core::{fmt::Debug, marker::PhantomData};

use super::{ChainError, ChainProblem, Int8Linear, QuantParams, Stored, Table, WriteSource};
use crate::simd::Zeroed;

/// One sample as bytes: an array `[u8; N]`.
pub trait Bytes:
    'static + Copy + Debug + PartialEq + Send + Sync + Zeroed + AsRef<[u8]> + AsMut<[u8]>
{
    /// The same sample as real numbers.
    type Real: 'static + Copy + Debug + Zeroed + AsRef<[f32]> + AsMut<[f32]>;
}

impl<const N: usize> Bytes for [u8; N] {
    type Real = [f32; N];
}

/// A chain of layers on bytes: `(Int8Linear<5, 64>, (Int8Linear<64, 3>, Output<[u8; 3]>))`.
pub trait Int8Chain: Copy + Debug + PartialEq + Zeroed + Stored + WriteSource {
    /// The input.
    type In: Bytes;
    /// The output.
    type Out: Bytes;
    /// Whether there is no layer before the output.
    const IS_OUTPUT: bool = false;
    /// The bytes of all rows between the layers.
    const ROWS: usize;

    /// The outputs as bytes; if `IN_F32`, products are rounded in `f32`. Calls `observe` with each output of a linear layer
    /// before it is limited to 0 to 255, and with the index of the layer, counted from `layer` on.
    fn bytes<const IN_F32: bool>(
        &self,
        x: &Self::In,
        y: &mut Self::Out,
        layer: usize,
        observe: &mut impl FnMut(usize, i32),
    );

    /// The outputs as real numbers.
    fn real(&self, x: &Self::In, y: &mut <Self::Out as Bytes>::Real);

    /// Checks that each linear layer, and the end, expects the zero point that the layer before it gives, and that
    /// this is 0 after a ReLU. `x` is the zero point of the input of the chain; `None` if it is not known, as after a
    /// table. `after_relu` returns whether the input of the layer with this index, or of the end, comes after a ReLU.
    /// The first layer has the index `layer`.
    ///
    /// # Errors
    ///
    /// The first that does not fit.
    fn check(&self, x: Option<u8>, layer: usize, after_relu: fn(usize) -> bool) -> Result<(), ChainError>;

    /// The end of the chain.
    fn output(&self) -> &Output<Self::Out>;

    /// The end of the chain, to be changed.
    fn output_mut(&mut self) -> &mut Output<Self::Out>;
}

impl<const IN: usize, const OUT: usize, R: Int8Chain<In = [u8; OUT]>> Int8Chain for (Int8Linear<IN, OUT>, R) {
    type In = [u8; IN];
    type Out = R::Out;
    const ROWS: usize = OUT + R::ROWS;

    #[inline(always)]
    fn bytes<const IN_F32: bool>(
        &self,
        x: &[u8; IN],
        y: &mut R::Out,
        layer: usize,
        observe: &mut impl FnMut(usize, i32),
    ) {
        let mut hidden = [0; OUT];
        self.0.rounded::<IN_F32>(
            x,
            &mut hidden,
            #[inline(always)]
            |value| observe(layer, value),
        );
        self.1.bytes::<IN_F32>(&hidden, y, layer + 1, observe);
    }

    /// The sums of the last linear layer are not rounded to bytes.
    #[inline(always)]
    fn real(&self, x: &[u8; IN], y: &mut <R::Out as Bytes>::Real) {
        if R::IS_OUTPUT {
            // Always: the output has the width of this layer.
            if let Some(y) = y.as_mut().first_chunk_mut() {
                let Output { params, relu, .. } = *self.output();
                self.0.real(x, y, params.scale, relu);
            }
        } else {
            let mut hidden = [0; OUT];
            self.0.rounded::<false>(x, &mut hidden, |_| {});
            self.1.real(&hidden, y);
        }
    }

    fn check(&self, x: Option<u8>, layer: usize, after_relu: fn(usize) -> bool) -> Result<(), ChainError> {
        let [expected, y] = self.0.zero_points();
        check_zero_point(x, Some(expected), after_relu(layer), Some(layer))?;
        self.1.check(Some(y), layer + 1, after_relu)
    }

    fn output(&self) -> &Output<R::Out> {
        self.1.output()
    }

    fn output_mut(&mut self) -> &mut Output<R::Out> {
        self.1.output_mut()
    }
}

impl<const N: usize, R: Int8Chain<In = [u8; N]>> Int8Chain for (Table<N>, R) {
    type In = [u8; N];
    type Out = R::Out;
    const ROWS: usize = N + R::ROWS;

    #[inline(always)]
    fn bytes<const IN_F32: bool>(
        &self,
        x: &[u8; N],
        y: &mut R::Out,
        layer: usize,
        observe: &mut impl FnMut(usize, i32),
    ) {
        self.1.bytes::<IN_F32>(&self.0.forward(x), y, layer + 1, observe);
    }

    #[inline(always)]
    fn real(&self, x: &[u8; N], y: &mut <R::Out as Bytes>::Real) {
        self.1.real(&self.0.forward(x), y);
    }

    fn check(&self, x: Option<u8>, layer: usize, after_relu: fn(usize) -> bool) -> Result<(), ChainError> {
        check_zero_point(x, None, after_relu(layer), Some(layer))?;
        self.1.check(None, layer + 1, after_relu)
    }

    fn output(&self) -> &Output<R::Out> {
        self.1.output()
    }

    fn output_mut(&mut self) -> &mut Output<R::Out> {
        self.1.output_mut()
    }
}

/// Whether the zero point that a layer gets is the one that it expects, if both are known; and is 0 after a ReLU.
pub(crate) fn check_zero_point(
    found: Option<u8>,
    expected: Option<u8>,
    after_relu: bool,
    layer: Option<usize>,
) -> Result<(), ChainError> {
    let problem = match (found, expected) {
        (Some(found), Some(expected)) if found != expected => ChainProblem::ZeroPoint { found, expected },
        (Some(found @ 1..), _) | (None, Some(found @ 1..)) if after_relu => ChainProblem::AfterRelu(found),
        _ => return Ok(()),
    };
    Err(ChainError { layer, problem })
}

/// The same for the output; `relu` is what the network has stored: whether a ReLU is its last layer.
pub(crate) fn check_output(
    found: Option<u8>,
    expected: u8,
    after_relu: bool,
    relu: bool,
) -> Result<(), ChainError> {
    check_zero_point(found, Some(expected), after_relu, None)?;
    if relu == after_relu {
        return Ok(());
    }
    Err(ChainError { layer: None, problem: ChainProblem::LastRelu(relu) })
}

/// The end of a chain: the real numbers of the output.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable))]
#[cfg_attr(feature = "alloc", zeroable(bound = ""))]
pub struct Output<Y> {
    /// The scale and the zero point of the output's bytes.
    pub params: QuantParams,
    /// Whether a ReLU is the last layer, so that no real output is negative.
    pub relu: bool,
    bytes: PhantomData<Y>,
}

impl<Y> Output<Y> {
    /// The end with this scale and zero point, and whether a ReLU is the last layer.
    #[must_use]
    pub const fn new(params: QuantParams, relu: bool) -> Self {
        Self { params, relu, bytes: PhantomData }
    }
}

impl<Y> Zeroed for Output<Y> {
    const ZERO: Self = Self::new(QuantParams::ZERO, false);
}

impl<Y: Bytes> Int8Chain for Output<Y> {
    type In = Y;
    type Out = Y;
    const IS_OUTPUT: bool = true;
    const ROWS: usize = 0;

    #[inline(always)]
    fn bytes<const IN_F32: bool>(&self, x: &Y, y: &mut Y, _: usize, _: &mut impl FnMut(usize, i32)) {
        *y = *x;
    }

    #[inline(always)]
    fn real(&self, x: &Y, y: &mut Y::Real) {
        for (y, x) in y.as_mut().iter_mut().zip(x.as_ref()) {
            *y = self.params.dequantize(*x);
        }
    }

    fn check(&self, x: Option<u8>, layer: usize, after_relu: fn(usize) -> bool) -> Result<(), ChainError> {
        check_output(x, self.params.zero_point, after_relu(layer), self.relu)
    }

    fn output(&self) -> &Self {
        self
    }

    fn output_mut(&mut self) -> &mut Self {
        self
    }
}
