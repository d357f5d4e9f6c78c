//! Weights of samples against repeated samples and NumPy, and the Gaussian likelihood against the spread of samples.

use approx::assert_relative_eq;
use constnet::{
    Cache, CrossEntropy, DataError, Error, GaussianNll, Lbfgs, LevenbergMarquardt, Loss, Mse, Sgd,
    SoftCrossEntropy, Trainer, Weighted, WeightedCrossEntropy, Zeroed, gradient_check, layers::Features, mlp,
    second_order::LbfgsMemory,
};
use rand::{SeedableRng, rngs::StdRng};

/// A weight of 2 is the same as the sample twice; a weight of 0 is the same as no sample, but for the divisor.
#[test]
fn a_weight_is_a_number_of_samples() {
    let mut net = <mlp![f64; 2, 3]>::ZERO;
    net.read_flat(&[0.3, -0.2, 0.5, 0.1, -0.7, 0.4, 0.1, 0.2, -0.3]).unwrap();
    let x = [[1.0, 2.0], [-1.0, 0.5], [3.0, -1.0]];
    let weighted = [(2, 2.0), (0, 1.0), (1, 0.0)];
    let mut cache = Cache::<_, 4>::ZERO;
    let (mut found, mut expected) = (Zeroed::ZERO, <mlp![f64; 2, 3]>::ZERO);
    let loss = net.gradient(&Weighted(CrossEntropy), &x, &weighted, &mut found, &mut cache).unwrap();
    let repeated = [x[0], x[0], x[1]];
    let same = net.gradient(&CrossEntropy, &repeated, &[2, 2, 0], &mut expected, &mut cache).unwrap();
    assert_relative_eq!(loss, same, max_relative = 1e-14);
    assert_relative_eq!(found, expected, epsilon = 1e-15);
}

/// The square of the difference 1e30 is infinite, and 0 · ∞ is NaN.
#[test]
fn a_sample_without_a_weight_may_overflow() {
    let y = [([1e30], 0.0), ([3.0], 0.5)];
    let mut net = <mlp![1, 1]>::ZERO;
    let mut cache = Cache::<_, 2>::ZERO;
    let mut gradient = net;
    assert_eq!(net.gradient(&Weighted(Mse), &[[1.0]; 2], &y, &mut gradient, &mut cache), Ok(2.25));
    assert_eq!(gradient.layer::<0>().bias(), &[-1.5]);
    let mut trainer: Trainer<_, _, 2, _> = Trainer::with_loss(net, Sgd { lr: 0.1 }, Weighted(Mse));
    assert_eq!(trainer.evaluate(&[[1.0]; 2], &y), Ok(2.25));
    let mut workspace = LevenbergMarquardt::workspace::<mlp![1, 1]>();
    LevenbergMarquardt::new().fit(&mut net, &Weighted(Mse), &[[1.0]; 2], &y).run(&mut workspace).unwrap();
    assert_relative_eq!(net.predict(&[1.0])[0], 3.0, max_relative = 1e-5);
}

/// Nothing can be learned from samples without a weight: the loss and the gradient of a batch are 0, a run is refused.
#[test]
fn samples_without_a_weight() {
    type Net = mlp![2, 3];
    let (x, y) = ([[1.0, 2.0], [-1.0, 0.5]], [2, 0]);
    let mut net = Net::ZERO;
    net.init(&mut StdRng::seed_from_u64(0));
    let ignored = WeightedCrossEntropy { ignore_index: 0, weight: [1.0, 1.0, 0.0], ..Default::default() };
    let mut trainer: Trainer<Net, _, 2, _> = Trainer::with_loss(net, Sgd { lr: 0.1 }, ignored);
    assert_eq!((trainer.step(&x, &y), trainer.net), (0.0, net));
    let weightless = y.map(|class| (class, 0.0));
    let mut trainer: Trainer<Net, _, 2, _> = Trainer::with_loss(net, Sgd { lr: 0.1 }, Weighted(CrossEntropy));
    assert_eq!((trainer.step(&x, &weightless), trainer.net), (0.0, net));

    let (mut gradient, mut cache) = (Net::ZERO, Cache::<_, 2>::ZERO);
    assert_eq!(net.gradient(&ignored, &x, &y, &mut gradient, &mut cache), Ok(0.0));
    assert_eq!(net.gradient(&Weighted(CrossEntropy), &x, &weightless, &mut gradient, &mut cache), Ok(0.0));
    assert_eq!(gradient, Net::ZERO);
    assert_eq!((trainer.step_rows(&x, &weightless, &mut gradient), trainer.net), (Ok(0.0), net));
    assert_eq!(trainer.evaluate(&x, &weightless), Ok(0.0));

    let error = Error::Training(DataError::NoWeight);
    assert_eq!(trainer.fit(&x, &weightless).run(&mut StdRng::seed_from_u64(0)), Err(error));
    let memory = &mut { LbfgsMemory::ZERO };
    assert_eq!(Lbfgs::<5>::new().fit(&mut net, &ignored, &x, &y).run(memory), Err(error));
    let zeros = [([0.0; 3], 0.0); 2];
    let mut workspace = LevenbergMarquardt::workspace::<Net>();
    let run = LevenbergMarquardt::new().fit(&mut net, &Weighted(Mse), &x, &zeros).run(&mut workspace);
    assert_eq!(run, Err(error));
    assert_eq!(trainer.net, net);
    assert_eq!(
        error.to_string(),
        "training data: each sample has the weight 0 or is ignored: expected at least 1 sample with a weight"
    );
    // One sample that counts is enough, also beside one that the loss itself ignores.
    let mut trainer: Trainer<Net, _, 2, _> = Trainer::with_loss(net, Sgd { lr: 0.1 }, Weighted(ignored));
    let mut run =
        |y: [(usize, f32); 2]| trainer.fit(&x, &y).epochs(1).run(&mut StdRng::seed_from_u64(0)).map(|_| ());
    assert_eq!(run([(0, 1.0), (1, 1.0)]), Ok(()));
    assert_eq!(run([(0, 1.0), (1, 0.0)]), Err(error));
}

