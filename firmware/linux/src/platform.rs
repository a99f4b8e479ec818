//! What Linux does for a device.

use std::time::Instant;

use dunlin_agent::{NotSent, Platform};
use dunlin_mqtt::Message;
use dunlin_protocol::{Kind, ModelId, Name, Topic};
use dunlin_runtime::Model;
use dunlin_store::{FileFlash, MappedSlot, Region, SlotId, SlotImage};
use tracing::info;

use crate::features::Features;
use crate::network::Network;

/// Network, stopwatch, and copies of the slots in memory.
pub struct Linux {
    /// The connection to the broker.
    pub network: Network,
    /// Whether the fleet has ordered a reboot.
    pub reboot: bool,
    started: Instant,
    slots: [SlotImage; 2],
}

impl Linux {
    /// With memory for two slots.
    pub fn new(network: Network, slot_bytes: u32) -> Linux {
        let slots = [SlotImage::zeroed(slot_bytes as usize), SlotImage::zeroed(slot_bytes as usize)];
        Linux { network, reboot: false, started: Instant::now(), slots }
    }

    /// What the model with this identifier takes and gives, if a slot holds it.
    pub fn features(&self, model: ModelId) -> Option<Features> {
        self.slots.iter().find_map(|slot| {
            let found = Model::open(slot.bytes()).ok()?;
            found.header().digest.starts_with(&model.0).then(|| Features::of(&found))
        })
    }

    fn message(fleet: &Name, device: &Name, kind: Kind, payload: &[u8]) -> Message {
        let topic = Topic { fleet: fleet.clone(), device: device.clone(), kind };
        Message {
            topic: topic.text().as_str().to_owned(),
            payload: payload.to_vec(),
            quality_of_service: kind.quality_of_service(),
            retain: kind.retained(),
        }
    }
}

impl Platform<FileFlash> for Linux {
    async fn connect(&mut self, fleet: &Name, device: &Name, will: &[u8]) {
        self.network.connect(Linux::message(fleet, device, Kind::Will, will));
    }

    async fn subscribe(&mut self, _: &Name, _: &Name) -> Result<(), NotSent> {
        // The network does so with each connection, before it says that there is one.
        Ok(())
    }

    async fn publish(
        &mut self,
        fleet: &Name,
        device: &Name,
        kind: Kind,
        payload: &[u8],
    ) -> Result<(), NotSent> {
        let message = Linux::message(fleet, device, kind, payload);
        if self.network.send(message) { Ok(()) } else { Err(NotSent) }
    }

    fn microseconds(&self) -> u32 {
        // It may wrap around.
        self.started.elapsed().as_micros() as u32
    }

    fn reboot(&mut self) {
        self.reboot = true;
    }

    fn identify(&mut self, seconds: u16) {
        info!("the fleet asks which device this is: it is this one (for {seconds} s)");
    }

    fn slot<'a>(&'a self, _: &'a FileFlash, slot: SlotId, region: Region) -> &'a [u8] {
        let bytes = self.image(slot).bytes();
        bytes.get(..region.length as usize).unwrap_or(bytes)
    }

    fn slot_copy(&mut self, slot: SlotId) -> Option<&mut [u8]> {
        let [a, b] = &mut self.slots;
        Some(match slot {
            SlotId::A => a.bytes_mut(),
            SlotId::B => b.bytes_mut(),
        })
    }
}

impl Linux {
    fn image(&self, slot: SlotId) -> &SlotImage {
        let [a, b] = &self.slots;
        match slot {
            SlotId::A => a,
            SlotId::B => b,
        }
    }
}
