//! What the board does for the agent.

use dunlin_agent::{NotSent, Platform};
use dunlin_image::stack_used;
use dunlin_protocol::{Kind, Name};
use dunlin_store::{MappedSlot, Region, SlotId};
use embassy_time::Instant;
use heapless::Vec;
use mps2_an386::flash::Flash;
use mps2_an386::reset::{self, Cause};

use crate::queues::{Outgoing, To, Wanted, Wish};

/// The network's queues, a clock, a reset, and slots that are read in place.
pub struct Board {
    wish: &'static Wish,
    outgoing: To<Outgoing>,
    connection: u32,
}

impl Board {
    /// With the ends of the queues that lead to the network.
    pub fn new(wish: &'static Wish, outgoing: To<Outgoing>) -> Board {
        Board { wish, outgoing, connection: 0 }
    }

    /// The connection that was wanted last; what happens to others is past.
    pub fn connection(&self) -> u32 {
        self.connection
    }
}

/// A part of the flash, in place.
struct Slot<'f> {
    flash: &'f Flash<'static>,
    region: Region,
}

impl<'f> Slot<'f> {
    fn in_place(self) -> &'f [u8] {
        let Region { start, length } = self.region;
        self.flash.bytes(start, length as usize).unwrap_or_default()
    }
}

impl MappedSlot for Slot<'_> {
    fn bytes(&self) -> &[u8] {
        Slot { flash: self.flash, region: self.region }.in_place()
    }
}

impl Platform<Flash<'static>> for Board {
    async fn connect(&mut self, _: &Name, _: &Name, will: &[u8]) {
        self.connection = self.connection.wrapping_add(1);
        self.wish
            .signal(Wanted { connection: self.connection, will: Vec::from_slice(will).unwrap_or_default() });
    }

    async fn subscribe(&mut self, _: &Name, _: &Name) -> Result<(), NotSent> {
        // The network does so with each connection, before it says that there is one.
        Ok(())
    }

    async fn publish(&mut self, _: &Name, _: &Name, kind: Kind, payload: &[u8]) -> Result<(), NotSent> {
        let message = self.outgoing.try_send().ok_or(NotSent)?;
        message.kind = kind;
        message.payload.clear();
        message.payload.extend_from_slice(payload).map_err(|_| NotSent)?;
        self.outgoing.send_done();
        Ok(())
    }

    fn microseconds(&self) -> u32 {
        // It may wrap around.
        Instant::now().as_micros() as u32
    }

    fn reboot(&mut self) {
        reset::because(Cause::Software, 0)
    }

    fn identify(&mut self, seconds: u16) {
        defmt::info!("the fleet asks which device this is: it is this one, for {=u16} s", seconds);
    }

    fn slot<'a>(&'a self, flash: &'a Flash<'static>, _: SlotId, region: Region) -> &'a [u8] {
        Slot { flash, region }.in_place()
    }

    fn stack_high_water(&self) -> u32 {
        stack_used()
    }
}
