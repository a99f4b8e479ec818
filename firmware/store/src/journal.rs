//! The journal: the newest [`State`], whole, in each record.

use embedded_storage_async::nor_flash::NorFlash;

use crate::{
    Error, Layout, Part, State, flash,
    log::{Appended, Log, OPENING},
    state::STATE_BYTES,
};

/// Kind of a record that holds a state; an opening holds one too.
const STATE: u8 = 2;

/// The log of states. The last one counts.
pub(crate) struct Journal {
    log: Log,
}

impl Journal {
    /// Finds the newest state; an empty flash has the state of a new device. Only reads.
    pub(crate) async fn mount<F: NorFlash>(
        flash: &mut F,
        layout: &Layout,
    ) -> Result<(Self, State), Error<F::Error>> {
        let sizes = layout.sizes();
        let (region, sectors) = (layout.journal(), sizes.journal_sectors);
        let log =
            Log::mount(flash, Part::Journal, region, sectors, sizes.log_sector_bytes, layout.unit()).await?;
        let mut newest = None;
        let mut place = log.start_of_current();
        if log.current().is_some() {
            while let Some(record) = log.next_in_sector(flash, &mut place).await? {
                if matches!(record.kind, OPENING | STATE) {
                    newest = Some(record);
                }
            }
        }
        let Some(record) = newest else { return Ok((Journal { log }, State::default())) };
        let mut buffer = [0; STATE_BYTES];
        let found = usize::from(record.length);
        let bytes = buffer.get_mut(..found).ok_or(Error::UnknownState(0))?;
        flash::read(flash, record.content, bytes).await?;
        let state = State::decode(bytes).map_err(Error::UnknownState)?;
        Ok((Journal { log }, state))
    }

    /// Stores a state. After an error the flash holds this state or the one before.
    pub(crate) async fn write<F: NorFlash>(
        &mut self,
        flash: &mut F,
        state: &State,
    ) -> Result<(), Error<F::Error>> {
        let mut buffer = [0; STATE_BYTES];
        let bytes = state.encode(&mut buffer);
        let mut failure = match self.log.append(flash, STATE, 0, bytes, 0).await {
            Ok(Appended::Stored) => return Ok(()),
            Ok(Appended::Full) => Error::WornOut(Part::Journal),
            Err(error) => error,
        };
        // The current sector holds the newest state and is spared; any other may be opened.
        let mut sector = self.log.next_to_open();
        for _ in 0..self.log.sectors() {
            if self.log.current() != Some(sector) {
                match self.log.open(flash, sector, bytes).await {
                    Ok(()) => return Ok(()),
                    Err(error) => failure = error,
                }
            }
            sector = self.log.following(sector);
        }
        Err(failure)
    }
}
