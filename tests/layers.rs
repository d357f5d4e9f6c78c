//! The layers besides `Linear`: normalisation, residual blocks, dropout.

mod common;

use std::ops::ControlFlow;

use approx::assert_relative_eq;
use common::{Chain, ROUNDING, assert_derivatives, check_network, flat, moved, network, rng, rows, set_flat};
use constnet::{
    Cache, Dropout, Gelu, LayerNorm, Linear, Mse, Relu, Residual, Sequential, Sgd, Sigmoid, Softmax, Tanh,
    Trainer, Zeroed,
    layers::{Features, Layer},
    sizes::{
        Report,
        budget::{ParameterBudget, RamSize},
    },
};
use typenum::Unsigned;

const SGD: Sgd<f64> = Sgd { lr: 0.05 };

#[test]
fn gradients_of_layer_norm() {
    check_network::<LayerNorm<2, f64>, 2, 3>(0);
    check_network::<LayerNorm<9, f64>, 9, 1>(1);
    check_network::<LayerNorm<17, f64>, 17, 7>(2);
    type Between = Sequential![
        Linear<5, 9, f64>, Tanh<9, f64>, LayerNorm<9, f64>, Sigmoid<9, f64>, Linear<9, 33, f64>, LayerNorm<33, f64>,
        Gelu<33, f64>, Linear<33, 2, f64>
    ];
    check_network::<Chain<Between>, 2, 1>(3);
    check_network::<Chain<Between>, 2, 7>(4);
}

#[test]
fn layer_norm_kernels_equal_textbook_passes() {
    let rng = &mut rng(0);
    let layer: LayerNorm<19, f64> = network(rng);
    let (x, dy) = (rows::<Features<19, f64>, 5>(rng), rows::<Features<19, f64>, 5>(rng));
    let mut expected_gradient = LayerNorm::ZERO;
    let dx = layer.backward(&x, &dy, &mut expected_gradient);

    let mut cache = Cache::ZERO;
    let mut gradient = Sequential::ZERO;
    let net = Sequential(layer);
    let pass = net.forward(&x, &mut cache);
    for (y, expected) in pass.output().iter().zip(&layer.forward(&x)) {
        assert_relative_eq!(y[..], expected[..], epsilon = ROUNDING);
    }
    for (dx, expected) in pass.backward_to_input(&dy, &mut gradient).iter().zip(&dx) {
        assert_relative_eq!(dx[..], expected[..], epsilon = ROUNDING);
    }
    assert_relative_eq!(gradient.0, expected_gradient, epsilon = ROUNDING);
}

/// Equal features, with a standard deviation of 0, and large features with small differences.
#[test]
fn layer_norm_of_extremes() {
    let net = Sequential(LayerNorm::new());
    assert_eq!(net.predict(&[7.0_f32; 9]), [0.0; 9]);
    let y: [f64; 4] = net_of_four().predict(&[1e9 - 1.0, 1e9 + 1.0, 1e9 - 1.0, 1e9 + 1.0]);
    for (y, expected) in y.into_iter().zip([-1.0, 1.0, -1.0, 1.0]) {
        assert_relative_eq!(y, expected, epsilon = 1e-5);
    }
}

const fn net_of_four() -> Sequential<LayerNorm<4, f64>> {
    Sequential(LayerNorm::new())
}

/// The initial layer only standardises, and draws no random numbers.
#[test]
fn layer_norm_starts_with_ones() {
    type Net = Sequential![Linear<3, 5>, LayerNorm<5>, Linear<5, 2>];
    let (mut net, mut without) = (Net::ZERO, <Sequential![Linear<3, 5>, Linear<5, 2>]>::ZERO);
    net.init(&mut rng(3));
    without.init(&mut rng(3));
    assert_eq!(net.0.1.0, LayerNorm::new());
    assert_eq!((net.0.0, net.0.1.1), without.0);
}

