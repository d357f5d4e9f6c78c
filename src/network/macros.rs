//! Networks by a flat list.

/// The type of a multilayer perceptron: [`Linear`](crate::Linear) layers of these widths with a
/// [`Relu`](crate::Relu) between each two, `f32` unless another element type comes first.
///
/// ```
/// use constnet::{Linear, Relu, Sequential, Zeroed, mlp};
///
/// type Net = mlp![5, 64, 64, 3];
/// type Same = Sequential<(Linear<5, 64>, (Relu<64>, (Linear<64, 64>, (Relu<64>, Linear<64, 3>))))>;
///
/// let net: Same = Net::ZERO;
/// assert_eq!(Net::PARAMS, 4739);
///
/// type Precise = mlp![f64; 5, 64, 3];
/// ```
#[macro_export]
macro_rules! mlp {
    (@chain $t:ty; $in:expr, $out:expr) => { $crate::Linear<{ $in }, { $out }, $t> };
    (@chain $t:ty; $in:expr, $out:expr, $($rest:expr),+) => {(
        $crate::Linear<{ $in }, { $out }, $t>,
        ($crate::Relu<{ $out }, $t>, $crate::mlp!(@chain $t; $out, $($rest),+))
    )};
    ($only:expr) => { compile_error!("a network has at least two widths, of its inputs and its outputs") };
    ($t:ty; $($width:expr),+ $(,)?) => { $crate::mlp::<$crate::mlp!(@chain $t; $($width),+)> };
    ($($width:expr),+ $(,)?) => { $crate::mlp::<$crate::mlp!(@chain f32; $($width),+)> };
}

/// The type of a network of any layers, by a flat list of their types.
///
/// ```
/// use constnet::{Linear, Relu, Sequential};
///
/// type Net = Sequential![Linear<2, 8>, Relu<8>, Linear<8, 1>];
/// ```
#[macro_export]
macro_rules! Sequential {
    (@chain $layer:ty) => { $layer };
    (@chain $layer:ty, $($rest:ty),+) => { ($layer, $crate::Sequential!(@chain $($rest),+)) };
    ($($layer:ty),+ $(,)?) => { $crate::SequentialType::<$crate::Sequential!(@chain $($layer),+)> };
}

/// A network of any layers, by a flat list of them, as PyTorch's `nn.Sequential(…)`.
///
/// ```
/// use constnet::{Linear, Relu, sequential};
///
/// let net = sequential![
///     Linear::new([[1.0], [-1.0]], [0.0, 0.0]),
///     Relu::new(),
///     Linear::new([[1.0, 1.0]], [0.0]),
/// ];
/// assert_eq!(net.predict(&[-3.0]), [3.0]);
/// ```
#[macro_export]
macro_rules! sequential {
    (@chain $layer:expr) => { $layer };
    (@chain $layer:expr, $($rest:expr),+) => { $crate::private::pair($layer, $crate::sequential!(@chain $($rest),+)) };
    ($($layer:expr),+ $(,)?) => { $crate::Sequential::new($crate::sequential!(@chain $($layer),+)) };
}
