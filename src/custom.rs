//! Layers of your own.

use core::{any::type_name, fmt};

use rand::Rng;

use crate::{
    Activation, Elem, Identity, Layer, Parameter, ParameterMut, Part, Row, Rule, Shape, Zeroed,
    activation::{backward_all, forward_all},
    kernel::Isa,
    layer::line,
    optim::update_all,
    source::of_type,
};

/// A layer of your own: a forward and a backward pass on plain arrays.
///
/// Its fused step keeps a gradient of the layer on the stack.
///
/// Wrapped as [`Custom`] it is a [`Layer`], to be chained with others, trained and saved. As
/// PyTorch's `autograd.Function`, with its parameters at hand.
///
/// # Examples
///
/// A layer that multiplies each feature by a weight, `y = g ⊙ x`:
///
/// ```
/// use constnet::{Custom, CustomLayer, Features, Linear, Zeroed, sequential};
///
/// #[derive(Debug)]
/// struct Scale<const N: usize> {
///     gain: [f32; N],
/// }
///
/// impl<const N: usize> Zeroed for Scale<N> {
///     const ZERO: Self = Self { gain: [0.0; N] };
/// }
///
/// impl<const N: usize> CustomLayer for Scale<N> {
///     type In = Features<N>;
///     type Out = Features<N>;
///     type Cache<const B: usize> = ();
///
///     const NAME: &'static str = "Scale";
///     const PARAMS: usize = N;
///
///     fn forward<const B: usize>(&self, x: &[[f32; N]; B], y: &mut [[f32; N]; B], (): &mut ()) {
///         for (x, y) in x.iter().zip(y) {
///             for i in 0..N {
///                 y[i] = self.gain[i] * x[i];
///             }
///         }
///     }
///
///     fn backward<const B: usize>(
///         &self,
///         x: &[[f32; N]; B],
///         (): &(),
///         dy: &[[f32; N]; B],
///         dx: &mut [[f32; N]; B],
///         gradient: &mut Self,
///     ) {
///         for b in 0..B {
///             for i in 0..N {
///                 gradient.gain[i] += dy[b][i] * x[b][i] / B as f32;
///                 dx[b][i] = dy[b][i] * self.gain[i];
///             }
///         }
///     }
///
///     fn parameter(&self, index: usize) -> Option<(&'static str, &[f32])> {
///         (index == 0).then_some(("gain", &self.gain))
///     }
///
///     fn parameter_mut(&mut self, index: usize) -> Option<(&'static str, &mut [f32])> {
///         (index == 0).then_some(("gain", &mut self.gain))
///     }
/// }
///
/// let net = sequential![Custom(Scale { gain: [2.0, 3.0] }), Linear::new([[1.0, 1.0]], [0.5])];
/// assert_eq!(net.predict(&[10.0, 100.0]), [320.5]);
/// ```
pub trait CustomLayer: Zeroed {
    /// The features it takes.
    type In: Shape;
    /// The features it gives.
    type Out: Shape<Elem = <Self::In as Shape>::Elem>;
    /// What the forward pass leaves for the backward pass, beyond the input: arrays, tuples, `()`.
    type Cache<const B: usize>: Zeroed;

    /// What the layer is called when its network is printed.
    const NAME: &'static str;
    /// How many numbers it has to train.
    const PARAMS: usize;

    /// `y = layer(x)`. What `y` and the cache hold before is of no meaning: write all of both.
    fn forward<const B: usize>(
        &self,
        x: &[Row<Self::In>; B],
        y: &mut [Row<Self::Out>; B],
        cache: &mut Self::Cache<B>,
    );

    /// Given `dy`, writes all of `dx`, whatever it holds before, and adds the mean of the gradient over the batch to `gradient`.
    fn backward<const B: usize>(
        &self,
        x: &[Row<Self::In>; B],
        cache: &Self::Cache<B>,
        dy: &[Row<Self::Out>; B],
        dx: &mut [Row<Self::In>; B],
        gradient: &mut Self,
    );

