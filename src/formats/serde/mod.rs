//! Networks, optimiser states and trainers through serde.
//!
//! | type | fields |
//! |---|---|
//! | [`Sequential`](struct@Sequential) | `header`, `values`: a tuple of the layers, whatever their nesting |
//! | [`OptimizerState`] | `header`, `state`: `steps`, and `slots`, a tuple of networks |
//! | [`Trainer`] | `header`, `net`, `optimizer`, `loss`, `state`, `seed` |
//!
//! All weights are read in place. Files: `header.rs` (version and names, which are checked first), `fields.rs` (structs
//! that are read in place), `tensors.rs` (`Linear`, `LayerNorm` and `Standardize`), `trainer.rs` (`Trainer` and `OptimizerState`),
//! `array.rs` (the weights of a loss).

pub(crate) mod array;
mod fields;
mod header;
mod tensors;
mod trainer;

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
use core::{
    any::type_name,
    fmt::{self, Display},
};

use ::serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
    ser::{SerializeStruct, SerializeTuple},
};

pub use self::header::{Excerpt, LoadError, Mismatch};
use self::{
    fields::{Fields, Struct, Tuple, Value},
    header::{CheckedHeader, Header, Refused},
};
use crate::{
    layers::{
        Layer, Layers, LoadLayers, Residual, SaveLayers, SavedLayers,
        print::TypeName,
        saved::{Count, InPlace},
    },
    network::Sequential,
    optim::{OptimizerMemory, OptimizerState},
    simd::Zeroed,
};

/// Loads a network, an optimiser's state or a trainer in place, from any of serde's formats. The weights
/// are never copied to the stack.
///
/// # Errors
///
/// The header, which comes first, is compared before anything is changed. If it does not fit the value (another
/// version, other layers, another optimiser or loss), nothing is changed. Later errors, such as data that are cut short,
/// leave a mixture of old and new numbers; to keep the old ones in any case, load with
#[cfg_attr(feature = "alloc", doc = "[`load_boxed`].")]
#[cfg_attr(not(feature = "alloc"), doc = "`load_boxed`, with the feature `alloc`.")]
///
/// # Examples
///
/// ```
/// use constnet::{Adam, Trainer, formats::{LoadError, load_in_place}, mlp};
///
/// let trainer = Trainer::<mlp![784, 128, 10], _, 32>::boxed(Adam::new(1e-3));
/// let json = serde_json::to_string(&trainer).unwrap();
/// let bytes = postcard::to_allocvec(&trainer).unwrap();
///
/// let mut loaded = Trainer::<mlp![784, 128, 10], _, 32>::boxed(Adam::new(0.1));
/// load_in_place(&mut *loaded, &mut serde_json::Deserializer::from_str(&json))?;
/// assert_eq!(loaded.optimizer, trainer.optimizer);
/// # let mut loaded = Trainer::<mlp![784, 128, 10], _, 32>::boxed(Adam::new(0.1));
/// load_in_place(&mut *loaded, &mut postcard::Deserializer::from_bytes(&bytes)).unwrap();
/// assert_eq!(loaded.optimizer, trainer.optimizer);
///
/// let mut smaller = Trainer::<mlp![784, 64, 10], _, 32>::boxed(Adam::new(0.1));
/// let error = load_in_place(&mut *smaller, &mut postcard::Deserializer::from_bytes(&bytes)).unwrap_err();
/// assert!(matches!(error, LoadError::Mismatch(_)));
/// # Ok::<(), LoadError<serde_json::Error>>(())
/// ```
pub fn load_in_place<'de, X: LoadInPlace<'de>, D: Deserializer<'de>>(
    place: &mut X,
    deserializer: D,
) -> Result<(), LoadError<D::Error>> {
    let mut refused = None;
    place.load(deserializer, &mut Reason(&mut refused)).map_err(|error| match refused {
        Some(refused) => refused.into(),
        None => LoadError::Format(error),
    })
}

