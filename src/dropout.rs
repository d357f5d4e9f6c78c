//! The layer that leaves features out in training.

use core::{fmt, marker::PhantomData};

use crate::{
    Activation, Element, Features, Identity, Layer, Zeroed,
    activation::forward_all,
    kernel::Isa,
    layer::line,
    source::{Part, element},
};

/// Leaves out each feature with a probability of `PERCENT` % in training, and passes all on in
/// inference, as PyTorch's `nn.Dropout(p)`; half of them unless you say otherwise.
///
/// | quantity | shape | rule |
/// |---|---|---|
/// | `x`, `y` | `(B, N)` | `y = m ⊙ x`, in inference `y = x` |
/// | `dy`, `dx` | `(B, N)` | `dx = m ⊙ dy` |
/// | `m` | `(B, N)` | 0 with probability `p`, else `1 / (1 − p)`, drawn anew for each batch |
///
/// A [`Trainer`](crate::Trainer) trains in its steps, and infers in `evaluate`; `predict` always
/// infers; a [`Tape`](crate::Tape) of one's own does what it was told last by
/// [`training`](crate::Tape::training), and infers before. The draws are made from a count of the
/// passes and the layer's place in the network, so that a run takes the same ones each time,
/// without a generator of random numbers; and so do networks of the same layers that are trained side
/// by side, whatever their seeds. The count is the tape's, and a new tape starts with the first draws. The
/// mask is not kept: it is drawn a second time on the way
/// back.
///
/// # Examples
///
/// ```
/// use constnet::{Dropout, Linear, Relu, Sequential, Tape, Zeroed, sequential};
///
/// type Net = Sequential![Linear<5, 64>, Relu<64>, Dropout<64, 20>, Linear<64, 3>];
///
/// let net = Sequential(Dropout::<8, 20>::new());
/// let x = [[4.0; 8]; 100];
/// let mut tape = Tape::ZERO;
/// assert_eq!(net.forward(&x, &mut tape).output(), &x);
///
/// tape.training(true);
/// let y = net.forward(&x, &mut tape).output().concat();
/// assert!(y.iter().all(|y| [0.0, 5.0].contains(y)));
/// let left_out = y.iter().filter(|y| **y == 0.0).count();
/// assert!((100..220).contains(&left_out), "{left_out} of 800");
/// ```
///
/// Not all of them, however the layer was made:
///
/// ```compile_fail,E0080
/// # use constnet::{Dropout, Sequential};
/// let _: [f32; 8] = Sequential(Dropout::<8, 100>::default()).predict(&[1.0; 8]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Dropout<const N: usize, const PERCENT: usize = 50, T = f32>(PhantomData<T>);

impl<const N: usize, const PERCENT: usize, T> Dropout<N, PERCENT, T> {
    /// The layer. It has no parameters.
    #[must_use]
    pub const fn new() -> Self {
        const { Self::CHECKED };
        Self(PhantomData)
    }

    /// Asked for by whatever takes the share, too: `default` and serde make a layer without `new`.
    const CHECKED: () = assert!(PERCENT < 100, "a probability of 100 % leaves nothing");
}

/// What dropout keeps of a batch: its input, and where its draws come from.
#[derive(Debug)]
pub struct DropoutTape<X> {
    x: X,
    /// One more than the number of the stream; 0 in inference.
    stream: u32,
    /// How many passes there were in training.
    passes: u32,
}

impl<X: Zeroed> Zeroed for DropoutTape<X> {
    const ZERO: Self = Self { x: X::ZERO, stream: 0, passes: 0 };
}

