//! A platform without hardware.

use std::cell::Cell;

use dunlin_agent::{NotSent, Platform};
use dunlin_protocol::{Kind, Name};
use dunlin_store::simulated::SimulatedFlash;
use dunlin_store::{Region, SlotId};

pub type Flash = SimulatedFlash<8, 1024>;

#[derive(Default)]
pub struct Board {
    /// Wills of connections that were asked for.
    pub connects: Vec<Vec<u8>>,
    pub subscribed: u32,
    pub is_online: bool,
    pub published: Vec<(Kind, Vec<u8>)>,
    /// How long an inference takes, in µs.
    pub latency: u32,
    pub time: Cell<u32>,
    pub reboots: u32,
    pub identified: Vec<u16>,
    /// How many messages may wait.
    pub queue: usize,
}

impl Platform<Flash> for Board {
    async fn connect(&mut self, _: &Name, _: &Name, will: &[u8]) {
        self.connects.push(will.to_vec());
    }

    async fn subscribe(&mut self, _: &Name, _: &Name) -> Result<(), NotSent> {
        self.subscribed += 1;
        if self.is_online { Ok(()) } else { Err(NotSent) }
    }

    async fn publish(&mut self, _: &Name, _: &Name, kind: Kind, payload: &[u8]) -> Result<(), NotSent> {
        assert!(!payload.is_empty(), "{kind}");
        if !self.is_online || self.published.len() >= self.queue {
            return Err(NotSent);
        }
        self.published.push((kind, payload.to_vec()));
        Ok(())
    }

    fn microseconds(&self) -> u32 {
        self.time.replace(self.time.get().wrapping_add(self.latency))
    }

    fn reboot(&mut self) {
        self.reboots += 1;
    }

    fn identify(&mut self, seconds: u16) {
        self.identified.push(seconds);
    }

    fn slot<'a>(&'a self, flash: &'a Flash, _: SlotId, region: Region) -> &'a [u8] {
        &flash.bytes()[region.start as usize..region.end() as usize]
    }
}
