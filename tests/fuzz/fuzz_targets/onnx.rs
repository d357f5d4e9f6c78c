//! Any bytes as an ONNX file: nothing panics, the memory is bounded, and what is read can be computed.
#![no_main]

use constnet::formats::Onnx;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Onnx::new().read(bytes) {
        Ok(net) => {
            assert!(!net.to_string().is_empty());
            if net.inputs < 1 << 16 {
                assert_eq!(net.predict(&vec![0.5; net.inputs]).len(), net.outputs());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match Onnx::new().read_quantized(bytes) {
        Ok(net) => {
            assert!(!net.to_rust_source("NET").is_empty() && !net.to_self_test_source("NET").is_empty());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