#[test]
fn gradients_of_residual_blocks() {
    check_network::<Residual<Linear<7, 7, f64>>, 7, 3>(0);
    check_network::<Residual<Tanh<7, f64>>, 7, 3>(1);
    check_network::<Residual<Gelu<9, f64>>, 9, 1>(2);
    type StartsAndEnds =
        Sequential![Tanh<9, f64>, Linear<9, 5, f64>, Gelu<5, f64>, Linear<5, 9, f64>, Sigmoid<9, f64>];
    type Net = Sequential![
        Linear<3, 9, f64>, Tanh<9, f64>, Residual<StartsAndEnds>, Sigmoid<9, f64>, Residual<Linear<9, 9, f64>>,
        Linear<9, 2, f64>
    ];
    check_network::<Chain<Net>, 2, 1>(3);
    check_network::<Chain<Net>, 2, 7>(4);
    // Bodies with probabilities as output.
    check_network::<Residual<Sigmoid<9, f64>>, 9, 3>(6);
    check_network::<Residual<Chain<Sequential![Linear<9, 9, f64>, Softmax<9, f64>]>>, 9, 3>(7);
    // A block in a block.
    type Nested = Residual<Sequential![Linear<9, 9, f64>, Tanh<9, f64>, Residual<StartsAndEnds>]>;
    check_network::<Nested, 9, 3>(5);
}

type Net = Sequential![
    Linear<3, 9, f64>,
    Relu<9, f64>,
    Residual<Sequential![LayerNorm<9, f64>, Linear<9, 17, f64>, Tanh<17, f64>, Linear<17, 9, f64>]>,
    LayerNorm<9, f64>,
    Linear<9, 2, f64>,
];

/// The trainer updates each layer during the backward pass; by hand the whole gradient is computed first.
#[test]
fn trainer_step_equals_step_by_hand() {
    let rng = &mut rng(6);
    let (x, y) = (rows::<Features<3, f64>, 8>(rng), rows::<Features<2, f64>, 8>(rng));
    let mut by_hand: Net = network(rng);
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
    assert_ne!(flat(&gradient), flat(&Net::ZERO));
}

#[test]
fn printed_and_numbered() {
    type Net = Sequential![Linear<3, 4>, Residual<Sequential![LayerNorm<4>, Linear<4, 4>, Tanh<4>]>, Dropout<4, 20>, Dropout<4>];
    let net = Net::ZERO;
    assert_eq!(
        net.to_string(),
        "Sequential(
  (0): Linear(in_features=3, out_features=4, bias=True)  # Linear<3, 4>, 16 parameters
  # residual, x + body(x):
  (1): LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)  # LayerNorm<4>, 8 parameters
  (2): Linear(in_features=4, out_features=4, bias=True)  # Linear<4, 4>, 20 parameters
  (3): Tanh()  # Tanh<4>
  # end of the body
  (4): Dropout(p=0.2, inplace=False)  # Dropout<4, 20>
  (5): Dropout(p=0.5, inplace=False)  # Dropout<4, 50>
)  # 44 parameters"
    );
    let names: Vec<_> = net.parameters().map(|parameter| parameter.to_string()).collect();
    assert_eq!(names[2..4], ["1.weight (4,)", "1.bias (4,)"]);
    assert_eq!(names[4..], ["2.weight (4, 4)", "2.bias (4,)"]);
}

