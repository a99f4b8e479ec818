//! Cuts, failures and wear, at every point of what a device does with its flash.
//!
//! `DUNLIN_FAULTS=full` cuts behind every byte of blocks too, and pairs cuts more densely. Mutations that turn these tests red, each tried by hand:
//!
//! | change in `src/` | red |
//! |---|---|
//! | `log.rs`, `mount`: take `end` without asking whether the rest is blank | `install_survives_every_cut` |
//! | `log.rs`, `append`: do not close the sector while it is written | `install_survives_every_failure_of_an_operation` |
//! | `log.rs`, `write_record`: do not read back | `stuck_bits_in_the_journal_are_noticed` |
//! | `log.rs`, `checksum`: leave the epoch out | `a_record_of_an_earlier_use_of_the_sector_does_not_count` |
//! | `journal.rs`, `write`: open the current sector as well | `a_journal_of_two_sectors_survives_every_cut` |
//! | `outbox.rs`, `rotate`: do not drop the following sector | `outbox_survives_every_cut` |
//! | `outbox.rs`, `rotate`: erase and drop before the opening counts it | `outbox_survives_every_cut` |
//! | `install.rs`, `step`: trust a received index without hashing it | `wrong_pieces_are_refused` |
//! | `install.rs`, `survey_block`: keep blocks of a group beside a torn one | `install_survives_every_cut` |
//! | `install.rs`, `begin_write`: do not count the group as spoiled | `install_survives_every_failure_of_an_operation` |
//! | `state.rs`, `begin_install`: keep the model of the inactive slot | `install_survives_every_cut` |
//! | `state.rs`, `start_trial`: count the sequence as confirmed | `a_crashing_model_is_left_at_every_cut` |

mod device;
mod failures;
mod install;
mod outbox;
mod trial;
mod wear;
