//! Layers beside the linear one: normalisation, residual blocks, dropout.

mod common;

use approx::assert_relative_eq;
use common::{Chain, ROUNDING, assert_derivatives, check_network, flat, moved, network, rng, rows, set_flat};
use constnet::{
    Dropout, Features, Gelu, Layer, LayerNorm, Linear, Mse, Relu, Report, Residual, Sequential, Sgd, Sigmoid,
    Tanh, Tape, Trainer, Zeroed,
    budget::{ParameterBudget, TrainingRam},
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

/// What the kernels compute is what the layer does step by step.
#[test]
fn layer_norm_step_by_step() {
    let rng = &mut rng(0);
    let layer: LayerNorm<19, f64> = network(rng);
    let (x, dy) = (rows::<Features<19, f64>, 5>(rng), rows::<Features<19, f64>, 5>(rng));
    let mut by_step = LayerNorm::ZERO;
    let dx = layer.backward(&x, &dy, &mut by_step);

    let mut tape = Tape::ZERO;
    let mut gradient = Sequential::ZERO;
    let net = Sequential(layer);
    let pass = net.forward(&x, &mut tape);
    for (y, expected) in pass.output().iter().zip(&layer.forward(&x)) {
        assert_relative_eq!(y[..], expected[..], epsilon = ROUNDING);
    }
    for (dx, expected) in pass.backward_to_input(&dy, &mut gradient).iter().zip(&dx) {
        assert_relative_eq!(dx[..], expected[..], epsilon = ROUNDING);
    }
    assert_relative_eq!(gradient.0, by_step, epsilon = ROUNDING);
}

/// Equal features have no deviation to divide by, and large ones keep their differences.
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

/// It starts by doing no more than standardising, and draws nothing.
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

/// The trainer updates each layer on its way back; by hand the whole gradient comes first.
#[test]
fn a_trainers_step_is_the_step_by_hand() {
    let rng = &mut rng(6);
    let (x, y) = (rows::<Features<3, f64>, 8>(rng), rows::<Features<2, f64>, 8>(rng));
    let mut by_hand: Net = network(rng);
    let mut trainer = Trainer::<_, _, 8>::new(by_hand, SGD);
    let loss = trainer.step(&x, &y);

    let mut gradient = Net::ZERO;
    let mut tape = Tape::ZERO;
    let pass = by_hand.forward(&x, &mut tape);
    assert_relative_eq!(loss, Mse.forward(pass.output(), &y), max_relative = ROUNDING);
    let dy = Mse.backward(pass.output(), &y);
    pass.backward(&dy, &mut gradient);
    SGD.step(&mut by_hand, &gradient);
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
  (0): Linear(in_features=3, out_features=4, bias=True)  # 16 parameters
  # residual, x + body(x):
  (1): LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)  # 8 parameters
  (2): Linear(in_features=4, out_features=4, bias=True)  # 20 parameters
  (3): Tanh()
  # end of the body
  (4): Dropout(p=0.2, inplace=False)
  (5): Dropout(p=0.5, inplace=False)
)  # 44 parameters"
    );
    let names: Vec<_> = net.parameters().map(|parameter| parameter.to_string()).collect();
    assert_eq!(names[2..4], ["1.weight (4,)", "1.bias (4,)"]);
    assert_eq!(names[4..], ["2.weight (4, 4)", "2.bias (4,)"]);
}

/// A mask's share of zeros, its scale, and that no two features, samples, layers or passes have the
/// same one.
#[test]
fn dropout_leaves_out_its_share() {
    const N: usize = 33;
    const B: usize = 40;
    type Net = Sequential![Dropout<N, 30, f64>, Linear<N, N, f64>, Dropout<N, 30, f64>];
    let mut net = Net::ZERO;
    for n in 0..N {
        *net.0.1.0.weight_at_mut(n, n) = 1.0;
    }
    let mut tape = Tape::<Net, B>::ZERO;
    let mut one = Tape::<Sequential<Dropout<N, 30, f64>>, B>::ZERO;
    tape.training(true);
    one.training(true);
    let (mut kept_by_first, mut kept_by_both) = (Vec::new(), 0);
    const PASSES: usize = 50;
    for _ in 0..PASSES {
        let first = *Sequential(Dropout::new()).forward(&[[0.7; N]; B], &mut one).output();
        let both = *net.forward(&[[0.49; N]; B], &mut tape).output();
        for (first, both) in first.as_flattened().iter().zip(both.as_flattened()) {
            assert!(*first == 0.0 || (first - 1.0).abs() < ROUNDING, "{first}");
            assert!(*both == 0.0 || *first != 0.0 && (both - 1.0).abs() < ROUNDING, "{both}");
            kept_by_both += usize::from(*both != 0.0);
        }
        kept_by_first.push(first.map(|row| row.map(|x| x != 0.0)));
    }
    let all = (PASSES * B * N) as f64;
    let kept = kept_by_first.as_flattened().as_flattened().iter().filter(|kept| **kept).count() as f64;
    // Five standard deviations of a share of that many draws.
    let most_off = |share: f64| 5.0 * (share * (1.0 - share) / all).sqrt();
    assert!((kept / all - 0.7).abs() < most_off(0.7), "{}", kept / all);
    let both = kept_by_both as f64 / all;
    assert!((both - 0.49).abs() < most_off(0.49), "the layers' masks depend on each other: {both}");
    let mut masks: Vec<_> = kept_by_first.as_flattened().to_vec();
    masks.sort_unstable();
    masks.dedup();
    // Of 2000 masks of 33 features hardly any two are alike by chance.
    assert!(masks.len() > PASSES * B - 10, "{} different masks", masks.len());
}

