//! The header of a saved network or trainer: the version of the format, and the names of what was saved.

use core::{
    error::Error as StdError,
    fmt::{self, Write},
};

use ::serde::{
    Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error, Visitor},
    ser::SerializeStruct,
};

use super::fields::{Fields, Value};
use crate::layers::saved::InPlace;

/// The version of the format. Another one is refused.
const VERSION: u32 = 1;

/// Why a network or a trainer was not loaded: see [`load_in_place`](super::load_in_place).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError<E> {
    /// The data are not valid, or too short: an error of the format.
    Format(E),
    /// The data were saved by a version of this crate whose format differs.
    Version {
        /// The version of the data.
        found: u32,
        /// The version that this crate can load.
        expected: u32,
    },
    /// The data are those of another network, optimiser or loss.
    Mismatch(Mismatch),
}

/// What differs between saved data and the place that they are loaded into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// `"layers"`, `"optimizer"` or `"loss"`.
    pub what: &'static str,
    /// Its name in the data, from the first layer that differs.
    pub found: Excerpt,
    /// Its name in the place, from the same position.
    pub expected: Excerpt,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, found, expected } = self;
        write!(f, "saved with another {what}: found `{found}`, expected `{expected}`")
    }
}

impl<E: fmt::Display> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(error) => write!(f, "{error}"),
            Self::Version { found, expected } => write!(f, "{}", VersionError(*found, *expected)),
            Self::Mismatch(mismatch) => write!(f, "{mismatch}"),
        }
    }
}

impl<E: StdError + 'static> StdError for LoadError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            // `Display` prints the error itself.
            Self::Format(error) => error.source(),
            _ => None,
        }
    }
}

struct VersionError(u32, u32);

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(found, expected) = self;
        write!(f, "saved in version {found} of the format, expected version {expected}")
    }
}

/// A part of a text, at most 44 bytes. `…` stands for the rest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Excerpt {
    bytes: [u8; Self::CAPACITY],
    len: u8,
    /// Whether text before and after it was left out.
    cut: [bool; 2],
}

impl Excerpt {
    const CAPACITY: usize = 44;

    /// The text from the byte `start` on.
    fn new(text: &dyn fmt::Display, start: usize) -> Self {
        let excerpt = Self { bytes: [0; Self::CAPACITY], len: 0, cut: [start > 0, false] };
        let mut writer = ExcerptWriter { skip: start, excerpt };
        // Stops with an error when the excerpt is full.
        let _ = write!(writer, "{text}");
        writer.excerpt
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..self.len.into())
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dots = |cut| if cut { "…" } else { "" };
        write!(f, "{}{}{}", dots(self.cut[0]), self.as_str(), dots(self.cut[1]))
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Copies a text into an excerpt, after the first bytes.
struct ExcerptWriter {
    skip: usize,
    excerpt: Excerpt,
}

impl Write for ExcerptWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.skip > 0 {
                self.skip = self.skip.saturating_sub(c.len_utf8());
                continue;
            }
            let Excerpt { bytes, len, cut } = &mut self.excerpt;
            let Some(place) = bytes.get_mut(usize::from(*len)..usize::from(*len) + c.len_utf8()) else {
                cut[1] = true;
                return Err(fmt::Error);
            };
            c.encode_utf8(place);
            *len += c.len_utf8() as u8;
        }
        Ok(())
    }
}

/// Compares what is written with a text, up to the first difference.
struct Comparison<'a> {
    text: &'a str,
    /// The number of equal bytes.
    equal: usize,
}

impl Write for Comparison<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let rest = self.text.as_bytes().get(self.equal..).unwrap_or_default();
        let equal = rest.iter().zip(text.as_bytes()).take_while(|(a, b)| a == b).count();
        self.equal += equal;
        if equal == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

impl Mismatch {
    /// The difference of a found text from the expected one, if there is one.
    fn between(what: &'static str, found: &str, expected: &dyn fmt::Display) -> Option<Self> {
        let mut comparison = Comparison { text: found, equal: 0 };
        if write!(comparison, "{expected}").is_ok() && comparison.equal == found.len() {
            return None;
        }
        // The start of the layer in which they differ.
        let bytes = found.as_bytes();
        let starts_layer = |at: &usize| {
            bytes.get(*at).is_some_and(u8::is_ascii_uppercase)
                && bytes.get(..*at).is_some_and(|before| before.ends_with(b", ") || before.ends_with(b"["))
        };
        let start = (0..=comparison.equal).rev().find(starts_layer).unwrap_or(0);
        Some(Self { what, found: Excerpt::new(&found, start), expected: Excerpt::new(expected, start) })
    }
}

/// Why a header does not fit.
#[derive(Clone, Debug)]
pub(super) enum Refused {
    Version(u32),
    Mismatch(Mismatch),
}

impl<E> From<Refused> for LoadError<E> {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Version(found) => Self::Version { found, expected: VERSION },
            Refused::Mismatch(mismatch) => Self::Mismatch(mismatch),
        }
    }
}

/// The names of the layers, the optimiser and the loss. A network has the first only, an optimiser's state the first
/// two.
pub(super) struct Header<'a, const NAMES: usize> {
    pub(super) names: [&'a dyn fmt::Display; NAMES],
}

/// The names of the fields.
const FIELDS: [&str; 4] = ["version", "layers", "optimizer", "loss"];

impl<const NAMES: usize> Serialize for Header<'_, NAMES> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Header", 1 + NAMES)?;
        fields.serialize_field("version", &VERSION)?;
        for (field, name) in FIELDS[1..].iter().zip(&self.names) {
            fields.serialize_field(field, &Name(*name))?;
        }
        fields.end()
    }
}

struct Name<'a>(&'a dyn fmt::Display);

impl Serialize for Name<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// Reads a header and compares it with the expected one. If it differs, the reason is stored in `refused`, besides the
/// error of the format, which may keep no text.
pub(super) struct CheckedHeader<'a, const NAMES: usize> {
    pub(super) expected: Header<'a, NAMES>,
    pub(super) refused: &'a mut Option<Refused>,
}

impl<'de, const NAMES: usize> Fields<'de> for CheckedHeader<'_, NAMES> {
    const NAME: &'static str = "Header";
    const FIELDS: &'static [&'static str] = FIELDS.split_at(1 + NAMES).0;

    fn field<V: Value<'de>>(&mut self, index: usize, value: V) -> Result<Option<()>, V::Error> {
        let Some(name) = index.checked_sub(1) else {
            let mut version = VERSION;
            let read = value.read(InPlace(&mut version))?;
            if version != VERSION {
                *self.refused = Some(Refused::Version(version));
                return Err(V::Error::custom(VersionError(version, VERSION)));
            }
            return Ok(read);
        };
        let seed =
            CheckedName { what: FIELDS[index], expected: self.expected.names[name], refused: self.refused };
        value.read(seed)
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the header of a saved network or trainer")
    }
}

/// Reads a name and compares it with the expected one.
struct CheckedName<'a> {
    what: &'static str,
    expected: &'a dyn fmt::Display,
    refused: &'a mut Option<Refused>,
}

impl<'de> DeserializeSeed<'de> for CheckedName<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for CheckedName<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.expected)
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<(), E> {
        match Mismatch::between(self.what, found, self.expected) {
            None => Ok(()),
            Some(mismatch) => {
                let error = E::custom(&mismatch);
                *self.refused = Some(Refused::Mismatch(mismatch));
                Err(error)
            }
        }
    }
}
