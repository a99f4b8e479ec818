//! The flash of an emulated device: what it was given, and the model that it starts with.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use dunlin_agent::Provisioning;
use dunlin_protocol::message::BlockSize as Block;
use dunlin_protocol::{BLOCK_HASH_BYTES, Digest, write_index};
use dunlin_runtime::Model;
use dunlin_store::{BlockSize, FileFlash, Install, Progress, Release, Store};

use crate::error::DeviceError;

/// Where the emulated flash lies, in the folder of the emulation.
const NAME: &str = "flash.bin";
/// Where it is written first.
const NEW: &str = "flash.new";
/// Length of the flash in bytes; the device's own constant has the same value. The last sector holds the provisioning.
const FLASH_BYTES: usize = 2 << 20;
const SECTOR_BYTES: usize = 4096;
/// Blocks of the model that is written along. An update reuses them if its own are as long.
const BLOCK: (Block, BlockSize) = (Block::KiB1, BlockSize::OneKibibyte);
/// The release of that model: any release over the air has a higher sequence.
const SEQUENCE: u64 = 1;

/// Length of a model slot of the emulated device in bytes: two of them and the logs fill the flash.
pub const SLOT_BYTES: u32 = 896 << 10;

/// Whether a folder holds the flash of a device.
pub fn has_flash(folder: &Path) -> bool {
    folder.join(NAME).is_file()
}

/// Writes the flash of a device into `folder`, in place of what is there: erased, but for the provisioning and, if there is one, the
/// model, which is active in slot A and confirmed. Digest and signature of the model have been checked.
///
/// # Errors
/// [`DeviceError::Flash`] or [`DeviceError::Io`].
pub async fn write_flash(
    folder: &Path,
    provisioning: &Provisioning,
    model: Option<&Model<'_>>,
) -> Result<(), DeviceError> {
    let written = || DeviceError::io("writing the flash of the device");
    let new = folder.join(NEW);
    if new.exists() {
        fs::remove_dir_all(&new).map_err(written())?;
    }
    let (flash, layout) = FileFlash::open(&new, provisioning.sizes()).map_err(|error| refused(&error))?;
    let gap = (FLASH_BYTES - SECTOR_BYTES)
        .checked_sub(layout.bytes() as usize)
        .ok_or_else(|| refused(&format!("slots of {} bytes do not fit", provisioning.slot_bytes)))?;
    let mut store = Store::open(flash, layout).await.map_err(|error| refused(&error))?;
    if let Some(model) = model {
        install(&mut store, model).await?;
    }
    drop(store);

    let mut sector = [0xFF; SECTOR_BYTES];
    provisioning.encode(&mut sector).map_err(|error| refused(&error))?;
    let mut file = File::options().append(true).open(new.join(NAME)).map_err(written())?;
    file.write_all(&vec![0xFF; gap]).and_then(|()| file.write_all(&sector)).map_err(written())?;
    drop(file);
    fs::rename(new.join(NAME), folder.join(NAME)).map_err(written())?;
    fs::remove_dir_all(&new).map_err(written())
}

/// Installs a model as an update would, block by block, so that what is left in the flash is the same.
async fn install(store: &mut Store<FileFlash>, model: &Model<'_>) -> Result<(), DeviceError> {
    let blob = model.bytes();
    let block = BLOCK.0.bytes() as usize;
    let mut index = vec![0; blob.len().div_ceil(block) * BLOCK_HASH_BYTES];
    write_index(blob, BLOCK.0, &mut index).ok_or_else(|| refused(&"the model cannot be cut into blocks"))?;
    let release = Release {
        model: dunlin_store::Model {
            sequence: SEQUENCE,
            digest: model.header().digest,
            length: u32::try_from(blob.len()).map_err(|error| refused(&error))?,
            block_size: BLOCK.1,
        },
        index_digest: Digest::of(&index).0,
        message: Default::default(),
    };
    let mut installed = store.begin_install(release).await.map_err(|error| refused(&error))?;
    fill(store, &mut installed, blob, &index).await.map_err(|error| refused(&error))?;
    store.start_trial(&installed, 0).await.map_err(|error| refused(&error))?;
    store.confirm().await.map_err(|error| refused(&error))
}

/// Gives an installation what it asks for, until nothing is missing.
async fn fill(
    store: &mut Store<FileFlash>,
    install: &mut Install,
    blob: &[u8],
    index: &[u8],
) -> Result<(), dunlin_store::Error<dunlin_store::FileFlashError>> {
    let block = BLOCK.0.bytes() as usize;
    loop {
        match store.step_install(install).await? {
            Progress::Working => {}
            Progress::NeedIndex { offset, length } => {
                let rest = index.get(offset as usize..).unwrap_or_default();
                let piece = rest.get(..block.min(length as usize)).unwrap_or(rest);
                store.write_index(install, offset, piece).await?;
            }
            Progress::NeedBlocks { first, missing } => {
                for number in (0..64).filter(|bit| missing >> bit & 1 == 1).map(|bit| first + bit) {
                    let piece = blob.chunks(block).nth(number as usize).unwrap_or_default();
                    store.write_block(install, number, piece).await?;
                }
            }
            Progress::Complete => return Ok(()),
        }
    }
}

fn refused(reason: &dyn std::fmt::Display) -> DeviceError {
    DeviceError::Flash { reason: reason.to_string() }
}
