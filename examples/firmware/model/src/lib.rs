//! Forecasts the next temperature from the last eight, and keeps learning on the device.
//!
//! PyTorch trained the network (`train.py`). Its first layers, the body, stay in flash; the last layer, the head, is copied
//! to RAM and takes one step of gradient descent for each new reading, so that it adapts to the place of the sensor.
#![cfg_attr(not(test), no_std)]

use core::mem;

use constnet::{Frozen, Linear, Sequential, Sgd, StaticNetwork, Tanh, Trainer, Zeroed as _};

include!(concat!(env!("OUT_DIR"), "/forecast.rs"));

/// The number of readings that a forecast takes.
pub const WINDOW: usize = 8;

/// The readings of the sensor are above this, in °C.
pub const COLDEST: f32 = -40.0;
/// The readings of the sensor are below this, in °C.
pub const HOTTEST: f32 = 125.0;

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
    /// The last readings in °C, the oldest first.
    readings: [f32; WINDOW],
    /// The number of readings that the first forecast still needs.
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

/// Why a reading was left out.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The reading is not between [`COLDEST`] and [`HOTTEST`].
    Reading(f32),
    /// The loss of the previous forecast is infinite or NaN.
    Loss(f32),
}

impl Forecaster {
    /// With the network from PyTorch, and no readings.
    #[must_use]
    pub fn new() -> Self {
        let mut trainer = Trainer::new(Net::ZERO, Sgd { lr: 0.01 });
        *trainer.net.layer_mut::<1>() = HEAD;
        Self { trainer, readings: [0.0; WINDOW], missing: WINDOW }
    }

    /// Learns from a reading in °C, and forecasts the next one, as soon as there are [`WINDOW`] readings.
    ///
    /// # Errors
    ///
    /// If the reading is not between [`COLDEST`] and [`HOTTEST`], or the loss of the previous forecast is not finite. The network and the
    /// last readings then stay as they were.
    pub fn update(&mut self, reading: f32) -> Result<Option<Forecast>, Error> {
        // Not `<=`, which takes more flash on a core without floating point. NaN is in no range.
        if !(COLDEST < reading && reading < HOTTEST) {
            return Err(Error::Reading(reading));
        }
        let mut loss = None;
        if self.missing == 0 {
            // The reading is the target of the previous forecast: one step of gradient descent.
            let (x, newest) = self.input();
            let squared_error = self.trainer.step(&[x], &[[reading - newest]]);
            if !squared_error.is_finite() {
                return Err(Error::Loss(squared_error));
            }
            loss = Some(squared_error);
        } else {
            self.missing -= 1;
        }
        // Each reading takes the place of the next older one.
        let mut newer = reading;
        for slot in self.readings.iter_mut().rev() {
            mem::swap(slot, &mut newer);
        }
        if self.missing > 0 {
            return Ok(None);
        }
        let (x, _) = self.input();
        let [change] = self.trainer.net.predict(&x);
        Ok(Some(Forecast { next: reading + change, loss }))
    }

    /// The older readings minus the newest, and the newest.
    fn input(&self) -> ([f32; WINDOW - 1], f32) {
        let [older @ .., newest] = self.readings;
        (older.map(|reading| reading - newest), newest)
    }
}

impl Default for Forecaster {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[expect(clippy::excessive_precision, reason = "train.py prints numbers as f64")]
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
    fn a_reading_outside_the_range_of_the_sensor_is_left_out() {
        let (mut forecaster, mut undisturbed) = (Forecaster::new(), Forecaster::new());
        for i in 0..20 {
            for reading in [1000.0, COLDEST, HOTTEST, 1e20, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
                match forecaster.update(reading) {
                    Err(Error::Reading(value)) => assert_eq!(value.to_bits(), reading.to_bits()),
                    other => panic!("{reading}: {other:?}"),
                }
            }
            let temperature = 20.0 + i as f32;
            assert_eq!(forecaster.update(temperature), undisturbed.update(temperature));
            assert_eq!(forecaster.trainer.net, undisturbed.trainer.net);
        }
    }

    #[test]
    fn a_loss_that_is_not_finite_changes_nothing() {
        let mut forecaster = Forecaster::new();
        *forecaster.trainer.net.layer_mut::<1>() = Linear::new([[f32::MAX; 16]], [0.0]);
        for i in 0..WINDOW {
            forecaster.update(20.0 + i as f32).expect("in range");
        }
        let (net, readings) = (forecaster.trainer.net, forecaster.readings);
        assert!(matches!(forecaster.update(28.0), Err(Error::Loss(_))));
        assert_eq!((forecaster.trainer.net, forecaster.readings), (net, readings));
    }
}
