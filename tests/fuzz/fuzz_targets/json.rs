//! Any bytes as JSON of a network or a trainer: nothing panics, and each is loaded or refused.
#![no_main]

use constnet::{
    Adam, Optimizer, Trainer, Zeroed,
    formats::{LoadError, load_boxed, load_in_place},
    mlp,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Deserializer, Error, to_string};

type Net = mlp![2, 3, 1];
type T = Trainer<Net, Adam, 2>;

fn start() -> Net {
    let mut net = Net::ZERO;
    net.for_each_parameter_mut(|parameter| parameter.values.fill(-1.5));
    net
}

/// The JSON after loading, or nothing if a refused header left the place unchanged.
fn checked<X: serde::Serialize>(
    result: Result<(), LoadError<Error>>,
    before: &X,
    after: &X,
) -> Option<String> {
    let after = to_string(after).expect("JSON");
    match result {
        Ok(()) => return Some(after),
        Err(LoadError::Format(_)) => {}
        Err(error) => {
            assert_eq!(to_string(before).expect("JSON"), after, "changed, and then {error}");
            assert!(!error.to_string().is_empty());
        }
    }
    None
}

fuzz_target!(|bytes: &[u8]| {
    let mut net = start();
    let result = load_in_place(&mut net, &mut Deserializer::from_slice(bytes));
    if let Some(json) = checked(result, &start(), &net) {
        let again: Box<Net> = load_boxed(&mut Deserializer::from_str(&json)).expect("our own JSON");
        assert_eq!(*again, net);
    }
    let mut trainer = T::new(start(), Adam::new(0.1));
    let result = load_in_place(&mut trainer, &mut Deserializer::from_slice(bytes));
    if let Some(json) = checked(result, &T::new(start(), Adam::new(0.1)), &trainer)
        // JSON reads a learning rate that is too large as infinity, which `fit` refuses.
        && trainer.optimizer.check().is_ok()
    {
        let again: Box<T> = load_boxed(&mut Deserializer::from_str(&json)).expect("our own JSON");
        assert_eq!(to_string(&again).expect("JSON"), json);
    }
});
