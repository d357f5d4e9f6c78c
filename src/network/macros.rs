//! Networks by a flat list.

/// The types that the macros expand to. If a macro is used as a value, the compiler reports: "expected value, found type
/// alias `$crate::types::mlp`". (In a module, so that `use constnet::mlp` imports the macro and nothing else.)
pub mod types {
    /// The type that [`mlp!`](crate::mlp) expands to.
    #[expect(non_camel_case_types, reason = "the name of the macro")]
    pub type mlp<L> = crate::Sequential<L>;

    /// The type that [`Sequential!`](macro@crate::Sequential) expands to.
    pub type Sequential<L> = crate::Sequential<L>;
}

/// The type of a multilayer perceptron: [`Linear`](crate::Linear) layers of these widths with a
/// [`Relu`](crate::Relu) between each two, `f32` unless another element type comes first.
///
/// It is a type, not a value: a network of this type, with all parameters 0, is `<mlp![5, 64, 3]>::ZERO`.
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
    ($t:ty; $($width:expr),+ $(,)?) => { $crate::types::mlp::<$crate::mlp!(@chain $t; $($width),+)> };
    ($($width:expr),+ $(,)?) => { $crate::types::mlp::<$crate::mlp!(@chain f32; $($width),+)> };
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
    ($($layer:ty),+ $(,)?) => { $crate::types::Sequential::<$crate::Sequential!(@chain $($layer),+)> };
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
    (@chain $layer:expr) => { $crate::private::last($layer) };
    (@chain $layer:expr, $($rest:expr),+) => { $crate::private::pair($layer, $crate::sequential!(@chain $($rest),+)) };
    ($($layer:expr),+ $(,)?) => { $crate::Sequential::new($crate::sequential!(@chain $($layer),+)) };
}
