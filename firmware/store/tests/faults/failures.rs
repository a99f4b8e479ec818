//! A flash that fails, without a cut.

use dunlin_store::{
    BootCause, Error, Part, Progress, SlotId, Store,
    simulated::{Fault, poll, run},
};

use crate::device::*;

#[test]
fn install_survives_every_failure_of_an_operation() {
    let second = Blob::second();
    let start = running_first();
    let mut store = open(start.clone()).unwrap();
    update(&mut store, &second, |_| ()).unwrap();
    for failing in 0..store.flash().trace().len() {
        let mut flash = start.clone();
        flash.fault(Fault::Operation(failing));
        let mut store = open(flash).unwrap();
        // An erasure that fails is reported, and tried again.
        let mut reported = 0;
        while let Err(error) = update(&mut store, &second, |_| ()) {
            assert!(matches!(error, Error::Flash(_)), "operation {failing}: {error}");
            reported += 1;
            assert!(reported < 3);
        }
        check_active(&store, &[&second]);
        check_use(&store);
    }
}

#[test]
fn a_dropped_future_is_like_a_cut() {
    let (first, second) = (Blob::first(), Blob::second());
    let start = running_first();
    let steps = |store: &mut Store<Flash>| -> bool {
        // Whether all ended: each call of the store is a future of its own.
        let mut ended = poll(store.push_event(b"before")).is_some();
        ended &= poll(store.begin_boot(BootCause::Power)).is_some();
        ended &= poll(store.push_report(&[1; 300])).is_some();
        for _ in 0..16 {
            ended &= poll(store.push_report(&[2; 30])).is_some();
        }
        ended &= poll(store.acknowledge(18)).is_some();
        ended &= poll(store.begin_install(second.release.clone())).is_some();
        if let Some(mut install) = store.resume_install().unwrap() {
            loop {
                match poll(store.step_install(&mut install)) {
                    None => ended = false,
                    Some(Ok(Progress::NeedIndex { offset, .. })) => {
                        let bytes = &second.index[offset as usize..];
                        ended &= poll(store.write_index(&mut install, offset, bytes)).is_some();
                    }
                    Some(Ok(Progress::NeedBlocks { first, missing })) => {
                        let number = first + missing.trailing_zeros();
                        let bytes = second.bytes.chunks(1024).nth(number as usize).unwrap();
                        ended &= poll(store.write_block(&mut install, number, bytes)).is_some();
                    }
                    Some(Ok(Progress::Complete)) => break,
                    Some(Ok(Progress::Working)) => {}
                    Some(Err(error)) => panic!("{error}"),
                }
            }
            ended &= poll(store.start_trial(&install, 0)).is_some();
        }
        ended
    };
    let mut store = open(start.clone()).unwrap();
    assert!(steps(&mut store));
    for stalled in 0..store.flash().trace().len() {
        let mut flash = start.clone();
        flash.fault(Fault::Stall(stalled));
        let mut store = open(flash).unwrap();
        assert!(!steps(&mut store), "operation {stalled}");
        check_active(&store, &[&first, &second]);
        update(&mut store, &second, |_| ()).unwrap();
        check_active(&store, &[&second]);
        run(store.push_event(b"after")).unwrap();
        check_use(&store);
        let state = store.state().clone();
        assert_eq!(*open(store.into_flash()).unwrap().state(), state);
    }
}

#[test]
fn a_slot_that_is_worn_out_leaves_the_model_alone() {
    let (first, second) = (Blob::first(), Blob::second());
    let start = running_first();
    for (byte, ones, zeros) in [(100, 0, 0xFF), (1500, 0xFF, 0), (5 * 1024 + 50, 0, 0xFF)] {
        let mut flash = start.clone();
        let offset = layout(&flash).slot(SlotId::B).start + byte;
        flash.fault(Fault::StuckBits { offset, ones, zeros });
        let mut store = open(flash).unwrap();
        let error = update(&mut store, &second, |_| ()).unwrap_err();
        let expected = [
            Error::WornOut(Part::Slot(SlotId::B)),
            Error::Flash(dunlin_store::simulated::SimulatedError::Program),
        ];
        assert!(expected.contains(&error) || matches!(error, Error::Flash(_)), "{error}");
        check_active(&store, &[&first]);
        run(store.update(|state| state.abandon_install(b"slot worn out"))).unwrap();
        assert_eq!(store.state().reasons()[0].message, b"slot worn out");
    }
}

