//! Recipes: short pieces of code for training loops of your own. There is no code in this module, only documentation.
//!
//! Longer ones are programs in the folder `examples`, each of which checks its result:
//!
//! | program | what it shows |
//! |---|---|
//! | `cross_validation` | data from CSV files, folds, standardisation, L-BFGS, the choice of the weight decay |
//! | `cart_pole` | reinforcement learning: policy gradients; deep Q-learning with a target network |
//! | `inverse_kinematics` | a model of an arm, and its Jacobian matrix to reach a target |
//! | `differential_equation` | a solution whose residual contains the derivative of the network |
//! | `lqr` | a learned model of a pendulum, linearised for a regulator |
//! | `real_time` | weights handed from a thread that trains to one that predicts, without a lock |
//! | `sweep` | seeds, learning rates and widths on all cores, as CSV |
//! | `second_order` | the method of Levenberg and Marquardt on four tasks |
//!
//! # For users of scikit-learn and MATLAB
//!
//! | there | here |
//! |---|---|
//! | `StandardScaler` | [`Standardize::fit`](crate::Standardize::fit), then [`apply`](crate::Standardize::apply) to each row |
//! | `MLPClassifier(solver="lbfgs")` | a network, [`CrossEntropy`](crate::CrossEntropy), [`Lbfgs`](crate::Lbfgs) |
//! | `MLPRegressor`, `solver="adam"` | a network, [`Mse`](crate::Mse), a [`Trainer`](crate::Trainer) with [`Adam`](crate::Adam) |
//! | `alpha` | [`Lbfgs::weight_decay`](crate::Lbfgs::weight_decay), [`Adam::weight_decay`](crate::Adam::weight_decay): see below |
//! | `predict`, `predict_proba` | `Sequential::predict_all`, with [`Softmax`](crate::Softmax) as last layer |
//! | `score`, `sklearn.metrics` | [`metrics`](crate::metrics) |
//! | `cross_val_score`, `GridSearchCV` | the program `cross_validation` |
//! | MATLAB's `fitnet`, `trainlm` | [`LevenbergMarquardt`](crate::LevenbergMarquardt) |
//!
//! A row of data is an array, a data set a slice of rows: the compiler checks their widths against the network.
//!
//! scikit-learn divides `alpha` by the number of samples: `Lbfgs::weight_decay` is `alpha / n` for `n` samples, and
//! `Adam::weight_decay` is `alpha / B` for batches of `B`; with `Mse` and one output twice that. [`AdamW`](crate::AdamW) is
//! another method. `Adam` decays biases too, unless [`BiasesAndNorms`](crate::optim::BiasesAndNorms) are a group of their own.
//!
//! # Fit, predict, score
//!
//! A classifier of two measurements, on samples that were not used for training.
//!
//! ```
//! # #[cfg(feature = "alloc")] {
//! use constnet::{CrossEntropy, Lbfgs, Standardize, Zeroed, metrics::accuracy, mlp, second_order::LbfgsMemory};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! // Two measurements of 100 samples; class 1 if their sum is large.
//! let x: Vec<[f32; 2]> = (0..100).map(|i| [(i % 10) as f32, (i / 10) as f32 * 50.0]).collect();
//! let y: Vec<usize> = x.iter().map(|[a, b]| usize::from(a * 50.0 + b > 450.0)).collect();
//! let standardize = Standardize::fit(&x[..80])?;
//! let x: Vec<[f32; 2]> = x.iter().map(|x| standardize.apply(x)).collect();
//!
//! let mut net = <mlp![2, 16, 2]>::ZERO;
//! net.init(&mut StdRng::seed_from_u64(0));
//! let method: Lbfgs = Lbfgs { weight_decay: 0.001, ..Lbfgs::new() };
//! method.fit(&mut net, &CrossEntropy, &x[..80], &y[..80]).run(&mut { LbfgsMemory::ZERO })?;
//! assert!(accuracy(net.predict_all(&x[80..]), &y[80..])? >= 0.95);
//! # }
//! # Ok::<(), constnet::Error<f32>>(())
//! ```
//!
//! # Fit a curve
//!
//! As MATLAB's `fitnet(8, "trainlm")`: few weights, squared errors, no learning rate.
//!
//! ```
//! # #[cfg(feature = "alloc")] {
//! use constnet::{LevenbergMarquardt, Linear, Mse, Sequential, Tanh, Zeroed};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! type Net = Sequential![Linear<1, 8>, Tanh<8>, Linear<8, 1>];
//! let (x, y): (Vec<_>, Vec<_>) = (0..=40).map(|i| i as f32 / 10.0).map(|x| ([x], [x.sin()])).unzip();
//!
//! let mut net = Net::ZERO;
//! net.init(&mut StdRng::seed_from_u64(0));
//! let method = LevenbergMarquardt { goal: 1e-6, ..LevenbergMarquardt::new() };
//! method.fit(&mut net, &Mse, &x, &y).run(&mut LevenbergMarquardt::workspace::<Net>())?;
//! assert!((net.predict(&[1.55])[0] - 1.55_f32.sin()).abs() < 0.01);
//! # }
//! # Ok::<(), constnet::Error<f32>>(())
//! ```
//!
//! # A target network
//!
//! The soft update of DQN (Polyak averaging): the target is an exponential moving average of the trained network, in
//! which the last `n` steps together have the weight `1 − 0.995ⁿ`.
//!
//! ```
//! use constnet::{Adam, Trainer, Zeroed, mlp};
//!
//! let mut trainer: Trainer<mlp![4, 8, 2], Adam, 8> = Trainer::new(Zeroed::ZERO, Adam::default());
//! let mut target = trainer.net;
//! for _ in 0..10 {
//!     trainer.step(&[[0.5; 4]; 8], &[[1.0; 2]; 8]);
//!     target.lerp(&trainer.net, 0.005);
//! }
//! assert!(target.norm() < trainer.net.norm());
//! ```
//!
//! # Gradient accumulation
//!
//! One update for several batches that come one after the other. [`gradient`](crate::Sequential::gradient) adds; here each of
//! the four batches counts a quarter.
//!
//! ```
//! use constnet::{Cache, Mse, Sgd, Trainer, Zeroed, mlp};
//!
//! type Net = mlp![2, 4, 1];
//! let mut trainer: Trainer<Net, Sgd, 8> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
//! let (mut gradient, mut cache) = (Net::ZERO, Cache::<_, 8>::ZERO);
//! for _batch in 0..4 {
//!     let (x, y) = ([[0.5, 1.0]; 8], [[2.0]; 8]); // the next batch
//!     trainer.net.gradient(&Mse, &x, &y, &mut gradient, &mut cache)?;
//! }
//! gradient.scale(1.0 / 4.0);
//! trainer.update(&gradient)?;
//! # assert_eq!(trainer.net.layer::<2>().bias(), &[0.4]);
//! # Ok::<(), constnet::Error<f32>>(())
//! ```
//!
//! # A learning rate for each layer, and weight decay of weights only
//!
//! [`ParameterGroup`](crate::optim::ParameterGroup) updates some parameters by another optimiser than the rest, as
//! PyTorch's parameter groups do. Here the last layer learns ten times as fast as the others, and no bias decays.
//!
//! ```
//! use constnet::{
//!     AdamW, Trainer, Zeroed, mlp,
//!     optim::{BiasesAndNorms, LayersFrom, ParameterGroup},
//! };
//!
//! let rest = AdamW::new(1e-3);
//! let biases = AdamW { weight_decay: 0.0, ..rest };
//! let rest = ParameterGroup { parameters: BiasesAndNorms, optimizer: biases, others: rest };
//! let last = AdamW { weight_decay: 0.0, ..AdamW::new(1e-2) };
//! let optimizer = ParameterGroup { parameters: LayersFrom::<2>, optimizer: last, others: rest };
//! let mut trainer: Trainer<mlp![2, 4, 1], _, 8> = Trainer::new(Zeroed::ZERO, optimizer);
//! trainer.step(&[[0.5, 1.0]; 8], &[[2.0]; 8]);
//! ```
//!
//! # Balanced classes
//!
//! Each class counts as much as the others: scikit-learn's `class_weight="balanced"`.
//!
//! ```
//! use constnet::{Adam, Trainer, WeightedCrossEntropy, Zeroed, mlp};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! let (x, y) = ([[0.0], [0.1], [0.2], [1.0]], [0, 0, 0, 1]);
//! let loss = WeightedCrossEntropy::balanced(&y);
//! assert_eq!(loss.weight, [2.0 / 3.0, 2.0]);
//!
//! let mut trainer: Trainer<mlp![1, 8, 2], Adam, 4, _> =
//!     Trainer::with_loss(Zeroed::ZERO, Adam::default(), loss);
//! trainer.fit(&x, &y).epochs(10).run(&mut StdRng::seed_from_u64(0))?;
//! # Ok::<(), constnet::Error<f32>>(())
//! ```