/// The share of zeros in the masks, the scale of the rest, and that masks differ between features, samples, layers and
/// passes.
#[test]
fn dropout_drops_its_share() {
    const N: usize = 33;
    const B: usize = 40;
    type Net = Sequential![Dropout<N, 30, f64>, Linear<N, N, f64>, Dropout<N, 30, f64>];
    let mut net = Net::ZERO;
    for n in 0..N {
        *net.0.1.0.weight_at_mut(n, n) = 1.0;
    }
    let mut cache = Cache::<Net, B>::ZERO;
    let mut one = Cache::<Sequential<Dropout<N, 30, f64>>, B>::ZERO;
    cache.train(SEED);
    one.train(SEED);
    let (mut kept_by_first, mut kept_by_both) = (Vec::new(), 0);
    const PASSES: usize = 50;
    for _ in 0..PASSES {
        let first = *Sequential(Dropout::new()).forward(&[[0.7; N]; B], &mut one).output();
        let both = *net.forward(&[[0.49; N]; B], &mut cache).output();
        for (first, both) in first.as_flattened().iter().zip(both.as_flattened()) {
            assert!(*first == 0.0 || (first - 1.0).abs() < ROUNDING, "{first}");
            assert!(*both == 0.0 || *first != 0.0 && (both - 1.0).abs() < ROUNDING, "{both}");
            kept_by_both += usize::from(*both != 0.0);
        }
        kept_by_first.push(first.map(|row| row.map(|x| x != 0.0)));
    }
    let all = (PASSES * B * N) as f64;
    let kept = kept_by_first.as_flattened().as_flattened().iter().filter(|kept| **kept).count() as f64;
    // Five standard deviations of this share in `all` independent draws.
    let most_off = |share: f64| 5.0 * (share * (1.0 - share) / all).sqrt();
    assert!((kept / all - 0.7).abs() < most_off(0.7), "{}", kept / all);
    let both = kept_by_both as f64 / all;
    assert!((both - 0.49).abs() < most_off(0.49), "the masks of the two layers are correlated: {both}");
    let mut masks: Vec<_> = kept_by_first.as_flattened().to_vec();
    masks.sort_unstable();
    masks.dedup();
    // Of 2000 random masks of 33 features, a few pairs at most are equal.
    assert!(masks.len() > PASSES * B - 10, "{} different masks", masks.len());
}

/// Any seed.
const SEED: u32 = 42;

/// The masks of some training passes with this seed: in each pass those of two layers, of 4 samples each.
fn masks(seed: u32, passes: usize) -> Vec<[[[bool; 33]; 4]; 2]> {
    type First = Sequential<Dropout<33, 50, f64>>;
    type Net = Sequential![Dropout<33, 50, f64>, Linear<33, 33, f64>, Dropout<33, 50, f64>];
    // The second layer's inputs are the biases, all 1.
    let net: Net = Sequential((Dropout::new(), (Linear::new([[0.0; 33]; 33], [1.0; 33]), Dropout::new())));
    let (mut first, mut second) = (Cache::<First, 4>::ZERO, Cache::<Net, 4>::ZERO);
    first.train(seed);
    second.train(seed);
    let x = [[1.0; 33]; 4];
    let kept = |rows: &[[f64; 33]; 4]| rows.map(|row| row.map(|x| x != 0.0));
    (0..passes)
        .map(|_| {
            let first = kept(Sequential(Dropout::new()).forward(&x, &mut first).output());
            [first, kept(net.forward(&x, &mut second).output())]
        })
        .collect()
}

/// The same seed gives the same masks; another seed, pass, layer or sample gives another mask.
#[test]
fn dropout_masks_follow_the_seed() {
    let all: Vec<_> = [0, 1, 2, SEED, u32::MAX].map(|seed| masks(seed, 5)).to_vec();
    assert_eq!(masks(SEED, 5), all[3]);
    let mut rows: Vec<_> = all.concat().concat().concat();
    let count = rows.len();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), count, "two masks are equal");
    // Any two masks agree in about half of their features, as independent ones do.
    let flat: Vec<Vec<bool>> =
        all.concat().concat().iter().map(|mask| mask.as_flattened().to_vec()).collect();
    for (index, a) in flat.iter().enumerate() {
        for b in &flat[..index] {
            let same = a.iter().zip(b).filter(|(a, b)| a == b).count() as f64;
            // Six standard deviations of 132 draws.
            assert!((same - 66.0).abs() < 6.0 * 33.0_f64.sqrt(), "{same} of 132 agree");
        }
    }
}

