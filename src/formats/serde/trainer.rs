//! [`Trainer`] and [`OptimizerState`] with their headers.

use core::{
    fmt::{self, Display},
    marker::PhantomData,
};

use ::serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error},
    ser::SerializeStruct,
};

use super::{
    Chain, ChainMut, LoadInPlace, Reason, State, StateMut, deserialize,
    fields::{Fields, Struct, Value},
    header::Header,
    header_of, name_of,
};
use crate::{
    layers::{Layer, Layers, LoadLayers, SaveLayers, saved::InPlace},
    optim::{OptimizerMemory, OptimizerState},
    simd::Zeroed,
    training::Trainer,
};

/// The layers of a state: those of its first slot. Without one there are no values that a layer could differ in.
struct LayersOfState<'a, L>(Option<&'a L>);

impl<'a, L: Zeroed> LayersOfState<'a, L> {
    fn new<O: OptimizerMemory>(state: &'a OptimizerState<L, O>) -> Self {
        Self(state.slots.as_ref().first())
    }
}

impl<L: Layer> Display for LayersOfState<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |layers| Layers(layers).fmt(f))
    }
}

impl<L: Layer + SaveLayers, O: OptimizerMemory> Serialize for OptimizerState<L, O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("OptimizerState", 2)?;
        let names: [&dyn Display; 2] = [&LayersOfState::new(self), &name_of::<O>()];
        fields.serialize_field("header", &Header { names })?;
        fields.serialize_field("state", &State(self))?;
        fields.end()
    }
}

/// The state of an optimiser, to be loaded after its header.
struct StatePlace<'a, 'b, L: Zeroed, O: OptimizerMemory> {
    state: &'a mut OptimizerState<L, O>,
    reason: &'a mut Reason<'b>,
}

impl<'de, L: Layer + LoadLayers<'de>, O: OptimizerMemory> Fields<'de> for StatePlace<'_, '_, L, O> {
    const NAME: &'static str = "OptimizerState";
    const FIELDS: &'static [&'static str] = &["header", "state"];

    fn field<V: Value<'de>>(&mut self, index: usize, value: V) -> Result<Option<()>, V::Error> {
        let Self { state, reason } = self;
        match index {
            0 => value.read(header_of(reason, [&LayersOfState::new(state), &name_of::<O>()])),
            _ => value.read(Struct(StateMut(state))),
        }
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the state of the optimizer `{}`", name_of::<O>())
    }
}

impl<'de, L: Layer + LoadLayers<'de>, O: OptimizerMemory> LoadInPlace<'de> for OptimizerState<L, O> {
    fn load<D: Deserializer<'de>>(
        &mut self,
        deserializer: D,
        reason: &mut Reason<'_>,
    ) -> Result<(), D::Error> {
        Struct(StatePlace { state: self, reason }).deserialize(deserializer)
    }
}

impl<'de, L: Layer + LoadLayers<'de>, O: OptimizerMemory> Deserialize<'de> for OptimizerState<L, O> {
    deserialize!();
}

impl<N, Opt, const B: usize, C> Serialize for Trainer<N, Opt, B, C>
where
    N: Layer + SaveLayers,
    Opt: OptimizerMemory + Serialize,
    C: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Trainer", TRAINER_FIELDS.len())?;
        let names: [&dyn Display; 3] = [&Layers(&self.net), &name_of::<Opt>(), &name_of::<C>()];
        fields.serialize_field("header", &Header { names })?;
        fields.serialize_field("net", &Chain(&self.net))?;
        fields.serialize_field("optimizer", &self.optimizer)?;
        fields.serialize_field("loss", &self.loss)?;
        fields.serialize_field("state", &State(&self.state))?;
        fields.serialize_field("seed", &self.seed)?;
        fields.end()
    }
}

const TRAINER_FIELDS: &[&str] = &["header", "net", "optimizer", "loss", "state", "seed"];

