//! From reset to a device: flash, provisioning, memory.

use core::fmt;

use dunlin_agent::{Boot, Device, Memory, Profile, Provisioning, ProvisioningError, StartError};
use dunlin_image::free_memory;
use dunlin_protocol::message::ResetCause;
use dunlin_protocol::{Digest, Nonce, Text};
use dunlin_store::{Layout, LayoutError};
use mps2_an386::flash::{Flash, FlashError, FlashMemory};
use mps2_an386::psram;
use mps2_an386::reset::{self, Cause};
use static_cell::{ConstStaticCell, StaticCell};

use crate::platform::Board;
use crate::queues::LONGEST_RECEIVED;

/// Length of the flash in bytes. Its last sector holds the provisioning.
const FLASH_BYTES: usize = 2 << 20;
const SECTOR_BYTES: usize = 4096;
/// What `memory.x` leaves for the stack.
const STACK_BYTES: u32 = 64 * 1024;
/// Models run in memory from a multiple of this on.
const ALIGNMENT: usize = 16;

/// Why there is no device.
#[derive(Debug)]
pub enum NotStarted {
    /// The flash.
    Flash(FlashError),
    /// What the device was given.
    Provisioning(ProvisioningError),
    /// The length of the slots.
    Layout(LayoutError),
    /// The device.
    Device(StartError<FlashError>),
    /// Something that exists once was taken before.
    Started,
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotStarted::Flash(error) => error.fmt(f),
            NotStarted::Provisioning(error) => error.fmt(f),
            NotStarted::Layout(error) => error.fmt(f),
            NotStarted::Device(error) => error.fmt(f),
            NotStarted::Started => f.write_str("the device was started before"),
        }
    }
}

/// The device on this board.
pub type OnBoard = Device<'static, Flash<'static>, Board>;

/// A flash that is opened, and what is known from it.
pub struct Ground {
    flash: Flash<'static>,
    layout: Layout,
    /// What the device was given.
    pub provisioning: &'static Provisioning,
}

/// Opens the flash and reads what the device was given.
///
/// # Errors
/// [`NotStarted`].
pub fn open() -> Result<Ground, NotStarted> {
    static MEMORY: StaticCell<FlashMemory<'static>> = StaticCell::new();
    static PROVISIONING: StaticCell<Provisioning> = StaticCell::new();
    let psram = psram::take().and_then(|psram| psram.get_mut(..FLASH_BYTES)).ok_or(NotStarted::Started)?;
    let (memory, file) = FlashMemory::open(c"flash.bin", psram).map_err(NotStarted::Flash)?;
    let memory: &'static FlashMemory<'static> = MEMORY.try_init(memory).ok_or(NotStarted::Started)?;
    let sector = (FLASH_BYTES - SECTOR_BYTES) as u32;
    let provisioning = {
        let sector = memory.map(sector, SECTOR_BYTES).map_err(NotStarted::Flash)?;
        Provisioning::decode(sector.bytes()).map_err(NotStarted::Provisioning)?
    };
    let provisioning: &'static Provisioning =
        PROVISIONING.try_init(provisioning).ok_or(NotStarted::Started)?;
    let flash = Flash::new(memory, file);
    let layout = Layout::new(&flash, provisioning.sizes()).map_err(NotStarted::Layout)?;
    if layout.bytes() > sector {
        let (needed, available) = (u64::from(layout.bytes()), sector as usize);
        return Err(NotStarted::Layout(LayoutError::FlashTooSmall { needed, available }));
    }
    Ok(Ground { flash, layout, provisioning })
}

/// Where random numbers begin. There is no source of them: the nonce differs between devices, the count of boots between starts.
pub fn seed(nonce: &Nonce, boots: u32) -> u64 {
    let mut bytes = [0; 12];
    for (to, from) in bytes.iter_mut().zip(nonce.0.iter().chain(&boots.to_le_bytes())) {
        *to = *from;
    }
    Digest::of(&bytes).0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Starts the device, with all memory that is left but for a sample.
///
/// # Errors
/// [`NotStarted`].
pub async fn device(
    ground: Ground,
    board: Board,
    sample_bytes: usize,
) -> Result<(&'static mut OnBoard, &'static mut [u8]), NotStarted> {
    static DEVICE: StaticCell<OnBoard> = StaticCell::new();
    static BUFFER: ConstStaticCell<[u8; Memory::BUFFER_BYTES]> =
        ConstStaticCell::new([0; Memory::BUFFER_BYTES]);
    let buffer = BUFFER.try_take().ok_or(NotStarted::Started)?;
    let free = free_memory();
    let start = free.as_ptr().align_offset(ALIGNMENT).min(free.len());
    let (_, free) = free.split_at_mut(start);
    let room = sample_bytes.next_multiple_of(ALIGNMENT).min(free.len());
    let (sample, arena) = free.split_at_mut(room);
    let sample = sample.get_mut(..sample_bytes).unwrap_or_default();

    let reset = reset::take_last();
    let cause = match reset.cause {
        Cause::PowerOn => ResetCause::PowerOn,
        Cause::Watchdog => ResetCause::Watchdog,
        Cause::Panic => ResetCause::Panic,
        Cause::HardFault => ResetCause::Fault,
        Cause::Software => ResetCause::Requested,
    };
    let Provisioning { fleet, device, groups, nonce, keys, .. } = ground.provisioning;
    defmt::info!(
        "device {=str} of fleet {=str}, started after: {}, {=usize} bytes of arena",
        device,
        fleet,
        defmt::Display2Format(&cause),
        arena.len()
    );
    let profile = Profile {
        groups: groups.clone(),
        board: Text::cut("mps2-an386"),
        firmware: Text::cut(concat!("device ", env!("CARGO_PKG_VERSION"))),
        stack_bytes: STACK_BYTES,
        largest_packet: LONGEST_RECEIVED as u32,
        telemetry_period: 10,
        ..Profile::new(fleet.clone(), device.clone(), *nonce, keys.clone())
    };
    let boot = Boot { cause, seed: seed(nonce, 0) };
    let now = embassy_time::Instant::now().as_millis();
    let memory = Memory { arena, buffer };
    // Put where it stays at once: a device is long, and every place that it passes on its way takes as much of the stack.
    match Device::start(profile, ground.flash, ground.layout, board, memory, boot, now).await {
        Ok(device) => Ok((DEVICE.try_init(device).ok_or(NotStarted::Started)?, sample)),
        Err(error) => Err(NotStarted::Device(error)),
    }
}
