//! What passes between the device and its connection to the broker.

use dunlin_agent::Memory;
use dunlin_protocol::Kind;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use embassy_sync::zerocopy_channel::{Channel, Receiver, Sender};
use heapless::Vec;
use static_cell::{ConstStaticCell, StaticCell};

/// Longest payload that the device sends: a report.
pub const LONGEST_SENT: usize = Memory::BUFFER_BYTES;
/// Longest payload that it takes: a block of 1 KiB is the longest that it asks for.
pub const LONGEST_RECEIVED: usize = 1400;
/// Longest last will.
const LONGEST_WILL: usize = 64;
/// Messages that wait to be sent.
const OUTGOING: usize = 4;
/// Messages that wait to be handled; more stay in the TCP window.
const INCOMING: usize = 4;

/// A message to the broker.
pub struct Outgoing {
    /// What it is about.
    pub kind: Kind,
    /// Its payload.
    pub payload: Vec<u8, LONGEST_SENT>,
}

/// What happened to a connection.
#[derive(Clone, Copy)]
pub enum Happening {
    /// It is gone, or could not be made.
    Disconnected,
    /// The broker accepted it.
    Connected,
    /// A message came.
    Received,
}

/// Something that happened to a connection.
pub struct Incoming {
    /// The connection.
    pub connection: u32,
    /// What.
    pub happening: Happening,
    /// What a message is about.
    pub kind: Kind,
    /// The payload of a message.
    pub payload: Vec<u8, LONGEST_RECEIVED>,
}

/// A connection that the device wants.
pub struct Wanted {
    /// Its number.
    pub connection: u32,
    /// Its last will.
    pub will: Vec<u8, LONGEST_WILL>,
}

/// The latest connection that the device wants.
pub type Wish = Signal<CriticalSectionRawMutex, Wanted>;
/// One end of a queue.
pub type To<T> = Sender<'static, CriticalSectionRawMutex, T>;
/// The other end.
pub type From<T> = Receiver<'static, CriticalSectionRawMutex, T>;

/// The device's ends of the queues.
pub struct Device {
    pub wish: &'static Wish,
    pub outgoing: To<Outgoing>,
    pub incoming: From<Incoming>,
}

/// The network's ends of the queues.
pub struct Network {
    pub wish: &'static Wish,
    pub outgoing: From<Outgoing>,
    pub incoming: To<Incoming>,
}

/// All queues, once.
pub fn take() -> (Device, Network) {
    static WISH: Wish = Signal::new();
    static OUTGOING_ITEMS: ConstStaticCell<[Outgoing; OUTGOING]> =
        ConstStaticCell::new([const { Outgoing { kind: Kind::Birth, payload: Vec::new() } }; OUTGOING]);
    static INCOMING_ITEMS: ConstStaticCell<[Incoming; INCOMING]> = ConstStaticCell::new(
        [const {
            Incoming {
                connection: 0,
                happening: Happening::Disconnected,
                kind: Kind::Birth,
                payload: Vec::new(),
            }
        }; INCOMING],
    );
    static TO_BROKER: StaticCell<Channel<'static, CriticalSectionRawMutex, Outgoing>> = StaticCell::new();
    static TO_DEVICE: StaticCell<Channel<'static, CriticalSectionRawMutex, Incoming>> = StaticCell::new();
    let (to_broker, from_device) = TO_BROKER.init(Channel::new(OUTGOING_ITEMS.take())).split();
    let (to_device, from_broker) = TO_DEVICE.init(Channel::new(INCOMING_ITEMS.take())).split();
    let device = Device { wish: &WISH, outgoing: to_broker, incoming: from_broker };
    (device, Network { wish: &WISH, outgoing: from_device, incoming: to_device })
}