/// The parts of a trainer, to be loaded.
struct TrainerPlace<'a, 'b, N: Zeroed, Opt: OptimizerMemory, C> {
    net: &'a mut N,
    optimizer: &'a mut Option<Opt>,
    loss: &'a mut Option<C>,
    state: &'a mut OptimizerState<N, Opt>,
    seed: &'a mut u32,
    reason: &'a mut Reason<'b>,
}

impl<'de, N, Opt, C> Fields<'de> for TrainerPlace<'_, '_, N, Opt, C>
where
    N: Layer + LoadLayers<'de>,
    Opt: OptimizerMemory + Deserialize<'de>,
    C: Deserialize<'de>,
{
    const NAME: &'static str = "Trainer";
    const FIELDS: &'static [&'static str] = TRAINER_FIELDS;

    fn field<V: Value<'de>>(&mut self, index: usize, value: V) -> Result<Option<()>, V::Error> {
        match index {
            0 => {
                let names: [&dyn Display; 3] = [&Layers(&*self.net), &name_of::<Opt>(), &name_of::<C>()];
                return value.read(header_of(self.reason, names));
            }
            1 => return value.read(ChainMut(self.net)),
            4 => return value.read(Struct(StateMut(self.state))),
            5 => return value.read(InPlace(self.seed)),
            _ => {}
        }
        if index == 2 {
            *self.optimizer = value.read(PhantomData)?;
            return Ok(self.optimizer.as_ref().map(|_| ()));
        }
        *self.loss = value.read(PhantomData)?;
        Ok(self.loss.as_ref().map(|_| ()))
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a trainer of the network `{}` by `{}`", Layers(&*self.net), name_of::<Opt>())
    }
}

/// Reads the large parts of a trainer in place, and returns the optimiser and the loss.
fn load_parts<'de, N, Opt, C, D>(
    deserializer: D,
    net: &mut N,
    state: &mut OptimizerState<N, Opt>,
    seed: &mut u32,
    reason: &mut Reason<'_>,
) -> Result<(Opt, C), D::Error>
where
    N: Layer + LoadLayers<'de>,
    Opt: OptimizerMemory + Deserialize<'de>,
    C: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let (mut optimizer, mut loss) = (None, None);
    let place = TrainerPlace { net, optimizer: &mut optimizer, loss: &mut loss, state, seed, reason };
    Struct(place).deserialize(deserializer)?;
    let optimizer = optimizer.ok_or_else(|| D::Error::missing_field("optimizer"))?;
    Ok((optimizer, loss.ok_or_else(|| D::Error::missing_field("loss"))?))
}

impl<'de, N, Opt, const B: usize, C> LoadInPlace<'de> for Trainer<N, Opt, B, C>
where
    N: Layer + LoadLayers<'de>,
    Opt: OptimizerMemory + Deserialize<'de>,
    C: Deserialize<'de>,
{
    fn load<D: Deserializer<'de>>(
        &mut self,
        deserializer: D,
        reason: &mut Reason<'_>,
    ) -> Result<(), D::Error> {
        let Self { net, state, seed, .. } = self;
        (self.optimizer, self.loss) = load_parts(deserializer, net, state, seed, reason)?;
        Ok(())
    }
}

impl<'de, N, Opt, const B: usize, C> Deserialize<'de> for Trainer<N, Opt, B, C>
where
    N: Layer + LoadLayers<'de>,
    Opt: OptimizerMemory + Deserialize<'de>,
    C: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut net, mut state, mut seed) = (N::ZERO, Zeroed::ZERO, 0);
        let (optimizer, loss) =
            load_parts(deserializer, &mut net, &mut state, &mut seed, &mut Reason(&mut None))?;
        Ok(Self { state, seed, ..Self::with_loss(net, optimizer, loss) })
    }

    fn deserialize_in_place<D: Deserializer<'de>>(deserializer: D, place: &mut Self) -> Result<(), D::Error> {
        place.load(deserializer, &mut Reason(&mut None))
    }
}