/// After `train` the count of passes starts again; `eval` drops nothing.
#[test]
fn dropout_of_a_cache_in_training_and_inference() {
    let net = Sequential(Dropout::<33>::new());
    let x = [[1.0; 33]; 4];
    let mut cache = Cache::ZERO;
    assert_eq!(net.forward(&x, &mut cache).output(), &x, "a new cache is in inference mode");
    cache.train(SEED);
    let [first, second] = [(); 2].map(|()| *net.forward(&x, &mut cache).output());
    assert_ne!(first, second);
    cache.eval();
    assert_eq!(net.forward(&x, &mut cache).output(), &x);
    cache.train(SEED);
    assert_eq!(net.forward(&x, &mut cache).output(), &first);
    assert_eq!(net.forward(&x, &mut cache).output(), &second);
}

/// The derivatives of training passes, with the same masks each time.
#[test]
fn gradients_of_dropout() {
    type Net = Sequential![
        Linear<5, 9, f64>, Tanh<9, f64>, Dropout<9, 40, f64>, Sigmoid<9, f64>, Linear<9, 17, f64>,
        Residual<Sequential![Dropout<17, 20, f64>, Linear<17, 17, f64>]>, Linear<17, 2, f64>
    ];
    let rng = &mut rng(1);
    let net: Net = network(rng);
    let (x, y) = (rows::<Features<5, f64>, 3>(rng), rows::<Features<2, f64>, 3>(rng));
    let cache = || {
        let mut cache = Cache::<Net, 3>::ZERO;
        cache.train(SEED);
        cache
    };
    let loss = |net: &Net| Mse.forward(net.forward(&x, &mut cache()).output(), &y);
    assert_ne!(
        loss(&net),
        Mse.forward(net.forward(&x, &mut { Cache::ZERO }).output(), &y),
        "nothing was dropped"
    );

    let mut gradient = Net::ZERO;
    let mut cache = cache();
    let pass = net.forward(&x, &mut cache);
    let dy = Mse.backward(pass.output(), &y);
    pass.backward(&dy, &mut gradient);
    let parameters = flat(&net);
    assert_derivatives("dropout", &flat(&gradient), |index, by| {
        let mut net = net;
        set_flat(&mut net, &moved(&parameters, index, by));
        loss(&net)
    });
}

type Dropping = Sequential![Linear<3, 32>, Relu<32>, Dropout<32>, Linear<32, 1>];

/// Training drops features, others in each step; evaluation and prediction never do.
#[test]
fn a_trainer_drops_features_in_training_only() -> Result<(), constnet::Error<f32>> {
    let rng = &mut rng(2);
    let net: Dropping = network(rng);
    let (x, y) = (rows::<Features<3>, 8>(rng), rows::<Features<1>, 8>(rng));
    // The learning rate is so small that no weight changes.
    let mut trainer = Trainer::<Dropping, _, 8>::new(net, Sgd { lr: 1e-30 });
    let losses = [(); 5].map(|()| {
        let in_training = trainer.step(&x, &y);
        let evaluated = trainer.evaluate(&x, &y).expect("a loss");
        [in_training, evaluated]
    });
    assert_eq!(trainer.net, net);
    let predicted = x.map(|x| net.predict(&x));
    let expected = Mse.forward(&predicted, &y);
    for [in_training, evaluated] in losses {
        assert_relative_eq!(evaluated, expected, max_relative = 1e-5);
        assert!((in_training - expected).abs() > 1e-3 * expected, "nothing was dropped");
    }
    let mut different = losses.map(|[in_training, _]| in_training.to_bits());
    different.sort_unstable();
    assert!(different.windows(2).all(|two| two[0] != two[1]), "the same masks twice");
    Ok(())
}

