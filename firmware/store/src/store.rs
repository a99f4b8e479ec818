//! The store: one flash, and everything in it.

use embedded_storage_async::nor_flash::NorFlash;

use crate::{
    BootCause, Booted, Configuration, Cursor, Error, Install, Item, ItemKind, Layout, Progress, Received,
    Refusal, Region, Release, SlotDigest, SlotId, State, flash, journal::Journal, outbox::Outbox,
};

/// What a device keeps in its flash.
///
/// Every change is in the flash when the call returns. After an error of the driver the flash holds what was there before the
/// call or what the call was to make of it, and calls may go on. A future that is dropped before its end is like a cut.
pub struct Store<F> {
    flash: F,
    layout: Layout,
    state: State,
    journal: Journal,
    outbox: Outbox,
}

impl<F: NorFlash> Store<F> {
    /// Finds what is in the flash. Only reads, so that a device whose flash takes no writes any more still starts.
    ///
    /// # Errors
    /// [`Error::Flash`], and [`Error::UnknownState`] after a firmware that is too old was installed. No content of the flash
    /// is an error else: what is not valid is not there.
    pub async fn open(mut flash: F, layout: Layout) -> Result<Self, Error<F::Error>> {
        let (journal, state) = Journal::mount(&mut flash, &layout).await?;
        let outbox = Outbox::mount(&mut flash, &layout).await?;
        Ok(Store { flash, layout, state, journal, outbox })
    }

    /// What the device remembers.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Where the parts lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The flash, for reading.
    pub fn flash(&self) -> &F {
        &self.flash
    }

    /// Gives the flash back.
    pub fn into_flash(self) -> F {
        self.flash
    }

    /// Makes a change of the state: all of it is stored as one record, or none.
    ///
    /// # Errors
    /// What the change refuses, [`Error::Flash`] or [`Error::WornOut`]. The state is then as it was.
    pub async fn update<T>(
        &mut self,
        change: impl FnOnce(&mut State) -> Result<T, Refusal>,
    ) -> Result<T, Error<F::Error>> {
        let mut state = self.state.clone();
        let value = change(&mut state)?;
        if state != self.state {
            self.journal.write(&mut self.flash, &state).await?;
            self.state = state;
        }
        Ok(value)
    }

    /// Counts a start; first thing a device does. See [`State::begin_boot`].
    ///
    /// # Errors
    /// [`Error::Flash`] or [`Error::WornOut`].
    pub async fn begin_boot(&mut self, cause: BootCause) -> Result<Booted, Error<F::Error>> {
        self.update(|state| Ok(state.begin_boot(cause, b"crashed on trial"))).await
    }

    /// Begins to install a release. See [`State::begin_install`].
    ///
    /// # Errors
    /// A [`Refusal`], [`Error::BlobTooLarge`], [`Error::BlocksTooShort`], [`Error::Flash`] or [`Error::WornOut`].
    pub async fn begin_install(&mut self, release: Release) -> Result<Install, Error<F::Error>> {
        self.supersede_install(release, &[]).await
    }

    /// Begins to install a release in the place of another one, with a reason to report about that one; none if empty.
    ///
    /// # Errors
    /// As [`begin_install`](Self::begin_install).
    pub async fn supersede_install(
        &mut self,
        release: Release,
        reason: &[u8],
    ) -> Result<Install, Error<F::Error>> {
        let slot = self.state.inactive();
        let active = self.state.model(slot.other());
        let install = Install::new(&self.layout, slot, &release, active)?;
        self.update(|state| {
            if !reason.is_empty() {
                state.add_reason(reason);
                state.set_verdict(reason);
            }
            state.begin_install(release)
        })
        .await?;
        Ok(install)
    }

