//! Networks that are not trained, used at the place where their weights are.

use core::{any::type_name, fmt, marker::PhantomData};

use typenum::U0;

use super::{
    CacheSize, Context, Cost, Elem, Ends, Epilogue, InputActivation, InputGrad, LastLayer, Layer, LayerTypes,
    Mode, NoInputGrad, ParamCount, Printer, Row, Shape, impls::layer_impls, print::Style,
};
use crate::simd::{Simd, Zeroed};

/// A network whose weights do not change, and the place where they are: for example a `static`, and so flash.
pub trait StaticNetwork: 'static {
    /// The type of the network.
    type Net: Layer + 'static;

    /// The network.
    fn network() -> &'static Self::Net;
}

/// A network that is not trained, at the start of a network that is: a pretrained body with PyTorch's
/// `requires_grad_(False)`, under a head that is adapted.
///
/// A frozen network has no gradient and no optimiser state, and the backward pass ends before it: the layer after
/// it computes no `dx`. As the gradient and the values of the optimiser have the type of the network, `Frozen` holds
/// no data. Its type parameter names the weights, which are read in place (for example from flash), never copied.
///
/// The input of a frozen network is data, never the output of another layer, which would need a gradient; the
/// compiler refuses such a chain. An activation after the body should be part of the body: in the head it would
/// make the next layer compute a gradient for it. A [`Dropout`](crate::Dropout) in the body drops nothing.
///
/// # Examples
///
/// ```
/// use constnet::{Frozen, Linear, Relu, Sequential, Sgd, StaticNetwork, Trainer, Zeroed, sequential};
///
/// static BODY: Sequential![Linear<2, 2>, Relu<2>] =
///     sequential![Linear::new([[1.0, 1.0], [1.0, -1.0]], [0.0, 0.0]), Relu::new()];
///
/// struct Body;
///
/// impl StaticNetwork for Body {
///     type Net = Sequential![Linear<2, 2>, Relu<2>];
///
///     fn network() -> &'static Self::Net {
///         &BODY
///     }
/// }
///
/// type Net = Sequential![Frozen<Body>, Linear<2, 1>];
///
/// let mut trainer: Trainer<Net, Sgd, 1> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
/// trainer.step(&[[2.0, 1.0]], &[[1.0]]);
/// // The output of the body is [3, 1], the gradient of the loss -2.
/// assert_eq!(trainer.net, sequential![Frozen::new(), Linear::new([[0.6, 0.2]], [0.2])]);
/// assert_eq!(Net::PARAMS, 3);
/// ```
///
/// After another layer it does not compile:
///
/// ```compile_fail,E0277
/// # use constnet::{Frozen, Linear, Sequential, StaticNetwork, Zeroed};
/// # static BODY: Linear<2, 2> = Zeroed::ZERO;
/// # struct Body;
/// # impl StaticNetwork for Body {
/// #     type Net = Linear<2, 2>;
/// #     fn network() -> &'static Linear<2, 2> {
/// #         &BODY
/// #     }
/// # }
/// let net: Sequential![Linear<5, 2>, Frozen<Body>] = Zeroed::ZERO;
/// net.predict(&[0.0; 5]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
#[cfg_attr(feature = "alloc", derive(bytemuck::Zeroable), zeroable(bound = ""))]
pub struct Frozen<F>(PhantomData<fn() -> F>);

impl<F> Frozen<F> {
    /// The frozen network that the type names.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// The shape of an input that must be data: its rows are those of `S`, but no layer has this shape as its output. So a
/// layer with this input can only be the first of a network.
pub struct InputOnly<S>(PhantomData<fn() -> S>);

impl<S: Shape> Shape for InputOnly<S> {
    type Elem = S::Elem;
    type Row = S::Row;
    const LEN: usize = S::LEN;

    #[inline(always)]
    fn flatten(rows: &[S::Row]) -> &[S::Elem] {
        S::flatten(rows)
    }

    #[inline(always)]
    fn flatten_mut(rows: &mut [S::Row]) -> &mut [S::Elem] {
        S::flatten_mut(rows)
    }
}

/// The ends of a frozen network: those of the network, but the layer after it computes no gradient.
#[derive(Debug)]
pub struct FrozenEnds<F>(PhantomData<F>);

impl<F: StaticNetwork> Ends for FrozenEnds<F> {
    type First = Frozen<F>;
    type Last = LastLayer<F::Net>;
    type InputActivation = InputActivation<F::Net>;
    type OutputActivation = NoInputGrad;
    type Depth = <<F::Net as LayerTypes>::Ends as Ends>::Depth;
}

impl<F: StaticNetwork> LayerTypes for Frozen<F> {
    type In = InputOnly<<F::Net as LayerTypes>::In>;
    type Out = <F::Net as LayerTypes>::Out;
    type Cache<const B: usize> = <F::Net as LayerTypes>::Cache<B>;
    type Scratch = ();
    type Ends = FrozenEnds<F>;
}

impl<F: StaticNetwork> Layer for Frozen<F> {
    const LAYERS: usize = F::Net::LAYERS;

