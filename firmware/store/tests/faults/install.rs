//! An update, cut everywhere.

use dunlin_store::{
    Error, MappedSlot, Progress, Received, Refusal, State, Store,
    simulated::{Cut, cuts, run},
};

use sha2::{Digest, Sha256};

use crate::device::*;

/// Runs the update with a cut, and then once more without, checking what it finds in between. The flash before the recovery.
fn cut_update(start: &Flash, cut: Cut, states: &[State]) -> Flash {
    let (first, second) = (Blob::first(), Blob::second());
    let mut flash = start.clone();
    flash.cut(cut);
    let mut store = open(flash).unwrap();
    let mut last = store.state().clone();
    let done = update(&mut store, &second, |store| last = store.state().clone());
    assert!(done.is_err(), "{cut:?} was not reached");
    let mut flash = store.into_flash();
    flash.restart();
    let found = open(flash.clone()).unwrap();
    let reached = states.iter().position(|state| *state == last).unwrap();
    let allowed = &states[reached..states.len().min(reached + 2)];
    assert!(allowed.contains(found.state()), "{cut:?}: neither the old state nor the new one");
    check_active(&found, &[&first, &second]);
    flash
}

/// An update begun on any flash ends with version 2.
fn finish(flash: Flash, context: &dyn core::fmt::Debug) {
    let second = Blob::second();
    let mut store = open(flash).unwrap();
    update(&mut store, &second, |store| check_active(store, &[&Blob::first(), &second])).unwrap();
    check_active(&store, &[&second]);
    check_use(&store);
    assert_eq!(store.state().confirmed_sequence(), 2, "{context:?}");
    assert!(store.state().release().is_none());
}

/// The states of an update without a cut, and its flash afterwards.
fn whole(start: &Flash) -> (Vec<State>, Flash) {
    let mut store = open(start.clone()).unwrap();
    let mut states = vec![store.state().clone()];
    update(&mut store, &Blob::second(), |store| states.push(store.state().clone())).unwrap();
    check_use(&store);
    (states, store.into_flash())
}

#[test]
fn install_survives_every_cut() {
    let start = running_first();
    let (states, flash) = whole(&start);
    assert_eq!(states.len(), 4, "begun, on trial, confirmed");
    let mut count = 0;
    for cut in cuts(flash.trace(), density()) {
        finish(cut_update(&start, cut, &states), &cut);
        count += 1;
    }
    println!("{} operations, {count} cuts", flash.trace().len());
}

#[test]
fn install_survives_a_cut_during_the_recovery_from_a_cut() {
    let start = running_first();
    let (states, flash) = whole(&start);
    let mut count = 0;
    for first in cuts(flash.trace(), sparse()) {
        let flash = cut_update(&start, first, &states);
        let (_, recovered) = whole(&flash);
        for second in cuts(recovered.trace(), sparse()) {
            let states = whole_states(&flash);
            finish(cut_update(&flash, second, &states), &(first, second));
            count += 1;
        }
    }
    println!("{count} pairs of cuts");
}

fn whole_states(start: &Flash) -> Vec<State> {
    whole(start).0
}

#[test]
fn first_install_on_an_empty_flash_survives_every_cut() {
    let first = Blob::first();
    let mut store = open(new_flash()).unwrap();
    update(&mut store, &first, |_| ()).unwrap();
    let trace = store.into_flash().trace().to_vec();
    for cut in cuts(&trace, sparse()) {
        let mut flash = new_flash();
        flash.cut(cut);
        let mut store = open(flash).unwrap();
        update(&mut store, &first, |_| ()).unwrap_err();
        let mut flash = store.into_flash();
        flash.restart();
        let mut store = open(flash).unwrap();
        update(&mut store, &first, |_| ()).unwrap();
        check_active(&store, &[&first]);
        check_use(&store);
    }
}

