//! A small device: its flash, its models, and an agent that always goes on from what the store says.

use dunlin_store::{
    BlockSize, BootCause, Error, Install, Layout, Model, Progress, Release, Sizes, SlotId, Store,
    simulated::{Density, SimulatedError, SimulatedFlash, run},
};
use sha2::{Digest, Sha256};

/// Words of 8 bytes and sectors of 2 KiB, as an STM32L4 has.
pub type Flash = SimulatedFlash<8, 2048>;
pub type Result<T> = std::result::Result<T, Error<SimulatedError>>;

pub const SIZES: Sizes = Sizes {
    slot_bytes: 10 * 1024,
    log_sector_bytes: 2048,
    journal_sectors: 3,
    report_sectors: 3,
    event_sectors: 3,
};

pub fn is_full() -> bool {
    std::env::var("DUNLIN_FAULTS").is_ok_and(|value| value == "full")
}

/// Every byte of records; blocks more coarsely unless all is asked for.
pub fn density() -> Density {
    if is_full() {
        Density::FULL
    } else {
        Density { long_write_bytes: 97, erase_bytes: 256, random: 1, ..Density::FULL }
    }
}

/// The first of two cuts.
pub fn sparse() -> Density {
    let factor = if is_full() { 1 } else { 4 };
    Density { write_bytes: 16 * factor, long_write_bytes: 128 * factor, erase_bytes: 256 * factor, random: 1 }
}

pub fn layout(flash: &Flash) -> Layout {
    Layout::new(flash, SIZES).unwrap()
}

pub fn new_flash() -> Flash {
    Flash::new(38 * 1024 + 4096)
}

pub fn open(flash: Flash) -> Result<Store<Flash>> {
    let layout = layout(&flash);
    run(Store::open(flash, layout))
}

/// A blob as the store sees it: bytes, and the index over them.
#[derive(Clone)]
pub struct Blob {
    pub bytes: Vec<u8>,
    pub index: Vec<u8>,
    pub release: Release,
}

impl Blob {
    pub fn new(sequence: u64, bytes: Vec<u8>) -> Self {
        let index: Vec<u8> =
            bytes.chunks(1024).flat_map(|block| Sha256::digest(block)[..16].to_vec()).collect();
        let model = Model {
            sequence,
            digest: Sha256::digest(&bytes).into(),
            length: bytes.len() as u32,
            block_size: BlockSize::OneKibibyte,
        };
        let message = heapless::Vec::from_slice(&[sequence as u8; 300]).unwrap();
        let release = Release { model, index_digest: Sha256::digest(&index).into(), message };
        Blob { bytes, index, release }
    }

    /// Version 1: five blocks and a short one.
    pub fn first() -> Self {
        Blob::new(1, noise(1, 5 * 1024 + 336))
    }

    /// Version 2: of version 1, block 0 is at its place and block 3 at another; the others are new.
    pub fn second() -> Self {
        let (first, mut bytes) = (Blob::first().bytes, noise(2, 5 * 1024 + 112));
        bytes[..1024].copy_from_slice(&first[..1024]);
        bytes[2048..3072].copy_from_slice(&first[3072..4096]);
        Blob::new(2, bytes)
    }
}

pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Brings an installation to its end, whatever the slot holds already.
pub fn drive(store: &mut Store<Flash>, install: &mut Install, blob: &Blob) -> Result<()> {
    for _ in 0..10_000 {
        match run(store.step_install(install))? {
            Progress::Working => {}
            Progress::NeedIndex { offset, length } => {
                let end = (offset + length.min(64)) as usize;
                run(store.write_index(install, offset, &blob.index[offset as usize..end]))?;
            }
            Progress::NeedBlocks { first, missing } => {
                // From the back, since they may come in any order.
                let number = first + 63 - missing.leading_zeros();
                let start = number as usize * 1024;
                let end = blob.bytes.len().min(start + 1024);
                run(store.write_block(install, number, &blob.bytes[start..end]))?;
            }
            Progress::Complete => return Ok(()),
        }
    }
    panic!("the installation does not end");
}

/// Goes on from any state until the release is confirmed; calls back after each change of the state.
pub fn update(store: &mut Store<Flash>, blob: &Blob, mut changed: impl FnMut(&Store<Flash>)) -> Result<()> {
    while store.state().confirmed_sequence() < blob.release.model.sequence {
        if store.state().trial().is_some() {
            run(store.confirm())?;
        } else if let Some(mut install) = store.resume_install()? {
            drive(store, &mut install, blob)?;
            run(store.start_trial(&install, 1))?;
        } else {
            run(store.begin_install(blob.release.clone()))?;
        }
        changed(store);
    }
    Ok(())
}

/// A device that has been running version 1 for a while.
pub fn running_first() -> Flash {
    let mut store = open(new_flash()).unwrap();
    run(store.begin_boot(BootCause::Power)).unwrap();
    update(&mut store, &Blob::first(), |_| ()).unwrap();
    let mut flash = store.into_flash();
    flash.restart();
    flash
}

/// A device that has gone from version 1 to version 2, so that it could return.
pub fn running_second() -> Flash {
    let mut store = open(running_first()).unwrap();
    update(&mut store, &Blob::second(), |_| ()).unwrap();
    assert!(store.state().previous().is_some());
    let mut flash = store.into_flash();
    flash.restart();
    flash
}

/// A model serves, and each slot holds what the state says that it holds.
pub fn check_active(store: &Store<Flash>, blobs: &[&Blob]) {
    for slot in [SlotId::A, SlotId::B] {
        let serves = store.state().active() == Some(slot);
        let Some(model) = store.state().model(slot) else {
            assert!(!serves, "no model serves");
            continue;
        };
        let region = store.blob(slot).unwrap();
        let bytes = &store.flash().bytes()[region.start as usize..region.end() as usize];
        assert_eq!(<[u8; 32]>::from(Sha256::digest(bytes)), model.digest, "slot {slot} is damaged");
        assert!(!serves || blobs.iter().any(|blob| blob.bytes == bytes));
    }
    assert!(store.state().active().is_some());
}

/// Nothing that no flash allows was done.
pub fn check_use(store: &Store<Flash>) {
    assert_eq!(store.flash().violations(), [], "the flash was used against its rules");
}
