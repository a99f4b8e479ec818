//! Carrying out actions.

use dunlin_protocol::message::{Block, BlockData, Part, Rejection, Release as Message};
use dunlin_protocol::{Kind, decode};
use dunlin_store::{
    BlockSize, Configuration, Cursor, Error, Install, ItemKind, KEYS, Key, Model, RELEASE_BYTES, Refusal,
    Release, SlotId, State, Store,
};
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;

use super::{Device, outbox_status};
use crate::event::{Completion, Counts};
use crate::{Action, Event, Platform, Profile};

/// Bytes that are hashed in one slice.
const HASHED: u32 = 4096;

impl<F: NorFlash, P: Platform<F>> Device<'_, F, P> {
    /// Carries out the next action: whether it was a slice of long work. `None` if there is none. `payload` is that of the message
    /// that was handled last.
    pub(super) async fn act(&mut self, payload: &[u8], now: u64) -> Option<bool> {
        let Device { agent, store, platform, memory, .. } = self;
        let action = agent.poll_action(now, memory.buffer)?;
        let is_slice = action.is_slice();
        let Profile { fleet, device, .. } = agent.profile();
        let completion = match action {
            Action::Connect { will } => {
                platform.connect(fleet, device, will).await;
                Completion::Ok
            }
            Action::Subscribe => sent(platform.subscribe(fleet, device).await.is_ok()),
            Action::Publish { kind, payload } => {
                sent(platform.publish(fleet, device, kind, payload).await.is_ok())
            }
            Action::BeginInstall { reason } => {
                // What was compared or tested before is not there any more.
                (self.install, self.shadow) = (None, None);
                match agent.beginning().and_then(|release| described(release, payload)) {
                    Some(release) => match store.supersede_install(release, reason).await {
                        Ok(install) => {
                            self.install = Some(install);
                            Completion::State(store.state())
                        }
                        Err(error) => failed(&error),
                    },
                    None => Completion::Refused(Rejection::Malformed),
                }
            }
            Action::ResumeInstall => match store.resume_install() {
                Ok(install) => {
                    self.install = install;
                    Completion::Ok
                }
                Err(error) => failed(&error),
            },
            Action::StepInstall => match &mut self.install {
                Some(install) => match store.step_install(install).await {
                    Ok(progress) => Completion::Install(progress, counts(install)),
                    Err(Error::IndexMismatch) => Completion::BadIndex,
                    Err(error) => failed(&error),
                },
                None => Completion::Refused(Rejection::Storage),
            },
            Action::WriteIndex | Action::WriteBlock => match &mut self.install {
                Some(install) => write(store, install, payload).await,
                None => Completion::Failed,
            },
            Action::AbandonInstall { reason } => {
                self.install = None;
                let change = |state: &mut State| {
                    // A release that was not stored has nothing to give up.
                    if state.abandon_install(reason) == Err(Refusal::NotInstalling) {
                        state.add_reason(reason);
                    }
                    state.set_verdict(reason);
                    Ok(())
                };
                changed(&store.update(change).await, store)
            }
            Action::Digest { slot, restart } => {
                if restart {
                    self.digest = store.hash_content(slot);
                }
                match &mut self.digest {
                    Some(digest) => match store.step_hash(digest, HASHED).await {
                        Ok(None) => Completion::Working,
                        Ok(Some(digest)) => Completion::Digest(digest),
                        Err(_) => Completion::Failed,
                    },
                    None => Completion::Digest([0; 32]),
                }
            }
            Action::CheckContent { slot, signed } => match self.copy_slot(slot).await {
                Some(true) => Completion::Content(self.check_content(slot, signed)),
                Some(false) => Completion::Working,
                None => Completion::Failed,
            },
            Action::TestVector { slot, restart } => Completion::Vector(self.test_vector(slot, restart)),
            Action::Serve(_) => {
                self.shadow = None;
                Completion::Ok
            }
            Action::Shadow(slot) => {
                self.shadow = slot;
                Completion::Ok
            }
            Action::StartTrial { crashes_forgiven } => match &self.install {
                Some(install) => {
                    let started = store.start_trial(install, crashes_forgiven).await;
                    changed(&started, store)
                }
                None => Completion::Failed,
            },
            Action::SaveTrial(progress) => {
                changed(&store.update(|state| state.save_trial(progress)).await, store)
            }
            Action::Confirm { reason } => {
                self.install = None;
                let change = |state: &mut State| {
                    state.confirm()?;
                    state.add_reason(reason);
                    state.set_verdict(reason);
                    Ok(())
                };
                changed(&store.update(change).await, store)
            }
            Action::ReturnToPrevious { reason } => {
                self.install = None;
                let change = |state: &mut State| {
                    state.return_to_previous(reason)?;
                    state.set_verdict(reason);
                    Ok(())
                };
                changed(&store.update(change).await, store)
            }
            Action::LeaveDamaged { reason } => {
                changed(&store.update(|state| state.leave_damaged(reason)).await, store)
            }
            Action::AcceptConfiguration { id } => match Vec::from_slice(payload) {
                Ok(message) => {
                    let accepted = store.accept_configuration(Configuration { id, message }).await;
                    changed(&accepted, store)
                }
                Err(_) => Completion::Failed,
            },
            Action::AcceptCommand { id, changes_keys, decommission, reason } => {
                let keys = agent.changed_keys().filter(|_| changes_keys).map(|keys| {
                    let keys = keys.iter().map(|key| Key { key: key.key, roles: key.roles.bits() });
                    keys.take(KEYS).collect::<Vec<Key, KEYS>>()
                });
                let change = |state: &mut State| {
                    state.accept_command(id)?;
                    if let Some(keys) = keys {
                        state.set_keys(keys);
                    }
                    if decommission {
                        state.decommission();
                    }
                    if !reason.is_empty() {
                        state.add_reason(reason);
                    }
                    Ok(())
                };
                changed(&store.update(change).await, store)
            }
            Action::PushEvent(bytes) => pushed(&store.push_event(bytes).await),
            Action::PushReport(bytes) => pushed(&store.push_report(bytes).await),
            Action::ClearReasons(through) => {
                let change = |state: &mut State| {
                    state.clear_reasons(through);
                    Ok(())
                };
                changed(&store.update(change).await, store)
            }
            Action::Acknowledge(through) => {
                // After a failure they are forgotten until the next start, and sent again then.
                let _ = store.acknowledge(through).await;
                Completion::Ok
            }
            Action::InspectOutbox => match outbox_status(store, memory.buffer).await {
                Some(status) => Completion::Outbox(status),
                None => Completion::Failed,
            },
            Action::SendItem { restart } => {
                let mut cursor = if restart { Cursor::default() } else { self.cursor };
                match store.next_item(&mut cursor, memory.buffer).await {
                    Ok(Some(item)) => {
                        let kind = match item.kind {
                            ItemKind::Report => Kind::Report,
                            ItemKind::Event => Kind::Event,
                        };
                        if platform.publish(fleet, device, kind, item.bytes).await.is_ok() {
                            self.cursor = cursor;
                            Completion::Item(Some(item.sequence))
                        } else {
                            Completion::NotSent
                        }
                    }
                    Ok(None) => {
                        self.cursor = cursor;
                        Completion::Item(None)
                    }
                    Err(_) => Completion::Failed,
                }
            }
            Action::Reboot => {
                platform.reboot();
                Completion::Ok
            }
            Action::Identify { seconds } => {
                platform.identify(seconds);
                Completion::Ok
            }
        };
        self.agent.handle(Event::Done(completion), now);
        Some(is_slice)
    }

    /// Where the flash is not mapped: copies a piece of a slot. Whether all of it is in memory.
    async fn copy_slot(&mut self, slot: SlotId) -> Option<bool> {
        const PIECE: usize = 16 * 1024;
        let Some(region) = self.store.blob(slot) else { return Some(true) };
        let Some(copy) = self.platform.slot_copy(slot) else { return Some(true) };
        let done = self.copied.filter(|(copied, _)| *copied == slot).map_or(0, |(_, done)| done);
        let end = (region.length as usize).min(copy.len());
        let piece = copy.get_mut(done as usize..end.min(done as usize + PIECE)).unwrap_or_default();
        if piece.is_empty() {
            self.copied = None;
            return Some(true);
        }
        let length = piece.len() as u32;
        self.store.read_slot(slot, done, piece).await.ok()?;
        self.copied = Some((slot, done.saturating_add(length)));
        Some(false)
    }
}

