//! The outbox: reports and events that the fleet has not yet acknowledged.
//!
//! Reports and events lie in two logs, so that many reports never push out an event, and share one sequence that goes up by one
//! for each and never starts again. Nothing is marked in place: an acknowledgement is a number, up to which everything is
//! dead; a *floor* per log is another, up to which its items were dropped. Both are kept in checkpoints; all numbers of a
//! checkpoint only go up.
//!
//! The sector that is opened next never holds anything alive. So opening the last free sector raises the floor over the
//! oldest sector, and the checkpoint that says so, with the number of items dropped, is the opening itself: after a cut both
//! are true, or none.

use embedded_storage_async::nor_flash::NorFlash;

use crate::{
    Error, Layout, Part, Region, flash,
    log::{Appended, Log, OPENING, Place, Record},
};

/// Kind of a record that holds an item.
const ITEM: u8 = 2;
/// Kind of a record that holds a checkpoint; an opening holds one too.
const CHECKPOINT: u8 = 3;
const CHECKPOINT_BYTES: usize = 32;
/// So many items are acknowledged before a checkpoint is spent on it. After a cut those not yet in a checkpoint are sent again.
pub(crate) const ACKNOWLEDGEMENT_STRIDE: u64 = 16;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A telemetry window. Under pressure the oldest give way.
    Report,
    /// Something that must not get lost. It has room of its own, and only events push out events.
    Event,
}

/// An item of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'b> {
    /// Its sequence.
    pub sequence: u64,
    /// What it is.
    pub kind: ItemKind,
    /// The bytes that were pushed.
    pub bytes: &'b [u8],
}

/// Where a reader of the outbox is. The default stands before the oldest item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Sequence of the last item that was read.
    after: u64,
    reports: Place,
    events: Place,
}

impl Cursor {
    /// Stands behind this sequence: what follows is read next.
    pub fn behind(sequence: u64) -> Self {
        Cursor { after: sequence, ..Cursor::default() }
    }
}

/// One of the two logs.
struct Lane {
    log: Log,
    floor: u64,
    dropped: u64,
}

/// The two logs, and what they have in common.
pub(crate) struct Outbox {
    reports: Lane,
    events: Lane,
    next_sequence: u64,
    acknowledged: u64,
    /// What a checkpoint in the flash already says.
    acknowledged_in_flash: u64,
}

/// What a checkpoint says: next sequence, acknowledged sequence, and the lane's floor and number of dropped items.
struct Checkpoint([u64; 4]);