    #[inline(always)]
    fn input_buffer<'a, const B: usize>(
        cache: &'a mut Self::Cache<B>,
        y: &'a mut [Row<Self::Out>; B],
    ) -> &'a mut [Row<Self::In>; B] {
        F::Net::input_buffer(cache, y)
    }

    #[inline(always)]
    fn forward<S: Simd<Elem<Self>>, const B: usize>(
        &self,
        ctx: Context<S>,
        cache: &mut Self::Cache<B>,
        y: &mut [Row<Self::Out>; B],
        epilogue: impl Epilogue<Elem<Self>>,
    ) {
        F::network().forward(Context { mode: Mode::Eval, ..ctx }, cache, y, epilogue);
    }

    #[inline(always)]
    fn backward<S: Simd<Elem<Self>>, const B: usize>(
        &self,
        _: Context<S>,
        _: &mut Self::Cache<B>,
        (): &mut (),
        _: &mut [Row<Self::Out>; B],
        _: impl InputGrad<Elem<Self>>,
        _: &mut Self,
    ) {
    }

    fn print(&self, printer: &mut Printer<'_, '_>) -> fmt::Result {
        printer.text("  # frozen:\n", "constnet::Frozen<", "constnet::Frozen::new()", "Frozen<")?;
        match printer.style() {
            Style::PyTorch | Style::Layers => F::network().print(printer)?,
            Style::RustType | Style::RustValue => printer.text("", type_name::<F>(), "", "")?,
        }
        printer.text("", ">", "", ">")
    }
}

impl<F> Zeroed for Frozen<F> {
    const ZERO: Self = Self::new();
}

impl<F> Clone for Frozen<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Frozen<F> {}

impl<F> Default for Frozen<F> {
    fn default() -> Self {
        Self::new()
    }
}

/// Two values of the same type name the same network.
impl<F> PartialEq for Frozen<F> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<F> Eq for Frozen<F> {}

impl<F> fmt::Debug for Frozen<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Frozen")
    }
}

impl<S> fmt::Debug for InputOnly<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InputOnly")
    }
}

/// It has no trainable parameters.
impl<F: StaticNetwork> ParamCount for Frozen<F> {
    type Count = U0;
}

impl<F: StaticNetwork<Net: CacheSize>> CacheSize for Frozen<F> {
    type Cached = <F::Net as CacheSize>::Cached;
    type Output = <F::Net as CacheSize>::Output;
}

impl<F: StaticNetwork<Net: Cost>> Cost for Frozen<F> {
    const FORWARD: usize = F::Net::FORWARD;
    const WEIGHT_GRADIENT: usize = 0;
    const FIRST_INPUT_GRADIENT: usize = 0;
    const NEEDS_OUTPUT_GRADIENT: bool = false;
    const FROZEN_BYTES: usize = size_of::<F::Net>() + F::Net::FROZEN_BYTES;
}

layer_impls!(Frozen<F>, Elem<F::Net>, F: StaticNetwork);

#[cfg(test)]
mod tests {
    use core::mem::size_of;
    use std::sync::LazyLock;

    use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::{Frozen, StaticNetwork};
    use crate::{Cache, Linear, Relu, Sequential, Sgd, Trainer, Zeroed};

    type BodyNet = Sequential![Linear<3, 8>, Relu<8>];

    /// Weights that are drawn at the first use: a `StaticNetwork` need not be a constant.
    static BODY: LazyLock<BodyNet> = LazyLock::new(|| {
        let mut net = BodyNet::ZERO;
        net.init(&mut Xoshiro128PlusPlus::seed_from_u64(1));
        net
    });

    struct Body;

    impl StaticNetwork for Body {
        type Net = BodyNet;

        fn network() -> &'static BodyNet {
            &BODY
        }
    }

    type Head = Sequential![Linear<8, 2>];
    type Net = Sequential<(Frozen<Body>, Head)>;

    const X: [[f32; 3]; 2] = [[1.0, -0.5, 2.0], [0.25, 1.5, -1.0]];
    const Y: [[f32; 2]; 2] = [[1.0, 0.0], [-1.0, 0.5]];

    fn head() -> Head {
        let mut head = Head::ZERO;
        head.init(&mut Xoshiro128PlusPlus::seed_from_u64(2));
        head
    }

    #[test]
    fn a_frozen_network_takes_no_memory_and_has_no_parameters() {
        assert_eq!(size_of::<Frozen<Body>>(), 0);
        assert_eq!(size_of::<Net>(), size_of::<Head>());
        assert_eq!(Net::PARAMS, Head::PARAMS);
        assert_eq!(Net::ZERO.parameters().count(), 2);
    }

    #[test]
    fn the_layers_of_a_frozen_network_are_counted() {
        let net = Net::ZERO;
        assert_eq!(net.parameters().next().map(|p| p.layer), Some(2), "as PyTorch counts layers");
    }

    /// Training with a frozen body equals training the head on the outputs of the body, bit for bit.
    #[test]
    fn training_with_a_frozen_body_is_training_on_its_outputs() {
        let mut whole = Trainer::<Net, Sgd, 2>::new(Sequential((Frozen::new(), head())), Sgd { lr: 0.1 });
        let mut alone = Trainer::<Head, Sgd, 2>::new(head(), Sgd { lr: 0.1 });
        for _ in 0..10 {
            // In batches of two, as in the whole network: another batch size would add in another order.
            let features = *BODY.forward(&X, &mut { Cache::ZERO }).output();
            assert_eq!(whole.step(&X, &Y), alone.step(&features, &Y));
        }
        assert_eq!(whole.net.0.1, alone.net);
        assert_ne!(alone.net, head(), "nothing was learned");
    }

    /// The gradient of the head is the same as with a body that is not frozen.
    #[test]
    fn the_gradient_is_that_of_the_head() {
        let frozen = Sequential((Frozen::<Body>::new(), head()));
        let thawed = Sequential((*BODY, head()));
        let (mut gradient, mut all) = (Sequential::ZERO, Sequential::ZERO);
        frozen.forward(&X, &mut { Cache::ZERO }).backward(&Y, &mut gradient);
        thawed.forward(&X, &mut { Cache::ZERO }).backward(&Y, &mut all);
        assert_eq!(gradient.0.1, all.0.1);
    }
}
