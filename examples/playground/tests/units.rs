//! The values of units and the gradients that the page draws are those of the library.

use constnet::{
    BceWithLogits, Cache, Linear, Relu, Sequential, Tanh, Zeroed,
    layers::{Features, Layer},
    mlp,
};
use playground::{
    method::Method,
    models::{MODELS, Model},
    run::Run,
    tasks::{TASKS, Task},
    units::Units,
};

/// Sums of some dozen products, added in another order.
const TOLERANCE: f32 = 1e-5;

/// A trained network of a model.
fn trained(task: &Task, model: &Model) -> Box<dyn Run> {
    let (data, rng) = task.start(1);
    let mut run = model.start(Method::Adam, 0.01, rng).expect("Adam fits every network");
    run.advance(&data, 200).expect("the learning rate is small");
    run
}

fn assert_near(units: &[f32], expected: &[f32]) {
    for (unit, expected) in units.iter().zip(expected) {
        assert!((unit - expected).abs() <= TOLERANCE * (1.0 + expected.abs()), "{unit} is not {expected}");
    }
}

/// Compares the outputs for some inputs with those of the library's network of the type `L`.
fn compare_outputs<L: Layer<In = Features<2>, Out = Features<1>>>(task: usize, net: &str) {
    let model = MODELS.iter().find(|model| model.net == net).expect("the network is compiled");
    let run = trained(&TASKS[task], model);
    let mut same = Sequential::<L>::ZERO;
    same.load_safetensors(&run.save().expect("the names differ")).expect("the layers are the same");
    let mut units = Units::of(&*run, model.activation);
    for x in [[0.0, 0.0], [1.5, -0.5], [-2.0, 2.0], [0.3, 0.7]] {
        let values = units.compute(&x);
        assert_eq!(values.len(), model.widths[1..].iter().sum::<usize>());
        assert_near(&values[values.len() - 1..], &same.predict::<[f32; 1]>(&x));
    }
}

#[test]
fn outputs_are_those_of_the_library() {
    type WithTanh = (Linear<2, 8>, (Tanh<8>, (Linear<8, 8>, (Tanh<8>, Linear<8, 1>))));
    type WithRelu = (Linear<2, 8>, (Relu<8>, (Linear<8, 8>, (Relu<8>, Linear<8, 1>))));
    compare_outputs::<WithRelu>(1, "mlp![2, 8, 8, 1]");
    compare_outputs::<WithTanh>(5, "Sequential![Linear<2, 8>, Tanh<8>, Linear<8, 8>, Tanh<8>, Linear<8, 1>]");
}

#[test]
fn hidden_units_are_those_of_the_library() {
    let model = &MODELS[1];
    assert_eq!(model.net, "mlp![2, 4, 1]");
    let run = trained(&TASKS[0], model);
    let mut net = <mlp![2, 4, 1]>::ZERO;
    net.load_safetensors(&run.save().expect("the names differ")).expect("the layers are the same");
    let x = [0.8, -1.1];
    let hidden = Sequential((*net.layer::<0>(), Relu::<4>::new())).predict::<[f32; 4]>(&x);
    assert_near(&Units::of(&*run, model.activation).compute(&x)[..4], &hidden);
}

#[test]
fn the_gradient_is_that_of_all_training_samples() {
    let model = &MODELS[1];
    assert_eq!((model.net, model.batch), ("mlp![2, 4, 1]", 10));
    let mut run = trained(&TASKS[0], model);
    let (mut data, _) = TASKS[0].start(1);
    data.x.truncate(2 * 13);
    data.y.truncate(13);
    let mut net = <mlp![2, 4, 1]>::ZERO;
    net.load_safetensors(&run.save().expect("the names differ")).expect("the layers are the same");
    let (x, y) = data.rows();
    let mut sum = [0.0; 17];
    for (x, y) in x.iter().zip(y) {
        let mut gradient = <mlp![2, 4, 1]>::ZERO;
        net.gradient(&BceWithLogits, &[*x], &[*y], &mut gradient, &mut { Cache::<_, 1>::ZERO })
            .expect("all is finite");
        let values =
            gradient.parameters().flat_map(|parameter| parameter.iter().copied().collect::<Vec<f32>>());
        sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    assert_near(&run.gradient(&data), &sum.map(|sum| sum / 13.0));
}
