//! A tensor of a file: its name, its shape and its numbers.

use alloc::{string::String, vec::Vec};

/// A tensor of a quantised network.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Int8Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values,
}

/// A type of numbers that tensors have.
pub(crate) trait Number: Copy {
    /// The name of the type.
    const NAME: &str;

    fn wrap(values: Vec<Self>) -> Values;
    fn unwrap(values: &Values) -> Option<&[Self]>;
}

macro_rules! values {
    ($($variant:ident($number:ty),)+) => {
        /// Numbers, row by row.
        #[derive(Clone, Debug, PartialEq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub(crate) enum Values {
            $($variant(Vec<$number>),)+
        }

        impl Values {
            /// The name of the type.
            pub(super) const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$number>::NAME,)+
                }
            }

            /// The number of numbers.
            pub(super) fn len(&self) -> usize {
                match self {
                    $(Self::$variant(values) => values.len(),)+
                }
            }

            /// The bytes in a file.
            #[cfg(feature = "safetensors")]
            pub(crate) fn to_le_bytes(&self) -> Vec<u8> {
                match self {
                    $(Self::$variant(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),)+
                }
            }

            /// The numbers of a file, and the name of their type there.
            #[cfg(feature = "safetensors")]
            pub(crate) fn from_le_bytes(bytes: &[u8], dtype: safetensors::Dtype) -> Option<Self> {
                match dtype {
                    $(safetensors::Dtype::$variant => Some(Self::$variant(
                        bytes.as_chunks().0.iter().map(|bytes| <$number>::from_le_bytes(*bytes)).collect()
                    )),)+
                    _ => None,
                }
            }

            /// The type in a file.
            #[cfg(feature = "safetensors")]
            pub(crate) const fn dtype(&self) -> safetensors::Dtype {
                match self {
                    $(Self::$variant(_) => safetensors::Dtype::$variant,)+
                }
            }
        }

        $(impl Number for $number {
            const NAME: &str = stringify!($variant);

            fn wrap(values: Vec<Self>) -> Values {
                Values::$variant(values)
            }

            fn unwrap(values: &Values) -> Option<&[Self]> {
                if let Values::$variant(values) = values { Some(values) } else { None }
            }
        })+
    };
}

values! {
    I8(i8),
    U8(u8),
    I32(i32),
    F32(f32),
}
