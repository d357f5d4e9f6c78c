//! Reads the temperature sensor of the RP2040 once a second, forecasts the next reading, keeps learning, and logs.
#![no_std]
#![no_main]

use defmt::info;
use defmt_rtt as _;
use embedded_hal::delay::DelayNs as _;
use panic_probe as _;
use rp2040_hal::{
    Adc, Timer, adc, adc::TempSense, clocks::init_clocks_and_plls, entry, pac, watchdog::Watchdog,
};

#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_GENERIC_03H;

/// The crystal of the Raspberry Pi Pico, in Hz.
const CRYSTAL: u32 = 12_000_000;

/// The number of conversions in a reading. One count of the converter is 0.47 K; the mean of noisy counts is finer.
const CONVERSIONS: u16 = 64;

#[entry]
fn main() -> ! {
    let (mut adc, mut sensor, mut timer) = start();
    #[cfg(feature = "network")]
    let mut forecaster = model::Forecaster::new();
    loop {
        timer.delay_ms(1000);
        let Ok(celsius) = celsius(&mut adc, &mut sensor) else {
            defmt::error!("the sensor was not read");
            continue;
        };
        #[cfg(feature = "network")]
        match forecaster.update(celsius) {
            Ok(forecast) => info!("{} °C, {}", celsius, forecast),
            Err(error) => defmt::error!("{}", error),
        }
        #[cfg(not(feature = "network"))]
        info!("{} °C", celsius);
    }
}

/// Starts the clocks and the sensor. Not inlined, so that it is compiled in the same way with and without the network.
#[inline(never)]
fn start() -> (Adc, TempSense, Timer) {
    let mut p = defmt::unwrap!(pac::Peripherals::take());
    let mut watchdog = Watchdog::new(p.WATCHDOG);
    let clocks =
        init_clocks_and_plls(CRYSTAL, p.XOSC, p.CLOCKS, p.PLL_SYS, p.PLL_USB, &mut p.RESETS, &mut watchdog);
    let timer = Timer::new(p.TIMER, &mut p.RESETS, &defmt::unwrap!(clocks));
    let mut adc = Adc::new(p.ADC, &mut p.RESETS);
    let sensor = defmt::unwrap!(adc.take_temp_sensor());
    (adc, sensor, timer)
}

/// The mean of [`CONVERSIONS`]. Section 4.9.5 of the data sheet: 0.706 V at 27 °C, and 1.721 mV less for each degree more.
///
/// Not inlined, for the same reason as `start`.
#[inline(never)]
fn celsius(adc: &mut Adc, sensor: &mut TempSense) -> Result<f32, adc::Error> {
    let mut sum = 0;
    for _ in 0..CONVERSIONS {
        sum += u32::from(adc.read(sensor)?);
    }
    let volts = sum as f32 * (3.3 / 4096.0 / f32::from(CONVERSIONS));
    Ok(27.0 - (volts - 0.706) / 0.001_721)
}
