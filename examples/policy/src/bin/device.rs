//! Runs a smaller policy on a microcontroller. The weights are in flash and are read from there.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[rustfmt::skip]
#[allow(unreachable_pub)]
#[path = "../small.rs"]
mod small;

#[cfg(target_os = "none")]
device::program!(run, () = ());

#[cfg(target_os = "none")]
fn run((): &mut ()) -> Result<f32, device::Failure> {
    // The observation stands for a measurement of sensors.
    let observation = core::hint::black_box(small::SMALL_EXAMPLE.0);
    let (_, instructions): ([f32; 12], _) =
        device::measure::instructions(|| small::SMALL.predict(&observation));
    device::measure::report(instructions);
    if small::small_self_test() {
        device::println!("the self-test passed");
        return Ok(0.0);
    }
    Err(device::Failure::SelfTest)
}

#[cfg(not(target_os = "none"))]
fn main() {
    assert!(small::small_self_test(), "the self-test failed");
    println!("the self-test passed");
}
