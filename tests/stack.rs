//! The stack that large networks need: everything a user does with a trainer on the heap or in a `static` works in a
//! thread with a small stack.
//!
//! An overflow aborts the process, so each use runs in a separate process. To print the smallest stack of each use:
//!
//! ```text
//! cargo test --all-features --test stack -- --ignored --nocapture smallest
//! ```

use std::{env, fmt::Write, hint::black_box, io, process::Command, sync::Mutex, thread};

use constnet::{
    Adam, Cache, CrossEntropy, Mse, Safetensors, Trainer, Zeroed,
    formats::{load_boxed, load_in_place},
    mlp,
    training::Best,
};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

/// The batch size of all trainers.
const B: usize = 32;

/// A thread's stack in bytes, in which every use has to work.
const STACK: usize = if cfg!(debug_assertions) { 1 << 20 } else { 256 << 10 };

fn rng() -> Xoshiro128PlusPlus {
    Xoshiro128PlusPlus::seed_from_u64(0)
}

/// All zeros, so that a `static` with it takes no space in the program file.
const ADAM: Adam = Adam { lr: 0.0, betas: (0.0, 0.0), eps: 0.0, weight_decay: 0.0 };

/// Counts what is written to it.
#[derive(Default)]
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The uses of a network, each a function of this name.
macro_rules! uses {
    ($module:ident, $net:ty) => {
        mod $module {
            use super::*;

            type Net = $net;
            type T = Trainer<Net, Adam, B>;
            type Classifier = Trainer<Net, Adam, B, CrossEntropy>;

            static TRAINER: Mutex<T> = Mutex::new(Trainer::new(Zeroed::ZERO, ADAM));

            fn trainer() -> Box<T> {
                T::boxed(Adam::new(1e-3))
            }

            fn data() -> (Vec<[f32; 784]>, Vec<[f32; 10]>) {
                ((0..B + 1).map(|n| [n as f32 / 40.0; 784]).collect(), vec![[0.5; 10]; B + 1])
            }

            pub(super) const USES: &[(&str, fn())] = &[
                ("construct", || {
                    black_box(Classifier::boxed_with_loss(Adam::new(1e-3), CrossEntropy));
                    black_box(trainer());
                }),
                ("initialise", || {
                    let mut trainer = trainer();
                    trainer.net.init(&mut rng());
                    assert!(
                        trainer.net.parameters().all(|p| p.dims == 1 || p.values.iter().any(|w| *w > 0.0))
                    );
                    let mut weight: Box<[[f32; 784]; _]> = Zeroed::boxed();
                    trainer.net.layer::<0>().copy_weight_to(&mut weight);
                    assert_eq!(weight[1][2], trainer.net.layer::<0>().weight_at(1, 2));
                }),
                ("a static", || {
                    let (x, y) = data();
                    let mut trainer = TRAINER.lock().expect("the trainer");
                    trainer.optimizer = Adam::new(1e-3);
                    trainer.net.init(&mut rng());
                    trainer.fit(&x, &y).run(&mut rng()).expect("training");
                }),
                ("a step", || {
                    let (x, y) = data();
                    let mut trainer = trainer();
                    trainer.step(x.first_chunk().expect("a batch"), y.first_chunk().expect("a batch"));
                }),
                ("gradient and update", || {
                    let (x, y) = data();
                    let (mut trainer, mut gradient) = (trainer(), Net::boxed());
                    let (x, y) = (x.first_chunk().expect("a batch"), y.first_chunk().expect("a batch"));
                    trainer.gradient(x, y, &mut gradient);
                    trainer.update(&gradient).expect("finite numbers");
                }),
                ("fit", || {
                    let (x, y) = data();
                    let report = trainer().fit(&x, &y).epochs(2).run(&mut rng()).expect("training");
                    assert!(report.loss < 0.25);
                }),
                ("validate and keep the best", || {
                    let (x, y) = data();
                    let (mut trainer, mut best) = (trainer(), Best::<Net>::boxed());
                    trainer
                        .fit(&x, &y)
                        .validate(&x, &y)
                        .keep_best(&mut best)
                        .run(&mut rng())
                        .expect("training");
                    assert!(best.net == trainer.net);
                }),
                ("evaluate", || {
                    let (x, y) = data();
                    assert_eq!(trainer().evaluate(&x, &y).expect("finite"), 0.25);
                }),
                ("predict", || {
                    let net = Net::boxed();
                    assert_eq!(net.predict(&[0.5; 784]), [0.0; 10]);
                }),
                ("forward and backward", || {
                    let (net, mut cache, mut gradient) =
                        (Net::boxed(), Cache::<Net, B>::boxed(), Net::boxed());
                    let (x, y) = data();
                    let pass = net.forward(x.first_chunk().expect("a batch"), &mut cache);
                    let dy = Mse.backward(pass.output(), y.first_chunk().expect("a batch"));
                    pass.backward(&dy, &mut gradient);
                }),
                #[cfg(feature = "rayon")]
                ("fit in parallel", || {
                    let (x, y) = data();
                    let mut trainer = trainer();
                    let fit = trainer.fit(&x, &y).parallel(B + 1);
                    fit.validate(&x, &y).run(&mut rng()).expect("training");
                }),
                ("save and load JSON", || {
                    let mut trainer = trainer();
                    let json = serde_json::to_string(&*trainer).expect("JSON");
                    trainer.optimizer.lr = 1.0;
                    load_in_place(&mut *trainer, &mut serde_json::Deserializer::from_str(&json))
                        .expect("our own");
                    assert_eq!(trainer.optimizer.lr, 1e-3);
                    let trainer: Box<T> =
                        load_boxed(&mut serde_json::Deserializer::from_reader(json.as_bytes()))
                            .expect("our own");
                    assert_eq!(trainer.optimizer.lr, 1e-3);
                }),
                ("save and load postcard", || {
                    let mut trainer = trainer();
                    let bytes = postcard::to_allocvec(&*trainer).expect("postcard");
                    trainer.optimizer.lr = 1.0;
                    load_in_place(&mut *trainer, &mut postcard::Deserializer::from_bytes(&bytes))
                        .expect("our own");
                    assert_eq!(trainer.optimizer.lr, 1e-3);
                    let trainer: Box<T> =
                        load_boxed(&mut postcard::Deserializer::from_bytes(&bytes)).expect("our own");
                    assert_eq!(trainer.optimizer.lr, 1e-3);
                }),
                ("save and load a network", || {
                    let mut net = Net::boxed();
                    let bytes = postcard::to_allocvec(&*net).expect("postcard");
                    net = load_boxed(&mut postcard::Deserializer::from_bytes(&bytes)).expect("our own");
                    let bytes = net.to_safetensors().expect("PyTorch's names");
                    net.load_safetensors(&bytes).expect("our own");
                    let path =
                        env::temp_dir().join(format!("constnet-stack-{}.safetensors", std::process::id()));
                    Safetensors::new().save_file(&*net, &path).expect("a file");
                    Safetensors::new().load_file(&mut *net, &path).expect("our own");
                    std::fs::remove_file(&path).expect("the file");
                }),
                ("print", || {
                    let (trainer, mut length) = (trainer(), Length::default());
                    write!(length, "{:?} {:#?} {}", trainer, trainer.net, trainer.net).expect("text");
                    assert!(length.0 < 5000, "{} bytes", length.0);
                }),
                ("Rust source", || {
                    let mut length = Length::default();
                    write!(length, "{}", Net::boxed().to_rust_source("NET")).expect("text");
                    assert!(length.0 > Net::PARAMS);
                }),
            ];
        }
    };
}

