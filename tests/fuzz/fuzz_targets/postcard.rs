//! Any bytes as postcard of a network or a trainer: nothing panics, and each is loaded or refused.
#![no_main]

use constnet::{
    Adam, Trainer, Zeroed,
    formats::{LoadError, load_boxed, load_in_place},
    mlp,
};
use libfuzzer_sys::fuzz_target;
use postcard::{Deserializer, Error, to_allocvec};

type Net = mlp![2, 3, 1];
type T = Trainer<Net, Adam, 2>;

fn start() -> Net {
    let mut net = Net::ZERO;
    net.for_each_parameter_mut(|parameter| parameter.values.fill(-1.5));
    net
}

/// The bytes after loading, or nothing if a refused header left the place unchanged.
fn checked<X: serde::Serialize>(
    result: Result<(), LoadError<Error>>,
    before: &X,
    after: &X,
) -> Option<Vec<u8>> {
    let after = to_allocvec(after).expect("postcard");
    match result {
        Ok(()) => return Some(after),
        Err(LoadError::Format(_)) => {}
        Err(error) => {
            assert_eq!(to_allocvec(before).expect("postcard"), after, "changed, and then {error}");
            assert!(!error.to_string().is_empty());
        }
    }
    None
}

fuzz_target!(|bytes: &[u8]| {
    let mut net = start();
    let result = load_in_place(&mut net, &mut Deserializer::from_bytes(bytes));
    if let Some(bytes) = checked(result, &start(), &net) {
        let again: Box<Net> = load_boxed(&mut Deserializer::from_bytes(&bytes)).expect("our own bytes");
        assert_eq!(to_allocvec(&again).expect("postcard"), bytes);
    }
    let mut trainer = T::new(start(), Adam::new(0.1));
    let result = load_in_place(&mut trainer, &mut Deserializer::from_bytes(bytes));
    if let Some(bytes) = checked(result, &T::new(start(), Adam::new(0.1)), &trainer) {
        let again: Box<T> = load_boxed(&mut Deserializer::from_bytes(&bytes)).expect("our own bytes");
        assert_eq!(to_allocvec(&again).expect("postcard"), bytes);
    }
});
