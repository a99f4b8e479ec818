//! What a release offers: a blob, its block index, and what it needs of a device.

use std::path::Path;

use dunlin_agent::schemas;
use dunlin_protocol::message::{Block, BlockData, BlockRefusal, BlockSize, Needs, Part};
use dunlin_protocol::{BLOCK_HASH_BYTES, ContentId, Digest, Geometry, Version, write_index};
use dunlin_runtime::Model;

use crate::commands::sign::is_unsigned;
use crate::failure::Failure;

/// A blob cut into blocks.
pub struct Content<'a> {
    blob: &'a [u8],
    index: Vec<u8>,
    digest: Digest,
    index_digest: Digest,
    geometry: Geometry,
}

impl<'a> Content<'a> {
    /// Cuts a blob, which must be signed.
    pub fn new(model: &Model<'a>, block: BlockSize, path: &Path) -> Result<Content<'a>, Failure> {
        if is_unsigned(model.header()) {
            return Err(Failure::new(format!(
                "{} is not signed, and devices install no such blob",
                path.display()
            ))
            .help("sign it with `dunlin sign`"));
        }
        let blob = model.bytes();
        // A blob states its length in 32 bits.
        let blob_bytes = u32::try_from(blob.len()).unwrap_or(u32::MAX);
        let mut index = vec![0; blob.len().div_ceil(block.bytes() as usize) * BLOCK_HASH_BYTES];
        write_index(blob, block, &mut index)
            .ok_or_else(|| Failure::new(format!("{} cannot be cut into blocks", path.display())))?;
        Ok(Content {
            blob,
            digest: Digest(model.header().digest),
            index_digest: Digest::of(&index),
            geometry: Geometry { blob_bytes, block },
            index,
        })
    }

    /// Digest in the blob's header.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Digest of the block index.
    pub fn index_digest(&self) -> Digest {
        self.index_digest
    }

    /// By what devices ask for it.
    pub fn id(&self) -> ContentId {
        self.index_digest.content()
    }

    /// How it is cut.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// One block, or why there is none.
    pub fn block(&self, part: Part, number: u32) -> Block<'_> {
        let bytes = match part {
            Part::Index => &self.index,
            Part::Blob => self.blob,
        };
        let range = self.geometry.range(part, number);
        let data = range.and_then(|range| bytes.get(range.start as usize..range.end as usize));
        let data = data.map_or(BlockData::Refused(BlockRefusal::OutOfRange), BlockData::Data);
        Block { content: self.id(), part, number, data }
    }
}

/// What a blob needs of a device, so that one that cannot run it refuses before it fetches a byte.
pub fn needs(model: &Model<'_>) -> Needs {
    let header = model.program().header();
    let (input_schema, output_schema) = schemas(model);
    Needs {
        operator_set: header.operator_set,
        packing: header.packing,
        runtime: Version::default(),
        arena_bytes: header.arena_bytes,
        input_schema,
        output_schema,
    }
}
