//! The functions of the WebAssembly module.
//!
//! Numbers and bytes cross in two buffers: the page writes to [`input`], and reads as many bytes as a function returns
//! from [`output`]. The names of the functions are exported as they are, which Rust calls unsafe, because two functions
//! of one name would be mixed up: these are the only exports of the program.
#![allow(unsafe_code, reason = "exported names")]

use std::cell::RefCell;

use crate::{
    run,
    state::{self, State},
};

#[derive(Default)]
struct Page {
    state: Option<State>,
    input: Vec<u8>,
    output: Vec<u8>,
}

thread_local! {
    static PAGE: RefCell<Page> = RefCell::default();
}

impl Page {
    /// The numbers in the input.
    fn numbers(&self) -> Vec<f32> {
        self.input.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// Writes bytes to the output. Returns their number.
    fn write(&mut self, bytes: impl Into<Vec<u8>>) -> usize {
        self.output = bytes.into();
        self.output.len()
    }

    /// Writes numbers to the output. Returns the number of bytes.
    fn write_numbers(&mut self, numbers: &[f32]) -> usize {
        self.output.clear();
        self.output.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self.output.len()
    }

    /// Writes the numbers that a function computes from the state.
    fn compute(&mut self, numbers: impl FnOnce(&mut State) -> Vec<f32>) -> usize {
        let numbers = self.state.as_mut().map(numbers).unwrap_or_default();
        self.write_numbers(&numbers)
    }
}

/// Exports functions of the page.
macro_rules! export {
    ($($(#[$doc:meta])* fn $name:ident($page:ident $(, $argument:ident: $type:ty)*) -> $result:ty $body:block)+) => { $(
        $(#[$doc])*
        // SAFETY: no other function of the program has this name.
        #[unsafe(export_name = stringify!($name))]
        extern "C" fn $name($($argument: $type),*) -> $result {
            PAGE.with_borrow_mut(|$page| $body)
        }
    )+ };
}

export! {
    /// Makes room for the input, and returns its address.
    fn input(page, len: usize) -> *mut u8 {
        page.input.clear();
        page.input.resize(len, 0);
        page.input.as_mut_ptr()
    }

    /// The address of the output.
    fn output(page) -> *const u8 {
        page.output.as_ptr()
    }

    /// Draws a data set, and removes all networks.
    fn open(page, task: usize, seed: u32) -> bool {
        page.state = State::new(task, seed);
        page.state.is_some()
    }

    /// Puts a new network in a place. Returns whether the method fits it.
    fn start(page, place: usize, model: usize, method: usize, lr: f32) -> bool {
        page.state.as_mut().is_some_and(|state| state.start(place, model, method, lr))
    }

    /// Adds the sample in the input to the training data.
    fn add(page) -> () {
        let row = page.numbers();
        if let Some(state) = &mut page.state {
            state.add(&row);
        }
    }

    /// Makes steps. Returns their number, or −1 if a number was not finite.
    fn advance(page, place: usize, count: usize) -> isize {
        let made = page.state.as_mut().map_or(Ok(0), |state| state.advance(place, count));
        made.map_or(-1, |made| made as isize)
    }

    /// Writes the training data, or the validation data.
    fn rows(page, validation: bool) -> usize {
        page.compute(|state| state.rows(validation))
    }

    /// Writes the losses of the training data and of the validation data.
    fn losses(page, place: usize) -> usize {
        page.compute(|state| state.losses(place))
    }

    /// Writes all weights.
    fn weights(page, place: usize) -> usize {
        page.compute(|state| state.run(place).map(run::values).unwrap_or_default())
    }

    /// Writes the gradient of the training loss.
    fn gradient(page, place: usize) -> usize {
        page.compute(|state| state.gradient(place))
    }

    /// Writes the values of all units for the inputs in the input.
    fn values(page, place: usize) -> usize {
        let inputs = page.numbers();
        page.compute(|state| state.values(place, &inputs))
    }

    /// The hash of the weights.
    fn hash(page, place: usize) -> u32 {
        page.state.as_ref().map_or(0, |state| state.hash(place))
    }

    /// Starts the method again from the weights in the input.
    fn set(page, place: usize) -> () {
        let weights = page.numbers();
        if let Some(run) = page.state.as_mut().and_then(|state| state.run_mut(place)) {
            run.set(&weights);
        }
    }

    /// Starts the method again from the present weights.
    fn restart(page, place: usize) -> () {
        if let Some(run) = page.state.as_mut().and_then(|state| state.run_mut(place)) {
            run.restart();
        }
    }

    /// Writes the report of memory and work.
    fn report(page, model: usize, method: usize) -> usize {
        page.write(state::report(model, method))
    }
}

#[cfg(feature = "files")]
export! {
    /// Loads the safetensors file in the input. Returns 0, or the length of an error.
    fn load(page, place: usize) -> usize {
        let run = page.state.as_mut().and_then(|state| state.run_mut(place));
        match run.map_or(Ok(()), |run| run.load(&page.input)) {
            Ok(()) => 0,
            Err(error) => page.write(error.to_string()),
        }
    }

    /// Writes a safetensors file.
    fn save(page, place: usize) -> usize {
        let file = page.state.as_ref().and_then(|state| state.run(place)?.save().ok());
        page.write(file.unwrap_or_default())
    }

    /// Writes the network as Rust source.
    fn source(page, place: usize) -> usize {
        let source = page.state.as_ref().and_then(|state| Some(state.run(place)?.source()));
        page.write(source.unwrap_or_default())
    }
}
