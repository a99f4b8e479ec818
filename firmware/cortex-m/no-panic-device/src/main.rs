//! Everything that a device does, linked, to see which panics its code can reach.
//!
//! The compiler puts a panic at the end of each `async fn`, for whoever polls it once more. `.await` never does, but no optimizer
//! can know; so the linker alone cannot prove what it proves for the runtime (package `no-panic`). A test reads the symbols
//! instead: of the panics of `core` that one alone may be there. With `--features prove` there is another one.
#![no_std]
#![no_main]

use core::future::Future;
use core::hint::black_box;
use core::panic::PanicInfo;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use dunlin_agent::{Boot, Device, Memory, Next, NotSent, Platform, Profile, Values};
use dunlin_protocol::message::{Lines, ResetCause};
use dunlin_protocol::{Kind, Name, Nonce, TrustedKey, TrustedKeys};
use dunlin_runtime::Aligned;
use dunlin_store::{Layout, Region, Sizes, SlotId};
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// A flash that the compiler knows nothing about.
struct Flash;

#[derive(Debug)]
struct Failure;

impl NorFlashError for Failure {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Flash {
    type Error = Failure;
}

fn outcome() -> Result<(), Failure> {
    if black_box(true) { Ok(()) } else { Err(Failure) }
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        black_box((offset, bytes));
        outcome()
    }

    fn capacity(&self) -> usize {
        black_box(1 << 20)
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 4096;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Failure> {
        black_box((from, to));
        outcome()
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        black_box((offset, bytes));
        outcome()
    }
}

/// A platform that the compiler knows nothing about.
struct Board;

fn handed_over() -> Result<(), NotSent> {
    if black_box(true) { Ok(()) } else { Err(NotSent) }
}

impl Platform<Flash> for Board {
    async fn connect(&mut self, fleet: &Name, device: &Name, will: &[u8]) {
        black_box((fleet, device, will));
    }

    async fn subscribe(&mut self, fleet: &Name, device: &Name) -> Result<(), NotSent> {
        black_box((fleet, device));
        handed_over()
    }

    async fn publish(&mut self, _: &Name, _: &Name, kind: Kind, payload: &[u8]) -> Result<(), NotSent> {
        black_box((kind, payload));
        handed_over()
    }

    fn microseconds(&self) -> u32 {
        black_box(5)
    }

    fn reboot(&mut self) {}

    fn identify(&mut self, seconds: u16) {
        black_box(seconds);
    }

    fn slot<'a>(&'a self, _: &'a Flash, slot: SlotId, region: Region) -> &'a [u8] {
        black_box((slot, region));
        black_box(&[])
    }

    fn slot_copy(&mut self, _: SlotId) -> Option<&mut [u8]> {
        black_box(None)
    }
}

fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// The whole life of a device.
async fn everything(payload: &[u8], arena: &mut [u8], buffer: &mut [u8], now: u64) -> Option<u64> {
    let mut keys = TrustedKeys::none();
    keys.trust(black_box(TrustedKey { key: [3; 32], roles: Default::default() })).ok()?;
    let name = Name::new(core::str::from_utf8(payload).ok()?).ok()?;
    let profile = black_box(Profile::new(name.clone(), name, Nonce([0; 8]), keys));
    let layout = Layout::new(&Flash, black_box(Sizes::default())).ok()?;
    let memory = Memory { arena, buffer };
    let boot = black_box(Boot { cause: ResetCause::Panic, seed: 7 });
    let mut device = Device::start(profile, Flash, layout, Board, memory, boot, now).await.ok()?;
    let mut outputs = [0.0; 8];
    loop {
        let now = black_box(now);
        if let Next::At(at) = device.poll(now).await {
            black_box(at);
        }
        device.connected(black_box(now));
        let kind = black_box(Kind::Release);
        black_box(device.received(kind, black_box(payload), black_box(now)).await);
        let sample = black_box(Values::Real(&[1.0]));
        black_box(device.predict(sample, &mut outputs, black_box(now)).is_ok());
        device.set_clock(black_box(1), black_box(now));
        device.log(black_box(Lines::Defmt(payload))).await;
        device.disconnected(black_box(now));
        if black_box(false) {
            break;
        }
    }
    if cfg!(feature = "prove") {
        // Panics if the payload is shorter.
        black_box(payload[now as usize]);
    }
    Some(now)
}

/// The entry point of the linker. Nobody runs it.
#[unsafe(no_mangle)]
extern "C" fn exercise() -> ! {
    let mut arena = Aligned([0; 64]);
    let mut buffer = [0; Memory::BUFFER_BYTES];
    loop {
        let payload = black_box::<&[u8]>(&[]);
        black_box(poll(everything(payload, black_box(&mut arena.0), black_box(&mut buffer), black_box(5))));
    }
}