/// The line of weighted least squares through three points: numpy.polyfit([0, 1, 2], [1, 3, 2], 1, w=sqrt([1, 2, 5])).
#[test]
fn levenberg_marquardt_and_lbfgs_agree_on_weighted_squares() {
    let x = [[0.0], [1.0], [2.0]];
    let y = [([1.0], 1.0), ([3.0], 2.0), ([2.0], 5.0)];
    let mut net = <mlp![f64; 1, 1]>::ZERO;
    let mut workspace = LevenbergMarquardt::workspace::<mlp![f64; 1, 1]>();
    LevenbergMarquardt::default().fit(&mut net, &Weighted(Mse), &x, &y).run(&mut workspace).unwrap();
    let mut other = <mlp![f64; 1, 1]>::ZERO;
    Lbfgs::<5, f64>::default()
        .fit(&mut other, &Weighted(Mse), &x, &y)
        .run(&mut { LbfgsMemory::ZERO })
        .unwrap();
    for net in [net, other] {
        assert_relative_eq!(net.layer::<0>().weight()[0][0], 0.125, max_relative = 1e-7);
        assert_relative_eq!(net.layer::<0>().bias()[0], 1.9375, max_relative = 1e-7);
    }
}

/// The network learns the mean and the variance of two groups of samples: 1 ± 2 and 5 ± 0.5.
#[test]
fn a_predicted_variance_is_that_of_the_samples() {
    let x = [[0.0], [0.0], [1.0], [1.0]];
    let y = [[3.0], [-1.0], [5.5], [4.5]];
    let mut net = <mlp![f64; 1, 2]>::ZERO;
    Lbfgs::<5, f64>::default().fit(&mut net, &GaussianNll, &x, &y).run(&mut { LbfgsMemory::ZERO }).unwrap();
    for (x, mean, variance) in [(0.0, 1.0, 4.0_f64), (1.0, 5.0, 0.25)] {
        let [found, log_variance]: [f64; 2] = net.predict(&[x]);
        assert_relative_eq!(found, mean, max_relative = 1e-6);
        assert_relative_eq!(log_variance, variance.ln(), max_relative = 1e-6);
    }
    gradient_check(&mut net, &GaussianNll, &x, &y).unwrap();
}

#[test]
fn invalid_weights_and_targets_name_their_sample() {
    let check = |y: &[(usize, f32)]| Loss::<Features<3>>::check(&Weighted(CrossEntropy), y);
    assert_eq!(check(&[(0, 1.0), (2, 0.0)]), Ok(()));
    assert_eq!(check(&[(0, 1.0), (2, -1.0)]), Err(DataError::Weight { sample: 1, value: -1.0 }.into()));
    assert!(matches!(check(&[(0, f32::NAN)]), Err(Error::Data(DataError::Weight { sample: 0, .. }))));
    let error = DataError::Class { sample: 1, class: 3, classes: 3 };
    assert_eq!(check(&[(0, 1.0), (3, 1.0)]), Err(error.into()));
    let soft = [([0.5, 0.5], 1.0), ([0.5, 0.4], 1.0)];
    let error = Loss::<Features<2>>::check(&Weighted(SoftCrossEntropy), &soft);
    assert!(matches!(error, Err(Error::Data(DataError::ProbabilitySum { sample: 1, .. }))));
}
