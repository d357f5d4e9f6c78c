//! Forecasts the next temperature from the last eight, and keeps learning on the device.
//!
//! PyTorch trained the network (`train.py`). Its first layers, the body, stay in flash; the last layer, the head, is copied
//! to RAM and takes one step of gradient descent for each new reading, so that it adapts to the place of the sensor.
#![cfg_attr(not(test), no_std)]

use constnet::{Error, Frozen, Linear, Sequential, Sgd, StaticNetwork, Tanh, Trainer, Zeroed as _};

include!(concat!(env!("OUT_DIR"), "/forecast.rs"));

/// The number of readings that a forecast takes.
pub const WINDOW: usize = 8;

/// The layers that stay in flash.
pub struct Body;

impl StaticNetwork for Body {
    type Net = Sequential![Linear<7, 16>, Tanh<16>];

    fn network() -> &'static Self::Net {
        static BODY: Sequential![Linear<7, 16>, Tanh<16>] = {
            let Sequential((linear, (tanh, _))) = FORECAST;
            Sequential((linear, tanh))
        };
        &BODY
    }
}

/// The layer that is trained on the device.
static HEAD: Linear<16, 1> = {
    let Sequential((_, (_, head))) = FORECAST;
    head
};

type Net = Sequential![Frozen<Body>, Linear<16, 1>];

/// The last readings, the network, and what it needs for learning.
pub struct Forecaster {
    trainer: Trainer<Net, Sgd, 1>,
    /// The last readings in °C, a ring.
    readings: [f32; WINDOW],
    /// The index of the oldest reading.
    oldest: usize,
    /// The number of readings that are missing for the first forecast.
    missing: usize,
}

/// What follows from a reading.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Forecast {
    /// The forecast of the next reading, in °C.
    pub next: f32,
    /// The loss of the forecast before: its squared error in K². None for the first forecast.
    pub loss: Option<f32>,
}

impl Forecaster {
    /// With the network from PyTorch, and no readings.
    #[must_use]
    pub fn new() -> Self {
        let mut trainer = Trainer::new(Net::ZERO, Sgd { lr: 0.01 });
        *trainer.net.layer_mut::<1>() = HEAD;
        Self { trainer, readings: [0.0; WINDOW], oldest: 0, missing: WINDOW }
    }

    /// Learns from a reading in °C, and forecasts the next one, as soon as there are [`WINDOW`] readings.
    ///
    /// # Errors
    ///
    /// If the reading is infinite or NaN: it is then left out.
    pub fn update(&mut self, reading: f32) -> Result<Option<Forecast>, Error<f32>> {
        if !reading.is_finite() {
            return Err(Error::Loss(reading));
        }
        // The reading that was to be forecast is known now: one step of gradient descent.
        let loss = (self.missing == 0).then(|| {
            let (x, newest) = self.input();
            self.trainer.step(&[x], &[[reading - newest]])
        });
        self.readings[self.oldest % WINDOW] = reading;
        self.oldest = (self.oldest + 1) % WINDOW;
        self.missing = self.missing.saturating_sub(1);
        if self.missing > 0 {
            return Ok(None);
        }
        let (x, _) = self.input();
        let [change] = self.trainer.net.predict(&x);
        Ok(Some(Forecast { next: reading + change, loss }))
    }

    /// The older readings minus the newest, and the newest.
    fn input(&self) -> ([f32; WINDOW - 1], f32) {
        let nth = |i| self.readings[(self.oldest + i) % WINDOW];
        let newest = nth(WINDOW - 1);
        (core::array::from_fn(|i| nth(i) - newest), newest)
    }
}

impl Default for Forecaster {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    include!("../pytorch.rs");

    #[test]
    fn outputs_are_those_of_pytorch() {
        let forecaster = Forecaster::new();
        for (x, expected) in PYTORCH {
            let [y] = forecaster.trainer.net.predict(&x);
            assert!((y - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{x:?}: {y} instead of {expected}");
        }
    }

    /// The temperature rises and falls steadily, as it did not in training.
    #[test]
    fn learning_lowers_the_error_in_another_place() {
        let mut forecaster = Forecaster::new();
        let mut losses = Vec::new();
        for i in 0..3000 {
            let temperature = 25.0 + 5.0 * (0.2 * i as f32).sin();
            losses.extend(forecaster.update(temperature).expect("finite").and_then(|forecast| forecast.loss));
        }
        let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
        let (first, last) = (mean(&losses[..100]), mean(&losses[losses.len() - 100..]));
        assert!(last < 0.05 * first, "{first} K², then {last} K²");
    }

    #[test]
    fn a_reading_that_is_not_a_number_is_left_out() {
        let mut forecaster = Forecaster::new();
        for _ in 0..WINDOW {
            forecaster.update(20.0).expect("finite");
        }
        let before = forecaster.readings;
        assert!(forecaster.update(f32::NAN).is_err());
        assert_eq!(forecaster.readings, before);
    }
}
