//! Any bytes as a file of weights: nothing panics, and a network is loaded whole or not at all.
#![no_main]

use constnet::{Quantized, Safetensors, Zeroed, formats::DenseInt8, mlp};
use libfuzzer_sys::fuzz_target;

type Net = mlp![2, 3, 1];

fn start() -> Net {
    let mut net: Net = Zeroed::ZERO;
    net.for_each_parameter_mut(|parameter| parameter.values.fill(-1.5));
    net
}

fuzz_target!(|bytes: &[u8]| {
    for (files, only_finite) in [
        (Safetensors::new(), true),
        (Safetensors::new().convert(), true),
        (Safetensors::new().prefix("a.").convert().allow_not_finite().allow_other_layers(), false),
    ] {
        let mut net = start();
        match files.load(&mut net, bytes) {
            Err(error) => {
                assert_eq!(net, start(), "changed, and then {error}");
                assert!(!error.to_string().is_empty());
            }
            Ok(()) if only_finite => {
                assert!(net.parameters().all(|parameter| parameter.values.iter().all(|x| x.is_finite())));
                let saved = net.to_safetensors().expect("PyTorch's names");
                let mut again = start();
                again.load_safetensors(&saved).expect("the saved file");
                assert_eq!(again, net);
            }
            Ok(()) => {}
        }
    }
    let mut quantized = Quantized::<Net>::ZERO;
    match quantized.load_safetensors(bytes) {
        Ok(()) => assert_eq!(quantized.check(), Ok(())),
        Err(error) => assert!(quantized == Zeroed::ZERO && !error.to_string().is_empty()),
    }
    match DenseInt8::from_safetensors(bytes) {
        Ok(net) => assert!(!net.to_rust_source("NET").is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
