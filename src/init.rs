//! How a network starts: He initialisation.

use rand::{Rng, distr::Distribution};

use crate::Layer;

/// He initialisation: each weight of a layer of `IN` inputs is normal with mean 0 and standard
/// deviation `sqrt(2 / IN)`, each bias zero.
///
/// As the notebook's `initialize_linear_layer`. It keeps the size of the activations through a
/// deep ReLU network. (PyTorch's `nn.Linear` starts from a uniform distribution instead.)
///
/// Weights are drawn in the order of PyTorch's `(OUT, IN)`, layer after layer, so a seeded
/// generator gives the same network bit for bit; on another platform a few draws in a hundred may
/// differ by a rounding, as its `exp` and `ln` do.
///
/// K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV 2015.
///
/// # Examples
///
/// ```
/// use constnet::{He, mlp};
/// use rand::{RngExt, SeedableRng, rngs::StdRng};
///
/// let mut rng = StdRng::seed_from_u64(0);
/// let net: mlp![5, 64, 3] = rng.sample(He);
/// ```
///
/// A large network is better drawn where it lies, without a copy on the stack:
///
/// ```
/// use constnet::{Zeroed, mlp};
/// use rand::{SeedableRng, rngs::StdRng};
/// use std::sync::Mutex;
///
/// static NET: Mutex<mlp![784, 512, 512, 10]> = Mutex::new(Zeroed::ZERO);
///
/// NET.lock().unwrap().init(&mut StdRng::seed_from_u64(0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct He;

impl<N: Layer> Distribution<N> for He {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> N {
        let mut net = N::ZERO;
        net.init(rng);
        net
    }
}
