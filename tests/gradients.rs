//! Every backward pass against central differences in f64, whole steps against the same steps by hand, and the two
//! halves of a step.

mod common;

use std::ops::ControlFlow;

use approx::assert_relative_eq;
use common::{
    Chain, Numbered, ROUNDING, Recorder, assert_derivatives, check_network, flat, moved, network, rng, rows,
    set_flat,
};
use constnet::{
    Adam, Cache, ClipNorm, ClipValue, Dropout, He, LayerNorm, Linear, Mse, Optimizer, Relu, Residual,
    Sequential, Sgd, Sigmoid, Tanh, Trainer, Zeroed,
    layers::{Features, Layer},
    mlp,
};
use rand::RngExt;

macro_rules! networks {
    ($($name:ident: $net:ty, $d:literal outputs, batches of $($b:literal)+;)+) => {
        $(
            #[test]
            fn $name() {
                $(check_network::<$net, $d, $b>($b);)+
            }
        )+
    };
}

networks! {
    depth_1: Linear<5, 3, f64>, 3 outputs, batches of 1 2 3 7 20;
    depth_1_wide: Linear<31, 33, f64>, 33 outputs, batches of 1 3;
    depth_2: Chain<mlp![f64; 7, 9, 2]>, 2 outputs, batches of 1 7;
    depth_3: Chain<mlp![f64; 15, 17, 8, 1]>, 1 outputs, batches of 2 20;
    depth_4: Chain<mlp![f64; 3, 33, 16, 31, 5]>, 5 outputs, batches of 3 7;
    relu: Relu<9, f64>, 9 outputs, batches of 1 7;
    relu_first_and_last: (Relu<7, f64>, (Linear<7, 5, f64>, Relu<5, f64>)), 5 outputs, batches of 1 3;
    linear_after_linear: (Linear<5, 2, f64>, Linear<2, 7, f64>), 7 outputs, batches of 1 3;
    relu_after_relu: (Linear<5, 3, f64>, (Relu<3, f64>, (Relu<3, f64>, Linear<3, 2, f64>))), 2 outputs, batches of 3;
}

/// The textbook passes of a linear layer, under the loss `Σ c z / B`, which is linear in each variable.
fn check_linear<const IN: usize, const OUT: usize, const B: usize>() {
    let rng = &mut rng(0);
    let layer: Linear<IN, OUT, f64> = network(rng);
    let x = rows::<Features<IN, f64>, B>(rng);
    let c = rows::<Features<OUT, f64>, B>(rng);
    let loss = |layer: &Linear<IN, OUT, f64>, x: &[[f64; IN]; B]| {
        let z = layer.forward(x);
        z.as_flattened().iter().zip(c.as_flattened()).map(|(z, c)| z * c).sum::<f64>() / B as f64
    };

    let mut gradient = Linear::ZERO;
    let dx = layer.backward(&x, &c, &mut gradient);
    let parameters = flat(&layer);
    assert_derivatives(&format!("Linear<{IN}, {OUT}>, batch {B}"), &flat(&gradient), |index, by| {
        let mut layer = Linear::ZERO;
        set_flat(&mut layer, &moved(&parameters, index, by));
        loss(&layer, &x)
    });
    let dx: Vec<f64> = dx.as_flattened().iter().map(|dx| dx / B as f64).collect();
    assert_derivatives(&format!("dx of Linear<{IN}, {OUT}>, batch {B}"), &dx, |index, by| {
        let mut x = x;
        x.as_flattened_mut()[index] += by;
        loss(&layer, &x)
    });

    // The same by the kernels of a network, which add to the gradient.
    let net = Sequential(layer);
    let mut twice = Sequential(gradient);
    let mut cache = Cache::ZERO;
    let by_kernels = *net.forward(&x, &mut cache).backward_to_input(&c, &mut twice);
    for (by_kernels, dx) in by_kernels.as_flattened().iter().zip(&dx) {
        assert_relative_eq!(*by_kernels, dx * B as f64, epsilon = ROUNDING);
    }
    let doubled: Vec<f64> = flat(&gradient).iter().map(|g| 2.0 * g).collect();
    let mut expected = Sequential::ZERO;
    set_flat(&mut expected, &doubled);
    assert_relative_eq!(twice, expected, epsilon = ROUNDING, max_relative = ROUNDING);
}

