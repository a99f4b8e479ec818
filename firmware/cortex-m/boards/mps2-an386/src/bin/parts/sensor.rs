//! Samples, read through the traits of `embedded-hal` alone.

use dunlin_image::exit;
use embassy_executor::Spawner;
use embassy_time::{Duration, Instant, Timer};
use embedded_hal::i2c::I2c;
use mps2_an386::emulated_sensor::{EmulatedSensor, EmulatedSensorError};
use mps2_an386::executor;
use mps2_an386::sensor::{Sensor, SensorError};
use semihosting::fs::File;
use semihosting::io::Write;

use crate::require;

const SAMPLE: usize = 490;
const SAMPLES: usize = 7;
const PERIOD: Duration = Duration::from_millis(20);

pub fn run() -> ! {
    executor::run(|spawner: Spawner| {
        if let Ok(task) = check() {
            spawner.spawn(task);
        }
    })
}

/// Knows of nothing but a bus.
async fn read<B: I2c>(bus: B, output: &mut File) -> Result<(), SensorError<B::Error>> {
    let mut sensor = Sensor::new(bus)?;
    require(sensor.sample_bytes() == SAMPLE, "the sensor knows how long its samples are");
    let mut sample = [0; SAMPLE];
    for _ in 0..SAMPLES {
        while !sensor.is_ready()? {
            Timer::after_millis(1).await;
        }
        sensor.read(&mut sample)?;
        require(output.write_all(&sample).is_ok(), "the output is written");
    }
    require(!sensor.is_ready()?, "the next sample takes its time");
    let early = sensor.read(&mut sample);
    require(matches!(early, Err(SensorError::Bus(_))), "a sample that is not ready is not read");
    let short = sensor.read(&mut [0; SAMPLE - 1]);
    require(matches!(short, Err(SensorError::WrongLength(SAMPLE))), "a sample is read whole");
    Ok(())
}

#[embassy_executor::task]
async fn check() {
    let started = Instant::now();
    let odd = EmulatedSensor::open(c"samples.bin", SAMPLE as u32 - 1, PERIOD);
    require(matches!(odd, Err(EmulatedSensorError::PartialSamples(_))), "the file holds whole samples");
    let bus = EmulatedSensor::open(c"samples.bin", SAMPLE as u32, PERIOD);
    let output = File::create(c"output.bin");
    let (Ok(bus), Ok(mut output)) = (bus, output) else { exit::with(exit::USAGE) };
    require(read(bus, &mut output).await.is_ok(), "all samples are read");
    require(started.elapsed() >= PERIOD * SAMPLES as u32, "samples come at their time");
    exit::with(exit::DONE)
}
