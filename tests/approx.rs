//! Networks compared to within a tolerance, and the message of a failed comparison.

use approx::{abs_diff_eq, assert_relative_eq, relative_eq, ulps_eq};
use constnet::{Linear, Relu, Sequential, mlp, sequential};

const LAYER: Linear<2, 1> = Linear::new([[1.0, 2.0]], [3.0]);

#[test]
fn layers() {
    let near = Linear::new([[1.0, 2.0]], [3.0 + 1e-3]);
    assert!(abs_diff_eq!(LAYER, near, epsilon = 2e-3));
    assert!(!abs_diff_eq!(LAYER, near, epsilon = 5e-4));
    assert!(relative_eq!(LAYER, near, max_relative = 1e-3));
    assert!(!relative_eq!(LAYER, near, max_relative = 1e-4));

    let next = Linear::new([[1.0, 2.0_f32.next_up()]], [3.0]);
    assert!(ulps_eq!(LAYER, next, epsilon = 0.0, max_ulps = 1));
    assert!(!ulps_eq!(LAYER, next, epsilon = 0.0, max_ulps = 0));
    assert!(relative_eq!(Relu::<3>::new(), Relu::new()));
}

#[test]
fn every_parameter_is_compared() {
    let build =
        |w: f32, b: f32| -> mlp![2, 1, 1] { sequential![LAYER, Relu::new(), Linear::new([[w]], [b])] };
    assert!(relative_eq!(build(1.0, 2.0), build(1.0, 2.0)));
    assert!(!relative_eq!(build(1.0, 2.0), build(1.5, 2.0)));
    assert!(!abs_diff_eq!(build(1.0, 2.0), build(1.0, 2.5)));
    assert!(!ulps_eq!(build(1.0, f32::NAN), build(1.0, f32::NAN)));
}

/// The message contains the names and values of the parameters of both networks.
#[test]
#[should_panic(expected = "{0.weight: [[1.0, 2.5]], 0.bias: [3.0]}")]
fn a_failed_comparison_prints_both_networks() {
    assert_relative_eq!(Sequential(LAYER), Sequential(Linear::new([[1.0, 2.5]], [3.0])));
}