#[test]
fn linear_textbook_passes_and_kernels() {
    check_linear::<1, 1, 1>();
    check_linear::<2, 3, 2>();
    check_linear::<3, 2, 3>();
    check_linear::<5, 7, 7>();
    check_linear::<8, 9, 20>();
    check_linear::<9, 8, 20>();
    check_linear::<16, 15, 3>();
    check_linear::<17, 31, 2>();
    check_linear::<33, 1, 7>();
}

#[test]
fn relu_textbook_passes() {
    let rng = &mut rng(0);
    let z = rows::<Features<31, f64>, 7>(rng);
    let da = rows::<Features<31, f64>, 7>(rng);
    let dz = Relu::new().backward(&z, &da);
    assert_derivatives("Relu<31>, batch 7", dz.as_flattened(), |index, by| {
        let mut z = z;
        z.as_flattened_mut()[index] += by;
        let a = Relu::new().forward(&z);
        a.as_flattened().iter().zip(da.as_flattened()).map(|(a, da)| a * da).sum()
    });
}

fn check_mse<const D: usize, const B: usize>() {
    let rng = &mut rng(0);
    let y_hat = rows::<Features<D, f64>, B>(rng);
    let y = rows::<Features<D, f64>, B>(rng);
    let dy = Mse.backward(&y_hat, &y);
    let dy: Vec<f64> = dy.as_flattened().iter().map(|dy| dy / B as f64).collect();
    assert_derivatives(&format!("Mse of {D}, batch {B}"), &dy, |index, by| {
        let mut y_hat = y_hat;
        y_hat.as_flattened_mut()[index] += by;
        Mse.forward(&y_hat, &y)
    });
}

#[test]
fn mse() {
    check_mse::<1, 1>();
    check_mse::<3, 2>();
    check_mse::<2, 3>();
    check_mse::<17, 7>();
    check_mse::<5, 20>();
}

type Net = mlp![f64; 5, 17, 3];

/// A step by hand: forward, loss, backward, update. Returns the loss.
fn step_by_hand<const B: usize>(net: &mut Net, sgd: Sgd<f64>, x: &[[f64; 5]; B], y: &[[f64; 3]; B]) -> f64 {
    let mut gradient = Net::ZERO;
    let mut cache = Cache::ZERO;
    let pass = net.forward(x, &mut cache);
    let loss = Mse.forward(pass.output(), y);
    let dy = Mse.backward(pass.output(), y);
    pass.backward(&dy, &mut gradient);
    sgd.step(net, &gradient).expect("finite numbers");
    loss
}

const SGD: Sgd<f64> = Sgd { lr: 0.05 };

/// The trainer stores no gradient, but computes the same.
#[test]
fn trainer_step_equals_step_by_hand() {
    let rng = &mut rng(0);
    let (x, y) = (rows::<Features<5, f64>, 8>(rng), rows::<Features<3, f64>, 8>(rng));
    let mut net: Net = network(rng);
    let mut trainer = Trainer::<_, _, 8>::new(net, SGD);
    for _ in 0..5 {
        let loss = step_by_hand(&mut net, SGD, &x, &y);
        assert_relative_eq!(trainer.step(&x, &y), loss, max_relative = ROUNDING);
        assert_eq!(trainer.net, net, "bit for bit");
    }
}

/// 20 samples make batches of 8, 8 and 4, each averaged over its own size.
#[test]
fn a_run_with_a_partial_batch_equals_its_steps_by_hand() -> Result<(), constnet::Error<f64>> {
    let rng = &mut rng(0);
    let (x, y) = (rows::<Features<5, f64>, 20>(rng), rows::<Features<3, f64>, 20>(rng));
    let mut net: Net = network(rng);
    let mut trainer = Trainer::<_, _, 8, _>::with_loss(net, SGD, Recorder::default());
    let numbered: Vec<Numbered> = y.iter().copied().enumerate().collect();
    let mut reported = Vec::new();
    trainer.fit(&x, &numbered).epochs(3).run_with(rng, |report, _| {
        reported.push((report.epoch, report.loss));
        ControlFlow::Continue(())
    })?;

    let batches = trainer.loss.batches.borrow();
    let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
    assert_eq!(sizes, [8, 8, 4, 8, 8, 4, 8, 8, 4]);
    assert_eq!(reported.len(), 3);
    for ((number, epoch), (reported_number, reported_loss)) in batches.chunks(3).enumerate().zip(&reported) {
        let mut once = epoch.concat();
        once.sort_unstable();
        assert_eq!(once, (0..20).collect::<Vec<_>>(), "every sample once");
        let mut sum = 0.0;
        for batch in epoch {
            let loss = match batch.len() {
                8 => step_by_hand::<8>(&mut net, SGD, &pick(&x, batch), &pick(&y, batch)),
                _ => step_by_hand::<4>(&mut net, SGD, &pick(&x, batch), &pick(&y, batch)),
            };
            sum += loss * batch.len() as f64;
        }
        assert_eq!(number, *reported_number);
        assert_relative_eq!(sum / 20.0, *reported_loss, max_relative = ROUNDING);
    }
    assert_ne!(batches[..3], batches[3..6], "a new order in each epoch");
    assert_relative_eq!(trainer.net, net, epsilon = ROUNDING, max_relative = ROUNDING);
    Ok(())
}

