//! Every backward pass against central differences in f64, and whole steps against the same steps
//! made by hand.

mod common;

use approx::assert_relative_eq;
use common::{
    Chain, Numbered, ROUNDING, Recorder, assert_derivatives, check_network, flat, moved, network, rng, rows,
    set_flat,
};
use constnet::{Features, Linear, Mse, Relu, Sequential, Sgd, Tape, Trainer, Zeroed, mlp};

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

/// A linear layer by its step-by-step functions, under the loss `Σ c z / B`, linear in all.
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

    // The same through a tape, and added to what is there.
    let net = Sequential(layer);
    let mut twice = Sequential(gradient);
    let mut tape = Tape::ZERO;
    let by_tape = *net.forward(&x, &mut tape).backward_to_input(&c, &mut twice);
    for (tape, dx) in by_tape.as_flattened().iter().zip(&dx) {
        assert_relative_eq!(*tape, dx * B as f64, epsilon = ROUNDING);
    }
    let doubled: Vec<f64> = flat(&gradient).iter().map(|g| 2.0 * g).collect();
    let mut expected = Sequential::ZERO;
    set_flat(&mut expected, &doubled);
    assert_relative_eq!(twice, expected, epsilon = ROUNDING, max_relative = ROUNDING);
}

#[test]
fn linear_step_by_step_and_through_a_tape() {
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
fn relu_step_by_step() {
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

/// A step by hand: forward, loss, backward, update. Gives the loss.
fn step_by_hand<const B: usize>(net: &mut Net, sgd: Sgd<f64>, x: &[[f64; 5]; B], y: &[[f64; 3]; B]) -> f64 {
    let mut gradient = Net::ZERO;
    let mut tape = Tape::ZERO;
    let pass = net.forward(x, &mut tape);
    let loss = Mse.forward(pass.output(), y);
    let dy = Mse.backward(pass.output(), y);
    pass.backward(&dy, &mut gradient);
    sgd.step(net, &gradient);
    loss
}

const SGD: Sgd<f64> = Sgd { lr: 0.05 };

/// The trainer stores no gradient, yet computes the same.
#[test]
fn a_trainers_step_is_the_step_by_hand() {
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

/// Batches of 8 from 20 samples are 8, 8 and 4, each averaged over its own size.
#[test]
fn a_run_with_a_partial_batch_is_its_steps_by_hand() -> Result<(), constnet::Error<f64>> {
    let rng = &mut rng(0);
    let (x, y) = (rows::<Features<5, f64>, 20>(rng), rows::<Features<3, f64>, 20>(rng));
    let mut net: Net = network(rng);
    let mut trainer = Trainer::<_, _, 8, _>::with_criterion(net, SGD, Recorder::default());
    let numbered: Vec<Numbered> = y.iter().copied().enumerate().collect();
    let mut told = Vec::new();
    trainer.fit(&x, &numbered).epochs(3).run(rng, |epoch, _| told.push((epoch.number, epoch.loss)))?;

    let batches = trainer.criterion.batches.borrow();
    let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
    assert_eq!(sizes, [8, 8, 4, 8, 8, 4, 8, 8, 4]);
    assert_eq!(told.len(), 3);
    for ((number, epoch), (told_number, told_loss)) in batches.chunks(3).enumerate().zip(&told) {
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
        assert_eq!(number, *told_number);
        assert_relative_eq!(sum / 20.0, *told_loss, max_relative = ROUNDING);
    }
    assert_ne!(batches[..3], batches[3..6], "a new order in each epoch");
    assert_relative_eq!(trainer.net, net, epsilon = ROUNDING, max_relative = ROUNDING);
    Ok(())
}

fn pick<const N: usize, const B: usize>(rows: &[[f64; N]], batch: &[usize]) -> [[f64; N]; B] {
    assert_eq!(batch.len(), B);
    std::array::from_fn(|b| rows[batch[b]])
}

/// The loss over a data set that its batches do not divide is that of all samples at once.
#[test]
fn evaluation_counts_every_sample_once() -> Result<(), constnet::Error<f64>> {
    let rng = &mut rng(0);
    let (x, y) = (rows::<Features<5, f64>, 20>(rng), rows::<Features<3, f64>, 20>(rng));
    let net: Net = network(rng);
    let whole = Mse.forward(net.forward(&x, &mut { Tape::ZERO }).output(), &y);
    let by_batches = Trainer::<_, _, 8>::new(net, SGD).evaluate(&x, &y)?;
    assert_relative_eq!(by_batches, whole, max_relative = ROUNDING);
    Ok(())
}