/// The derivatives of the passes in training, with the same draws each time.
#[test]
fn gradients_of_dropout() {
    type Net = Sequential![
        Linear<5, 9, f64>, Tanh<9, f64>, Dropout<9, 40, f64>, Sigmoid<9, f64>, Linear<9, 17, f64>,
        Residual<Sequential![Dropout<17, 20, f64>, Linear<17, 17, f64>]>, Linear<17, 2, f64>
    ];
    let rng = &mut rng(1);
    let net: Net = network(rng);
    let (x, y) = (rows::<Features<5, f64>, 3>(rng), rows::<Features<2, f64>, 3>(rng));
    let tape = || {
        let mut tape = Tape::<Net, 3>::ZERO;
        tape.training(true);
        tape
    };
    let loss = |net: &Net| Mse.forward(net.forward(&x, &mut tape()).output(), &y);
    assert_ne!(
        loss(&net),
        Mse.forward(net.forward(&x, &mut { Tape::ZERO }).output(), &y),
        "nothing left out"
    );

    let mut gradient = Net::ZERO;
    let mut tape = tape();
    let pass = net.forward(&x, &mut tape);
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

/// Training leaves features out, anew in each step; evaluation and prediction never do.
#[test]
fn a_trainer_tells_training_from_inference() -> Result<(), constnet::Error<f32>> {
    let rng = &mut rng(2);
    let net: Dropping = network(rng);
    let (x, y) = (rows::<Features<3>, 8>(rng), rows::<Features<1>, 8>(rng));
    // A rate this small changes no weight.
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
        assert!((in_training - expected).abs() > 1e-3 * expected, "nothing left out");
    }
    let mut different = losses.map(|[in_training, _]| in_training.to_bits());
    different.sort_unstable();
    assert!(different.windows(2).all(|two| two[0] != two[1]), "the same draws twice");
    Ok(())
}

/// The same run twice gives the same bits.
#[test]
fn runs_with_dropout_are_reproducible() -> Result<(), constnet::Error<f32>> {
    let run = || {
        let rng = &mut rng(4);
        let x = rows::<Features<3>, 20>(rng);
        let y = x.map(|[a, b, c]| [a * b - c]);
        let mut trainer = Trainer::<Dropping, _, 8>::new(Zeroed::ZERO, Sgd { lr: 0.02 });
        trainer.net.init(rng);
        let start = trainer.evaluate(&x, &y)?;
        trainer.fit(&x, &y).epochs(100).run(rng, |_, _| {})?;
        let end = trainer.evaluate(&x, &y)?;
        Ok::<_, constnet::Error<f32>>((common::bits(&trainer.net), start, end))
    };
    let (first, start, end) = run()?;
    assert_eq!(first, run()?.0);
    assert!(end < start / 2.0, "the loss went from {start} to {end}");
    Ok(())
}

#[test]
fn counted_for_devices() {
    fn bytes<T: TrainingRam>() -> [usize; 2] {
        [T::Bytes::USIZE, size_of::<T>()]
    }
    fn parameters<N: Layer + ParameterBudget<64>>(_: &N) -> usize {
        N::PARAMS
    }
    type Net = Sequential![Linear<3, 4>, Residual<Sequential![LayerNorm<4>, Linear<4, 4>, Gelu<4>]>, Dropout<4>, Linear<4, 1>];
    assert_eq!(parameters(&Net::ZERO), 16 + 8 + 20 + 5);
    let [counted, taken] = bytes::<Trainer<Net, Sgd, 2>>();
    let kept = 3 + (4 + 4 + (4 + 4 + 4)) + (4 + 2) + 4;
    assert_eq!(counted, 4 * (49 + 2 * (kept + 1) + 1));
    assert!(counted <= taken + 2 * 4, "{counted} of {taken}");

    const REPORT: Report = Report::of::<Net, Sgd, 1>();
    assert_eq!(REPORT.parameters, 49);
    let (first, norm, body, last) = (12, 4, 16, 4);
    assert_eq!(REPORT.forward, first + norm + body + last);
    assert_eq!(REPORT.step, 2 * REPORT.forward + norm + body + last);
}
