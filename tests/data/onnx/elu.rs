// Written by constnet 0.1.0 from elu.onnx.

#[rustfmt::skip]
#[allow(clippy::approx_constant, long_running_const_eval)]
pub static POLICY: constnet::Sequential![
    constnet::Linear<5, 8>,
    constnet::Elu<8>,
    constnet::Linear<8, 3>,
] = constnet::sequential![
    constnet::Linear::<5, 8, f32>::new([
        [-0.41852576, -0.37745193, -0.090711355, 0.24525462, 0.24178204],
        [-0.43130705, 0.2789638, -0.34994885, -0.09454555, -0.18133287],
        [-0.08614016, -0.08780713, -0.4013071, -0.38614115, -0.06997975],
        [0.005783447, -0.2031579, 0.168465, -0.40251833, -0.03018121],
        [0.3932883, -0.18241484, 0.40383527, 0.16196008, -0.4035928],
        [0.28295085, -0.051605977, -0.1996392, 0.35761583, -0.36139116],
        [0.047988225, -0.093632534, 0.31936088, 0.12483723, 0.21488853],
        [0.15793748, -0.10754356, -0.09405146, -0.3685404, 0.24232006],
    ], [
        0.3550778, 0.30599466, -0.31545475, 0.019945677, -0.31525612, -0.246184, -0.26059383, 0.15283301,
    ]),
    constnet::Elu::new(),
    constnet::Linear::<8, 3, f32>::new([
        [-0.21068712, -0.0077135474, 0.014873328, 0.22790866, -0.2672581, -0.24271873, -0.20529485, 0.24746382],
        [-0.12709007, 0.29821828, 0.12784757, 0.044769056, -0.0026318599, -0.06989098, 0.04435905, -0.08073203],
        [-0.0024842196, 0.045110952, -0.27655128, -0.18530844, 0.2854918, -0.28692508, -0.025387323, 0.3497487],
    ], [
        0.12771659, 0.010010172, -0.30639288,
    ]),
];

/// An input, and the output of the network for it, computed from the file in `f64`.
#[rustfmt::skip]
#[allow(clippy::approx_constant)]
pub static POLICY_EXAMPLE: ([f32; 5], [f32; 3]) = ([
        -0.5270996, -0.2614746, 0.008483887, 0.40975952, -0.8989258
], [
        -0.014460348, 0.07101468, -0.30070773
]);

/// Whether the network computes the output of the example, to within rounding.
#[must_use]
pub fn policy_self_test() -> bool {
    let (x, expected) = &POLICY_EXAMPLE;
    let y: [f32; 3] = POLICY.predict(x);
    y.iter().zip(expected).all(|(y, expected)| (y - expected).abs() <= 3e-5)
}