uses!(small, mlp![784, 128, 10]);
uses!(large, mlp![784, 512, 512, 10]);

/// Wide targets, 1 MB in each batch: the uses in which they are read.
mod wide {
    use super::{Adam, B, Trainer, Zeroed, mlp, rng};

    type Net = mlp![4, 8, 8192];

    fn data() -> (Vec<[f32; 4]>, Vec<[f32; 8192]>) {
        ((0..B + 1).map(|n| [n as f32 / 40.0; 4]).collect(), vec![[0.5; 8192]; B + 1])
    }

    fn trainer() -> Box<Trainer<Net, Adam, B>> {
        let mut trainer = Trainer::<Net, _, B>::boxed(Adam::new(1e-3));
        trainer.net.init(&mut rng());
        trainer
    }

    pub(super) const USES: &[(&str, fn())] = &[
        ("fit", || {
            let (x, y) = data();
            trainer().fit(&x, &y).validate(&x, &y).run(&mut rng()).expect("training");
        }),
        ("a step", || {
            let (x, y) = data();
            let (x, y) = (x.first_chunk().expect("a batch"), y.first_chunk().expect("a batch"));
            let (mut trainer, mut gradient) = (trainer(), Zeroed::boxed());
            trainer.step(x, y);
            trainer.gradient(x, y, &mut gradient);
        }),
        #[cfg(feature = "rayon")]
        ("fit in parallel", || {
            let (x, y) = data();
            trainer().fit(&x, &y).parallel(B + 1).validate(&x, &y).run(&mut rng()).expect("training");
        }),
    ];
}

const NETWORKS: [(&str, &[(&str, fn())]); 3] =
    [("784-128-10", small::USES), ("784-512-512-10", large::USES), ("4-8-8192", wide::USES)];

/// Whether one use, or all of them, works in a thread with this stack, in bytes.
fn works(network: &str, name: Option<&str>, stack: usize) -> bool {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["a_use", "--exact", "--ignored", "--nocapture"]);
    command.env("NETWORK", network).env("USE", name.unwrap_or("")).env("STACK", stack.to_string());
    let output = command.output().expect("this program again");
    if !output.status.success() && name.is_none() {
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

#[test]
#[ignore = "run by the other tests, in a separate process"]
fn a_use() {
    let variable = |name| env::var(name).ok();
    let (Some(network), Some(name), Some(stack)) = (variable("NETWORK"), variable("USE"), variable("STACK"))
    else {
        return;
    };
    let stack = stack.parse().expect("a number");
    let run = move || {
        let (_, uses) = NETWORKS.into_iter().find(|(name, _)| *name == network).expect("a network");
        let chosen = uses.iter().filter(|(use_name, _)| name.is_empty() || *use_name == name);
        for (name, function) in chosen {
            eprintln!("{network}: {name}");
            function();
        }
    };
    #[cfg(feature = "rayon")]
    rayon::ThreadPoolBuilder::new().stack_size(stack).build_global().expect("threads");
    thread::Builder::new().stack_size(stack).spawn(run).expect("a thread").join().expect("no panic");
}

#[test]
fn everything_works_in_a_small_stack() {
    for (network, _) in NETWORKS {
        assert!(works(network, None, STACK), "{network} overflows a stack of {STACK} bytes");
    }
}

#[test]
#[ignore = "takes minutes: prints the smallest stack of each use"]
fn smallest() {
    for (network, uses) in NETWORKS {
        for (name, _) in uses {
            // Doubled from 16 kB, the least that a thread gets, then in steps of an eighth.
            let mut enough = 16;
            while !works(network, Some(name), enough << 10) && enough < 64 << 10 {
                enough *= 2;
            }
            let step = enough / 16;
            while enough > 16 && works(network, Some(name), (enough - step) << 10) {
                enough -= step;
            }
            println!("| {network} | {name} | {} kB |", enough);
        }
    }
}
