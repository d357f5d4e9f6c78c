//! Derivatives of a network with respect to its input.

use num_traits::ConstOne;

use super::{Buffers, Forward, Sequential};
use crate::{
    error::{Error, check_length},
    layers::{
        Context, Elem, HasGradient, Layer, LayerTypes, Mode, NoActivation, NoSampleGradients,
        OutputActivation, Row, Shape, apply_grad, apply_tangent, dispatch,
    },
    simd::{Kernel, Simd, Zeroed},
};

/// Derivatives with respect to the input, in inference mode. No gradient of a parameter is computed. The functions with
/// names that end in `_into` compute the derivatives for each row of a slice.
///
/// A network that starts with a [`Frozen`](crate::Frozen) network or a [`Standardize`](crate::Standardize) layer has no
/// such derivatives: the compiler refuses it. Fold a `Standardize` layer into the next one first.
impl<L: Layer<In: HasGradient>> Sequential<L> {
    /// The Jacobian matrix of the outputs with respect to the inputs: `∂ŷₒ / ∂xᵢ` in row `o` and column `i`.
    ///
    /// It takes one backward pass with as many rows as there are outputs.
    ///
    /// ```
    /// use constnet::{Linear, Relu, sequential};
    ///
    /// let net = sequential![
    ///     Linear::new([[1.0, 2.0], [-1.0, 0.0]], [0.0, 0.0]),
    ///     Relu::new(),
    ///     Linear::new([[1.0, 1.0], [3.0, 5.0]], [0.0, 0.0]),
    /// ];
    /// assert_eq!(net.jacobian(&[1.0, 1.0]), [[1.0, 2.0], [3.0, 6.0]]);
    /// ```
    #[must_use]
    pub fn jacobian<X: Copy + Zeroed, const OUT: usize>(&self, x: &X) -> [X; OUT]
    where
        L: Layer<In: Shape<Row = X>, Out: Shape<Row = [Elem<L>; OUT]>>,
    {
        let mut jacobian = [X::ZERO; OUT];
        let mut passes = InputGradients::<L, OUT>::ZERO;
        passes.of(&self.0, [*x; OUT], &identity(), &mut jacobian);
        jacobian
    }

    /// The [`jacobian`](Self::jacobian) of each row.
    ///
    /// # Errors
    ///
    /// [`Error::Length`], if there are not as many results as rows.
    pub fn jacobian_into<const OUT: usize>(
        &self,
        x: &[Row<L::In>],
        jacobians: &mut [[Row<L::In>; OUT]],
    ) -> Result<(), Error<Elem<L>>>
    where
        L: Layer<Out: Shape<Row = [Elem<L>; OUT]>>,
    {
        check_length("Jacobians", jacobians.len(), x.len())?;
        let (mut passes, identity) = (InputGradients::<L, OUT>::ZERO, identity());
        for (x, jacobian) in x.iter().zip(jacobians) {
            passes.of(&self.0, [*x; OUT], &identity, jacobian);
        }
        Ok(())
    }

    /// The gradient of `dy · ŷ` with respect to the input, `Jᵀ dy` (a vector-Jacobian product): for one output and
    /// `dy = [1.0]`, the gradient of that output.
    ///
    /// ```
    /// use constnet::{Linear, sequential};
    ///
    /// let net = sequential![Linear::new([[1.0, 2.0], [3.0, 4.0]], [0.0, 0.0])];
    /// assert_eq!(net.input_gradient(&[5.0, 5.0], &[1.0, 10.0]), [31.0, 42.0]);
    /// ```
    #[must_use]
    pub fn input_gradient<X: Copy + Zeroed>(&self, x: &X, dy: &Row<L::Out>) -> X
    where
        L: Layer<In: Shape<Row = X>>,
    {
        let mut gradient = [X::ZERO];
        let mut passes = InputGradients::<L, 1>::ZERO;
        passes.of(&self.0, [*x], &[*dy], &mut gradient);
        gradient[0]
    }

    /// The [`input_gradient`](Self::input_gradient) of each row, for its own row of `dy`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`], if there are not as many rows of `dy`, or results, as of `x`.
    pub fn input_gradient_into(
        &self,
        x: &[Row<L::In>],
        dy: &[Row<L::Out>],
        gradients: &mut [Row<L::In>],
    ) -> Result<(), Error<Elem<L>>> {
        check_length("output gradients", dy.len(), x.len())?;
        check_length("input gradients", gradients.len(), x.len())?;
        const B: usize = 8;
        let mut passes = InputGradients::<L, B>::ZERO;
        for ((x, dy), gradients) in x.chunks(B).zip(dy.chunks(B)).zip(gradients.chunks_mut(B)) {
            passes.of(&self.0, filled_up(x), &filled_up(dy), gradients);
        }
        Ok(())
    }

    /// The change of the output for a small change `dx` of the input, `J dx` (a Jacobian-vector product): PyTorch's
    /// `torch.func.jvp`.
    ///
    /// Forward mode: it takes two forward passes, one of `x` and one of `dx` through the derivatives of the layers. A
    /// [`CustomLayer`](crate::CustomLayer) takes a forward and a backward pass for each of its outputs.
    ///
    /// ```
    /// use constnet::{Linear, sequential};
    ///
    /// let net = sequential![Linear::new([[1.0, 2.0], [3.0, 4.0]], [0.0, 0.0])];
    /// assert_eq!(net.jvp(&[5.0, 5.0], &[1.0, 10.0]), [21.0, 43.0]);
    /// ```
    #[must_use]
    pub fn jvp<Y: Copy + Zeroed>(&self, x: &Row<L::In>, dx: &Row<L::In>) -> Y
    where
        L: Layer<Out: Shape<Row = Y>>,
    {
        let mut change = [Y::ZERO];
        let mut passes = Tangents::<L, 1>::ZERO;
        passes.of(&self.0, [*x], [*dx], &mut change);
        change[0]
    }