/// A run with dropout: the bits of the trained network, and the loss before and after.
fn run_with_dropout(seed: u64) -> Result<(Vec<u32>, f32, f32), constnet::Error<f32>> {
    // The same data and the same initial network for every seed.
    let rng = &mut rng(4);
    let x = rows::<Features<3>, 20>(rng);
    let y = x.map(|[a, b, c]| [a * b - c]);
    let mut trainer = Trainer::<Dropping, _, 8>::new(Zeroed::ZERO, Sgd { lr: 0.02 });
    trainer.net.init(rng);
    let start = trainer.evaluate(&x, &y)?;
    trainer.fit(&x, &y).epochs(100).run(&mut common::rng(seed))?;
    let end = trainer.evaluate(&x, &y)?;
    Ok((common::bits(&trainer.net), start, end))
}

/// The same seed gives the same run bit for bit, another seed another one.
#[test]
fn runs_with_dropout_are_reproducible() -> Result<(), constnet::Error<f32>> {
    let (first, start, end) = run_with_dropout(0)?;
    assert_eq!(first, run_with_dropout(0)?.0);
    assert_ne!(first, run_with_dropout(1)?.0);
    assert!(end < start / 2.0, "the loss went from {start} to {end}");
    Ok(())
}

/// The same batches give the same losses with the same seed, and other losses with another.
#[test]
fn a_trainers_masks_follow_its_seed() {
    let rng = &mut rng(2);
    let net: Dropping = network(rng);
    let (x, y) = (rows::<Features<3>, 8>(rng), rows::<Features<1>, 8>(rng));
    let losses = |seed| {
        let mut trainer = Trainer::<Dropping, _, 8>::new(net, Sgd { lr: 0.01 });
        trainer.seed = seed;
        [(); 5].map(|()| trainer.step(&x, &y).to_bits())
    };
    assert_eq!(losses(SEED), losses(SEED));
    for (a, b) in losses(SEED).into_iter().zip(losses(SEED + 1)) {
        assert_ne!(a, b);
    }
}

/// A run draws another seed for each epoch, so that its masks follow the run's generator.
#[test]
fn each_epoch_has_a_seed() -> Result<(), constnet::Error<f32>> {
    let rng = &mut rng(5);
    let (x, y) = (rows::<Features<3>, 8>(rng), rows::<Features<1>, 8>(rng));
    let seeds = |seed| {
        let mut trainer = Trainer::<Dropping, _, 8>::new(Zeroed::ZERO, Sgd { lr: 0.01 });
        let mut seeds = Vec::new();
        trainer.fit(&x, &y).epochs(9).run_with(&mut common::rng(seed), |_, trainer| {
            seeds.push(trainer.seed);
            ControlFlow::Continue(())
        })?;
        Ok::<_, constnet::Error<f32>>(seeds)
    };
    assert_eq!(seeds(0)?, seeds(0)?);
    let mut all = [seeds(0)?, seeds(1)?].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 18, "two epochs have the same seed");
    Ok(())
}

#[test]
fn memory_and_multiply_adds() {
    fn bytes<T: RamSize>() -> [usize; 2] {
        [T::Bytes::USIZE, size_of::<T>()]
    }
    fn parameters<N: Layer + ParameterBudget<64>>(_: &N) -> usize {
        N::PARAMS
    }
    type Net = Sequential![Linear<3, 4>, Residual<Sequential![LayerNorm<4>, Linear<4, 4>, Gelu<4>]>, Dropout<4>, Linear<4, 1>];
    assert_eq!(parameters(&Net::ZERO), 16 + 8 + 20 + 5);
    let [counted, taken] = bytes::<Trainer<Net, Sgd, 2>>();
    let cached = 3 + (4 + 4 + (4 + 4 + 4)) + 4 + 4;
    assert_eq!(counted, 4 * (49 + 2 * (cached + 1) + 1) + 8);
    assert!(counted <= taken, "{counted} of {taken}");

    const REPORT: Report = Report::of::<Net, Sgd, 1>();
    assert_eq!(REPORT.parameters, 49);
    let (first, norm, body, last) = (12, 4, 16, 4);
    assert_eq!(REPORT.forward, first + norm + body + last);
    assert_eq!(REPORT.step, 2 * REPORT.forward + norm + body + last);
}