impl Outbox {
    /// Finds what is in the flash. Only reads.
    pub(crate) async fn mount<F: NorFlash>(flash: &mut F, layout: &Layout) -> Result<Self, Error<F::Error>> {
        let sizes = layout.sizes();
        let mut outbox = Outbox {
            reports: Lane::mount(flash, layout, Part::Reports, layout.reports(), sizes.report_sectors)
                .await?,
            events: Lane::mount(flash, layout, Part::Events, layout.events(), sizes.event_sectors).await?,
            next_sequence: 1,
            acknowledged: 0,
            acknowledged_in_flash: 0,
        };
        for lane in [&mut outbox.reports, &mut outbox.events] {
            let mut place = Place::default();
            while let Some(record) = lane.log.next(flash, &mut place).await? {
                if record.kind == ITEM {
                    outbox.next_sequence = outbox.next_sequence.max(record.sequence.saturating_add(1));
                } else if let Some(Checkpoint([next, acknowledged, floor, dropped])) =
                    read(flash, &record).await?
                {
                    outbox.next_sequence = outbox.next_sequence.max(next);
                    outbox.acknowledged = outbox.acknowledged.max(acknowledged);
                    lane.floor = lane.floor.max(floor);
                    lane.dropped = lane.dropped.max(dropped);
                }
            }
        }
        outbox.acknowledged_in_flash = outbox.acknowledged;
        Ok(outbox)
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    pub(crate) fn dropped(&self, kind: ItemKind) -> u64 {
        match kind {
            ItemKind::Report => self.reports.dropped,
            ItemKind::Event => self.events.dropped,
        }
    }

    /// The longest item in bytes.
    pub(crate) fn longest_item(&self) -> usize {
        let log = &self.reports.log;
        log.longest_content(CHECKPOINT_BYTES, log.size(CHECKPOINT_BYTES))
    }

    pub(crate) async fn push<F: NorFlash>(
        &mut self,
        flash: &mut F,
        kind: ItemKind,
        bytes: &[u8],
    ) -> Result<u64, Error<F::Error>> {
        let (found, limit) = (bytes.len(), self.longest_item());
        if found > limit {
            return Err(Error::ItemTooLarge { found, limit });
        }
        let sequence = self.next_sequence;
        let (next, acknowledged) = (sequence.saturating_add(1), self.acknowledged);
        let lane = match kind {
            ItemKind::Report => &mut self.reports,
            ItemKind::Event => &mut self.events,
        };
        let mut failure = Error::WornOut(lane.log.part());
        // Once into the current sector, then into each of the others until one takes it.
        for _ in 0..=lane.log.sectors() {
            let reserve = lane.log.size(CHECKPOINT_BYTES);
            match lane.log.append(flash, ITEM, sequence, bytes, reserve).await {
                Ok(Appended::Stored) => {
                    self.next_sequence = next;
                    return Ok(sequence);
                }
                Ok(Appended::Full) => {}
                Err(error) => failure = error,
            }
            match lane.rotate(flash, sequence, acknowledged).await {
                Ok(()) => self.acknowledged_in_flash = self.acknowledged_in_flash.max(acknowledged),
                Err(error) => return Err(error),
            }
        }
        Err(failure)
    }

    pub(crate) async fn acknowledge<F: NorFlash>(
        &mut self,
        flash: &mut F,
        through: u64,
    ) -> Result<(), Error<F::Error>> {
        // The fleet cannot have stored what was not yet sent.
        let through = through.min(self.next_sequence.saturating_sub(1));
        self.acknowledged = self.acknowledged.max(through);
        let unsaved = self.acknowledged.saturating_sub(self.acknowledged_in_flash);
        if unsaved < ACKNOWLEDGEMENT_STRIDE {
            return Ok(());
        }
        let (next, acknowledged) = (self.next_sequence, self.acknowledged);
        for lane in [&mut self.reports, &mut self.events] {
            // The room that is reserved for a checkpoint is not for this one. If there is none, the next opening says it.
            let reserve = lane.log.size(CHECKPOINT_BYTES);
            let bytes = lane.checkpoint(next, acknowledged);
            if lane.log.append(flash, CHECKPOINT, 0, &bytes, reserve).await? == Appended::Stored {
                self.acknowledged_in_flash = acknowledged;
                break;
            }
        }
        Ok(())
    }

    /// The oldest item behind the cursor that is still alive.
    pub(crate) async fn next<'b, F: NorFlash>(
        &self,
        flash: &mut F,
        cursor: &mut Cursor,
        buffer: &'b mut [u8],
    ) -> Result<Option<Item<'b>>, Error<F::Error>> {
        let after = cursor.after.max(self.acknowledged);
        let report = self.reports.peek(flash, &mut cursor.reports, after).await?;
        let event = self.events.peek(flash, &mut cursor.events, after).await?;
        let (record, kind) = match (report, event) {
            (None, None) => return Ok(None),
            (Some(report), Some(event)) if event.sequence < report.sequence => (event, ItemKind::Event),
            (Some(report), _) => (report, ItemKind::Report),
            (None, Some(event)) => (event, ItemKind::Event),
        };
        let (found, needed) = (buffer.len(), usize::from(record.length));
        let bytes = buffer.get_mut(..needed).ok_or(Error::BufferTooSmall { found, needed })?;
        flash::read(flash, record.content, bytes).await?;
        cursor.after = record.sequence;
        Ok(Some(Item { sequence: record.sequence, kind, bytes }))
    }
}

