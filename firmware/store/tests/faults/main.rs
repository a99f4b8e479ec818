//! Cuts, failures and wear, at every point of what a device does with its flash.
//!
//! `DUNLIN_FAULTS=full` cuts behind every byte of blocks and outbox items too, and pairs cuts more densely. Mutations that turn these tests red, each tried by hand:
//!
//! | change in `src/` | red |
//! |---|---|
//! | `log.rs`, `mount`: do not ask whether the rest of the sector is blank | `a_crashing_model_is_left_at_every_cut`, `any_content_of_the_flash_opens` |
//! | `log.rs`, `open`: do not erase what looks blank | `a_journal_of_two_sectors_survives_every_cut` |
//! | `log.rs`, `append`: do not close the sector while it is written | `a_dropped_future_is_like_a_cut` |
//! | `log.rs`, `write_record`: do not read back | `stuck_bits_in_the_journal_are_noticed` |
//! | `log.rs`, `checksum`: leave the epoch out | `a_record_of_an_earlier_use_of_the_sector_does_not_count` |
//! | `log.rs`, `next_in_sector`: stop at a damaged record | `a_damaged_record_hides_none_behind_it` |
//! | `journal.rs`, `write`: open the current sector as well | `the_journal_goes_on_without_a_sector_and_says_when_none_is_left` |
//! | `outbox.rs`, `rotate`: do not drop the following sector | `outbox_survives_every_cut` |
//! | `outbox.rs`, `rotate`: drop a living sector without saying so in the reserve | `outbox_without_a_sector_survives_every_cut` |
//! | `outbox.rs`, `mount`: forget the floor | `outbox_survives_every_cut` |
//! | `outbox.rs`, `mount`: forget what was acknowledged | `an_acknowledgement_outlives_a_restart` |
//! | `install.rs`, `step`: trust a received index without hashing it | `wrong_pieces_are_refused` |
//! | `install.rs`, `survey_block`: take every block that is not blank for good | `install_survives_every_cut` |
//! | `install.rs`, `survey_block`: keep good blocks beside a torn one | `install_survives_every_cut` |
//! | `install.rs`, `begin_write`: do not count the group as spoiled | `install_survives_every_failure_of_an_operation` |
//! | `install.rs`, `write_block`: do not read back | `a_slot_that_is_worn_out_leaves_the_model_alone` |
//! | `store.rs`, `check_writable`: let every installation write | `nothing_writes_into_the_active_slot` |
//! | `state.rs`, `begin_install`: keep the model of the inactive slot | `an_update_over_the_model_to_return_to_survives_every_cut` |
//! | `state.rs`, `start_trial`: count the sequence as confirmed | `a_crashing_model_is_left_at_every_cut` |
//! | `state.rs`, `begin_boot`: forgive every crash | `a_crashing_model_is_left_at_every_cut` |

mod device;
mod failures;
mod geometry;
mod install;
mod outbox;
mod trial;
mod wear;