#[test]
fn an_update_over_the_model_to_return_to_survives_every_cut() {
    let start = running_second();
    let (second, third) = (Blob::second(), Blob::new(3, noise(3, 4 * 1024 + 16)));
    let mut store = open(start.clone()).unwrap();
    update(&mut store, &third, |_| ()).unwrap();
    let trace = store.into_flash().trace().to_vec();
    for cut in cuts(&trace, sparse()) {
        let mut flash = start.clone();
        flash.cut(cut);
        let mut store = open(flash).unwrap();
        update(&mut store, &third, |_| ()).unwrap_err();
        let mut flash = store.into_flash();
        flash.restart();
        let mut store = open(flash).unwrap();
        check_active(&store, &[&second, &third]);
        update(&mut store, &third, |store| check_active(store, &[&second, &third])).unwrap();
        check_active(&store, &[&third]);
        check_use(&store);
    }
}

#[test]
fn blocks_that_a_slot_holds_are_not_fetched() {
    let second = Blob::second();
    let mut store = open(running_first()).unwrap();
    let mut install = run(store.begin_install(second.release.clone())).unwrap();
    drive(&mut store, &mut install, &second).unwrap();
    assert_eq!((install.kept(), install.copied(), install.fetched()), (0, 2, 4), "0 and 2 are copied");

    // The same again finds everything in its place.
    let mut again = store.resume_install().unwrap().unwrap();
    drive(&mut store, &mut again, &second).unwrap();
    assert_eq!((again.kept(), again.copied(), again.fetched()), (6, 0, 0));

    // A block that is damaged takes with it the one that shares its erase sector; block 2 is copied.
    let damaged = store.layout().slot(again.slot()).start as usize + 3 * 1024 + 5;
    let mut flash = store.into_flash();
    flash.bytes_mut()[damaged] ^= 1;
    let mut store = open(flash).unwrap();
    let mut again = store.resume_install().unwrap().unwrap();
    drive(&mut store, &mut again, &second).unwrap();
    assert_eq!((again.kept(), again.copied(), again.fetched()), (4, 1, 1));
}

#[test]
fn a_download_goes_on_where_it_was_cut() {
    let second = Blob::second();
    let mut store = open(running_first()).unwrap();
    let mut install = run(store.begin_install(second.release.clone())).unwrap();
    while install.fetched() < 3 {
        match run(store.step_install(&mut install)).unwrap() {
            Progress::NeedIndex { offset, .. } => {
                run(store.write_index(&mut install, offset, &second.index[offset as usize..])).unwrap();
            }
            Progress::NeedBlocks { first, missing } => {
                let number = first + missing.trailing_zeros();
                let bytes = second.bytes.chunks(1024).nth(number as usize).unwrap();
                assert_eq!(run(store.write_block(&mut install, number, bytes)), Ok(Received::Stored));
                assert_eq!(run(store.write_block(&mut install, number, bytes)), Ok(Received::AlreadyThere));
            }
            _ => {}
        }
    }
    let mut store = open(store.into_flash()).unwrap();
    let mut install = store.resume_install().unwrap().unwrap();
    drive(&mut store, &mut install, &second).unwrap();
    assert_eq!((install.kept(), install.copied(), install.fetched()), (5, 0, 1));
}