impl Lane {
    async fn mount<F: NorFlash>(
        flash: &mut F,
        layout: &Layout,
        part: Part,
        region: Region,
        sectors: u32,
    ) -> Result<Self, Error<F::Error>> {
        let sector_bytes = layout.sizes().log_sector_bytes;
        let log = Log::mount(flash, part, region, sectors, sector_bytes, layout.unit()).await?;
        Ok(Lane { log, floor: 0, dropped: 0 })
    }

    fn checkpoint(&self, next_sequence: u64, acknowledged: u64) -> [u8; CHECKPOINT_BYTES] {
        let mut bytes = [0; CHECKPOINT_BYTES];
        let fields = [next_sequence, acknowledged, self.floor, self.dropped];
        for (to, field) in bytes.chunks_exact_mut(8).zip(fields) {
            to.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    /// The first item behind a sequence that was not dropped. The place stays before it.
    async fn peek<F: NorFlash>(
        &self,
        flash: &mut F,
        place: &mut Place,
        after: u64,
    ) -> Result<Option<Record>, Error<F::Error>> {
        loop {
            let mut behind = *place;
            match self.log.next(flash, &mut behind).await? {
                None => return Ok(None),
                Some(record) if record.kind == ITEM && record.sequence > after.max(self.floor) => {
                    return Ok(Some(record));
                }
                Some(_) => *place = behind,
            }
        }
    }

    /// Opens the next sector that lets itself be opened.
    async fn rotate<F: NorFlash>(
        &mut self,
        flash: &mut F,
        next_sequence: u64,
        acknowledged: u64,
    ) -> Result<(), Error<F::Error>> {
        let mut failure = Error::WornOut(self.log.part());
        let mut sector = self.log.next_to_open();
        for attempt in 0..self.log.sectors() {
            if self.log.current() == Some(sector) {
                break;
            }
            if attempt != 0 && self.drop_sector(flash, sector, acknowledged).await? {
                // A sector before this one failed, so that this one is not free yet. It is lost before the opening can say so;
                // the room that is reserved in the current sector says it.
                let bytes = self.checkpoint(next_sequence, acknowledged);
                let _ = self.log.append(flash, CHECKPOINT, 0, &bytes, 0).await;
            }
            let (floor, dropped) = (self.floor, self.dropped);
            let following = self.log.following(sector);
            self.drop_sector(flash, following, acknowledged).await?;
            let bytes = self.checkpoint(next_sequence, acknowledged);
            match self.log.open(flash, sector, &bytes).await {
                Ok(()) => return Ok(()),
                Err(error) => failure = error,
            }
            // Nothing was dropped yet if the opening that says so is not there.
            (self.floor, self.dropped) = (floor, dropped);
            sector = following;
        }
        Err(failure)
    }

    /// Raises the floor over what is alive in a sector. Whether there was anything.
    async fn drop_sector<F: NorFlash>(
        &mut self,
        flash: &mut F,
        sector: u32,
        acknowledged: u64,
    ) -> Result<bool, Error<F::Error>> {
        let Some(mut place) = self.log.start_of(flash, sector).await? else { return Ok(false) };
        let mut any = false;
        while let Some(record) = self.log.next_in_sector(flash, &mut place).await? {
            if record.kind == ITEM && record.sequence > self.floor.max(acknowledged) {
                self.floor = record.sequence;
                self.dropped = self.dropped.saturating_add(1);
                any = true;
            }
        }
        Ok(any)
    }
}

/// The checkpoint in a record.
async fn read<F: NorFlash>(flash: &mut F, record: &Record) -> Result<Option<Checkpoint>, Error<F::Error>> {
    if !matches!(record.kind, OPENING | CHECKPOINT) || usize::from(record.length) != CHECKPOINT_BYTES {
        return Ok(None);
    }
    let mut bytes = [0; CHECKPOINT_BYTES];
    flash::read(flash, record.content, &mut bytes).await?;
    let mut fields = [0; 4];
    for (field, bytes) in fields.iter_mut().zip(bytes.chunks_exact(8)) {
        *field = bytes.try_into().map_or(0, u64::from_le_bytes);
    }
    Ok(Some(Checkpoint(fields)))
}
