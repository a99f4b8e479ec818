//! The application: samples from the sensor, through the traits of `embedded-hal` alone, to the model that serves.

use core::fmt::Debug;

use dunlin_agent::{PredictError, Values};
use dunlin_protocol::ModelId;
use embedded_hal::i2c::I2c;
use mps2_an386::sensor::Sensor;

use crate::start::OnBoard;

/// Outputs that are looked at.
const OUTPUTS: usize = 16;

/// The sensor, and what became of its samples.
pub struct Application<B> {
    sensor: Sensor<B>,
    sample: &'static mut [u8],
    serving: Option<ModelId>,
    predicted: u32,
    refused: Option<PredictError>,
}

impl<B: I2c> Application<B> {
    /// With memory for one sample, from a multiple of 4 on.
    pub fn new(sensor: Sensor<B>, sample: &'static mut [u8]) -> Application<B> {
        Application { sensor, sample, serving: None, predicted: 0, refused: None }
    }

    /// Predicts, if a sample is ready.
    pub fn turn(&mut self, device: &mut OnBoard, now: u64)
    where
        B::Error: Debug,
    {
        let ready = self
            .sensor
            .is_ready()
            .and_then(|ready| if ready { self.sensor.read(self.sample).map(|()| true) } else { Ok(false) });
        match ready {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return defmt::error!("{}", defmt::Display2Format(&error)),
        }
        let Ok(values) = bytemuck::try_cast_slice(self.sample) else { return };
        let mut outputs = [0.0; OUTPUTS];
        match device.predict(Values::Real(values), &mut outputs, now) {
            Ok(predicted) => {
                self.predicted = self.predicted.wrapping_add(1);
                self.refused = None;
                if self.serving != Some(predicted.model) {
                    self.serving = Some(predicted.model);
                    defmt::info!(
                        "model {} serves: class {=usize} after {=u32} µs",
                        defmt::Display2Format(&predicted.model),
                        predicted.largest.map_or(0, |(class, _)| class),
                        predicted.latency
                    );
                }
            }
            Err(error) if self.refused == Some(error) => {}
            Err(error) => {
                defmt::warn!("no prediction: {}", defmt::Display2Format(&error));
                self.refused = Some(error);
            }
        }
    }
}