    /// The [`jvp`](Self::jvp) of each row, for its own row of `dx`.
    ///
    /// # Errors
    ///
    /// [`Error::Length`], if there are not as many rows of `dx`, or results, as of `x`.
    pub fn jvp_into(
        &self,
        x: &[Row<L::In>],
        dx: &[Row<L::In>],
        changes: &mut [Row<L::Out>],
    ) -> Result<(), Error<Elem<L>>> {
        check_length("input changes", dx.len(), x.len())?;
        check_length("output changes", changes.len(), x.len())?;
        const B: usize = 8;
        let mut passes = Tangents::<L, B>::ZERO;
        for ((x, dx), changes) in x.chunks(B).zip(dx.chunks(B)).zip(changes.chunks_mut(B)) {
            passes.of(&self.0, filled_up(x), filled_up(dx), changes);
        }
        Ok(())
    }
}

/// The rows of a batch that may not be full; the others are 0.
fn filled_up<R: Copy + Zeroed, const B: usize>(rows: &[R]) -> [R; B] {
    let mut full = [R::ZERO; B];
    full.iter_mut().zip(rows).for_each(|(full, row)| *full = *row);
    full
}

fn identity<T: ConstOne + Zeroed + Copy, const N: usize>() -> [[T; N]; N] {
    let mut rows = [[T::ZERO; N]; N];
    for (n, row) in rows.iter_mut().enumerate() {
        row[n] = T::ONE;
    }
    rows
}

/// The memory of passes that compute gradients with respect to the input for `B` rows.
struct InputGradients<L: LayerTypes, const B: usize>(Buffers<L, B>);

impl<L: Layer, const B: usize> InputGradients<L, B> {
    const ZERO: Self = Self(Zeroed::ZERO);

    /// Writes the gradients of the first rows of `x`, as many as there is room for.
    fn of(&mut self, net: &L, x: [Row<L::In>; B], dy: &[Row<L::Out>; B], gradients: &mut [Row<L::In>]) {
        *self.0.input_mut() = x;
        dispatch::<L, _>(Pass { net, buffers: &mut self.0, dy });
        for (to, gradient) in gradients.iter_mut().zip(self.0.input_mut()) {
            *to = *gradient;
        }
    }
}

/// A forward and a backward pass, which overwrites the input with the gradient with respect to it.
struct Pass<'a, L: Layer, const B: usize> {
    net: &'a L,
    buffers: &'a mut Buffers<L, B>,
    dy: &'a [Row<L::Out>; B],
}

impl<L: Layer, const B: usize> Kernel<Elem<L>> for Pass<'_, L, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<Elem<L>>>(self, token: S) {
        let Self { net, buffers: Buffers { layers, output, scratch }, dy } = self;
        Forward { net, layers, output, mode: &Mode::Eval }.run(token);
        apply_grad(token, OutputActivation::<L>::default(), L::Out::flatten_mut(output), L::Out::flatten(dy));
        let ctx = Context::new(token, Mode::Eval);
        net.backward_samples(ctx, layers, scratch, output, NoActivation, &mut NoSampleGradients, 0);
    }
}

/// The memory of passes in forward mode for `B` rows: that of a forward pass, and of the tangents of each layer.
struct Tangents<L: LayerTypes, const B: usize> {
    layers: L::Cache<B>,
    output: [Row<L::Out>; B],
    layer_tangents: L::Cache<B>,
    output_tangents: [Row<L::Out>; B],
}

impl<L: Layer, const B: usize> Tangents<L, B> {
    const ZERO: Self = Self {
        layers: Zeroed::ZERO,
        output: Zeroed::ZERO,
        layer_tangents: Zeroed::ZERO,
        output_tangents: Zeroed::ZERO,
    };

    /// Writes the changes of the first rows of `x`, as many as there is room for.
    fn of(&mut self, net: &L, x: [Row<L::In>; B], dx: [Row<L::In>; B], changes: &mut [Row<L::Out>]) {
        *L::input_buffer(&mut self.layers, &mut self.output) = x;
        *L::input_buffer(&mut self.layer_tangents, &mut self.output_tangents) = dx;
        dispatch::<L, _>(ForwardMode { net, passes: self });
        changes.iter_mut().zip(&self.output_tangents).for_each(|(to, change)| *to = *change);
    }
}

/// A forward pass, and that of the tangents.
struct ForwardMode<'a, L: Layer, const B: usize> {
    net: &'a L,
    passes: &'a mut Tangents<L, B>,
}

impl<L: Layer, const B: usize> Kernel<Elem<L>> for ForwardMode<'_, L, B> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd<Elem<L>>>(self, token: S) {
        let Self { net, passes: Tangents { layers, output: y, layer_tangents, output_tangents: dy } } = self;
        Forward { net, layers, output: y, mode: &Mode::Eval }.run(token);
        net.forward_tangents(Context::new(token, Mode::Eval), layers, y, layer_tangents, dy);
        let activation = OutputActivation::<L>::default();
        apply_tangent(token, activation, L::Out::flatten_mut(dy), L::Out::flatten(y));
    }
}
