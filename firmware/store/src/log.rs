//! A log in a ring of sectors: what journal and outbox are made of.
//!
//! A record is 16 bytes and its content, filled up with ones to whole units: u32 checksum, u16 length of the content, u8 kind, u8
//! zero, u64 sequence. The checksum (CRC-32) covers the log's tag, the sector's epoch and the record's address in the flash, then
//! everything behind itself. So neither a torn record, nor one left from an earlier use of the sector, nor a mixture of both
//! passes.
//!
//! The first record of a sector is its *opening*: its sequence is the epoch, one more than that of the sector opened before,
//! and its content is everything that the owner of the log must know if only this sector is left. A sector without a valid
//! opening is free. The owner sees to it that the next sector of the ring holds nothing of value; opening it erases it first, always, since what a
//! cut left of an earlier erasure may look blank.
//!
//! Nothing is ever written behind something torn: such a sector is closed, and the next is opened. Each record is read back.

use embedded_storage_async::nor_flash::NorFlash;

use crate::{
    Error, Part, Region,
    crc32::Crc32,
    flash::{self, CHUNK, round_up},
};

/// Length of a record's header in bytes.
pub(crate) const HEADER: u32 = 16;
/// Kind of the record that opens a sector.
pub(crate) const OPENING: u8 = 1;

/// A ring of sectors, and where the next record goes.
pub(crate) struct Log {
    part: Part,
    region: Region,
    sector_bytes: u32,
    sectors: u32,
    unit: u32,
    /// Epoch of the sector that takes records; 0 before the first is opened.
    epoch: u32,
    current: u32,
    /// Offset of the next record in the current sector; the sector's length when the sector is closed.
    position: u32,
}

/// Where a reader of the log is: behind `offset` in the sector with this epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) epoch: u32,
    sector: u32,
    offset: u32,
}

/// A record that was found valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) sequence: u64,
    /// Length of the content in bytes.
    pub(crate) length: u16,
    /// Offset of the content in the flash.
    pub(crate) content: u32,
}

/// What became of a record that was to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is in the flash, and was read back.
    Stored,
    /// The current sector has no room for it, or is closed.
    Full,
}

impl Log {
    /// Finds the sector that takes records. Only reads.
    pub(crate) async fn mount<F: NorFlash>(
        flash: &mut F,
        part: Part,
        region: Region,
        sectors: u32,
        sector_bytes: u32,
        unit: u32,
    ) -> Result<Self, Error<F::Error>> {
        let last = sectors.saturating_sub(1);
        let mut log = Log {
            part,
            region,
            sector_bytes,
            sectors,
            unit,
            epoch: 0,
            current: last,
            position: sector_bytes,
        };
        while let Some(place) = log.sector_after(flash, log.epoch).await? {
            log.epoch = place.epoch;
            log.current = place.sector;
        }
        if log.epoch == 0 {
            return Ok(log);
        }
        let mut place = Place { epoch: log.epoch, sector: log.current, offset: 0 };
        let mut end = 0;
        while let Some(record) = log.next_in_sector(flash, &mut place).await? {
            let start = log.address(log.current);
            end = record.content.saturating_sub(start + HEADER) + log.size(record.length.into());
        }
        let start = log.address(log.current);
        if flash::is_blank(flash, start + end, start + sector_bytes).await? {
            log.position = end;
        }
        Ok(log)
    }

    /// The longest content that a record may have beside its sector's opening with content of `opening` bytes, and with
    /// `reserve` bytes left over.
    pub(crate) fn longest_content(&self, opening: usize, reserve: u32) -> usize {
        let room = self.sector_bytes.saturating_sub(self.size(opening) + reserve + HEADER);
        room.min(u16::MAX.into()) as usize & !(self.unit as usize - 1)
    }

    /// What a record with content of this length occupies, in bytes.
    pub(crate) fn size(&self, content: usize) -> u32 {
        round_up(HEADER.saturating_add(u32::try_from(content).unwrap_or(u32::MAX / 2)), self.unit)
    }

    pub(crate) fn part(&self) -> Part {
        self.part
    }

    /// How many sectors the ring has.
    pub(crate) fn sectors(&self) -> u32 {
        self.sectors
    }

    /// The sector that takes records, if one was opened.
    pub(crate) fn current(&self) -> Option<u32> {
        (self.epoch != 0).then_some(self.current)
    }

    /// The sector behind this one in the ring.
    pub(crate) fn following(&self, sector: u32) -> u32 {
        if sector.saturating_add(1) >= self.sectors { 0 } else { sector + 1 }
    }

    /// The sector that is opened next.
    pub(crate) fn next_to_open(&self) -> u32 {
        self.following(self.current)
    }

