//! Cross-validation from CSV files: five folds from five seeds, stratified and standardised, beside scikit-learn's scores.
//!
//! Fails if a score is worse than that of scikit-learn's best solver by more than the standard error.
//!
//! `cargo run --release --example cross_validation`

use std::{error::Error, fs, time::Instant};

use constnet::{
    CrossEntropy, Lbfgs, Linear, Mse, Relu, Sequential, Standardize, Zeroed,
    metrics::{accuracy, r2_score},
    second_order::LbfgsMemory,
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

const FOLDS: usize = 5;
const SEEDS: u64 = 5;

/// One hidden layer of 100 ReLUs, as in scikit-learn.
type Net<const IN: usize, const OUT: usize> = Sequential![Linear<IN, 100>, Relu<100>, Linear<100, OUT>];

/// The inputs of a CSV file, and the numbers of its last column.
fn read<const IN: usize>(name: &str) -> Result<(Vec<[f32; IN]>, Vec<f32>), Box<dyn Error>> {
    let text = fs::read_to_string(format!("{}/examples/data/{name}.csv", env!("CARGO_MANIFEST_DIR")))?;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        let numbers: Vec<f32> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let (row, [target]) = numbers.split_first_chunk().ok_or("a line is too short")? else {
            return Err("a line has another number of columns".into());
        };
        x.push(*row);
        y.push(*target);
    }
    Ok((x, y))
}

/// The fold of each sample: the samples of each class are shuffled and dealt out in turn. Without classes, all are one.
fn stratified_folds(classes: &[usize], rng: &mut StdRng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.shuffle(rng);
    order.sort_by_key(|sample| classes[*sample]); // stable: each class stays shuffled
    let mut folds = vec![0; classes.len()];
    for (position, sample) in order.into_iter().enumerate() {
        folds[sample] = position % FOLDS;
    }
    folds
}

/// The elements of a fold, or those of all others.
fn select<T: Copy>(of: &[T], folds: &[usize], fold: usize, inside: bool) -> Vec<T> {
    of.iter().zip(folds).filter(|(_, f)| (**f == fold) == inside).map(|(value, _)| *value).collect()
}

/// The mean and standard error of the scores of all folds.
fn cross_validate<const IN: usize>(
    x: &[[f32; IN]],
    classes: &[usize],
    mut score: impl FnMut(&mut StdRng, [&[[f32; IN]]; 2], &[usize], usize) -> Result<f32, Box<dyn Error>>,
) -> Result<[f32; 2], Box<dyn Error>> {
    let mut scores = Vec::new();
    for seed in 0..SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let folds = stratified_folds(classes, &mut rng);
        for fold in 0..FOLDS {
            let [train, test] = [false, true].map(|inside| select(x, &folds, fold, inside));
            let standardize = Standardize::fit(&train)?;
            let [train, test] =
                [train, test].map(|rows| rows.iter().map(|x| standardize.apply(x)).collect::<Vec<_>>());
            scores.push(score(&mut rng, [&train, &test], &folds, fold)?);
        }
    }
    let count = scores.len() as f32;
    let mean = scores.iter().sum::<f32>() / count;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f32>() / (count - 1.0);
    Ok([mean, (variance / count).sqrt()])
}

/// The accuracy of classifiers.
fn classify<const IN: usize, const CLASSES: usize>(name: &str) -> Result<[f32; 2], Box<dyn Error>> {
    let (x, y) = read::<IN>(name)?;
    let classes: Vec<usize> = y.iter().map(|class| *class as usize).collect();
    let mut memory: Box<LbfgsMemory<Net<IN, CLASSES>>> = Zeroed::boxed();
    cross_validate(&x, &classes, |rng, [train, test], folds, fold| {
        let [y, y_test] = [false, true].map(|inside| select(&classes, folds, fold, inside));
        let mut net = Net::<IN, CLASSES>::ZERO;
        net.init(rng);
        METHOD.fit(&mut net, &CrossEntropy, train, &y).run(&mut memory)?;
        Ok(accuracy(net.predict_all(test), &y_test)?)
    })
}

/// R² of a regression; the targets are standardised too.
fn regress<const IN: usize>(name: &str) -> Result<[f32; 2], Box<dyn Error>> {
    let (x, y) = read::<IN>(name)?;
    let y: Vec<[f32; 1]> = y.into_iter().map(|y| [y]).collect();
    let mut memory: Box<LbfgsMemory<Net<IN, 1>>> = Zeroed::boxed();
    cross_validate(&x, &vec![0; y.len()], |rng, [train, test], folds, fold| {
        let [y, y_test] = [false, true].map(|inside| select(&y, folds, fold, inside));
        let standardize = Standardize::fit(&y)?;
        let y: Vec<[f32; 1]> = y.iter().map(|y| standardize.apply(y)).collect();
        let mut net = Net::<IN, 1>::ZERO;
        net.init(rng);
        METHOD.fit(&mut net, &Mse, train, &y).run(&mut memory)?;
        let y_hat = net.predict_all(test).into_iter().map(|y| standardize.invert(&y));
        Ok(r2_score(y_hat, &y_test)?)
    })
}

/// The same for all data sets.
const METHOD: Lbfgs = Lbfgs {
    weight_decay: 0.03,
    max_iterations: 100,
    gradient_tolerance: 1e-3,
    loss_tolerance: 3e-3,
    ..Lbfgs::new()
};

/// A data set, its runs here, and the mean score of scikit-learn's best solver (see `scipy/scikit_learn.py`).
type Case = (&'static str, fn(&str) -> Result<[f32; 2], Box<dyn Error>>, f32);

fn main() -> Result<(), Box<dyn Error>> {
    let cases: [Case; 4] = [
        ("breast_cancer", classify::<30, 2>, 0.9740),
        ("wine", classify::<13, 3>, 0.9776),
        ("iris", classify::<4, 3>, 0.9453),
        ("diabetes", regress::<10>, 0.4132),
    ];
    for (name, run, theirs) in cases {
        let start = Instant::now();
        let [mean, error] = run(name)?;
        println!("{name:13} {mean:.4} ± {error:.4}, scikit-learn {theirs:.4}, {:.3?}", start.elapsed());
        if mean + error < theirs {
            return Err(format!("{name}: worse than scikit-learn").into());
        }
    }
    Ok(())
}
