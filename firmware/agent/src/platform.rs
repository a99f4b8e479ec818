//! What a platform has to do for a device.

use core::fmt;
use core::future::Future;

use dunlin_protocol::{Kind, Name};
use dunlin_store::{Region, SlotId};

/// A network with an MQTT 5 client, a stopwatch, a reset, and the bytes of the slots.
///
/// No call may wait for the network: `connect` begins, `publish` hands over to a queue. What comes of it is told to the device by
/// [`Device::connected`](crate::Device::connected), [`Device::disconnected`](crate::Device::disconnected) and
/// [`Device::received`](crate::Device::received).
pub trait Platform<F> {
    /// Begins to connect: client id `<fleet>.<device>`, clean start, session expiry 0, last will `will` on
    /// `Topic { fleet, device, kind: Kind::Will }` with QoS 1, retained, without delay. A connection that is there is dropped.
    ///
    /// Exactly one call of `connected` or `disconnected` answers it.
    fn connect(&mut self, fleet: &Name, device: &Name, will: &[u8]) -> impl Future<Output = ()>;

    /// Subscribes to [`device_subscription`](dunlin_protocol::device_subscription) with QoS 1.
    ///
    /// # Errors
    /// [`NotSent`]: it is asked again a second later.
    fn subscribe(&mut self, fleet: &Name, device: &Name) -> impl Future<Output = Result<(), NotSent>>;

    /// Hands a message over to be sent to `Topic { fleet, device, kind }`, with [`Kind::quality_of_service`] and [`Kind::retained`].
    ///
    /// # Errors
    /// [`NotSent`] if the queue is full or there is no connection: the device tries again a second later.
    fn publish(
        &mut self,
        fleet: &Name,
        device: &Name,
        kind: Kind,
        payload: &[u8],
    ) -> impl Future<Output = Result<(), NotSent>>;

    /// A stopwatch for latencies, in µs; it may wrap around.
    fn microseconds(&self) -> u32;

    /// Resets the device. It may return: then the reset comes soon.
    fn reboot(&mut self);

    /// Makes the device find itself, for so many seconds.
    fn identify(&mut self, seconds: u16);

    /// The bytes of a slot, read in place, from a multiple of 16 on. They must show what was written last; where the
    /// flash is not mapped, what [`slot_copy`](Self::slot_copy) was filled with.
    fn slot<'a>(&'a self, flash: &'a F, slot: SlotId, region: Region) -> &'a [u8];

    /// Where flash is not mapped: memory for a copy of a slot, which the device fills before it uses it.
    fn slot_copy(&mut self, _slot: SlotId) -> Option<&mut [u8]> {
        None
    }

    /// The most stack that was used so far in bytes, 0 if unknown.
    fn stack_high_water(&self) -> u32 {
        0
    }
}

/// A message could not be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSent;

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message could not be handed over: it will be sent again")
    }
}

impl core::error::Error for NotSent {}
