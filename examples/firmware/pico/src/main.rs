//! Reads the temperature sensor of the RP2040 once a second, forecasts the next reading, keeps learning, and logs.
#![no_std]
#![no_main]

use defmt::info;
use defmt_rtt as _;
use embedded_hal::delay::DelayNs as _;
use panic_probe as _;
use rp2040_hal::{Adc, Timer, adc::TempSense, clocks::init_clocks_and_plls, entry, pac, watchdog::Watchdog};

#[unsafe(link_section = ".boot2")]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_GENERIC_03H;

/// The crystal of the Raspberry Pi Pico, in Hz.
const CRYSTAL: u32 = 12_000_000;

#[entry]
fn main() -> ! {
    let Some((mut adc, mut sensor, mut timer)) = start() else { defmt::panic!("the board does not start") };
    #[cfg(feature = "network")]
    let mut forecaster = model::Forecaster::new();
    loop {
        timer.delay_ms(1000);
        let Ok(counts) = adc.read(&mut sensor) else {
            defmt::error!("the sensor was not read");
            continue;
        };
        let celsius = celsius(counts);
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
fn start() -> Option<(Adc, TempSense, Timer)> {
    let mut p = pac::Peripherals::take()?;
    let mut watchdog = Watchdog::new(p.WATCHDOG);
    let clocks =
        init_clocks_and_plls(CRYSTAL, p.XOSC, p.CLOCKS, p.PLL_SYS, p.PLL_USB, &mut p.RESETS, &mut watchdog);
    let timer = Timer::new(p.TIMER, &mut p.RESETS, &clocks.ok()?);
    let mut adc = Adc::new(p.ADC, &mut p.RESETS);
    let sensor = adc.take_temp_sensor()?;
    Some((adc, sensor, timer))
}

/// Section 4.9.5 of the data sheet: 0.706 V at 27 °C, and 1.721 mV less for each degree more.
fn celsius(counts: u16) -> f32 {
    let volts = f32::from(counts) * (3.3 / 4096.0);
    27.0 - (volts - 0.706) / 0.001_721
}
