//! Cross-validation on data from CSV files: five folds for each of five seeds, with standardised inputs, compared with
//! the scores of scikit-learn on the same folds.
//!
//! The weight decay is chosen anew for each fold, on a held-out part of its training data: the test fold has no
//! influence on it. `scipy/scikit_learn.py` recorded the folds and the scores. Fails if a score is worse than that of
//! scikit-learn's best solver by more than the standard error of the difference.
//!
//! `cargo run --release --example cross_validation [name of a data set]…`

use std::{error::Error, fs, time::Instant};

use constnet::{
    CrossEntropy, Lbfgs, Linear, Loss, Mse, Relu, Sequential, Standardize, Zeroed,
    layers::Features,
    metrics::{accuracy, r2_score},
    second_order::LbfgsMemory,
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One hidden layer of 100 ReLUs, as in scikit-learn.
type Net<const IN: usize, const OUT: usize> = Sequential![Linear<IN, 100>, Relu<100>, Linear<100, OUT>];

/// The weight decays that are tried. Training with each starts from the network of the last.
const DECAYS: [f32; 4] = [0.3, 0.1, 0.03, 0.01];

/// The same for all data sets. Runs that end later take longer, but their scores are the same to within the standard error.
const METHOD: Lbfgs =
    Lbfgs { max_iterations: 100, gradient_tolerance: 1e-3, loss_tolerance: 3e-3, ..Lbfgs::new() };

fn data_file(name: &str) -> Result<String> {
    Ok(fs::read_to_string(format!("{}/examples/data/{name}", env!("CARGO_MANIFEST_DIR")))?)
}

/// The inputs of a CSV file, and the numbers of its last column.
fn read<const IN: usize>(name: &str) -> Result<(Vec<[f32; IN]>, Vec<f32>)> {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for line in data_file(&format!("{name}.csv"))?.lines().skip(1) {
        let numbers: Vec<f32> = line.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?;
        let (row, [target]) = numbers.split_first_chunk().ok_or("a line is too short")? else {
            return Err("a line has another number of columns".into());
        };
        x.push(*row);
        y.push(*target);
    }
    Ok((x, y))
}

/// The rows of a data set in one fold, or those in all others.
fn select<T: Copy>(of: &[T], folds: &[usize], fold: usize, inside: bool) -> Vec<T> {
    of.iter().zip(folds).filter(|(_, f)| (**f == fold) == inside).map(|(value, _)| *value).collect()
}

/// The fold of each sample, of five: the samples of each class are shuffled and dealt out in turn.
fn stratified_folds(classes: &[usize], rng: &mut StdRng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.shuffle(rng);
    order.sort_by_key(|sample| classes[*sample]); // stable: each class stays shuffled
    let mut folds = vec![0; classes.len()];
    for (position, sample) in order.into_iter().enumerate() {
        folds[sample] = position % 5;
    }
    folds
}

/// Trains a network with the weight decay that is best for a fifth of the samples, which is held out for this choice.
fn train<const IN: usize, const OUT: usize, C: Loss<Features<OUT>>>(
    loss: &C,
    x: &[[f32; IN]],
    y: &[C::Target],
    classes: &[usize],
    memory: &mut LbfgsMemory<Net<IN, OUT>>,
    rng: &mut StdRng,
) -> Result<Net<IN, OUT>> {
    let folds = stratified_folds(classes, rng);
    let [x_train, x_held_out] = [false, true].map(|inside| select(x, &folds, 0, inside));
    let [y_train, y_held_out] = [false, true].map(|inside| select(y, &folds, 0, inside));
    let mut net = Net::ZERO;
    net.init(rng);
    let mut best = (f32::INFINITY, 0.0, net);
    for weight_decay in DECAYS {
        let run = Lbfgs { weight_decay, ..METHOD }.fit(&mut net, loss, &x_train, &y_train);
        let report = run.validate(&x_held_out, &y_held_out).run(memory)?;
        let held_out = report.validation_loss.ok_or("no validation")?;
        if held_out < best.0 {
            best = (held_out, weight_decay, net);
        }
    }
    let (_, weight_decay, mut net) = best;
    Lbfgs { weight_decay, ..METHOD }.fit(&mut net, loss, x, y).run(memory)?;
    Ok(net)
}

/// The mean and standard error of the scores of all recorded folds of a data set. `score` gets the standardised inputs of
/// training and test, and selects the targets of the same samples.
fn cross_validate<const IN: usize>(
    name: &str,
    x: &[[f32; IN]],
    mut score: impl FnMut([&[[f32; IN]]; 2], &dyn Fn(bool) -> Vec<usize>, &mut StdRng) -> Result<f32>,
) -> Result<[f32; 2]> {
    let (rng, mut scores) = (&mut StdRng::seed_from_u64(0), Vec::new());
    for line in data_file("folds.txt")?.lines() {
        let Some(digits) = line.strip_prefix(name) else { continue };
        let folds: Vec<usize> = digits.trim().bytes().map(|digit| usize::from(digit - b'0')).collect();
        for fold in 0..5 {
            let [train, test] = [false, true].map(|inside| select(x, &folds, fold, inside));
            let standardize = Standardize::fit(&train)?;
            let [train, test] =
                [train, test].map(|rows| rows.iter().map(|x| standardize.apply(x)).collect::<Vec<_>>());
            let samples: Vec<usize> = (0..folds.len()).collect();
            scores.push(score([&train, &test], &|inside| select(&samples, &folds, fold, inside), rng)?);
        }
    }
    let count = scores.len() as f32;
    let mean = scores.iter().sum::<f32>() / count;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f32>() / (count - 1.0);
    Ok([mean, (variance / count).sqrt()])
}

/// The accuracy of classifiers.
fn classify<const IN: usize, const CLASSES: usize>(name: &str) -> Result<[f32; 2]> {
    let (x, y) = read::<IN>(name)?;
    let mut memory: Box<LbfgsMemory<Net<IN, CLASSES>>> = Zeroed::boxed();
    cross_validate(name, &x, |[x, x_test], samples, rng| {
        let [y, y_test] =
            [false, true].map(|test| samples(test).into_iter().map(|i| y[i] as usize).collect::<Vec<_>>());
        let net = train::<IN, CLASSES, _>(&CrossEntropy, x, &y, &y, &mut memory, rng)?;
        Ok(accuracy(net.predict_all(x_test), &y_test)?)
    })
}

/// R² of a regression; the targets are standardised too.
fn regress<const IN: usize>(name: &str) -> Result<[f32; 2]> {
    let (x, y) = read::<IN>(name)?;
    let mut memory: Box<LbfgsMemory<Net<IN, 1>>> = Zeroed::boxed();
    cross_validate(name, &x, |[x, x_test], samples, rng| {
        let [y, y_test] =
            [false, true].map(|test| samples(test).into_iter().map(|i| [y[i]]).collect::<Vec<_>>());
        let standardize = Standardize::fit(&y)?;
        let y: Vec<[f32; 1]> = y.iter().map(|y| standardize.apply(y)).collect();
        let net = train::<IN, 1, _>(&Mse, x, &y, &vec![0; y.len()], &mut memory, rng)?;
        let y_hat = net.predict_all(x_test).into_iter().map(|y| standardize.invert(&y));
        Ok(r2_score(y_hat, &y_test)?)
    })
}

/// The recorded score of scikit-learn's best solver, its standard error, and its name.
fn best_of_scikit_learn(name: &str) -> Result<(f32, f32, String)> {
    let mut best = (f32::NEG_INFINITY, 0.0, String::new());
    for line in data_file("scikit_learn.csv")?.lines() {
        if let [data, solver, score, error] = line.split(',').collect::<Vec<_>>()[..]
            && data == name
        {
            let (score, error) = (score.parse()?, error.parse()?);
            if score > best.0 {
                best = (score, error, solver.into());
            }
        }
    }
    Ok(best)
}

/// A data set, and its runs here.
type Case = (&'static str, fn(&str) -> Result<[f32; 2]>);

fn main() -> Result<()> {
    let cases: [Case; 4] = [
        ("breast_cancer", classify::<30, 2>),
        ("wine", classify::<13, 3>),
        ("iris", classify::<4, 3>),
        ("diabetes", regress::<10>),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for (name, run) in
        cases.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(&(*name).into()))
    {
        let start = Instant::now();
        let [mean, error] = run(name)?;
        let (best, error_of_best, solver) = best_of_scikit_learn(name)?;
        println!(
            "{name:13} {mean:.4} ± {error:.4}, {:.3?}; scikit-learn {best:.4} ± {error_of_best:.4} ({solver})",
            start.elapsed()
        );
        if mean + error.hypot(error_of_best) < best {
            return Err(format!("{name}: worse than scikit-learn").into());
        }
    }
    Ok(())
}
