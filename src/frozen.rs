//! Layers that are never trained, used where their weights lie.

use core::{any::type_name, fmt, marker::PhantomData};

use crate::{Activation, Elem, Layer, Part, Row, Shape, Unwanted, Zeroed, kernel::Isa, source::of_type};

/// A network whose weights are fixed, and where it lies: in a `static`, say, and so in flash.
pub trait Fixed: 'static {
    /// Its type.
    type Net: Layer + 'static;

    /// The network itself.
    fn net() -> &'static Self::Net;
}

/// A network that is never trained, at the start of a chain that is: as a body with PyTorch's
/// `requires_grad_(False)`, under a head to be adapted.
///
/// There is no gradient of it, no state of an optimiser, and nothing goes back through it: the
/// layer above computes no `dx`. A gradient has the network's own type, and so has what an
/// optimiser keeps; so a frozen network holds nothing at all. Which weights it stands for is said
/// by its type, and they are used where they lie, never copied.
///
/// It takes data, not another layer's output, and the compiler says so: what was below would
/// wait for a gradient. An activation after the body belongs into the body, since the head would
/// compute a gradient for it.
///
/// # Examples
///
/// ```
/// use constnet::{Fixed, Frozen, Linear, Relu, Sequential, Sgd, Trainer, Zeroed, sequential};
///
/// static BODY: Sequential![Linear<2, 2>, Relu<2>] =
///     sequential![Linear::new([[1.0, 1.0], [1.0, -1.0]], [0.0, 0.0]), Relu::new()];
///
/// struct Body;
///
/// impl Fixed for Body {
///     type Net = Sequential![Linear<2, 2>, Relu<2>];
///
///     fn net() -> &'static Self::Net {
///         &BODY
///     }
/// }
///
/// type Net = Sequential![Frozen<Body>, Linear<2, 1>];
///
/// let mut trainer: Trainer<Net, Sgd, 1> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
/// trainer.step(&[[2.0, 1.0]], &[[1.0]]);
/// // The body gives 3 and 1, the gradient of the loss is -2.
/// assert_eq!(trainer.net, sequential![Frozen::new(), Linear::new([[0.6, 0.2]], [0.2])]);
/// assert_eq!(Net::PARAMS, 3);
/// ```
///
/// Not above another layer:
///
/// ```compile_fail,E0277
/// # use constnet::{Fixed, Frozen, Linear, Sequential, Zeroed};
/// # static BODY: Linear<2, 2> = Zeroed::ZERO;
/// # struct Body;
/// # impl Fixed for Body {
/// #     type Net = Linear<2, 2>;
/// #     fn net() -> &'static Linear<2, 2> {
/// #         &BODY
/// #     }
/// # }
/// let net: Sequential![Linear<5, 2>, Frozen<Body>] = Zeroed::ZERO;
/// net.predict(&[0.0; 5]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Frozen<F>(PhantomData<fn() -> F>);

impl<F> Frozen<F> {
    /// The frozen network that the type names.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// Data of shape `S`, which no layer gives: what a chain starts from, and nothing else.
pub struct Data<S>(PhantomData<fn() -> S>);

impl<S: Shape> Shape for Data<S> {
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

impl<F: Fixed> Layer for Frozen<F> {
    type In = Data<<F::Net as Layer>::In>;
    type Out = <F::Net as Layer>::Out;
    type First = Self;
    type Last = <F::Net as Layer>::Last;
    type Lead = <F::Net as Layer>::Lead;
    type Trail = Unwanted;
    type Tape<const B: usize> = <F::Net as Layer>::Tape<B>;
    type Scratch = ();

    const WEIGHTS: usize = F::Net::WEIGHTS;
    const LAYERS: usize = F::Net::LAYERS;

    #[inline(always)]
    fn input<'a, const B: usize>(
        tape: &'a mut Self::Tape<B>,
        y: &'a mut [Row<Self::Out>; B],
    ) -> &'a mut [Row<Self::In>; B] {
        F::Net::input(tape, y)
    }

    #[inline(always)]
    fn forward_tape<I: Isa<Elem<Self>>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        y: &mut [Row<Self::Out>; B],
        then: impl Activation<Elem<Self>>,
    ) {
        F::net().forward_tape(isa, tape, y, then);
    }

    #[inline(always)]
    fn backward_tape<I: Isa<Elem<Self>>, const B: usize>(
        &self,
        _: I,
        _: &mut Self::Tape<B>,
        (): &mut (),
        _: &mut [Row<Self::Out>; B],
        _: impl Activation<Elem<Self>>,
        _: &mut Self,
    ) {
    }

    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  # frozen:")?;
        F::net().describe(index, f)
    }

    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        of_type::<Self>(part, format_args!("constnet::Frozen<{}>", type_name::<F>()), f)
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

/// Two of one type are the same network.
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

impl<S> fmt::Debug for Data<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Data")
    }
}

#[cfg(test)]
mod tests {
    use core::mem::size_of;
    use std::sync::LazyLock;

    use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

    use super::{Fixed, Frozen};
    use crate::{Linear, Relu, Sequential, Sgd, Tape, Trainer, Zeroed};

    type BodyNet = Sequential![Linear<3, 8>, Relu<8>];

    /// Weights drawn when they are first asked for: a `Fixed` network need not be a constant.
    static BODY: LazyLock<BodyNet> = LazyLock::new(|| {
        let mut net = BodyNet::ZERO;
        net.init(&mut Xoshiro128PlusPlus::seed_from_u64(1));
        net
    });

    struct Body;

    impl Fixed for Body {
        type Net = BodyNet;

        fn net() -> &'static BodyNet {
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
    fn its_layers_are_counted() {
        let net = Net::ZERO;
        assert_eq!(net.parameters().next().map(|p| p.layer), Some(2), "as PyTorch counts layers");
    }

    /// Training over the frozen body is training the head on what the body gives, bit for bit.
    #[test]
    fn training_over_it_is_training_on_its_features() {
        let mut whole = Trainer::<Net, Sgd, 2>::new(Sequential((Frozen::new(), head())), Sgd { lr: 0.1 });
        let mut alone = Trainer::<Head, Sgd, 2>::new(head(), Sgd { lr: 0.1 });
        for _ in 0..10 {
            // In batches of two, as the whole sees them: another order of sums would round apart.
            let features = *BODY.forward(&X, &mut { Tape::ZERO }).output();
            assert_eq!(whole.step(&X, &Y), alone.step(&features, &Y));
        }
        assert_eq!(whole.net.0.1, alone.net);
        assert_ne!(alone.net, head(), "nothing was learned");
    }

    /// The gradient by way of a tape is that of the same network with nothing frozen.
    #[test]
    fn the_gradient_is_that_of_the_head() {
        let frozen = Sequential((Frozen::<Body>::new(), head()));
        let thawed = Sequential((*BODY, head()));
        let (mut gradient, mut all) = (Sequential::ZERO, Sequential::ZERO);
        frozen.forward(&X, &mut { Tape::ZERO }).backward(&Y, &mut gradient);
        thawed.forward(&X, &mut { Tape::ZERO }).backward(&Y, &mut all);
        assert_eq!(gradient.0.1, all.0.1);
    }
}
