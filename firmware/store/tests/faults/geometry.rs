//! Flash of other geometries, and blobs of several windows.

use dunlin_store::{
    BlockSize, Error, Install, Layout, Model, Progress, Release, Sizes, SlotId, Store,
    simulated::{Cut, SimulatedError, SimulatedFlash, Tear, run},
};
use sha2::{Digest, Sha256};

use crate::device::noise;

struct Image {
    bytes: Vec<u8>,
    index: Vec<u8>,
    release: Release,
}

fn image(sequence: u64, bytes: Vec<u8>, block_size: BlockSize) -> Image {
    let blocks = bytes.chunks(block_size.bytes() as usize);
    let index: Vec<u8> = blocks.flat_map(|block| Sha256::digest(block)[..16].to_vec()).collect();
    let model =
        Model { sequence, digest: Sha256::digest(&bytes).into(), length: bytes.len() as u32, block_size };
    let index_digest = Sha256::digest(&index).into();
    Image { bytes, index, release: Release { model, index_digest, message: heapless::Vec::new() } }
}

type Outcome<T> = Result<T, Error<SimulatedError>>;

fn drive<const W: usize, const E: usize>(
    store: &mut Store<SimulatedFlash<W, E>>,
    install: &mut Install,
    image: &Image,
) -> Outcome<()> {
    let block = image.release.model.block_size.bytes() as usize;
    loop {
        match run(store.step_install(install))? {
            Progress::Working => {}
            Progress::NeedIndex { offset, length } => {
                let (start, end) = (offset as usize, (offset + length.min(1024)) as usize);
                run(store.write_index(install, offset, &image.index[start..end]))?;
            }
            Progress::NeedBlocks { first, missing } => {
                // All of the window, in an order of its own.
                for bit in (0..64).map(|bit| bit * 37 % 64).filter(|bit| missing & (1 << bit) != 0) {
                    let bytes = image.bytes.chunks(block).nth(first as usize + bit).unwrap();
                    run(store.write_block(install, first + bit as u32, bytes))?;
                }
            }
            Progress::Complete => return Ok(()),
        }
    }
}

fn update<const W: usize, const E: usize>(
    store: &mut Store<SimulatedFlash<W, E>>,
    image: &Image,
) -> Outcome<Option<Install>> {
    let mut done = None;
    while store.state().confirmed_sequence() < image.release.model.sequence {
        if store.state().trial().is_some() {
            run(store.confirm())?;
        } else if let Some(mut install) = store.resume_install()? {
            drive(store, &mut install, image)?;
            run(store.start_trial(&install, 0))?;
            done = Some(install);
        } else {
            run(store.begin_install(image.release.clone()))?;
        }
    }
    Ok(done)
}

/// Installs a model of 100 blocks, then one with a block put in front of it, that one cut at some operations.
fn check<const W: usize, const E: usize>(block_size: BlockSize) {
    let block = block_size.bytes() as usize;
    let first = image(1, noise(1, 100 * block + 48), block_size);
    let second =
        image(2, [noise(2, block), first.bytes[..99 * block].to_vec(), noise(3, 80)].concat(), block_size);
    let log_sector_bytes = E.max(2048) as u32;
    let sizes = Sizes {
        slot_bytes: (second.bytes.len() + E).next_multiple_of(E) as u32
            + (second.index.len()).next_multiple_of(E) as u32,
        log_sector_bytes,
        ..Sizes::default()
    };
    let flash = SimulatedFlash::<W, E>::new(2 * sizes.slot_bytes as usize + 14 * log_sector_bytes as usize);
    let layout = Layout::new(&flash, sizes).unwrap();
    let open = |flash| run(Store::open(flash, layout)).unwrap();
    let mut store = open(flash);
    update(&mut store, &first).unwrap();
    let mut start = store.into_flash();
    start.restart();

    let mut store = open(start.clone());
    let install = update(&mut store, &second).unwrap().unwrap();
    assert_eq!((install.kept(), install.copied(), install.fetched()), (0, 99, 2), "moved blocks are found");
    let operations = store.flash().trace().len();
    for operation in (0..operations).step_by(operations / 40) {
        let length = store.flash().trace()[operation].length;
        for tear in [Tear::Bits { bytes: length / 2, seed: 5 }, Tear::After { bytes: length }] {
            let mut flash = start.clone();
            flash.cut(Cut { operation, tear });
            let mut store = open(flash);
            assert!(update(&mut store, &second).is_err());
            let mut flash = store.into_flash();
            flash.restart();
            let mut store = open(flash);
            update(&mut store, &second).unwrap();
            assert_eq!(store.state().active(), Some(SlotId::B));
            let blob = store.blob(SlotId::B).unwrap();
            assert!(store.flash().bytes()[blob.start as usize..blob.end() as usize] == second.bytes);
            assert_eq!(store.flash().violations(), []);
        }
    }
}

#[test]
fn blocks_longer_and_shorter_than_sectors_are_installed() {
    check::<1, 256>(BlockSize::OneKibibyte);
    check::<4, 4096>(BlockSize::FourKibibytes);
    check::<8, 2048>(BlockSize::FourKibibytes);
    check::<16, 8192>(BlockSize::TwoKibibytes);
    check::<32, 65536>(BlockSize::OneKibibyte);
}

#[test]
fn what_does_not_fit_is_named() {
    use dunlin_store::{LayoutError, Part};
    let sizes = Sizes::default();
    let flash = SimulatedFlash::<8, 4096>::new(256 * 1024);
    let needed = 2 * 128 * 1024 + 14 * 4096;
    let error = |sizes| Layout::new(&flash, sizes).unwrap_err();
    assert_eq!(error(sizes), LayoutError::FlashTooSmall { needed, available: 256 * 1024 });
    assert_eq!(error(Sizes { slot_bytes: 5000, ..sizes }), LayoutError::SlotNotWhole(5000));
    assert_eq!(error(Sizes { slot_bytes: 0, ..sizes }), LayoutError::SlotNotWhole(0));
    assert_eq!(error(Sizes { log_sector_bytes: 2048, ..sizes }), LayoutError::LogSector(2048));
    let few = LayoutError::SectorCount { part: Part::Events, found: 2, least: 3 };
    assert_eq!(error(Sizes { event_sectors: 2, ..sizes }), few);
    assert_eq!(
        Layout::new(&SimulatedFlash::<64, 4096>::new(65536), sizes).unwrap_err(),
        LayoutError::UnsupportedUnit(64)
    );
    let huge = Sizes { slot_bytes: !4095, ..sizes };
    assert!(matches!(error(huge), LayoutError::FlashTooSmall { .. }));
    // 128 blocks in a sector.
    let flash = SimulatedFlash::<8, 131_072>::new(4 << 20);
    let sizes = Sizes { slot_bytes: 1 << 18, log_sector_bytes: 1 << 17, ..sizes };
    let mut store = run(Store::open(flash.clone(), Layout::new(&flash, sizes).unwrap())).unwrap();
    let short = image(1, noise(1, 5000), BlockSize::OneKibibyte);
    let refused = run(store.begin_install(short.release)).err();
    assert_eq!(refused, Some(Error::BlocksTooShort { block: 1024, sector: 131_072 }));
    update(&mut store, &image(1, noise(1, 50_000), BlockSize::TwoKibibytes)).unwrap();
}
