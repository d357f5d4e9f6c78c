//! Predictions, gradients and steps for any number of rows, against one row at a time.

use approx::assert_relative_eq;
use constnet::{
    Cache, CrossEntropy, Custom, CustomLayer, DataError, Error, He, Linear, Mse, Relu, Sequential, Sgd, Tanh,
    Trainer, Zeroed,
    layers::{Features, Layer},
    sequential,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

type Net = Sequential![Linear<3, 9, f64>, Tanh<9, f64>, Linear<9, 4, f64>];

fn data(rows: usize) -> (Net, Vec<[f64; 3]>, Vec<usize>) {
    let rng = &mut StdRng::seed_from_u64(0);
    let mut net = Net::ZERO;
    Layer::init(&mut net, &He, rng);
    let x = (0..rows).map(|_| [(); 3].map(|()| rng.random_range(-1.0..1.0))).collect();
    (net, x, (0..rows).map(|row| row % 4).collect())
}

#[test]
fn predictions_are_those_of_single_rows() {
    for rows in [0, 1, 4, 7, 63, 64, 65, 512, 1100] {
        let (net, x, _) = data(rows);
        let mut y = vec![[f64::NAN; 4]; rows];
        net.predict_into(&x, &mut y, &mut { Cache::<_, 5>::ZERO }).unwrap();
        let all = net.predict_all(&x);
        assert_eq!(all.len(), rows);
        for ((x, y), all) in x.iter().zip(y).zip(all) {
            let expected: [f64; 4] = net.predict(x);
            for o in 0..4 {
                assert!((y[o] - expected[o]).abs() < 1e-14);
                assert!((all[o] - expected[o]).abs() < 1e-14);
            }
        }
    }
    let (net, x, _) = data(3);
    let error = net.predict_into(&x, &mut [[0.0; 4]; 2], &mut { Cache::<_, 5>::ZERO });
    assert_eq!(error, Err(Error::Length { name: "outputs", given: 2, expected: 3 }));
}

/// The sum over single rows, divided by their number; it is added to what the gradient holds.
#[test]
fn a_gradient_is_the_mean_of_those_of_single_rows() {
    for rows in [1, 4, 5, 9] {
        let (net, x, y) = data(rows);
        let (mut expected, mut mean) = (Net::ZERO, 0.0);
        for (x, y) in x.iter().zip(&y) {
            mean += net
                .gradient(&CrossEntropy, &[*x], &[*y], &mut expected, &mut { Cache::<_, 1>::ZERO })
                .unwrap();
        }
        expected.scale(1.0 / rows as f64);
        let mut gradient = Net::ZERO;
        for times in [1.0, 2.0] {
            let loss =
                net.gradient(&CrossEntropy, &x, &y, &mut gradient, &mut { Cache::<_, 4>::ZERO }).unwrap();
            assert_relative_eq!(loss, mean / rows as f64, max_relative = 1e-14);
            let mut difference = gradient;
            difference.add_scaled(-times, &expected);
            assert!(difference.norm() < 1e-14 * expected.norm().max(1.0), "{rows} rows, {times} times");
        }
    }
}

#[test]
fn a_step_on_any_number_of_rows_is_that_on_one_batch() {
    let (net, x, y) = data(10);
    let mut whole: Trainer<Net, _, 10, _> = Trainer::with_loss(net, Sgd { lr: 0.1 }, CrossEntropy);
    let loss = whole.step(x.first_chunk().unwrap(), y.first_chunk().unwrap());
    let mut parts: Trainer<Net, _, 4, _> = Trainer::with_loss(net, Sgd { lr: 0.1 }, CrossEntropy);
    let mut gradient = Net::ZERO;
    assert_relative_eq!(parts.step_rows(&x, &y, &mut gradient).unwrap(), loss, max_relative = 1e-14);
    assert_relative_eq!(parts.net, whole.net, epsilon = 1e-14);
}

#[test]
fn data_that_are_not_valid_change_nothing() {
    let (net, mut x, mut y) = data(10);
    let mut trainer: Trainer<Net, _, 4, _> = Trainer::with_loss(net, Sgd { lr: 0.1 }, CrossEntropy);
    let mut gradient = Net::ZERO;
    let error = trainer.step_rows(&x[1..], &y, &mut gradient);
    assert_eq!(error, Err(DataError::Lengths { inputs: 9, targets: 10 }.into()));
    assert_eq!(trainer.step_rows(&[], &[], &mut gradient), Err(DataError::NoSamples.into()));
    y[5] = 4;
    let error = trainer.step_rows(&x, &y, &mut gradient);
    assert_eq!(error, Err(DataError::Class { sample: 5, class: 4, classes: 4 }.into()));
    y[5] = 3;
    x[9][2] = f64::NAN;
    let error = net.gradient(&CrossEntropy, &x, &y, &mut gradient, &mut { Cache::<_, 4>::ZERO });
    assert!(matches!(error, Err(Error::Data(DataError::Input { sample: 9, feature: 2, .. }))));
    assert_eq!(gradient, Net::ZERO);
    assert_eq!(trainer.net, net);
}

/// What earlier passes left in the cache, or zeros, may give numbers that are not finite: they do not reach the gradient.
#[test]
fn the_rest_of_a_batch_does_not_reach_the_gradient() {
    // The hidden number of the second row is 1e39: ∞.
    let net = sequential![Linear::new([[10.0_f32]], [10.0]), Relu::new(), Linear::new([[10.0]], [10.0])];
    let mut cache = Cache::<_, 2>::ZERO;
    net.predict_into(&[[1.0], [1e38]], &mut [[0.0]; 2], &mut cache).unwrap();
    let (mut gradient, mut expected) = (Sequential::ZERO, Sequential::ZERO);
    let loss = net.gradient(&Mse, &[[1.0]], &[[0.0]], &mut gradient, &mut cache).unwrap();
    net.gradient(&Mse, &[[1.0]], &[[0.0]], &mut expected, &mut { Cache::<_, 1>::ZERO }).unwrap();
    assert_eq!((loss, gradient), (44_100.0, expected));

    // `ln 0` is −∞. The gradient is the mean of `2 (w ln x + b) ln x`.
    let net = sequential![Custom(Ln), Linear::new([[1.0_f64]], [0.0])];
    let (x, y) = ([[2.0_f64], [3.0], [4.0]], [[0.0]; 3]);
    let mut gradient = Sequential::ZERO;
    net.gradient(&Mse, &x, &y, &mut gradient, &mut { Cache::<_, 2>::ZERO }).unwrap();
    let mean = x.map(|[x]| 2.0 * x.ln() * x.ln()).iter().sum::<f64>() / 3.0;
    assert_relative_eq!(gradient.layer::<1>().weight()[0][0], mean, max_relative = 1e-14);
    let mut trainer = Trainer::<_, _, 2>::new(net, Sgd { lr: 0.1 });
    trainer.step_rows(&x, &y, &mut gradient).unwrap();
    assert_relative_eq!(trainer.net.layer::<1>().weight()[0][0], 1.0 - 0.1 * mean, max_relative = 1e-14);
}

/// `y = ln x`, of one feature.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ln;

impl Zeroed for Ln {
    const ZERO: Self = Self;
}

impl CustomLayer for Ln {
    type In = Features<1, f64>;
    type Out = Features<1, f64>;
    type Cache<const B: usize> = ();
    const NAME: &'static str = "Ln";
    const PARAMS: usize = 0;

    fn forward<const B: usize>(&self, x: &[[f64; 1]; B], y: &mut [[f64; 1]; B], (): &mut ()) {
        *y = x.map(|[x]| [x.ln()]);
    }
    fn backward<const B: usize>(
        &self,
        x: &[[f64; 1]; B],
        (): &(),
        dy: &[[f64; 1]; B],
        dx: &mut [[f64; 1]; B],
        _: &mut Self,
    ) {
        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
            dx[0] = dy[0] / x[0];
        }
    }
}
