//! A tour of the notebook, cell by cell: the line in NumPy, the same line in constnet, and every check cell.
//!
//! `cargo run --release --example notebook`; read it next to the notebook. Numbers are `f64` here, as in NumPy. In
//! programs `f32`, the default, is twice as fast.

// The numbers of a check cell, computed by PyTorch's autograd.
#[path = "../tests/data/linear.rs"]
#[rustfmt::skip]
mod autograd;

use approx::{assert_abs_diff_eq, assert_relative_eq};
use constnet::{
    Adam, Cache, He, Linear, Mse, Relu, Sgd, Trainer, Zeroed, mlp,
    synthetic::{FEATURES as D, Progress, SAMPLES as N, TARGETS as C},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use rand_distr::StandardNormal;

fn main() -> Result<(), constnet::Error<f64>> {
    linear_layer();
    relu_activation();
    mean_squared_error();
    gradient_descent()?;
    build_the_mlp();
    let mut rng = StdRng::seed_from_u64(0);
    let data = synthetic_data(&mut rng);
    training_loop(&data, &mut rng)?;
    the_same_with_fit(&data, &mut rng)?;
    pytorch_section(&data, &mut rng)
}

/// Section 1: `linear_forward` and `linear_backward`.
fn linear_layer() {
    // NumPy:  params = {"W": np.array([[0.1, 0.2, 0.3], [-0.5, 0.0, 0.5]]), "b": np.array([0.1, -0.2])}
    let layer: Linear<3, 2, f64> = Linear::new([[0.1, 0.2, 0.3], [-0.5, 0.0, 0.5]], [0.1, -0.2]);
    let x = [[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]];

    // NumPy:  z = x @ W.T + b
    let z = layer.forward(&x);

    // The check cell of TODO-1.
    assert_abs_diff_eq!(z.as_flattened(), [1.5, 0.8, 0.55, 0.55].as_slice(), epsilon = 1e-8);
    println!("✅ linear_forward passed the 2x3 input test.");

    let layer: Linear<5, 3, f64> = Linear::new(autograd::W, autograd::B);
    let (x, dz) = (autograd::X, [[1.0; 3]; 4]);
    assert_abs_diff_eq!(layer.forward(&x).as_flattened(), autograd::Z.as_flattened(), epsilon = 1e-8);

    // NumPy:  dW = dz.T @ x / B
    //         db = dz.sum(axis=0) / B
    //         dx = dz @ W
    // The gradient is a second `Linear`, whose weight is dW and whose bias is db. `backward` adds to it, so it starts
    // at zero.
    let mut gradient: Linear<5, 3, f64> = Linear::ZERO;
    let dx = layer.backward(&x, &dz, &mut gradient);

    // The check cell of TODO-2. Autograd computes a sum over the batch of 4 samples, here it is a mean.
    let expected =
        Linear::new(autograd::DW.map(|row| row.map(|dw| dw / 4.0)), autograd::DB.map(|db| db / 4.0));
    assert_relative_eq!(gradient, expected, max_relative = 1e-5);
    assert_relative_eq!(dx.as_flattened(), autograd::DX.as_flattened(), max_relative = 1e-5);
    println!("✅ linear_backward passes autograd test with your current implementation.");
}

/// Section 2: `relu_forward` and `relu_backward`.
fn relu_activation() {
    let relu = Relu::<4, f64>::new();
    let z = [[1.0, -2.0, 0.0, 3.0], [-1.5, 2.5, -0.3, 0.0]];

    // NumPy:  out = np.maximum(0, z)
    let out = relu.forward(&z);

    // The check cells of TODO-3 and TODO-4.
    assert_eq!(out, [[1.0, 0.0, 0.0, 3.0], [0.0, 2.5, 0.0, 0.0]]);
    println!("✅ ReLU forward passes simple mask test.");

    // NumPy:  da = dz * (z > 0)
    let da = relu.backward(&z, &[[1.0; 4]; 2]);

    assert_eq!(da, [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]);
    println!("✅ ReLU backward passes simple mask test.");
}

/// Section 3: `mse_forward` and `mse_backward`.
fn mean_squared_error() {
    let y_hat = [[3.0, 2.0], [1.0, 4.0]];
    let y = [[2.0, 0.0], [1.0, 5.0]];

    // NumPy:  diff = y_hat - y
    //         loss = (diff ** 2).mean()
    let loss: f64 = Mse.forward(&y_hat, &y);

    // The check cell of TODO-5: the squares of 1, 2, 0 and -1.
    assert_relative_eq!(loss, 1.5, max_relative = 1e-12);
    println!("✅ mse_forward produces correct residuals and loss.");

    // NumPy:  g = 2 * diff / B          B samples
    // Here:   g = 2 * diff / D          D targets; the layers divide dW and db by B
    // The check cell of TODO-6 has as many samples as targets, so both give the same numbers.
    let g = Mse.backward(&y_hat, &y);

    assert_eq!(g, [[1.0, 2.0], [0.0, -1.0]]);
    println!("✅ mse_backward returns correct gradient.");
}

/// Section 4: `sgd_step` and `zero_grads`.
fn gradient_descent() -> Result<(), constnet::Error<f64>> {
    type Net = mlp![f64; 2, 1];
    let mut net = Net::new(Linear::new([[1.0, -2.0]], [3.0]));
    let mut gradient = Net::new(Linear::new([[2.0, 4.0]], [-4.0]));

    // NumPy:  W = W - lr * dw
    //         b = b - lr * db
    Sgd { lr: 0.25 }.step(&mut net, &gradient)?;
    assert_eq!(net, Net::new(Linear::new([[0.5, -3.0]], [4.0])));

    // NumPy:  params["dW"].fill(0); params["db"].fill(0)
    gradient.zero_grad();
    assert_eq!(gradient, Net::ZERO);
    Ok(())
}

// NumPy:  lr, epochs = 0.05, 500
//         batch_size = 4
//         hidden_dimensions = [64]
// The network and the batch size are types and constants: the compiler checks that they fit.
const LR: f64 = 0.05;
const EPOCHS: usize = 500;
const BATCH: usize = 4;
type Net = mlp![f64; D, 64, C];

/// Sections 5 and 6: `build_mlp`, `mlp_forward` and `mlp_backward`.
fn build_the_mlp() {
    // NumPy:  layers, params = build_mlp(5, [64], 3)
    let net: Net = StdRng::seed_from_u64(0).sample(He);
    println!("\n{net}\n");

    // NumPy:  y_hat, caches = mlp_forward(x, layers)
    // The cache is one value of fixed size: the inputs of all layers for a batch of two samples.
    let x = [[1.0; D], [-1.0; D]];
    let mut cache = Cache::<Net, 2>::ZERO;
    let pass = net.forward(&x, &mut cache);
    let y_hat: [[f64; C]; 2] = *pass.output();
    // `predict` takes one sample, and needs no cache.
    let one: [f64; C] = net.predict(&x[0]);
    assert_relative_eq!(y_hat[0].as_slice(), one.as_slice(), max_relative = 1e-12);

    // NumPy:  mlp_backward(dL, caches)
    // A gradient is a network again: each parameter of it is the derivative of that parameter.
    let mut gradient = Net::ZERO;
    pass.backward(&[[1.0; C]; 2], &mut gradient);
    assert_eq!(*gradient.layer::<2>().bias(), [1.0; C]);
}

struct Data {
    x: [[f64; D]; N],
    y: [[f64; C]; N],
}

/// Section 7: `N, D, C = 20, 5, 3`.
fn synthetic_data(rng: &mut StdRng) -> Data {
    // NumPy:  X = np.random.randn(N, D)
    //         true_W = np.random.randn(C, D)
    //         Y = X @ true_W.T
    let x = [(); N].map(|()| [(); D].map(|()| rng.sample(StandardNormal)));
    let true_w = [(); C].map(|()| [(); D].map(|()| rng.sample(StandardNormal)));
    let y = Linear::new(true_w, [0.0; C]).forward(&x);
    Data { x, y }
}

/// Section 7: the training loop, line by line.
fn training_loop(data: &Data, rng: &mut StdRng) -> Result<(), constnet::Error<f64>> {
    let mut net: Net = rng.sample(He);
    let mut gradient = Net::ZERO;
    let mut cache = Cache::<Net, BATCH>::ZERO;

    for ep in 0..EPOCHS {
        // NumPy:  indices = np.random.permutation(N)
        let mut indices: [usize; N] = std::array::from_fn(|i| i);
        indices.shuffle(rng);

        let mut loss = 0.0;
        // NumPy:  for i in range(0, N, batch_size):
        for batch in indices.as_chunks::<BATCH>().0 {
            let x_batch = batch.map(|i| data.x[i]);
            let y_batch = batch.map(|i| data.y[i]);

            // NumPy:  y_hat, caches = mlp_forward(x_batch, layers)
            //         loss, diff = mse_forward(y_hat, y_batch)
            let pass = net.forward(&x_batch, &mut cache);
            loss = Mse.forward(pass.output(), &y_batch);

            // NumPy:  dL = mse_backward(diff)
            //         mlp_backward(dL, caches)
            let dl = Mse.backward(pass.output(), &y_batch);
            pass.backward(&dl, &mut gradient);

            // NumPy:  sgd_step(params, lr)
            //         zero_grads(params)
            Sgd { lr: LR }.step(&mut net, &gradient)?;
            gradient.zero_grad();
        }
        if ep % 20 == 0 {
            println!("{}", Progress { epoch: ep, loss: loss as f32 });
        }
    }

    // NumPy:  final = ((mlp_forward(X, layers)[0] - Y) ** 2).mean()
    let final_mse: f64 = Mse.forward(&data.x.map(|x| net.predict(&x)), &data.y);
    println!("final MSE: {final_mse:e}");
    assert!(final_mse < 1e-3, "MSE too high: {final_mse:.4e} (expected < 1e-3)");
    println!("✅ Training reached MSE < 1e-3");
    Ok(())
}

/// Section 7 once more: what programs use. A `Trainer` holds the network, the optimiser and the cache; a step computes
/// gradients and updates layer by layer, without a gradient network.
fn the_same_with_fit(data: &Data, rng: &mut StdRng) -> Result<(), constnet::Error<f64>> {
    let mut trainer: Trainer<Net, Sgd<f64>, BATCH> = Trainer::new(rng.sample(He), Sgd { lr: LR });
    trainer.fit(&data.x, &data.y).epochs(EPOCHS).run(rng)?;
    let final_mse = trainer.evaluate(&data.x, &data.y)?;
    println!("\nTrainer::fit, final MSE: {final_mse:.4e}");
    assert!(final_mse < 1e-3);
    Ok(())
}

/// Section 8: the program of the PyTorch cell. `examples/pytorch_section.rs` measures both.
fn pytorch_section(data: &Data, rng: &mut StdRng) -> Result<(), constnet::Error<f64>> {
    // PyTorch:  torch.nn.Sequential(Linear(5, 64), ReLU(), Linear(64, 64), ReLU(), Linear(64, 3))
    type Net = mlp![f64; D, 64, 64, C];
    // PyTorch:  loss_fn = torch.nn.MSELoss()
    //           optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    let mut trainer: Trainer<Net, _, N> = Trainer::new(rng.sample(He), Adam::new(1e-3));
    println!("\n{}\n", trainer.net);

    for epoch in 1..400 {
        // PyTorch:  y_pred = model(X_tensor); loss = loss_fn(y_pred, Y_tensor)
        //           optimizer.zero_grad(); loss.backward(); optimizer.step()
        let loss = trainer.step(&data.x, &data.y);
        if epoch % 20 == 0 || epoch == 1 {
            println!("epoch {epoch:03} | loss {loss:.4e}");
        }
    }

    // PyTorch:  final_loss = loss_fn(model(X_tensor), Y_tensor).item()
    let final_loss = trainer.evaluate(&data.x, &data.y)?;
    println!("\nFinal MSE: {final_loss:.4e}");
    assert!(final_loss < 1e-3, "MSE too high: {final_loss:.4e}");
    println!("✅ the network of the PyTorch cell reached MSE < 1e-3");
    Ok(())
}
