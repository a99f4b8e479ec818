//! A flash that fails, without a cut.

use dunlin_store::{
    BootCause, Error, Part, SlotId,
    simulated::{Fault, run},
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
        for zeros in [1, 0x80] {
            let mut flash = new_flash();
            let offset = layout(&flash).journal().start + byte;
            flash.fault(Fault::StuckBits { offset, ones: 0, zeros });
            let mut store = open(flash).unwrap();
            for boots in 1..40 {
                run(store.begin_boot(BootCause::Power)).unwrap();
                store = open(store.into_flash()).unwrap();
                assert_eq!(store.state().boots(), boots, "bit {zeros:#x} of byte {byte}");
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
