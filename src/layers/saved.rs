//! The layers of a chain as elements of one tuple, for serde: [`formats`](crate::formats) saves networks by them.

use core::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, Error, Expected, SeqAccess},
    ser::SerializeTuple,
};

use super::{Custom, Dropout, Frozen, LayerNorm, Linear, Residual, Softmax, Standardize};

/// A chain of layers that serde can save. The elements of one tuple are the layers, whatever the nesting of the
/// pairs and of networks in the network.
///
/// A layer of your own, unless it is a [`CustomLayer`](crate::CustomLayer), implements it with
/// `tuple.serialize_element(self)`.
pub trait SaveLayers {
    /// The number of elements.
    const COUNT: usize = 1;

    /// Writes the layers as the next elements.
    ///
    /// # Errors
    ///
    /// Those of the format.
    fn save_layers<S: SerializeTuple>(&self, tuple: &mut S) -> Result<(), S::Error>;
}

/// A chain of layers that serde can load, in place.
///
/// A layer of your own, unless it is a [`CustomLayer`](crate::CustomLayer), implements it with
/// `layers.next(self)`.
pub trait LoadLayers<'de> {
    /// The number of elements.
    const COUNT: usize = 1;

    /// Reads the layers from the next elements.
    ///
    /// # Errors
    ///
    /// Those of the format, and if there are too few elements.
    fn load_layers<A: SeqAccess<'de>>(&mut self, layers: &mut SavedLayers<A>) -> Result<(), A::Error>;
}

/// The elements that are left of a saved chain.
#[derive(Debug)]
pub struct SavedLayers<A> {
    elements: A,
    index: usize,
    count: usize,
}

impl<'de, A: SeqAccess<'de>> SavedLayers<A> {
    pub(crate) const fn new(elements: A, count: usize) -> Self {
        Self { elements, index: 0, count }
    }

    /// Reads the next layer in place.
    ///
    /// # Errors
    ///
    /// Those of the format, and if there is no element left.
    pub fn next<L: Deserialize<'de>>(&mut self, layer: &mut L) -> Result<(), A::Error> {
        self.elements
            .next_element_seed(InPlace(layer))?
            .ok_or_else(|| A::Error::invalid_length(self.index, &Count(self.count, "layers")))?;
        self.index += 1;
        Ok(())
    }
}

/// Reads a value in place.
pub(crate) struct InPlace<'a, X>(pub(crate) &'a mut X);

impl<'de, X: Deserialize<'de>> DeserializeSeed<'de> for InPlace<'_, X> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        X::deserialize_in_place(deserializer, self.0)
    }
}

/// The expected number of elements, for an error message.
pub(crate) struct Count(pub(crate) usize, pub(crate) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, what) = self;
        write!(f, "{count} {what}")
    }
}

impl Expected for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<A: SaveLayers, R: SaveLayers> SaveLayers for (A, R) {
    const COUNT: usize = A::COUNT + R::COUNT;

    fn save_layers<S: SerializeTuple>(&self, tuple: &mut S) -> Result<(), S::Error> {
        self.0.save_layers(tuple)?;
        self.1.save_layers(tuple)
    }
}

impl<'de, A: LoadLayers<'de>, R: LoadLayers<'de>> LoadLayers<'de> for (A, R) {
    const COUNT: usize = A::COUNT + R::COUNT;

    fn load_layers<Q: SeqAccess<'de>>(&mut self, layers: &mut SavedLayers<Q>) -> Result<(), Q::Error> {
        self.0.load_layers(layers)?;
        self.1.load_layers(layers)
    }
}

/// Implements both traits for a layer that serde can save and load.
#[doc(hidden)]
#[macro_export]
macro_rules! saved_layer {
    ($layer:ty, $($generics:tt)*) => {
        impl<$($generics)*> $crate::layers::SaveLayers for $layer
        where
            Self: $crate::private::serde::Serialize,
        {
            fn save_layers<S: $crate::private::serde::ser::SerializeTuple>(
                &self,
                tuple: &mut S,
            ) -> ::core::result::Result<(), S::Error> {
                tuple.serialize_element(self)
            }
        }

        impl<'de, $($generics)*> $crate::layers::LoadLayers<'de> for $layer
        where
            Self: $crate::private::serde::Deserialize<'de>,
        {
            fn load_layers<A: $crate::private::serde::de::SeqAccess<'de>>(
                &mut self,
                layers: &mut $crate::layers::SavedLayers<A>,
            ) -> ::core::result::Result<(), A::Error> {
                layers.next(self)
            }
        }
    };
}

saved_layer!(Linear<IN, OUT, T>, const IN: usize, const OUT: usize, T);
saved_layer!(LayerNorm<N, T, EPS>, const N: usize, T, const EPS: usize);
saved_layer!(Standardize<N, T>, const N: usize, T);
saved_layer!(Softmax<N, T>, const N: usize, T);
saved_layer!(Dropout<N, PERCENT, T>, const N: usize, const PERCENT: usize, T);
saved_layer!(Frozen<F>, F);
saved_layer!(Residual<L>, L);
saved_layer!(Custom<C>, C);

impl<C: Serialize> Serialize for Custom<C> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, C: Deserialize<'de>> Deserialize<'de> for Custom<C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        C::deserialize(deserializer).map(Self)
    }

    fn deserialize_in_place<D: Deserializer<'de>>(deserializer: D, place: &mut Self) -> Result<(), D::Error> {
        C::deserialize_in_place(deserializer, &mut place.0)
    }
}