fn pick<const N: usize, const B: usize>(rows: &[[f64; N]], batch: &[usize]) -> [[f64; N]; B] {
    assert_eq!(batch.len(), B);
    std::array::from_fn(|b| rows[batch[b]])
}

/// If the batch size does not divide the number of samples, the loss is still that of all samples at once.
#[test]
fn evaluation_counts_every_sample_once() -> Result<(), constnet::Error<f64>> {
    let rng = &mut rng(0);
    let (x, y) = (rows::<Features<5, f64>, 20>(rng), rows::<Features<3, f64>, 20>(rng));
    let net: Net = network(rng);
    let whole = Mse.forward(net.forward(&x, &mut { Cache::ZERO }).output(), &y);
    let by_batches = Trainer::<_, _, 8>::new(net, SGD).evaluate(&x, &y)?;
    assert_relative_eq!(by_batches, whole, max_relative = ROUNDING);
    Ok(())
}

/// The two halves of a step, [`Trainer::gradient`] and [`Trainer::update`], give the same bits as the step. Only the step of
/// `Sgd` multiplies by `lr / B`, and so rounds once less; if `B` is a power of two, the bits are the same too.
fn assert_halves_equal_step<L, O, const IN: usize, const OUT: usize, const B: usize>(what: &str, optimizer: O)
where
    L: Layer<In = Features<IN>, Out = Features<OUT>> + Copy,
    O: Optimizer<f32> + Copy,
{
    let rng = &mut rng(5);
    // Initialised so that training does not diverge.
    let net: Sequential<L> = rng.sample(He);
    let (x, y) = (rows::<Features<IN>, B>(rng), rows::<Features<OUT>, B>(rng));
    let mut whole = Trainer::<_, _, B>::new(net, optimizer);
    let mut halves = Trainer::<_, _, B>::new(net, optimizer);
    (whole.seed, halves.seed) = (7, 7);
    let mut gradient = network(rng);
    for step in 0..5 {
        let before = common::bits(&halves.net);
        let loss = halves.gradient(&x, &y, &mut gradient);
        assert_eq!(common::bits(&halves.net), before, "{what}: the gradient changed the network");
        halves.update(&gradient).expect("finite numbers");
        assert_eq!(whole.step(&x, &y).to_bits(), loss.to_bits(), "{what}: the loss of step {step}");
        if what != "Sgd" || B.is_power_of_two() {
            assert_eq!(common::bits(&halves.net), common::bits(&whole.net), "{what}: step {step}");
        }
        let pairs = flat(&whole.net).into_iter().zip(flat(&halves.net));
        for ((whole, halves), before) in pairs.zip(before.iter().map(|bits| f32::from_bits(*bits))) {
            let rounding = 2.0 * f32::EPSILON * whole.abs().max(before.abs());
            assert!((whole - halves).abs() <= rounding, "{what}, step {step}: {halves} instead of {whole}");
        }
        assert_ne!(common::bits(&halves.net), before, "{what}: nothing was learned");
        halves.net = whole.net;
    }
}

/// Each kind of layer, and batches around the sizes of the register tiles.
fn assert_halves_equal_step_on_each_network<O: Optimizer<f32> + Copy>(what: &str, optimizer: O) {
    assert_halves_equal_step::<Chain<mlp![5, 17, 3]>, O, 5, 3, 1>(what, optimizer);
    assert_halves_equal_step::<Chain<mlp![5, 17, 3]>, O, 5, 3, 8>(what, optimizer);
    assert_halves_equal_step::<Chain<mlp![33, 2, 16]>, O, 33, 16, 20>(what, optimizer);
    type Net = Sequential![
        Linear<5, 9>, Tanh<9>, Sigmoid<9>, LayerNorm<9>, Residual<Sequential![Linear<9, 17>, Tanh<17>, Linear<17, 9>]>,
        Dropout<9>, Linear<9, 2>
    ];
    assert_halves_equal_step::<Chain<Net>, O, 5, 2, 7>(what, optimizer);
}