/// Turns numbers that are close to each other into such that are not: the finaliser `lowbias32` of
/// C. Wellons' "Prospecting for hash functions" (2018).
#[inline(always)]
const fn scattered(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

impl<X> DropoutTape<X> {
    /// Where the draws of this pass start, or nowhere in inference.
    #[inline(always)]
    const fn seed(&self) -> Option<u32> {
        if self.stream == 0 {
            None
        } else {
            Some(scattered(self.stream) ^ scattered(self.passes.wrapping_add(1 << 31)))
        }
    }
}

impl<const N: usize, const PERCENT: usize, T: Element> Dropout<N, PERCENT, T> {
    /// The mask `m` of one row.
    #[inline(always)]
    fn mask(seed: Option<u32>, row: usize) -> [T; N] {
        const { Self::CHECKED };
        let Some(seed) = seed else { return [T::ONE; N] };
        let least = (((PERCENT as u64) << 32) / 100) as u32;
        let kept = T::from_count(100) / T::from_count(100 - PERCENT);
        let start = seed.wrapping_add((row * N) as u32);
        let mut mask = [T::ZERO; N];
        for (n, m) in mask.iter_mut().enumerate() {
            *m = if scattered(start.wrapping_add(n as u32)) < least { T::ZERO } else { kept };
        }
        mask
    }
}

impl<const N: usize, const PERCENT: usize, T> Zeroed for Dropout<N, PERCENT, T> {
    const ZERO: Self = Self::new();
}

impl<const N: usize, const PERCENT: usize, T: Element> Layer for Dropout<N, PERCENT, T> {
    type In = Features<N, T>;
    type Out = Features<N, T>;
    type First = Self;
    type Last = Self;
    type Lead = Identity;
    type Trail = Identity;
    type Tape<const B: usize> = DropoutTape<[[T; N]; B]>;
    type Scratch = ();

    #[inline(always)]
    fn input<'a, const B: usize>(tape: &'a mut Self::Tape<B>, _: &'a mut [[T; N]; B]) -> &'a mut [[T; N]; B] {
        &mut tape.x
    }

    #[inline(always)]
    fn forward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        y: &mut [[T; N]; B],
        then: impl Activation<T>,
    ) {
        if tape.stream != 0 {
            tape.passes = tape.passes.wrapping_add(1);
        }
        let seed = tape.seed();
        for (row, (x, y)) in tape.x.iter().zip(y).enumerate() {
            *y = Self::mask(seed, row);
            for (y, x) in y.chunks_mut(I::LANES).zip(x.chunks(I::LANES)) {
                let masked = isa.mul(isa.load(y), isa.load(x));
                isa.store(y, masked);
            }
            forward_all(isa, then, y);
        }
    }

    #[inline(always)]
    fn backward_tape<I: Isa<T>, const B: usize>(
        &self,
        isa: I,
        tape: &mut Self::Tape<B>,
        (): &mut (),
        dy: &mut [[T; N]; B],
        before: impl Activation<T>,
        _: &mut Self,
    ) {
        let seed = tape.seed();
        for (row, (x, dy)) in tape.x.iter_mut().zip(dy).enumerate() {
            let mask = Self::mask(seed, row);
            for (at, x) in x.chunks_mut(I::LANES).enumerate() {
                let at = at * I::LANES;
                let dx = isa.mul(isa.load(&mask[at..]), isa.load(&dy[at..]));
                let a = isa.load(x);
                isa.store(x, before.backward(isa, a, dx));
            }
        }
    }

    #[inline(always)]
    fn noise<const B: usize>(tape: &mut Self::Tape<B>, stream: Option<u32>) {
        tape.stream = stream.map_or(0, |stream| stream.wrapping_add(1).max(1));
    }

    fn passes<const B: usize>(tape: &Self::Tape<B>) -> u32 {
        tape.passes
    }

    fn set_passes<const B: usize>(tape: &mut Self::Tape<B>, passes: u32) {
        tape.passes = passes;
    }

    fn describe(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = T::from_count(PERCENT) / T::from_count(100);
        line(f, index, 0, format_args!("Dropout(p={p}, inplace=False)"))
    }

    fn source_of(&self, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match part {
            Part::Type => write!(f, "constnet::Dropout<{N}, {PERCENT}{}>", element::<T>()),
            Part::Value => f.write_str("constnet::Dropout::new()"),
        }
    }
}