/// Loads a network, an optimiser's state or a trainer into a new box. It is built on the heap, so that it may be larger
/// than the stack.
///
/// To keep an old value after an error, assign the result only if it is `Ok`.
///
/// # Errors
///
/// As [`load_in_place`].
///
/// # Examples
///
/// ```
/// use constnet::{Zeroed, formats::load_boxed, mlp};
///
/// let mut net: Box<mlp![784, 512, 512, 10]> = Zeroed::boxed();
/// let bytes = postcard::to_allocvec(&net).unwrap();
/// net = load_boxed(&mut postcard::Deserializer::from_bytes(&bytes)).unwrap();
/// ```
#[cfg(feature = "alloc")]
pub fn load_boxed<'de, X: LoadInPlace<'de> + bytemuck::Zeroable, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Box<X>, LoadError<D::Error>> {
    let mut place: Box<X> = bytemuck::zeroed_box();
    load_in_place(&mut *place, deserializer)?;
    Ok(place)
}

/// A type that [`load_in_place`] can load: a network, an optimiser's state or a trainer.
pub trait LoadInPlace<'de> {
    #[doc(hidden)]
    fn load<D: Deserializer<'de>>(
        &mut self,
        deserializer: D,
        reason: &mut Reason<'_>,
    ) -> Result<(), D::Error>;
}

/// The place in which the reason is stored if a header is refused.
#[doc(hidden)]
#[derive(Debug)]
pub struct Reason<'a>(&'a mut Option<Refused>);

/// Reads a value of the trait's type by value and in place.
macro_rules! deserialize {
    () => {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let mut value = <Self as Zeroed>::ZERO;
            Self::deserialize_in_place(deserializer, &mut value)?;
            Ok(value)
        }

        fn deserialize_in_place<D: Deserializer<'de>>(
            deserializer: D,
            place: &mut Self,
        ) -> Result<(), D::Error> {
            place.load(deserializer, &mut Reason(&mut None))
        }
    };
}

use deserialize;

/// The name of an optimiser or a loss: its type without paths.
fn name_of<X>() -> TypeName<'static> {
    TypeName { full: type_name::<X>(), paths: false }
}

impl<L: SaveLayers> SaveLayers for Sequential<L> {
    const COUNT: usize = L::COUNT;

    fn save_layers<S: SerializeTuple>(&self, tuple: &mut S) -> Result<(), S::Error> {
        self.0.save_layers(tuple)
    }
}

impl<'de, L: LoadLayers<'de>> LoadLayers<'de> for Sequential<L> {
    const COUNT: usize = L::COUNT;

    fn load_layers<A: SeqAccess<'de>>(&mut self, layers: &mut SavedLayers<A>) -> Result<(), A::Error> {
        self.0.load_layers(layers)
    }
}

/// A tuple of the layers of a chain.
struct Chain<'a, L>(&'a L);

impl<L: SaveLayers> Serialize for Chain<'_, L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(L::COUNT)?;
        self.0.save_layers(&mut tuple)?;
        tuple.end()
    }
}

/// The layers of a chain, to be loaded.
struct ChainMut<'a, L>(&'a mut L);

impl<'de, L: LoadLayers<'de>> DeserializeSeed<'de> for ChainMut<'_, L> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_tuple(L::COUNT, self)
    }
}

impl<'de, L: LoadLayers<'de>> Visitor<'de> for ChainMut<'_, L> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Count(L::COUNT, "layers"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<(), A::Error> {
        self.0.load_layers(&mut SavedLayers::new(elements, L::COUNT))
    }
}

/// The layers of the body.
impl<L: SaveLayers> Serialize for Residual<L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Chain(&self.0).serialize(serializer)
    }
}

impl<'de, L: LoadLayers<'de> + Zeroed> Deserialize<'de> for Residual<L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut layer = Self::ZERO;
        Self::deserialize_in_place(deserializer, &mut layer)?;
        Ok(layer)
    }

    fn deserialize_in_place<D: Deserializer<'de>>(deserializer: D, place: &mut Self) -> Result<(), D::Error> {
        ChainMut(&mut place.0).deserialize(deserializer)
    }
}

