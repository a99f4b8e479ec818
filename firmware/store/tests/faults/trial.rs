//! A model on trial, cut everywhere.

use dunlin_store::{
    BootCause, Booted, Configuration, Refusal, Sizes, Store,
    simulated::{cuts, run},
};

use crate::device::*;

/// A device with version 2 on trial, one crash forgiven, and version 1 to return to.
fn on_trial() -> Flash {
    let second = Blob::second();
    let mut store = open(running_first()).unwrap();
    let mut install = run(store.begin_install(second.release.clone())).unwrap();
    drive(&mut store, &mut install, &second).unwrap();
    run(store.start_trial(&install, 1)).unwrap();
    let mut flash = store.into_flash();
    flash.restart();
    flash
}

#[test]
fn a_crashing_model_is_left_at_every_cut() {
    let start = on_trial();
    let (first, second) = (Blob::first(), Blob::second());
    let mut store = open(start.clone()).unwrap();
    assert_eq!(run(store.begin_boot(BootCause::Power)), Ok(Booted::OnTrial), "a power cut is no crash");
    assert_eq!(run(store.begin_boot(BootCause::Crash)), Ok(Booted::OnTrial));
    assert_eq!(run(store.begin_boot(BootCause::Crash)), Ok(Booted::Returned));
    assert_eq!(store.state().reasons().len(), 1);
    let trace = store.into_flash().trace().to_vec();
    for cut in cuts(&trace, density()) {
        let mut flash = start.clone();
        flash.cut(cut);
        let mut store = open(flash).unwrap();
        let mut boots = 0;
        while run(store.begin_boot(BootCause::Crash)).is_ok() {
            boots += 1;
            if boots > 2 {
                break;
            }
        }
        let mut flash = store.into_flash();
        flash.restart();
        let mut store = open(flash).unwrap();
        let counted = store.state().boots() - 1;
        assert!(counted == boots || counted == boots + 1, "{cut:?}");
        assert_eq!(store.state().trial().is_none(), counted >= 2, "old or new as a whole");
        assert_eq!(store.state().reasons().len(), usize::from(counted >= 2), "with its reason");
        assert_eq!(store.state().confirmed_sequence(), 1, "only a confirmed release counts");
        check_active(&store, &[&first, &second]);
        for _ in 0..2 {
            run(store.begin_boot(BootCause::Crash)).unwrap();
        }
        check_active(&store, &[&first]);
        // The next update succeeds.
        let mut third = second.clone();
        third.release.model.sequence = 3;
        update(&mut store, &third, |_| ()).unwrap();
        check_active(&store, &[&second]);
        check_use(&store);
    }
}

#[test]
fn returning_by_decision_is_whole_at_every_cut() {
    let start = on_trial();
    let mut store = open(start.clone()).unwrap();
    run(store.return_to_previous(b"too many errors")).unwrap();
    let after = store.state().clone();
    let before = open(start.clone()).unwrap().state().clone();
    let trace = store.into_flash().trace().to_vec();
    for cut in cuts(&trace, density()) {
        let mut flash = start.clone();
        flash.cut(cut);
        let mut store = open(flash).unwrap();
        let done = run(store.return_to_previous(b"too many errors")).is_ok();
        let mut flash = store.into_flash();
        flash.restart();
        let mut store = open(flash).unwrap();
        assert!(*store.state() == after || (!done && *store.state() == before), "{cut:?}");
        let again = run(store.return_to_previous(b"too many errors"));
        assert!(again.is_ok() || again == Err(Refusal::NoTrial.into()));
        check_active(&store, &[&Blob::first()]);
        check_use(&store);
    }
}

#[test]
fn a_journal_of_two_sectors_survives_every_cut() {
    let sizes = Sizes { journal_sectors: 2, ..SIZES };
    let open = |flash: Flash| {
        let layout = dunlin_store::Layout::new(&flash, sizes).unwrap();
        run(Store::open(flash, layout)).unwrap()
    };
    let configuration =
        |id: u64| Configuration { id, message: heapless::Vec::from_slice(&[id as u8; 150]).unwrap() };
    let mut flash = new_flash();
    // Old content from before the device had a store.
    flash.bytes_mut().fill(0x5A);
    let start = flash.clone();
    let mut store = open(flash);
    for id in 1..=24 {
        run(store.accept_configuration(configuration(id))).unwrap();
    }
    let trace = store.into_flash().trace().to_vec();
    assert!(trace.iter().filter(|operation| operation.erases).count() >= 3, "both sectors were used again");
    for cut in cuts(&trace, density()) {
        let mut flash = start.clone();
        flash.cut(cut);
        let mut store = open(flash);
        let stored = (1..=24)
            .take_while(|id| run(store.accept_configuration(configuration(*id))).is_ok())
            .count() as u64;
        let mut flash = store.into_flash();
        flash.restart();
        let mut store = open(flash);
        let found = store.state().configuration().map_or(0, |configuration| configuration.id);
        assert!(found == stored || found == stored + 1, "{cut:?}: {found} after {stored}");
        assert_eq!(store.state().configuration().cloned(), (found != 0).then(|| configuration(found)));
        run(store.accept_configuration(configuration(100))).unwrap();
        let store = open(store.into_flash());
        assert_eq!(store.state().configuration(), Some(&configuration(100)));
        check_use(&store);
    }
}

#[test]
fn what_was_accepted_is_not_accepted_again() {
    let mut store = open(running_first()).unwrap();
    let configuration = Configuration { id: 7, message: heapless::Vec::new() };
    run(store.accept_configuration(configuration.clone())).unwrap();
    run(store.update(|state| state.accept_command(3))).unwrap();
    let mut store = open(store.into_flash()).unwrap();
    let superseded = |offered, accepted| Err(Refusal::Superseded { offered, accepted }.into());
    assert_eq!(run(store.accept_configuration(configuration)), superseded(7, 7));
    assert_eq!(run(store.update(|state| state.accept_command(2))), superseded(2, 3));
    run(store.update(|state| {
        state.decommission();
        Ok(())
    }))
    .unwrap();
    let mut store = open(store.into_flash()).unwrap();
    assert!(store.state().is_decommissioned());
    let refused = run(store.begin_install(Blob::second().release)).err();
    assert_eq!(refused, Some(Refusal::Decommissioned.into()));
}
