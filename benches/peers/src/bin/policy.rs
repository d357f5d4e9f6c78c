//! One prediction of the policy of `examples/policy/`, 48→512→256→128→12 with ELU and a normaliser: constnet, tract and
//! burn on one core, alternately, and ONNX Runtime before and after them.
//!
//! `cargo run --release --bin policy` in this folder. It reads `examples/policy/policy.onnx`, which `export.py` there
//! writes. The environment variable `PYTHON` names an interpreter with ONNX Runtime.

use std::{env, hint::black_box, process::Command, time::Instant};

use burn::{
    module::Param,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, TensorData, activation::elu},
};
use constnet::{
    Elu, Sequential, Zeroed,
    formats::{DenseLayer, DenseNetwork, Onnx},
};
use tract_onnx::prelude::{Framework as _, InferenceModelExt as _, IntoTensor as _, tvec};

type Policy = Sequential![
    constnet::Linear<48, 512>,
    Elu<512>,
    constnet::Linear<512, 256>,
    Elu<256>,
    constnet::Linear<256, 128>,
    Elu<128>,
    constnet::Linear<128, 12>
];

type Predict = Box<dyn FnMut(&[f32; 48]) -> Vec<f32>>;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/policy/policy.onnx");

/// The number of samples of each peer, taken alternately, and of predictions in each.
const ROUNDS: usize = 200;
const REPEATS: u32 = 50;

fn main() {
    assert_eq!(
        env::var("RAYON_NUM_THREADS").as_deref(),
        Ok("1"),
        "run `cargo run` in the folder of this package"
    );
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.last().copied()) {
        core_affinity::set_for_current(core);
    }
    let dense = Onnx::new().read_file(FILE).expect("the file that examples/policy/export.py writes");
    let mut peers = [("constnet", constnet(&dense)), ("tract", tract()), ("burn", burn(&dense))]
        .map(|(name, predict)| (name, predict, f64::INFINITY));

    let observation: [f32; 48] = std::array::from_fn(|i| (i as f32).sin());
    let exact = dense.predict(&observation.map(f64::from));
    for (name, predict, _) in &mut peers {
        for (y, exact) in predict(&observation).iter().zip(&exact) {
            assert!((f64::from(*y) - exact).abs() < 1e-4, "{name}: {y}, expected {exact}");
        }
    }

    let mut times = onnx_runtime();
    for _ in 0..ROUNDS {
        for (_, predict, fastest) in &mut peers {
            let start = Instant::now();
            for _ in 0..REPEATS {
                black_box(predict(black_box(&observation)));
            }
            *fastest = fastest.min(start.elapsed().as_secs_f64() / f64::from(REPEATS));
        }
    }
    times.extend(onnx_runtime());
    let ours = peers[0].2;
    times.extend(peers.map(|(name, _, fastest)| (name.to_string(), fastest)));
    for (name, seconds) in times {
        println!("{name:<14} {:6.2} µs   {:4.1} times constnet's", 1e6 * seconds, seconds / ours);
    }
}

fn constnet(dense: &DenseNetwork) -> Predict {
    let mut net = Policy::boxed();
    dense.load_into(&mut *net).expect("the layers of the policy");
    Box::new(move |observation| net.predict(observation).to_vec())
}

fn tract() -> Predict {
    let model = tract_onnx::onnx()
        .model_for_path(FILE)
        .and_then(|model| model.into_optimized())
        .and_then(|model| model.into_runnable())
        .expect("tract reads the policy");
    Box::new(move |observation| {
        let input = tract_onnx::prelude::Tensor::from_shape(&[1, 48], observation).expect("48 numbers");
        let output = model.run(tvec!(input.into())).expect("tract runs the policy");
        output[0].as_slice::<f32>().expect("f32").to_vec()
    })
}

fn burn(dense: &DenseNetwork) -> Predict {
    let device = Device::flex();
    let mut linear: Vec<Linear> = Vec::new();
    for (inputs, layer) in dense.with_inputs() {
        let DenseLayer::Linear { weight, bias } = layer else { continue };
        // burn's weights have the shape `(IN, OUT)`.
        let outputs = bias.len();
        let by_input: Vec<f32> =
            (0..weight.len()).map(|at| weight[at % outputs * inputs + at / outputs] as f32).collect();
        let bias: Vec<f32> = bias.iter().map(|b| *b as f32).collect();
        let mut layer = LinearConfig::new(inputs, outputs).init(&device);
        layer.weight = Param::from_data(TensorData::new(by_input, [inputs, outputs]), &device);
        layer.bias = Some(Param::from_data(TensorData::new(bias, [outputs]), &device));
        linear.push(layer);
    }
    Box::new(move |observation| {
        let mut x = Tensor::<2>::from_data(TensorData::new(observation.to_vec(), [1, 48]), &device);
        for (n, layer) in linear.iter().enumerate() {
            x = layer.forward(if n > 0 { elu(x, 1.0) } else { x });
        }
        x.to_data().try_to_vec().expect("f32")
    })
}

/// The time that a Python script measures in ONNX Runtime.
fn onnx_runtime() -> Vec<(String, f64)> {
    let interpreter = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/policy.py");
    let output = Command::new(interpreter).args([script, FILE]).output();
    let seconds = output.ok().and_then(|output| String::from_utf8_lossy(&output.stdout).trim().parse().ok());
    if seconds.is_none() {
        eprintln!("ONNX Runtime is left out: `PYTHON` has to name an interpreter with onnxruntime");
    }
    seconds.map(|seconds| ("ONNX Runtime".into(), seconds)).into_iter().collect()
}