#[test]
fn wrong_pieces_are_refused() {
    let second = Blob::second();
    let mut store = open(running_first()).unwrap();
    let mut install = run(store.begin_install(second.release.clone())).unwrap();
    let mut wrong_index = second.index.clone();
    wrong_index[70] ^= 1;
    let mut refused = false;
    loop {
        match run(store.step_install(&mut install)) {
            Ok(Progress::NeedIndex { offset, length }) => {
                let index = if refused { &second.index } else { &wrong_index };
                assert_eq!(
                    run(store.write_index(&mut install, offset + 32, &index[..32])),
                    Err(Error::Unexpected(offset + 32))
                );
                assert_eq!(
                    run(store.write_index(&mut install, offset, &index[..31])),
                    Err(Error::Unexpected(offset))
                );
                let endless = vec![0; length as usize + 32];
                assert_eq!(
                    run(store.write_index(&mut install, offset, &endless)),
                    Err(Error::Unexpected(offset))
                );
                run(store.write_index(&mut install, offset, &index[offset as usize..])).unwrap();
            }
            Ok(Progress::NeedBlocks { .. }) => break,
            Ok(_) => {}
            Err(error) => {
                assert_eq!((error, refused), (Error::IndexMismatch, false));
                refused = true;
            }
        }
    }
    assert!(refused);
    let block = &second.bytes[1024..2048];
    assert_eq!(run(store.write_block(&mut install, 3, block)), Err(Error::BlockMismatch(3)));
    assert_eq!(run(store.write_block(&mut install, 1, &block[..1000])), Err(Error::Unexpected(1)));
    assert_eq!(
        run(store.write_block(&mut install, 6, block)),
        Err(Error::Unexpected(6)),
        "behind the last block"
    );
    assert_eq!(run(store.write_block(&mut install, u32::MAX, block)), Err(Error::Unexpected(u32::MAX)));
    assert_eq!(run(store.start_trial(&install, 0)), Err(Refusal::Incomplete.into()));
    drive(&mut store, &mut install, &second).unwrap();
}

#[test]
fn nothing_writes_into_the_active_slot() {
    let second = Blob::second();
    let mut store = open(running_first()).unwrap();
    let mut install = run(store.begin_install(second.release.clone())).unwrap();
    drive(&mut store, &mut install, &second).unwrap();
    run(store.start_trial(&install, 0)).unwrap();
    // The slot of this installation serves now.
    let before = store.flash().bytes().to_vec();
    let refused = Error::Refused(Refusal::NotInstalling);
    assert_eq!(run(store.step_install(&mut install)), Err(refused));
    assert_eq!(run(store.write_index(&mut install, 0, &second.index)), Err(refused));
    assert_eq!(run(store.write_block(&mut install, 0, &second.bytes[..1024])), Err(refused));
    let third = Blob::new(3, noise(3, 2048));
    assert!(matches!(
        run(store.begin_install(third.release.clone())),
        Err(Error::Refused(Refusal::TrialRunning))
    ));
    assert_eq!(store.flash().bytes(), before);

    run(store.confirm()).unwrap();
    assert_eq!(run(store.write_block(&mut install, 0, &second.bytes[..1024])), Err(refused));
    // Neither may an installation that another release has replaced.
    let mut replaced = run(store.begin_install(third.release.clone())).unwrap();
    run(store.begin_install(Blob::new(4, noise(4, 2048)).release)).unwrap();
    assert_eq!(run(store.step_install(&mut replaced)), Err(refused));
    let stale: Result<_> = run(store.begin_install(second.release.clone()));
    assert!(matches!(stale, Err(Error::Refused(Refusal::StaleRelease { offered: 2, confirmed: 2 }))));
}

#[test]
fn a_blob_fits_to_the_byte() {
    // 10 KiB: four sectors of blob and one of index.
    let (fits, too_long) = (Blob::new(5, noise(5, 8192)), Blob::new(6, noise(6, 8208)));
    let mut store = open(running_first()).unwrap();
    let error = run(store.begin_install(too_long.release)).err();
    assert_eq!(error, Some(Error::BlobTooLarge { needed: 12 * 1024, available: 10 * 1024 }));
    update(&mut store, &fits, |_| ()).unwrap();
    check_active(&store, &[&fits]);
    let image = run(store.load(store.state().active().unwrap())).unwrap().unwrap();
    assert!(image.bytes() == fits.bytes && image.bytes().as_ptr().align_offset(16) == 0);
    let digest = content_digest(&mut store);
    let expected = Sha256::new_with_prefix(&fits.bytes[..160]).chain_update(&fits.bytes[256..]);
    assert_eq!(digest, <[u8; 32]>::from(expected.finalize()));
}

/// Hashed in slices of odd length.
fn content_digest(store: &mut Store<Flash>) -> [u8; 32] {
    let mut digest = store.hash_content(store.state().active().unwrap()).unwrap();
    loop {
        if let Some(digest) = run(store.step_hash(&mut digest, 313)).unwrap() {
            return digest;
        }
    }
}