    /// Appends a record if the current sector has room for it and `reserve` bytes more.
    ///
    /// A sector in which this fails is closed. So it is when the future is dropped before its end.
    pub(crate) async fn append<F: NorFlash>(
        &mut self,
        flash: &mut F,
        kind: u8,
        sequence: u64,
        content: &[u8],
        reserve: u32,
    ) -> Result<Appended, Error<F::Error>> {
        let end = self.position.saturating_add(self.size(content.len()));
        if self.epoch == 0 || end.saturating_add(reserve) > self.sector_bytes {
            return Ok(Appended::Full);
        }
        let place = Place { epoch: self.epoch, sector: self.current, offset: self.position };
        self.position = self.sector_bytes;
        self.write_record(flash, place, kind, sequence, content).await?;
        self.position = end;
        Ok(Appended::Stored)
    }

    /// Erases a sector and opens it with this content. The current sector stays as it is; it is closed when this succeeds.
    ///
    /// The caller is sure that the sector holds nothing of value.
    pub(crate) async fn open<F: NorFlash>(
        &mut self,
        flash: &mut F,
        sector: u32,
        content: &[u8],
    ) -> Result<(), Error<F::Error>> {
        let epoch = self.epoch.checked_add(1).ok_or(Error::WornOut(self.part))?;
        let start = self.address(sector);
        flash.erase(start, start + self.sector_bytes).await.map_err(Error::Flash)?;
        let place = Place { epoch, sector, offset: 0 };
        self.write_record(flash, place, OPENING, u64::from(epoch), content).await?;
        self.epoch = epoch;
        self.current = sector;
        self.position = self.size(content.len());
        Ok(())
    }

    /// The next valid record behind a place, in the order in which they were written, openings included.
    pub(crate) async fn next<F: NorFlash>(
        &self,
        flash: &mut F,
        place: &mut Place,
    ) -> Result<Option<Record>, Error<F::Error>> {
        loop {
            if place.epoch != 0
                && let Some(record) = self.next_in_sector(flash, place).await?
            {
                return Ok(Some(record));
            }
            match self.sector_after(flash, place.epoch).await? {
                Some(next) => *place = next,
                None => return Ok(None),
            }
        }
    }

    /// The start of the current sector's records.
    pub(crate) fn start_of_current(&self) -> Place {
        Place { epoch: self.epoch, sector: self.current, offset: 0 }
    }

    /// The start of a sector's records, if it is open or closed, but not free.
    pub(crate) async fn start_of<F: NorFlash>(
        &self,
        flash: &mut F,
        sector: u32,
    ) -> Result<Option<Place>, Error<F::Error>> {
        Ok(self.opening(flash, sector).await?.map(|epoch| Place { epoch, sector, offset: 0 }))
    }

    /// The next valid record behind a place in the same sector.
    ///
    /// Behind a damaged record the search goes on unit by unit: what was stored behind it earlier is still found.
    pub(crate) async fn next_in_sector<F: NorFlash>(
        &self,
        flash: &mut F,
        place: &mut Place,
    ) -> Result<Option<Record>, Error<F::Error>> {
        while place.offset.saturating_add(HEADER) <= self.sector_bytes {
            if place.epoch == self.epoch && self.position < self.sector_bytes && place.offset >= self.position
            {
                // Not a step further: a record may be appended here later.
                return Ok(None);
            }
            if let Some(record) = self.record_at(flash, *place).await? {
                place.offset += self.size(record.length.into());
                return Ok(Some(record));
            }
            place.offset += self.unit;
        }
        Ok(None)
    }

    /// The sector with the least epoch above this one.
    async fn sector_after<F: NorFlash>(
        &self,
        flash: &mut F,
        epoch: u32,
    ) -> Result<Option<Place>, Error<F::Error>> {
        let mut found: Option<Place> = None;
        for sector in 0..self.sectors {
            if let Some(other) = self.opening(flash, sector).await?
                && other > epoch
                && found.is_none_or(|place| other < place.epoch)
            {
                found = Some(Place { epoch: other, sector, offset: 0 });
            }
        }
        Ok(found)
    }

    /// Epoch of a sector that has a valid opening.
    async fn opening<F: NorFlash>(&self, flash: &mut F, sector: u32) -> Result<Option<u32>, Error<F::Error>> {
        let mut header = [0; HEADER as usize];
        flash::read(flash, self.address(sector), &mut header).await?;
        let epoch = match u32::try_from(Header::parse(&header).sequence) {
            Ok(epoch) if epoch != 0 => epoch,
            _ => return Ok(None),
        };
        let record = self.record_at(flash, Place { epoch, sector, offset: 0 }).await?;
        Ok(record.filter(|record| record.kind == OPENING).map(|_| epoch))
    }