impl<L: Layer + SaveLayers> Serialize for Sequential<L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Sequential", 2)?;
        fields.serialize_field("header", &Header { names: [&Layers(self)] })?;
        fields.serialize_field("values", &Chain(&self.0))?;
        fields.end()
    }
}

/// A network to be loaded.
struct NetworkPlace<'a, 'b, L> {
    net: &'a mut Sequential<L>,
    reason: &'a mut Reason<'b>,
}

impl<'de, L: Layer + LoadLayers<'de>> Fields<'de> for NetworkPlace<'_, '_, L> {
    const NAME: &'static str = "Sequential";
    const FIELDS: &'static [&'static str] = &["header", "values"];

    fn field<V: Value<'de>>(&mut self, index: usize, value: V) -> Result<Option<()>, V::Error> {
        match index {
            0 => value.read(header_of(self.reason, [&Layers(&*self.net)])),
            _ => value.read(ChainMut(&mut self.net.0)),
        }
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the network `{}`", Layers(&*self.net))
    }
}

/// A header to be compared.
fn header_of<'a, const NAMES: usize>(
    reason: &'a mut Reason<'_>,
    names: [&'a dyn Display; NAMES],
) -> Struct<CheckedHeader<'a, NAMES>> {
    Struct(CheckedHeader { expected: Header { names }, refused: &mut *reason.0 })
}

impl<'de, L: Layer + LoadLayers<'de>> LoadInPlace<'de> for Sequential<L> {
    fn load<D: Deserializer<'de>>(
        &mut self,
        deserializer: D,
        reason: &mut Reason<'_>,
    ) -> Result<(), D::Error> {
        Struct(NetworkPlace { net: self, reason }).deserialize(deserializer)
    }
}

impl<'de, L: Layer + LoadLayers<'de>> Deserialize<'de> for Sequential<L> {
    deserialize!();
}

/// The number of steps, and the values that are kept for each parameter.
struct State<'a, L: Zeroed, O: OptimizerMemory>(&'a OptimizerState<L, O>);

impl<L: Zeroed + SaveLayers, O: OptimizerMemory> Serialize for State<'_, L, O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let slots = self.0.slots.as_ref();
        let mut fields = serializer.serialize_struct("State", 2)?;
        fields.serialize_field("steps", &self.0.steps)?;
        fields.serialize_field("slots", &Tuple(slots.len(), |slot| Chain(&slots[slot])))?;
        fields.end()
    }
}

/// The state of an optimiser, to be loaded.
struct StateMut<'a, L: Zeroed, O: OptimizerMemory>(&'a mut OptimizerState<L, O>);

impl<'de, L: Zeroed + LoadLayers<'de>, O: OptimizerMemory> Fields<'de> for StateMut<'_, L, O> {
    const NAME: &'static str = "State";
    const FIELDS: &'static [&'static str] = &["steps", "slots"];

    fn field<V: Value<'de>>(&mut self, index: usize, value: V) -> Result<Option<()>, V::Error> {
        match index {
            0 => value.read(InPlace(&mut self.0.steps)),
            _ => value.read(SlotsMut(self.0.slots.as_mut())),
        }
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the state of an optimiser")
    }
}

/// The networks of values that an optimiser keeps, to be loaded.
struct SlotsMut<'a, L>(&'a mut [L]);

impl<'de, L: LoadLayers<'de>> DeserializeSeed<'de> for SlotsMut<'_, L> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_tuple(self.0.len(), self)
    }
}

impl<'de, L: LoadLayers<'de>> Visitor<'de> for SlotsMut<'_, L> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Count(self.0.len(), "slots"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let count = self.0.len();
        for (index, slot) in self.0.iter_mut().enumerate() {
            if elements.next_element_seed(ChainMut(slot))?.is_none() {
                return Err(A::Error::invalid_length(index, &Count(count, "slots")));
            }
        }
        Ok(())
    }
}
