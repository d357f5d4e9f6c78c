//! Training runs that continue from a file: with the bits of a run without a break, wherever they were stopped.

mod common;

use std::{
    env, fs,
    ops::ControlFlow,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{Folder, bits, network, rng, rows};
use constnet::{
    Adam, AdamW, CrossEntropy, Dropout, Error, Huber, L1, Linear, Loss, Mse, Relu, Safetensors, Sequential,
    Sgd, Tanh, Trainer, WithSchedule, Zeroed,
    formats::{CheckpointError, WeightsError},
    layers::Features,
    optim::schedule::Cosine,
    simd::Simd,
    training::{Best, EpochReport},
};

type Net = Sequential![Linear<5, 16>, Relu<16>, Dropout<16, 20>, Linear<16, 3>];
type Optimizer = WithSchedule<Adam, Cosine>;
type Run = (EpochReport, Best<Net>, Trainer<Net, Optimizer, 8>);

const EPOCHS: usize = 24;
const SAMPLES: usize = 100;

fn data() -> ([[f32; 5]; SAMPLES], [[f32; 3]; SAMPLES]) {
    (rows::<Features<5>, SAMPLES>(&mut rng(1)), rows::<Features<3>, SAMPLES>(&mut rng(2)))
}

fn optimizer() -> Optimizer {
    WithSchedule { optimizer: Adam::new(0.01), schedule: Cosine { lr: 0.01, eta_min: 0.001, t_max: 400 } }
}

/// Trains all layers, all parts of the state, and the validation. The generator has another state in every call: after
/// the first, it makes no difference.
fn train(path: &Path, epochs: usize, every: usize, is_parallel: bool) -> Run {
    let (x, y) = data();
    let ((x, x_val), (y, y_val)) = (x.split_at(83), y.split_at(83));
    let net = network(&mut rng(3));
    let mut best = Best::new(net);
    let mut trainer = Trainer::new(net, optimizer());
    let fit = trainer.fit(x, y).epochs(epochs).validate(x_val, y_val).keep_best(&mut best);
    #[cfg(feature = "rayon")]
    let fit = if is_parallel { fit.parallel(30) } else { fit };
    assert!(!is_parallel || cfg!(feature = "rayon"));
    let seed = if path.exists() { 4 } else { 5 };
    let report = fit.checkpoint(path, every).run(&mut rng(seed)).expect("a run");
    (report, best, trainer)
}

#[track_caller]
fn assert_same((report, best, trainer): &Run, expected: &Run) {
    assert_eq!(*report, expected.0);
    assert_eq!((bits(&best.net), best.loss()), (bits(&expected.1.net), expected.1.loss()));
    assert_eq!(bits(&trainer.net), bits(&expected.2.net));
    assert_eq!(trainer.seed, expected.2.seed);
}

#[test]
fn a_resumed_run_has_the_bits_of_one_without_a_break() {
    let folder = Folder::new("resumed");
    for is_parallel in [false, cfg!(feature = "rayon")] {
        let whole = folder.0.join("whole");
        let expected = train(&whole, EPOCHS, 1, is_parallel);
        assert!(expected.0.best_epoch > 0, "the best network is not the first");
        let content = fs::read(&whole).expect("the file");
        for stops in [&[1][..], &[7], &[EPOCHS - 1], &[2, 3, 11, 20]] {
            for every in [1, 5, 1000] {
                let path = folder.0.join("parts");
                for stop in stops {
                    train(&path, *stop, every, is_parallel);
                }
                assert_same(&train(&path, EPOCHS, every, is_parallel), &expected);
                // Also the optimiser's values and the number of steps.
                assert!(fs::read(&path).expect("the file") == content, "stops at {stops:?}");
                // A run that is complete stays as it is.
                assert_same(&train(&path, EPOCHS, every, is_parallel), &expected);
                assert_same(&train(&path, 1, every, is_parallel), &expected);
                assert!(fs::read(&path).expect("the file") == content, "stops at {stops:?}");
                fs::remove_file(path).expect("the file");
            }
        }
        fs::remove_file(whole).expect("the file");
    }
}

/// The process is killed a hundred times. After each time the file is complete, and the next process continues from it.
#[test]
fn a_killed_run_is_resumed() {
    const VARIABLE: &str = "CONSTNET_TEST_CHECKPOINT";
    const EPOCHS: usize = 30;
    if let Some(path) = env::var_os(VARIABLE) {
        train(path.as_ref(), EPOCHS, 1, false);
        return;
    }
    let folder = Folder::new("run");
    let start = Instant::now();
    let whole = folder.0.join("whole");
    let expected = train(&whole, EPOCHS, 1, false);
    let content = fs::read(&whole).expect("the file");
    let time = start.elapsed().max(Duration::from_millis(20));

    let path = folder.0.join("killed");
    let mut unfinished = 0;
    for round in 0..100_u32 {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .args(["a_killed_run_is_resumed", "--exact"])
            .env(VARIABLE, &path)
            .stdout(Stdio::null())
            .spawn()
            .expect("a process");
        // Any moment from the start of the process to the end of its run.
        thread::sleep(time * (round * 37 % 100) / 100);
        let status = child.kill().and_then(|()| child.wait()).expect("a process of our own");
        if !path.exists() {
            continue;
        }
        let mut net = Net::ZERO;
        Safetensors::new().prefix("net.").load_file(&mut net, &path).expect("a complete file");
        let is_complete = fs::read(&path).expect("the file") == content;
        unfinished += usize::from(!is_complete);
        // It could be killed several times more before it is complete.
        if is_complete || status.success() || round % 4 == 0 {
            assert_same(&train(&path, EPOCHS, 1, false), &expected);
            assert!(fs::read(&path).expect("the file") == content, "round {round}");
            fs::remove_file(&path).expect("the file");
        }
    }
    assert!(unfinished > 20, "{unfinished} runs were killed");
    assert!(fs::read_dir(&folder.0).expect("the folder").count() <= 3, "more than one temporary file");
}

/// The error of a run that the file does not fit; trainer and file must stay as they were.
macro_rules! refused {
    ($path:expr, $fit:ident => $change:expr, $net:expr, $optimizer:expr, $loss:expr, $B:literal, $count:expr) => {{
        let (x, y) = data();
        let before = fs::read($path).expect("the file");
        let mut trainer = Trainer::<_, _, $B, _>::with_loss($net, $optimizer, $loss);
        let start = bits(&trainer.net);
        let $fit = trainer.fit(&x[..$count], &y[..$count]).epochs(9);
        let error = $change.checkpoint($path, 1).run(&mut rng(7)).expect_err("another run");
        assert_eq!(bits(&trainer.net), start, "the network was changed");
        assert_eq!(trainer.optimizer, $optimizer, "the optimiser was changed");
        assert!(fs::read($path).expect("the file") == before, "the file was changed");
        error
    }};
}

#[test]
fn another_run_is_refused() {
    type Small = Sequential![Linear<5, 4>, Relu<4>, Linear<4, 3>];
    type Other = Sequential![Linear<5, 4>, Tanh<4>, Linear<4, 3>];
    let folder = Folder::new("other");
    let path = &folder.0.join("run");
    let adam = Adam::new(0.01);
    let net: Small = network(&mut rng(1));
    let (x, y) = data();
    let mut trainer = Trainer::<_, _, 8>::new(net, adam);
    trainer.fit(&x, &y).epochs(3).checkpoint(path, 1).run(&mut rng(2)).expect("a run");

    let other: Other = network(&mut rng(2));
    let mut best = Best::new(net);
    let weaker = Adam { weight_decay: 0.1, ..adam };
    let cases = [
        (
            refused!(path, fit => fit, other, adam, Mse, 8, SAMPLES),
            "layers",
            "Sequential![Linear<5, 4>, Tanh<4>, Linear<4, 3>]",
            "Sequential![Linear<5, 4>, Relu<4>, Linear<4, 3>]",
        ),
        (
            refused!(path, fit => fit, net, AdamW::new(0.01), Mse, 8, SAMPLES),
            "optimizer",
            "AdamW { lr: 0.01, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.01 }",
            "Adam { lr: 0.01, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0 }",
        ),
        (
            refused!(path, fit => fit, net, weaker, Mse, 8, SAMPLES),
            "optimizer",
            "Adam { lr: 0.01, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.1 }",
            "Adam { lr: 0.01, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0 }",
        ),
        (refused!(path, fit => fit, net, adam, L1, 8, SAMPLES), "loss", "L1", "Mse"),
        (refused!(path, fit => fit, net, adam, Mse, 4, SAMPLES), "batch size", "4", "8"),
        (
            refused!(path, fit => fit.in_order(), net, adam, Mse, 8, SAMPLES),
            "order of the samples",
            "as given",
            "random",
        ),
        (refused!(path, fit => fit, net, adam, Mse, 8, 99), "number of samples", "99", "100"),
        (
            refused!(path, fit => fit.validate(&x[..7], &y[..7]), net, adam, Mse, 8, SAMPLES),
            "number of validation samples",
            "7",
            "none",
        ),
        (
            refused!(path, fit => fit.keep_best(&mut best), net, adam, Mse, 8, SAMPLES),
            "best network",
            "kept",
            "not kept",
        ),
        #[cfg(feature = "rayon")]
        (
            refused!(path, fit => fit.parallel(20), net, adam, Mse, 8, SAMPLES),
            "batch size",
            "20 in shards of 8",
            "8",
        ),
        #[cfg(feature = "rayon")]
        (
            refused!(path, fit => fit.parallel(8), net, adam, Mse, 8, SAMPLES),
            "batch size",
            "8 in shards of 8",
            "8",
        ),
    ];
    for (error, part, this, that) in cases {
        let text = error.to_string();
        assert!(
            matches!(&error, CheckpointError::Mismatch { what, expected, found, .. }
                if *what == part && expected == this && found == that),
            "{text}"
        );
        let reason = format!("its {part} is `{that}`, expected `{this}`; to start again, remove the file");
        assert_eq!(text, format!("the checkpoint {} is of another run: {reason}", path.display()));
    }

    // Other inputs: one feature of one sample.
    let mut changed = x;
    changed[57][3] += 1e-6;
    let mut again = Trainer::<_, _, 8>::new(net, adam);
    let error =
        again.fit(&changed, &y).epochs(9).checkpoint(path, 1).run(&mut rng(2)).expect_err("other inputs");
    assert!(
        matches!(&error, CheckpointError::Mismatch { what: "checksum of the inputs", expected, found, .. }
            if expected != found),
        "{error}"
    );

    // A file of another version of this crate, and one that is no checkpoint.
    let content = fs::read(path).expect("the file");
    let place = content.windows(21).position(|text| text == b"checkpoint version: 1").expect("a version");
    let mut newer = content.clone();
    newer[place + 20] = b'2';
    fs::write(path, newer).expect("a file");
    let error = refused!(path, fit => fit, net, adam, Mse, 8, SAMPLES);
    assert!(
        matches!(&error, CheckpointError::Mismatch { what: "checkpoint version", expected, found, .. }
            if expected == "1" && found == "2"),
        "{error}"
    );
    Safetensors::new().save_file(&net, path).expect("a file");
    let error = refused!(path, fit => fit, net, adam, Mse, 8, SAMPLES);
    assert!(
        matches!(&error, CheckpointError::Mismatch { what: "checkpoint version", found, .. }
            if found == "not recorded"),
        "{error}"
    );
    // Incomplete files. (What stands in the place of a number is not checked by the format.)
    for length in [0, 7, 100, content.len() - 1] {
        fs::write(path, &content[..length]).expect("a file");
        let error = refused!(path, fit => fit, net, adam, Mse, 8, SAMPLES);
        assert!(
            matches!(&error, CheckpointError::File { error: WeightsError::Length { .. }, .. }),
            "{error}"
        );
        assert!(error.to_string().starts_with(&format!("the checkpoint {}: ", path.display())), "{error}");
    }
    // Records that cannot be true.
    for (name, digit, reason) in [
        ("steps: ", b'x', "it has no valid `steps`, which `Fit::checkpoint` writes"),
        ("best epoch: ", b'9', "its best epoch is 9, but it has 3 epochs"),
    ] {
        let place = content.windows(name.len()).position(|text| text == name.as_bytes()).expect("a line");
        let mut bad = content.clone();
        bad[place + name.len()] = digit;
        fs::write(path, bad).expect("a file");
        let error = refused!(path, fit => fit, net, adam, Mse, 8, SAMPLES);
        assert!(error.to_string().ends_with(reason), "{error}");
    }
}

#[test]
fn errors_of_files_and_of_training() {
    let folder = Folder::new("errors");
    let (x, y) = data();
    let net: Sequential![Linear<5, 3>] = network(&mut rng(1));
    let mut trainer = Trainer::<_, _, 8>::new(net, Sgd { lr: 0.01 });
    let nowhere = folder.0.join("none/run");
    let error = trainer.fit(&x, &y).checkpoint(&nowhere, 1).run(&mut rng(2)).expect_err("no folder");
    assert!(matches!(&error, CheckpointError::File { error: WeightsError::File(_), .. }), "{error}");
    assert!(error.to_string().contains(nowhere.to_str().expect("text")), "{error}");
    assert!(std::error::Error::source(&error).is_some(), "the error of the system");

    let path = folder.0.join("run");
    for (epochs, every) in [(0, 1), (1, 0)] {
        let error = trainer.fit(&x, &y).epochs(epochs).checkpoint(&path, every).run(&mut rng(2));
        match error.expect_err("no epochs") {
            CheckpointError::Training(Error::NoEpochs) => assert_eq!(epochs, 0),
            CheckpointError::Training(Error::Hyperparameter { value, .. }) => {
                assert_eq!((every, value), (0, 0.0));
            }
            other => panic!("{other}"),
        }
    }
    assert!(!path.exists());

    // A network that is not finite is not saved: the file stays that of the epoch before.
    let mut content = Vec::new();
    let fit = trainer.fit(&x, &y).epochs(9).checkpoint(&path, 1);
    let error = fit.run_with(&mut rng(2), |report, trainer| {
        if report.epoch == 4 {
            content = fs::read(&path).expect("the file");
            trainer.net.layer_mut::<0>().bias_mut()[0] = f32::NAN;
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(error, Err(CheckpointError::Training(Error::Diverged { epoch: 4, .. }))), "{error:?}");
    assert!(!content.is_empty() && fs::read(&path).expect("the file") == content);
}

/// The callback may change the learning rate and stop the run.
#[test]
fn what_the_callback_does_is_saved() {
    let folder = Folder::new("callback");
    let (x, y) = data();
    let run = |path: &str, crash_at: usize| {
        let net: Sequential![Linear<5, 3>] = network(&mut rng(1));
        let mut trainer = Trainer::<_, _, 8, _>::with_loss(net, Sgd { lr: 0.01 }, Huber { delta: 0.5 });
        let fit = trainer.fit(&x, &y).epochs(20.min(crash_at)).checkpoint(folder.0.join(path), 1);
        let report = fit.run_with(&mut rng(2), |report, trainer| {
            trainer.optimizer.lr *= 0.9;
            if report.epoch >= 6 {
                trainer.net.layer_mut::<0>().bias_mut()[0] = report.epoch as f32; // worse in each epoch
            }
            if report.epoch == 12 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (report.expect("a run"), bits(&trainer.net), trainer.optimizer.lr)
    };
    let expected = run("whole", 20);
    assert_eq!((expected.0.epoch, expected.0.best_epoch), (12, 6));
    for crash in [1, 5, 12] {
        run("parts", crash);
        assert_eq!(run("parts", 20), expected);
        assert_eq!(run("parts", 20), expected, "a stopped run stays stopped");
        fs::remove_file(folder.0.join("parts")).expect("the file");
    }
}

/// A target that is no array, and a network of `f64`.
#[test]
fn runs_of_all_types_are_saved() {
    let folder = Folder::new("types");
    let x: [[f64; 2]; 30] = rows::<Features<2, f64>, 30>(&mut rng(1));
    let y = x.map(|[a, b]| usize::from(a > b));
    let run = |path: &str, epochs: usize| {
        let net: Sequential![Linear<2, 3, f64>, Tanh<3, f64>, Linear<3, 2, f64>] = network(&mut rng(1));
        let mut trainer = Trainer::<_, _, 8, _>::with_loss(net, AdamW::new(0.01), CrossEntropy);
        let fit = trainer.fit(&x, &y).epochs(epochs).checkpoint(folder.0.join(path), 2);
        let report = fit.run(&mut rng(2)).expect("a run");
        (report, common::flat(&trainer.net))
    };
    let expected = run("whole", 10);
    run("parts", 3);
    assert_eq!(run("parts", 10), expected);
}

/// A loss with a long text, which the checkpoint records.
#[test]
fn a_long_record_is_read_again() {
    #[derive(Clone, Copy)]
    struct Long;

    impl std::fmt::Debug for Long {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            (0..300_000).try_for_each(|_| f.write_str("\"1, "))
        }
    }

    impl Loss<Features<3>> for Long {
        type Target = [f32; 3];

        fn value<S: Simd<f32>>(&self, token: S, y_hat: &[[f32; 3]], y: &[[f32; 3]]) -> f32 {
            Loss::<Features<3>>::value(&Mse, token, y_hat, y)
        }
        fn value_and_gradient<S: Simd<f32>>(&self, token: S, y_hat: &mut [[f32; 3]], y: &[[f32; 3]]) -> f32 {
            Loss::<Features<3>>::value_and_gradient(&Mse, token, y_hat, y)
        }
    }

    let folder = Folder::new("long");
    let path = folder.0.join("run");
    let (x, y) = data();
    let run = |epochs| {
        let mut trainer = Trainer::<Net, _, 8, _>::with_loss(network(&mut rng(1)), Sgd { lr: 0.01 }, Long);
        trainer.fit(&x, &y).epochs(epochs).checkpoint(&path, 1).run(&mut rng(2)).expect("a run").epoch
    };
    assert_eq!((run(1), run(2)), (0, 1));
}