    /// Reads and checks the record at a place.
    async fn record_at<F: NorFlash>(
        &self,
        flash: &mut F,
        place: Place,
    ) -> Result<Option<Record>, Error<F::Error>> {
        let address = self.address(place.sector) + place.offset;
        let mut bytes = [0; HEADER as usize];
        flash::read(flash, address, &mut bytes).await?;
        let header = Header::parse(&bytes);
        let room = self.sector_bytes.saturating_sub(place.offset + HEADER);
        // An opening stands at the start of its sector and nowhere else.
        let opens = header.kind == OPENING && header.sequence == u64::from(place.epoch);
        if u32::from(header.length) > room || header.zero != 0 || (place.offset == 0) != opens {
            return Ok(None);
        }
        let mut crc = self.checksum(place.epoch, address, &bytes);
        let content = address + HEADER;
        let mut chunk = [0; CHUNK];
        let mut left = usize::from(header.length);
        let mut offset = content;
        while left != 0 {
            let Some(part) = chunk.get_mut(..left.min(CHUNK)) else { break };
            flash::read(flash, offset, part).await?;
            crc.update(part);
            left -= part.len();
            offset += part.len() as u32;
        }
        let valid = crc.finish() == header.checksum;
        Ok(valid.then_some(Record {
            kind: header.kind,
            sequence: header.sequence,
            length: header.length,
            content,
        }))
    }

    /// Writes a record chunk by chunk and reads it back.
    async fn write_record<F: NorFlash>(
        &self,
        flash: &mut F,
        place: Place,
        kind: u8,
        sequence: u64,
        content: &[u8],
    ) -> Result<(), Error<F::Error>> {
        let address = self.address(place.sector) + place.offset;
        let length = u16::try_from(content.len()).map_err(|_| Error::WornOut(self.part))?;
        let mut header = Header { checksum: 0, length, kind, zero: 0, sequence };
        let mut crc = self.checksum(place.epoch, address, &header.bytes());
        crc.update(content);
        header.checksum = crc.finish();

        let mut chunk = [0xFF; CHUNK];
        let mut used = 0;
        let mut offset = address;
        for byte in header.bytes().iter().chain(content) {
            if used == CHUNK {
                flash::write(flash, offset, &chunk).await?;
                offset += CHUNK as u32;
                used = 0;
            }
            if let Some(to) = chunk.get_mut(used) {
                *to = *byte;
            }
            used += 1;
        }
        if let Some(rest) = chunk.get(..used) {
            flash::write(flash, offset, rest).await?;
        }
        match self.record_at(flash, place).await? {
            Some(record) if record.kind == kind && record.sequence == sequence && record.length == length => {
                Ok(())
            }
            _ => Err(Error::WornOut(self.part)),
        }
    }

    /// Checksum over what tells this record from others, and over its header without the checksum itself.
    fn checksum(&self, epoch: u32, address: u32, header: &[u8; HEADER as usize]) -> Crc32 {
        let tag: &[u8; 4] = match self.part {
            Part::Slot(_) => b"DNLS",
            Part::Journal => b"DNLJ",
            Part::Reports => b"DNLR",
            Part::Events => b"DNLE",
        };
        let mut crc = Crc32::new();
        crc.update(tag);
        crc.update(&epoch.to_le_bytes());
        crc.update(&address.to_le_bytes());
        crc.update(header.split_at(4).1);
        crc
    }

    fn address(&self, sector: u32) -> u32 {
        self.region.start + sector * self.sector_bytes
    }
}

/// The first 16 bytes of a record.
struct Header {
    checksum: u32,
    length: u16,
    kind: u8,
    zero: u8,
    sequence: u64,
}

impl Header {
    fn parse(bytes: &[u8; HEADER as usize]) -> Self {
        let [a, b, c, d, length_low, length_high, kind, zero, sequence @ ..] = *bytes;
        Header {
            checksum: u32::from_le_bytes([a, b, c, d]),
            length: u16::from_le_bytes([length_low, length_high]),
            kind,
            zero,
            sequence: u64::from_le_bytes(sequence),
        }
    }

    fn bytes(&self) -> [u8; HEADER as usize] {
        let [a, b, c, d] = self.checksum.to_le_bytes();
        let [e, f] = self.length.to_le_bytes();
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.sequence.to_le_bytes();
        [a, b, c, d, e, f, self.kind, self.zero, s0, s1, s2, s3, s4, s5, s6, s7]
    }
}
