//! Reads the temperature sensor of the STM32F411 once a second, forecasts the next reading, keeps learning, and logs.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use defmt::info;
use defmt_rtt as _;
use panic_probe as _;
use stm32f4xx_hal::{
    adc::{
        Adc, Temperature,
        config::{AdcConfig, Clock, SampleTime},
    },
    pac,
    prelude::*,
    rcc::Config,
    signature::{VtempCal30, VtempCal110},
    timer::SysDelay,
};

/// The number of conversions in a reading. One count of the converter is about 0.3 K; the mean of noisy counts is finer.
const CONVERSIONS: u16 = 64;

#[entry]
fn main() -> ! {
    let Some((mut adc, mut delay)) = start() else { defmt::panic!("the peripherals are taken") };
    #[cfg(feature = "network")]
    let mut forecaster = model::Forecaster::new();
    loop {
        let celsius = celsius(&mut adc);
        #[cfg(feature = "network")]
        match forecaster.update(celsius) {
            Ok(forecast) => info!("{} °C, {}", celsius, forecast),
            Err(error) => defmt::error!("{}", error),
        }
        #[cfg(not(feature = "network"))]
        info!("{} °C", celsius);
        delay.delay_ms(1000);
    }
}

/// Starts the clocks and the sensor. Not inlined, so that it is compiled in the same way with and without the network.
#[inline(never)]
fn start() -> Option<(Adc<pac::ADC1>, SysDelay)> {
    let (p, core) = (pac::Peripherals::take()?, cortex_m::Peripherals::take()?);
    let mut rcc = p.RCC.freeze(Config::hsi().sysclk(84.MHz()));
    let delay = core.SYST.delay(&rcc.clocks);
    // 21 MHz; the converter's limit is 36 MHz.
    let config = AdcConfig::default().clock(Clock::Pclk2_div_4);
    let mut adc = Adc::new(p.ADC1, true, config, &mut rcc);
    adc.enable_temperature_and_vref();
    Some((adc, delay))
}

/// The mean of [`CONVERSIONS`], on the line through the two readings that the factory stored, at 30 °C and 110 °C.
///
/// Not inlined, for the same reason as `start`.
#[inline(never)]
fn celsius(adc: &mut Adc<pac::ADC1>) -> f32 {
    let mut sum = 0;
    for _ in 0..CONVERSIONS {
        // The sensor needs 10 µs; 480 cycles are 22.9 µs.
        sum += u32::from(adc.convert(&Temperature, SampleTime::Cycles_480));
    }
    let counts = sum as f32 / f32::from(CONVERSIONS);
    let (at_30, at_110) = (f32::from(VtempCal30::get().read()), f32::from(VtempCal110::get().read()));
    30.0 + 80.0 * (counts - at_30) / (at_110 - at_30)
}
