//! A custom layer, as a user of the crate writes it: its gradients, its training, and how the network prints it.

mod common;

use std::slice;

use approx::assert_relative_eq;
use common::{Chain, ROUNDING, check_network, flat, network, rng, rows, set_flat};
use constnet::{
    Cache, Custom, CustomLayer, Linear, Mse, Relu, Sequential, Sgd, Trainer, Zeroed, layers::Features,
};
use rand::Rng;

/// `y = g ⊙ σ(s x)` with the logistic function `σ`, a gain `g` for each feature and one steepness `s` for all: two
/// tensors, one of them shorter than any vector.
///
/// Neither the value at 0 is 0 nor the derivative. So the gradients are wrong if the derivative of a ReLU before the
/// layer is not applied, whatever comes after.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Logistic<const N: usize> {
    gain: [f64; N],
    steepness: f64,
}

impl<const N: usize> Zeroed for Logistic<N> {
    const ZERO: Self = Self { gain: [0.0; N], steepness: 0.0 };
}

impl<const N: usize> CustomLayer for Logistic<N> {
    type In = Features<N, f64>;
    type Out = Features<N, f64>;
    /// `σ(s x)`
    type Cache<const B: usize> = [[f64; N]; B];

    const NAME: &'static str = "Logistic";
    const PARAMS: usize = N + 1;

    fn forward<const B: usize>(&self, x: &[[f64; N]; B], y: &mut [[f64; N]; B], cache: &mut [[f64; N]; B]) {
        for b in 0..B {
            for i in 0..N {
                cache[b][i] = 1.0 / (1.0 + (-self.steepness * x[b][i]).exp());
                y[b][i] = self.gain[i] * cache[b][i];
            }
        }
    }

    /// Uses `σ' = σ (1 − σ)`.
    fn backward<const B: usize>(
        &self,
        x: &[[f64; N]; B],
        cache: &[[f64; N]; B],
        dy: &[[f64; N]; B],
        dx: &mut [[f64; N]; B],
        gradient: &mut Self,
    ) {
        let inv_batch = 1.0 / B as f64;
        for b in 0..B {
            for i in 0..N {
                let (x, sigma, dy) = (x[b][i], cache[b][i], dy[b][i]);
                let slope = sigma * (1.0 - sigma);
                gradient.gain[i] += inv_batch * dy * sigma;
                gradient.steepness += inv_batch * dy * self.gain[i] * x * slope;
                dx[b][i] = dy * self.gain[i] * self.steepness * slope;
            }
        }
    }

    /// The plain logistic function; no random numbers are drawn.
    fn init<R: Rng + ?Sized>(&mut self, _: &mut R) {
        *self = Self { gain: [1.0; N], steepness: 1.0 };
    }

    fn parameter(&self, index: usize) -> Option<(&'static str, &[f64])> {
        match index {
            0 => Some(("gain", &self.gain)),
            1 => Some(("steepness", slice::from_ref(&self.steepness))),
            _ => None,
        }
    }

    fn parameter_mut(&mut self, index: usize) -> Option<(&'static str, &mut [f64])> {
        match index {
            0 => Some(("gain", &mut self.gain)),
            1 => Some(("steepness", slice::from_mut(&mut self.steepness))),
            _ => None,
        }
    }
}

/// The layer after a ReLU, whose derivative it applies in the backward pass, and before a ReLU, which it applies to its
/// output.
type Net = Sequential![
    Linear<3, 9, f64>,
    Relu<9, f64>,
    Custom<Logistic<9>>,
    Linear<9, 17, f64>,
    Custom<Logistic<17>>,
    Relu<17, f64>,
    Linear<17, 2, f64>,
];

#[test]
fn gradients_between_linear_layers_and_beside_relus() {
    check_network::<Chain<Net>, 2, 1>(0);
    check_network::<Chain<Net>, 2, 7>(1);
}

#[test]
fn gradients_between_fused_relus() {
    type Between =
        Sequential![Linear<5, 9, f64>, Relu<9, f64>, Custom<Logistic<9>>, Relu<9, f64>, Linear<9, 2, f64>];
    check_network::<Chain<Between>, 2, 3>(2);
}

#[test]
fn gradients_alone_and_at_both_ends() {
    check_network::<Custom<Logistic<5>>, 5, 3>(3);
    check_network::<Chain<Sequential![Custom<Logistic<5>>, Custom<Logistic<5>>]>, 5, 3>(4);
    check_network::<Chain<Sequential![Custom<Logistic<5>>, Linear<5, 3, f64>, Custom<Logistic<3>>]>, 3, 7>(5);
}

const SGD: Sgd<f64> = Sgd { lr: 0.05 };