    /// Goes on with the release that was being installed when the device stopped, if there is one.
    ///
    /// # Errors
    /// [`Error::BlobTooLarge`] or [`Error::BlocksTooShort`].
    pub fn resume_install(&self) -> Result<Option<Install>, Error<F::Error>> {
        let slot = self.state.inactive();
        match self.state.release() {
            Some(release) if self.state.trial().is_none() => {
                Install::new(&self.layout, slot, release, self.state.model(slot.other())).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Does a bounded piece of work for an installation, and says what it needs next.
    ///
    /// # Errors
    /// [`Refusal::NotInstalling`] when the state says otherwise, so that nothing ever writes into the active slot;
    /// [`Error::IndexMismatch`]; [`Error::Flash`] or [`Error::WornOut`] (another step tries again).
    pub async fn step_install(&mut self, install: &mut Install) -> Result<Progress, Error<F::Error>> {
        self.check_writable(install)?;
        install.step(&mut self.flash).await
    }

    /// Takes a piece of the block index, in order, of a multiple of 32 bytes or up to the index's end.
    ///
    /// # Errors
    /// [`Refusal::NotInstalling`], [`Error::Unexpected`], [`Error::Flash`] or [`Error::WornOut`].
    pub async fn write_index(
        &mut self,
        install: &mut Install,
        offset: u32,
        bytes: &[u8],
    ) -> Result<Received, Error<F::Error>> {
        self.check_writable(install)?;
        install.write_index(&mut self.flash, offset, bytes).await
    }

    /// Takes a block. It is hashed before it is written, and again as the flash then has it.
    ///
    /// # Errors
    /// [`Refusal::NotInstalling`], [`Error::BlockMismatch`], [`Error::Unexpected`], [`Error::Flash`] or [`Error::WornOut`].
    pub async fn write_block(
        &mut self,
        install: &mut Install,
        number: u32,
        bytes: &[u8],
    ) -> Result<Received, Error<F::Error>> {
        self.check_writable(install)?;
        install.write_block(&mut self.flash, number, bytes).await
    }

    /// Lets an installed release serve on trial, with this many crashes forgiven.
    ///
    /// # Errors
    /// A [`Refusal`], [`Error::Flash`] or [`Error::WornOut`].
    pub async fn start_trial(
        &mut self,
        install: &Install,
        crashes_forgiven: u8,
    ) -> Result<(), Error<F::Error>> {
        self.check_writable(install)?;
        if !install.is_complete() {
            return Err(Refusal::Incomplete.into());
        }
        self.update(|state| state.start_trial(crashes_forgiven)).await
    }

    /// Ends a trial well. See [`State::confirm`].
    ///
    /// # Errors
    /// [`Refusal::NoTrial`], [`Error::Flash`] or [`Error::WornOut`].
    pub async fn confirm(&mut self) -> Result<(), Error<F::Error>> {
        self.update(State::confirm).await
    }

    /// Ends a trial badly. See [`State::return_to_previous`].
    ///
    /// # Errors
    /// [`Refusal::NoTrial`], [`Error::Flash`] or [`Error::WornOut`].
    pub async fn return_to_previous(&mut self, reason: &[u8]) -> Result<(), Error<F::Error>> {
        self.update(|state| state.return_to_previous(reason)).await
    }

    /// Accepts a configuration. See [`State::accept_configuration`].
    ///
    /// # Errors
    /// [`Refusal::Superseded`], [`Error::Flash`] or [`Error::WornOut`].
    pub async fn accept_configuration(
        &mut self,
        configuration: Configuration,
    ) -> Result<(), Error<F::Error>> {
        self.update(|state| state.accept_configuration(configuration)).await
    }

    /// Where the blob of a slot's model lies; that of the release being installed for the inactive slot.
    pub fn blob(&self, slot: SlotId) -> Option<Region> {
        let installing = self
            .state
            .release()
            .filter(|_| slot == self.state.inactive())
            .map(|release| release.model.length);
        let length = self.state.model(slot).map(|model| model.length).or(installing)?;
        let start = self.layout.slot(slot).start;
        Some(Region { start, length: length.min(self.layout.slot(slot).length) })
    }

    /// Begins to hash the content of a slot's blob: what a blob's own digest covers.
    pub fn hash_content(&self, slot: SlotId) -> Option<SlotDigest> {
        self.blob(slot).map(SlotDigest::content)
    }

    /// Hashes up to `budget` bytes more. The digest, when nothing is left.
    ///
    /// # Errors
    /// [`Error::Flash`].
    pub async fn step_hash(
        &mut self,
        digest: &mut SlotDigest,
        budget: u32,
    ) -> Result<Option<[u8; 32]>, Error<F::Error>> {
        digest.step(&mut self.flash, budget).await
    }

    /// Reads from a slot, for devices that do not map their flash; what lies behind the slot's end is left as it is in `out`.
    ///
    /// # Errors
    /// [`Error::Flash`].
    pub async fn read_slot(
        &mut self,
        slot: SlotId,
        offset: u32,
        out: &mut [u8],
    ) -> Result<(), Error<F::Error>> {
        let region = self.layout.slot(slot);
        let room = region.length.saturating_sub(offset) as usize;
        let length = out.len().min(room);
        let Some(out) = out.get_mut(..length) else { return Ok(()) };
        flash::read(&mut self.flash, region.start.saturating_add(offset), out).await
    }

    /// A copy of a slot's blob in memory, for systems that do not map their flash. None when the slot holds no model.
    ///
    /// # Errors
    /// [`Error::Flash`].
    #[cfg(feature = "std")]
    pub async fn load(&mut self, slot: SlotId) -> Result<Option<crate::SlotImage>, Error<F::Error>> {
        let Some(region) = self.blob(slot) else { return Ok(None) };
        let mut image = crate::SlotImage::zeroed(region.length as usize);
        flash::read(&mut self.flash, region.start, image.bytes_mut()).await?;
        Ok(Some(image))
    }

    /// Keeps a telemetry report until it is acknowledged. Its sequence.
    ///
    /// When there is no room the oldest reports give way.
    ///
    /// # Errors
    /// [`Error::ItemTooLarge`], [`Error::Flash`] or [`Error::WornOut`].
    pub async fn push_report(&mut self, bytes: &[u8]) -> Result<u64, Error<F::Error>> {
        self.outbox.push(&mut self.flash, ItemKind::Report, bytes).await
    }

    /// Keeps an event until it is acknowledged. Its sequence.
    ///
    /// Reports never push out events. When there is no room the oldest events give way.
    ///
    /// # Errors
    /// [`Error::ItemTooLarge`], [`Error::Flash`] or [`Error::WornOut`].
    pub async fn push_event(&mut self, bytes: &[u8]) -> Result<u64, Error<F::Error>> {
        self.outbox.push(&mut self.flash, ItemKind::Event, bytes).await
    }

    /// Forgets reports and events up to this sequence: the fleet has stored them.
    ///
    /// Only every 16th is written to the flash; after a cut the others are sent again, which does no harm.
    ///
    /// # Errors
    /// [`Error::Flash`] or [`Error::WornOut`]; the items are forgotten nevertheless, until the device starts again.
    pub async fn acknowledge(&mut self, through: u64) -> Result<(), Error<F::Error>> {
        self.outbox.acknowledge(&mut self.flash, through).await
    }

    /// The next report or event to send, oldest first. Reading changes nothing.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] (the cursor stays) or [`Error::Flash`].
    pub async fn next_item<'b>(
        &mut self,
        cursor: &mut Cursor,
        buffer: &'b mut [u8],
    ) -> Result<Option<Item<'b>>, Error<F::Error>> {
        self.outbox.next(&mut self.flash, cursor, buffer).await
    }

    /// The highest sequence that was acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.outbox.acknowledged()
    }

    /// The sequence of the next report or event.
    pub fn next_sequence(&self) -> u64 {
        self.outbox.next_sequence()
    }

    /// How many items gave way before they were acknowledged, in the life of the device.
    pub fn dropped(&self, kind: ItemKind) -> u64 {
        self.outbox.dropped(kind)
    }

    /// The longest report or event in bytes.
    pub fn longest_item(&self) -> usize {
        self.outbox.longest_item()
    }

    /// An installation writes only as long as it is that of the release in the state, into the slot that is not active.
    fn check_writable(&self, install: &Install) -> Result<(), Refusal> {
        let slot = self.state.inactive();
        match self.state.release() {
            Some(release) if self.state.trial().is_none() && install.is_of(&release.model, slot) => Ok(()),
            _ => Err(Refusal::NotInstalling),
        }
    }
}