#[test]
fn stuck_bits_in_the_journal_are_noticed() {
    for byte in (0..2048).step_by(7) {
        // Bits that are always 1 look erased, and show only when they are written.
        for (ones, zeros) in [(0, 0x80), (0x11, 0), (0xFF, 0)] {
            let mut flash = new_flash();
            let offset = layout(&flash).journal().start + byte;
            flash.fault(Fault::StuckBits { offset, ones, zeros });
            let mut store = open(flash).unwrap();
            for boots in 1..40 {
                run(store.begin_boot(BootCause::Power)).unwrap();
                store = open(store.into_flash()).unwrap();
                assert_eq!(store.state().boots(), boots, "bits {ones:#x} and {zeros:#x} of byte {byte}");
            }
        }
    }
}

#[test]
fn the_journal_goes_on_without_a_sector_and_says_when_none_is_left() {
    for sector in 0..3 {
        let mut flash = new_flash();
        let start = layout(&flash).journal().start + sector * 2048;
        flash.fault(Fault::Program { from: start, to: start + 2048 });
        let mut store = open(flash).unwrap();
        for _ in 0..100 {
            run(store.begin_boot(BootCause::Power)).unwrap();
        }
        let mut flash = store.into_flash();
        let region = layout(&flash).journal();
        flash.fault(Fault::Erase { from: region.start, to: region.end() });
        let mut store = open(flash).unwrap();
        let failed = (0..100).find_map(|_| run(store.begin_boot(BootCause::Power)).err());
        assert!(matches!(failed, Some(Error::Flash(_))));
        let boots = store.state().boots();
        assert_eq!(open(store.into_flash()).unwrap().state().boots(), boots, "the last state stays");
    }
}

#[test]
fn any_content_of_the_flash_opens() {
    let used = running_first();
    for seed in 0..300u64 {
        let mut flash = if seed % 2 == 0 { new_flash() } else { used.clone() };
        let bytes = flash.bytes_mut();
        let length = bytes.len();
        let garbage = noise(seed + 1, length);
        match seed % 3 {
            0 => bytes.copy_from_slice(&garbage),
            1 => bytes.fill(seed as u8),
            _ => bytes.iter_mut().zip(&garbage).for_each(|(byte, random)| *byte &= random | (seed as u8)),
        }
        let mut store = open(flash).unwrap();
        run(store.begin_boot(BootCause::Power)).unwrap();
        run(store.push_event(b"started")).unwrap();
        check_use(&store);
    }
}

#[test]
fn a_damaged_record_hides_none_behind_it() {
    let mut store = open(new_flash()).unwrap();
    let start = store.layout().journal().start as usize;
    for _ in 0..4 {
        run(store.begin_boot(BootCause::Power)).unwrap();
    }
    let flash = store.into_flash();
    let end = flash.bytes()[..start + 2048].iter().rposition(|byte| *byte != 0xFF).unwrap() + 1;
    let record = (end - start).div_ceil(4).next_multiple_of(8);
    for byte in record..record * 3 {
        let mut flash = flash.clone();
        flash.bytes_mut()[start + byte] ^= 0x10;
        assert_eq!(open(flash).unwrap().state().boots(), 4, "byte {byte}");
    }
}

#[test]
fn a_record_of_an_earlier_use_of_the_sector_does_not_count() {
    // A sector as it was before, behind the opening of now: what an erasure may leave that was cut.
    let mut store = open(new_flash()).unwrap();
    let region = store.layout().journal();
    let sector = region.start as usize..region.start as usize + 2048;
    let mut first_use = Vec::new();
    for boots in 1.. {
        run(store.begin_boot(BootCause::Power)).unwrap();
        let erased = store.flash().erasures()[sector.start / 2048];
        if erased == 2 {
            let boots_now = store.state().boots();
            assert_eq!(boots_now, boots);
            break;
        }
        if erased == 1 && store.flash().erasures()[sector.start / 2048 + 1] == 0 {
            first_use = store.flash().bytes()[sector.clone()].to_vec();
        }
    }
    let boots = store.state().boots();
    let mut flash = store.into_flash();
    let opening = 2048 - first_use.len();
    let blank = flash.bytes()[sector.clone()].iter().rposition(|byte| *byte != 0xFF).unwrap() + 1;
    let place = blank.next_multiple_of(8) + opening;
    flash.bytes_mut()[sector][place..].copy_from_slice(&first_use[place..]);
    assert_eq!(open(flash).unwrap().state().boots(), boots);
}