/// Writes what is in a block message.
async fn write<'s, F: NorFlash>(
    store: &mut Store<F>,
    install: &mut Install,
    payload: &[u8],
) -> Completion<'s> {
    let Ok(Block { part, number, data: BlockData::Data(bytes), .. }) = decode(payload) else {
        return Completion::BadBlock;
    };
    let written = match part {
        Part::Index => {
            let Some(offset) = number.checked_mul(install.block_size().bytes()) else {
                return Completion::BadBlock;
            };
            store.write_index(install, offset, bytes).await
        }
        Part::Blob => store.write_block(install, number, bytes).await,
    };
    match written {
        Ok(received) => Completion::Block(received),
        Err(Error::Flash(_) | Error::WornOut(_)) => Completion::Failed,
        Err(_) => Completion::BadBlock,
    }
}

/// The release as the store keeps it.
fn described(release: &Message, message: &[u8]) -> Option<Release> {
    let model = Model {
        sequence: release.sequence,
        digest: release.digest.0,
        length: release.blob_bytes,
        block_size: BlockSize::from_bytes(release.block.bytes())?,
    };
    let message: Vec<u8, RELEASE_BYTES> = Vec::from_slice(message).ok()?;
    Some(Release { model, index_digest: release.index_digest.0, message })
}

fn counts(install: &Install) -> Counts {
    let held = install.kept().saturating_add(install.copied()).saturating_add(install.fetched());
    Counts { held, reused: install.copied() }
}

fn sent<'s>(is_sent: bool) -> Completion<'s> {
    if is_sent { Completion::Ok } else { Completion::NotSent }
}

fn changed<'s, F: NorFlash>(result: &Result<(), Error<F::Error>>, store: &'s Store<F>) -> Completion<'s> {
    match result {
        Ok(()) => Completion::State(store.state()),
        Err(_) => Completion::Failed,
    }
}

fn pushed<'s, E>(result: &Result<u64, Error<E>>) -> Completion<'s> {
    match result {
        Ok(sequence) => Completion::Pushed(*sequence),
        Err(_) => Completion::Failed,
    }
}

fn failed<'s, E>(error: &Error<E>) -> Completion<'s> {
    match error {
        Error::BlobTooLarge { needed, available } => Completion::Refused(Rejection::Slot {
            needed: u32::try_from(*needed).unwrap_or(u32::MAX),
            available: *available,
        }),
        Error::BlocksTooShort { .. } | Error::Refused(_) => Completion::Refused(Rejection::Storage),
        _ => Completion::Failed,
    }
}