/// The trainer updates the layer during the backward pass; by hand the whole gradient is computed first.
#[test]
fn trainer_step_equals_step_by_hand() {
    let rng = &mut rng(6);
    let (x, y) = (rows::<Features<3, f64>, 8>(rng), rows::<Features<2, f64>, 8>(rng));
    let mut by_hand: Net = network(rng);
    let start = flat(&by_hand);
    let mut trainer = Trainer::<_, _, 8>::new(by_hand, SGD);
    let loss = trainer.step(&x, &y);

    let mut gradient = Net::ZERO;
    let mut cache = Cache::ZERO;
    let pass = by_hand.forward(&x, &mut cache);
    assert_relative_eq!(loss, Mse.forward(pass.output(), &y), max_relative = ROUNDING);
    let dy = Mse.backward(pass.output(), &y);
    pass.backward(&dy, &mut gradient);
    SGD.step(&mut by_hand, &gradient).expect("finite numbers");
    assert_relative_eq!(trainer.net, by_hand, epsilon = ROUNDING, max_relative = ROUNDING);

    // `p − lr · dp` again, without the crate's loop over the tensors of a layer.
    let expected: Vec<f64> = start
        .iter()
        .zip(flat(&gradient))
        .map(|(parameter, gradient)| parameter - SGD.lr * gradient)
        .collect();
    let mut without = Net::ZERO;
    set_flat(&mut without, &expected);
    assert_relative_eq!(trainer.net, without, epsilon = ROUNDING, max_relative = ROUNDING);
}

/// The loss after the run below must be less than this part of the loss at the start. It is 0.011 of it.
const FALL: f64 = 0.1;

#[test]
fn training() -> Result<(), constnet::Error<f64>> {
    let rng = &mut rng(7);
    let x = rows::<Features<3, f64>, 20>(rng);
    let y = x.map(|[a, b, c]| [a * b, (a - c).abs()]);
    let mut trainer = Trainer::<Net, _, 8>::new(Zeroed::ZERO, SGD);
    trainer.net.init(rng);
    let layers = |net: &Net| {
        let (_, (_, (Custom(first), (_, (Custom(second), _))))) = net.0;
        (first, second)
    };
    let before = layers(&trainer.net);
    assert_eq!(
        before,
        (Logistic { gain: [1.0; 9], steepness: 1.0 }, Logistic { gain: [1.0; 17], steepness: 1.0 })
    );

    let start = trainer.evaluate(&x, &y)?;
    trainer.fit(&x, &y).epochs(500).run(rng)?;
    let end = trainer.evaluate(&x, &y)?;
    assert!(end < FALL * start, "the loss went from {start} to {end}");
    let (first, second) = layers(&trainer.net);
    assert_ne!(first.gain, before.0.gain);
    assert_ne!(first.steepness, before.0.steepness);
    assert_ne!(second.gain, before.1.gain);
    assert_ne!(second.steepness, before.1.steepness);
    Ok(())
}

#[test]
fn printed() {
    assert_eq!(
        Net::ZERO.to_string(),
        "Sequential(
  (0): Linear(in_features=3, out_features=9, bias=True)  # Linear<3, 9, f64>, 36 parameters
  (1): ReLU()  # Relu<9, f64>
  (2): Logistic()  # Custom<custom_layer::Logistic<9>>, 10 parameters
  (3): Linear(in_features=9, out_features=17, bias=True)  # Linear<9, 17, f64>, 170 parameters
  (4): Logistic()  # Custom<custom_layer::Logistic<17>>, 18 parameters
  (5): ReLU()  # Relu<17, f64>
  (6): Linear(in_features=17, out_features=2, bias=True)  # Linear<17, 2, f64>, 36 parameters
)  # 270 parameters"
    );
}

#[test]
fn parameters_by_name() {
    let net: Net = network(&mut rng(8));
    let names: Vec<_> = net.parameters().map(|parameter| parameter.to_string()).collect();
    assert_eq!(
        names,
        [
            "0.weight (9, 3)",
            "0.bias (9,)",
            "2.gain (9,)",
            "2.steepness (1,)",
            "3.weight (17, 9)",
            "3.bias (17,)",
            "4.gain (17,)",
            "4.steepness (1,)",
            "6.weight (2, 17)",
            "6.bias (2,)",
        ]
    );
    let (_, (_, (Custom(logistic), _))) = net.0;
    let tensors: Vec<_> = net.parameters().filter(|parameter| parameter.layer == 2).collect();
    let [gain, steepness] = tensors[..] else { panic!("{tensors:?}") };
    assert_eq!(gain.values, logistic.gain);
    assert_eq!(steepness.values, [logistic.steepness]);
    assert_eq!(net.parameters().map(|parameter| parameter.values.len()).sum::<usize>(), Net::PARAMS);
}