    /// Draws new parameters. Leaves them as they are unless you say otherwise.
    fn init<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        let _ = rng;
    }

    /// The parameter tensor of this number, counted from 0, and its name. A layer without
    /// parameters leaves this and [`parameter_mut`](Self::parameter_mut) as they are.
    fn parameter(&self, index: usize) -> Option<(&'static str, &[<Self::In as Shape>::Elem])> {
        let _ = index;
        None
    }

    /// The same parameter tensor, to be changed.
    fn parameter_mut(&mut self, index: usize) -> Option<(&'static str, &mut [<Self::In as Shape>::Elem])> {
        let _ = index;
        None
    }
}

/// A [`CustomLayer`] in a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Custom<C>(pub C);

/// What a custom layer keeps of a batch: its input, room for the gradient with respect to it, and
/// its own cache.
#[derive(Debug)]
pub struct CustomTape<X, C> {
    x: X,
    dx: X,
    cache: C,
}

impl<X: Zeroed, C: Zeroed> Zeroed for CustomTape<X, C> {
    const ZERO: Self = Self { x: X::ZERO, dx: X::ZERO, cache: C::ZERO };
}

impl<C: Zeroed> Zeroed for Custom<C> {
    const ZERO: Self = Self(C::ZERO);
}

impl<C: CustomLayer> Layer for Custom<C> {
    type In = C::In;
    type Out = C::Out;
    type First = Self;
    type Last = Self;
    type Lead = Identity;
    type Trail = Identity;
    type Tape<const B: usize> = CustomTape<[Row<C::In>; B], C::Cache<B>>;
    type Scratch = ();

    const PARAMS: usize = C::PARAMS;
    const WEIGHTS: usize = C::PARAMS;

    #[inline(always)]
    fn input<'a, const B: usize>(
        tape: &'a mut Self::Tape<B>,
        _: &'a mut [Row<Self::Out>; B],
    ) -> &'a mut [Row<Self::In>; B] {
        &mut tape.x
    }

    #[inline(always)]
    fn forward_tape<I: Isa<Elem<Self>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        y: &mut [Row<Self::Out>; B],
        then: impl Activation<Elem<Self>>,
    ) {
        self.0.forward(&tape.x, y, &mut tape.cache);
        forward_all(isa, then, C::Out::flatten_mut(y));
    }

    #[inline(always)]
    fn backward_tape<I: Isa<Elem<Self>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        (): &mut (),
        dy: &mut [Row<Self::Out>; B],
        before: impl Activation<Elem<Self>>,
        gradient: &mut Self,
    ) {
        self.0.backward(&tape.x, &tape.cache, dy, &mut tape.dx, &mut gradient.0);
        backward_all(isa, before, C::In::flatten_mut(&mut tape.x), C::In::flatten(&tape.dx));
    }

    fn update<I: Isa<Elem<Self>>, U: Rule<Elem<Self>, S>, const S: usize>(
        &mut self,
        isa: I,
        rule: U,
        gradient: &Self,
        mut state: [&mut Self; S],
    ) {
        let mut index = 0;
        while let (Some((_, values)), Some((_, gradient))) =
            (self.0.parameter_mut(index), gradient.0.parameter(index))
        {
            let state =
                state.each_mut().map(|s| s.0.parameter_mut(index).map_or(&mut [][..], |(_, values)| values));
            update_all(isa, rule, values, gradient, state);
            index += 1;
        }
    }

    fn init<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        self.0.init(rng);
    }

    fn tensors(&self) -> usize {
        (0..).take_while(|index| self.0.parameter(*index).is_some()).count()
    }

    fn parameter(&self, index: usize) -> Option<Parameter<'_, Elem<Self>>> {
        let (name, values) = self.0.parameter(index)?;
        Some(Parameter::vector(name, values))
    }

    fn parameter_mut(&mut self, index: usize) -> Option<ParameterMut<'_, Elem<Self>>> {
        let (name, values) = self.0.parameter_mut(index)?;
        Some(ParameterMut::vector(name, values))
    }

    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, index, C::PARAMS, format_args!("{}()", C::NAME))
    }

    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        of_type::<Self>(part, format_args!("constnet::Custom<{}>", type_name::<C>()), f)
    }
}