#[test]
fn gradient_and_update_equal_a_step() {
    let (sgd, adam) = (Sgd { lr: 0.05 }, Adam::new(0.01));
    assert_halves_equal_step_on_each_network("Sgd", sgd);
    assert_halves_equal_step_on_each_network("Momentum", sgd.with_momentum(0.9));
    assert_halves_equal_step_on_each_network("Adam", adam);
    assert_halves_equal_step_on_each_network("ClipValue", ClipValue { optimizer: adam, max_value: 0.1 });
    assert_halves_equal_step_on_each_network("ClipNorm", ClipNorm { optimizer: sgd, max_norm: 0.1 });
    assert_halves_equal_step_on_each_network("ClipNorm of Adam", ClipNorm { optimizer: adam, max_norm: 0.1 });
}

/// The gradient is that of the public passes, and overwrites the old values.
#[test]
fn gradient_equals_the_backward_pass() {
    let rng = &mut rng(6);
    let net: Net = network(rng);
    let (x, y) = (rows::<Features<5, f64>, 8>(rng), rows::<Features<3, f64>, 8>(rng));
    let mut cache = Cache::ZERO;
    let mut expected = Net::ZERO;
    let pass = net.forward(&x, &mut cache);
    let dy = Mse.backward(pass.output(), &y);
    pass.backward(&dy, &mut expected);
    let mut found = network(rng);
    let loss = Trainer::<_, _, 8>::new(net, SGD).gradient(&x, &y, &mut found);
    assert_relative_eq!(found, expected, epsilon = ROUNDING, max_relative = ROUNDING);
    assert_relative_eq!(loss, Mse.forward(net.forward(&x, &mut cache).output(), &y), max_relative = ROUNDING);
}

/// Two machines with half a batch each: the mean of their gradients is the gradient of the whole batch.
#[test]
fn gradients_of_two_half_batches_sum_to_that_of_the_whole() {
    let rng = &mut rng(7);
    let net: Net = network(rng);
    let (x, y) = (rows::<Features<5, f64>, 16>(rng), rows::<Features<3, f64>, 16>(rng));
    let mut whole = Net::ZERO;
    let mut trainer = Trainer::<_, _, 16>::new(net, SGD.with_momentum(0.9));
    let loss = trainer.gradient(&x, &y, &mut whole);

    let ([x1, x2], [y1, y2]) = (halves(&x), halves(&y));
    let mut machine = Trainer::<_, _, 8>::new(net, SGD.with_momentum(0.9));
    let [mut first, mut second] = [Net::ZERO; 2];
    let losses = [machine.gradient(&x1, &y1, &mut first), machine.gradient(&x2, &y2, &mut second)];
    assert_relative_eq!((losses[0] + losses[1]) / 2.0, loss, max_relative = ROUNDING);
    let mean: Vec<f64> = flat(&first).iter().zip(flat(&second)).map(|(a, b)| (a + b) / 2.0).collect();
    let mut sum = Net::ZERO;
    set_flat(&mut sum, &mean);
    assert_relative_eq!(sum, whole, epsilon = ROUNDING, max_relative = ROUNDING);

    machine.update(&sum).expect("finite numbers");
    trainer.step(&x, &y);
    assert_relative_eq!(machine.net, trainer.net, epsilon = ROUNDING, max_relative = ROUNDING);
    assert_ne!(machine.net, net, "nothing was learned");
}

/// The first and the last 8 of 16 rows.
fn halves<const N: usize>(rows: &[[f64; N]; 16]) -> [[[f64; N]; 8]; 2] {
    [std::array::from_fn(|b| rows[b]), std::array::from_fn(|b| rows[8 + b])]
}

/// A loss that is not finite: the gradient is 0, and the network stays as it is.
#[test]
fn gradient_of_a_loss_that_is_not_finite_is_zero() {
    let mut trainer = Trainer::<_, _, 2>::new(network::<Net>(&mut rng(8)), SGD);
    let before = trainer.net;
    let mut gradient = network(&mut rng(9));
    let loss = trainer.gradient(&[[f64::NAN; 5], [1.0; 5]], &[[0.0; 3]; 2], &mut gradient);
    assert!(loss.is_nan());
    assert_eq!(gradient, Net::ZERO);
    assert_eq!(trainer.net, before);
}
