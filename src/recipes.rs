//! Recipes: short pieces of code for training loops of your own. There is no code in this module, only documentation.
//!
//! Longer ones are programs in the folder `examples`:
//!
//! | program | what it shows |
//! |---|---|
//! | `cross_validation` | stratified folds from a CSV file, standardisation, L-BFGS |
//! | `cart_pole` | reinforcement learning: policy gradients; deep Q-learning with a target network |
//! | `inverse_kinematics` | a model of an arm, and its Jacobian matrix to reach a target |
//! | `differential_equation` | a solution whose residual contains the derivative of the network |
//! | `lqr` | a learned model of a pendulum, linearised for a regulator |
//! | `real_time` | weights handed from a thread that trains to one that predicts, without a lock |
//! | `sweep` | seeds, learning rates and widths on all cores, as CSV |
//! | `second_order` | the method of Levenberg and Marquardt on four tasks |
//!
//! # A target network
//!
//! As for DQN: an average of the networks of the last steps, with the weight `1 − 0.995ⁿ` for the last `n`.
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
//! Between the two halves of a step the gradient can be changed. With [`Sgd`](crate::Sgd) or
//! [`Momentum`](crate::optim::Momentum) a factor on the gradient of a layer is a factor on its learning rate; after
//! [`Adam`](crate::Adam), which divides by the size of the gradient, it is not.
//!
//! ```
//! use constnet::{Sgd, Trainer, Zeroed, mlp};
//!
//! type Net = mlp![2, 4, 1];
//! let mut trainer: Trainer<Net, Sgd, 8> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.1 });
//! let mut gradient = Net::ZERO;
//! trainer.gradient(&[[0.5, 1.0]; 8], &[[2.0]; 8], &mut gradient);
//! let mut parameters = trainer.net.parameters();
//! gradient.for_each_parameter_mut(|dp| {
//!     let p = parameters.next().unwrap();
//!     let factor = if dp.layer == 0 { 0.1 } else { 1.0 };
//!     let decay = if dp.dims == 2 { 0.01 } else { 0.0 }; // not of biases and norms
//!     for (dp, p) in dp.values.iter_mut().zip(p.values) {
//!         *dp = factor * (*dp + decay * p);
//!     }
//! });
//! drop(parameters);
//! trainer.update(&gradient)?;
//! # Ok::<(), constnet::Error<f32>>(())
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
