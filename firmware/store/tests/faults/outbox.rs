//! Reports and events, cut everywhere.

use std::collections::BTreeMap;

use dunlin_store::{
    Cursor, Error, ItemKind, Store,
    simulated::{Density, Fault, cuts, run},
};

use crate::device::*;

type Items = BTreeMap<u64, (ItemKind, Vec<u8>)>;

/// What the outbox gives back, which must come in order.
fn items(store: &mut Store<Flash>) -> Items {
    let mut items = Items::new();
    let mut cursor = Cursor::default();
    let mut buffer = [0; 2048];
    while let Some(item) = run(store.next_item(&mut cursor, &mut buffer)).unwrap() {
        assert!(items.last_key_value().is_none_or(|(last, _)| *last < item.sequence), "out of order");
        items.insert(item.sequence, (item.kind, item.bytes.to_vec()));
    }
    items
}

/// What was pushed so far, and what became of it.
#[derive(Default, Clone)]
struct Ledger {
    pushed: Items,
    alive: Items,
    acknowledged: u64,
    dropped_reports: u64,
    dropped_events: u64,
}

#[derive(Clone, Copy)]
enum Step {
    Push(ItemKind, usize),
    /// All but so many of what was pushed.
    Acknowledge(u64),
}

impl Ledger {
    fn content(&self, length: usize) -> Vec<u8> {
        noise(self.pushed.len() as u64 + 1, length)
    }

    /// Does a step; what is pushed is entered even when the power goes, since it may be in the flash.
    fn step(&mut self, store: &mut Store<Flash>, step: Step) -> Result<()> {
        match step {
            Step::Push(kind, length) => {
                let bytes = self.content(length);
                let next = store.next_sequence();
                let pushed = match kind {
                    ItemKind::Report => run(store.push_report(&bytes)),
                    ItemKind::Event => run(store.push_event(&bytes)),
                };
                self.pushed.insert(next, (kind, bytes));
                assert_eq!(pushed?, next);
            }
            Step::Acknowledge(behind) => {
                let through = (store.next_sequence() - 1).saturating_sub(behind);
                self.acknowledged = self.acknowledged.max(through);
                run(store.acknowledge(through))?;
            }
        }
        Ok(())
    }

    /// After a restart, what was acknowledged without a checkpoint counts as not acknowledged.
    fn restart(&mut self, store: &mut Store<Flash>) {
        assert!(store.acknowledged() <= self.acknowledged, "more is acknowledged than was");
        self.acknowledged = store.acknowledged();
        self.alive = items(store);
        // The sequence of a push that left nothing is used again.
        self.pushed.retain(|sequence, _| *sequence < store.next_sequence());
    }

    /// What is alive is what was pushed, without holes, and what vanished was acknowledged or counted.
    fn check(&mut self, store: &mut Store<Flash>, cut: bool) {
        let alive = items(store);
        for (sequence, item) in &alive {
            assert_eq!(self.pushed.get(sequence), Some(item), "item {sequence} is not what was pushed");
        }
        for kind in [ItemKind::Report, ItemKind::Event] {
            let oldest =
                alive.iter().find(|(_, item)| item.0 == kind).map_or(u64::MAX, |(sequence, _)| *sequence);
            let pushed = self.pushed.iter().filter(|(_, item)| item.0 == kind);
            let mut behind = pushed.skip_while(|(sequence, _)| **sequence < oldest).peekable();
            while let Some((sequence, _)) = behind.next() {
                // The one whose push was cut may be missing.
                let torn = cut && behind.peek().is_none() && !self.alive.contains_key(sequence);
                assert!(alive.contains_key(sequence) || torn, "item {sequence} is missing");
            }
            let vanished = self.alive.iter().filter(|(sequence, item)| {
                item.0 == kind && !alive.contains_key(sequence) && **sequence > self.acknowledged
            });
            let vanished = vanished.count() as u64;
            let dropped = match kind {
                ItemKind::Report => &mut self.dropped_reports,
                ItemKind::Event => &mut self.dropped_events,
            };
            *dropped += vanished;
            assert_eq!(store.dropped(kind), *dropped, "{kind:?} dropped");
        }
        self.alive = alive;
    }
}

/// Traffic that fills the sectors of reports several times and those of events once and a half.
fn traffic() -> Vec<Step> {
    let mut steps = Vec::new();
    for round in 0..30usize {
        steps.push(Step::Push(ItemKind::Report, 120 + round * 13 % 300));
        if round % 2 == 1 {
            steps.push(Step::Push(ItemKind::Event, 120 + round * 29 % 500));
        }
        match round {
            4 | 26 => steps.push(Step::Acknowledge(3)),
            5 | 6 => steps.push(Step::Acknowledge(7)),
            _ => {}
        }
    }
    steps.push(Step::Push(ItemKind::Report, 0));
    steps
}

#[test]
fn outbox_survives_every_cut() {
    let count =
        cut_everywhere(&new_flash(), Density { write_bytes: if is_full() { 1 } else { 3 }, ..density() });
    println!("{count} cuts");
}

#[test]
fn outbox_without_a_sector_survives_every_cut() {
    for sector in 0..3 {
        let mut flash = new_flash();
        let start = layout(&flash).reports().start + sector * 2048;
        flash.fault(Fault::Erase { from: start, to: start + 2048 });
        flash.fault(Fault::Program { from: start, to: start + 2048 });
        let count = cut_everywhere(&flash, sparse());
        println!("{count} cuts without sector {sector}");
    }
}

/// Cuts each step of the traffic everywhere, and goes on with some steps more. The number of cuts.
fn cut_everywhere(start: &Flash, density: Density) -> usize {
    let mut ledger = Ledger::default();
    let mut store = open(start.clone()).unwrap();
    // What is known before each operation of the flash.
    let mut before: Vec<(Flash, Ledger, usize)> = Vec::new();
    for (number, step) in traffic().into_iter().enumerate() {
        before.push((store.flash().clone(), ledger.clone(), number));
        ledger.step(&mut store, step).unwrap();
        ledger.check(&mut store, false);
    }
    check_use(&store);
    assert!(ledger.dropped_reports > 5 && ledger.dropped_events > 1, "the traffic makes both give way");
    let mut count = 0;
    for (flash, ledger, number) in before {
        let rest = &traffic()[number..];
        let mut whole = open_again(flash.clone());
        ledger.clone().step(&mut whole, rest[0]).unwrap();
        for cut in cuts(whole.flash().trace(), density) {
            let mut ledger = ledger.clone();
            let mut store = open_again(flash.clone());
            let mut flash = store.into_flash();
            flash.cut(cut);
            store = open(flash).unwrap();
            ledger.restart(&mut store);
            ledger.step(&mut store, rest[0]).unwrap_err();
            let mut store = open_again(store.into_flash());
            ledger.check(&mut store, true);
            ledger.restart(&mut store);
            for step in &rest[1..rest.len().min(3)] {
                ledger.step(&mut store, *step).unwrap();
                ledger.check(&mut store, false);
            }
            check_use(&store);
            count += 1;
        }
    }
    count
}

/// After a restart.
fn open_again(mut flash: Flash) -> Store<Flash> {
    flash.restart();
    open(flash).unwrap()
}

#[test]
fn outbox_survives_a_cut_during_the_recovery_from_a_cut() {
    let steps = traffic();
    let mut store = open(new_flash()).unwrap();
    let mut ledger = Ledger::default();
    for step in &steps {
        ledger.step(&mut store, *step).unwrap();
    }
    let trace = store.into_flash().trace().to_vec();
    // Runs the traffic up to the cut; after the cut goes on with the step that was cut.
    let drive = |flash: Flash, ledger: &mut Ledger, steps: &[Step]| {
        let mut store = open(flash).unwrap();
        ledger.restart(&mut store);
        let mut done = 0;
        for step in steps {
            let known = ledger.clone();
            if ledger.step(&mut store, *step).is_err() {
                ledger.alive = known.alive;
                break;
            }
            ledger.check(&mut store, false);
            done += 1;
        }
        let mut store = open_again(store.into_flash());
        ledger.check(&mut store, done < steps.len());
        ledger.restart(&mut store);
        (store.into_flash(), done)
    };
    let mut count = 0;
    for first in cuts(&trace, sparse()).step_by(5) {
        let mut flash = new_flash();
        flash.cut(first);
        let mut ledger = Ledger::default();
        let (flash, done) = drive(flash, &mut ledger, &steps);
        let rest = &steps[done..steps.len().min(done + 4)];
        let mut store = open(flash.clone()).unwrap();
        for step in rest {
            ledger.clone().step(&mut store, *step).unwrap();
        }
        let trace = store.into_flash().trace().to_vec();
        for second in cuts(&trace, sparse()) {
            let (mut flash, mut ledger) = (flash.clone(), ledger.clone());
            flash.cut(second);
            let (flash, done) = drive(flash, &mut ledger, rest);
            let (flash, _) = drive(flash, &mut ledger, &rest[done..]);
            check_use(&open(flash).unwrap());
            count += 1;
        }
    }
    println!("{count} pairs of cuts");
}

#[test]
fn outbox_goes_on_when_any_operation_fails() {
    let steps = traffic();
    let mut store = open(new_flash()).unwrap();
    let mut ledger = Ledger::default();
    for step in &steps {
        ledger.step(&mut store, *step).unwrap();
    }
    for failing in 0..store.flash().trace().len() {
        let mut flash = new_flash();
        flash.fault(Fault::Operation(failing));
        let mut store = open(flash).unwrap();
        let mut ledger = Ledger::default();
        for step in &steps {
            match step {
                Step::Push(..) => ledger.step(&mut store, *step).unwrap(),
                // Acknowledged until the next start all the same.
                Step::Acknowledge(_) => drop(ledger.step(&mut store, *step)),
            }
            ledger.check(&mut store, false);
        }
        check_use(&store);
    }
}

#[test]
fn outbox_goes_on_without_a_sector() {
    for sector in 0..3 {
        let mut flash = new_flash();
        let start = layout(&flash).reports().start + sector * 2048;
        flash.fault(Fault::Erase { from: start, to: start + 2048 });
        flash.fault(Fault::Program { from: start, to: start + 2048 });
        let mut store = open(flash).unwrap();
        let mut ledger = Ledger::default();
        for step in traffic() {
            ledger.step(&mut store, step).unwrap();
            ledger.check(&mut store, false);
        }
    }
}

#[test]
fn an_acknowledgement_outlives_a_restart() {
    let mut store = open(new_flash()).unwrap();
    let mut last = 0;
    for _ in 0..16 {
        last = run(store.push_event(b"small")).unwrap();
    }
    run(store.acknowledge(last)).unwrap();
    let mut store = open_again(store.into_flash());
    assert_eq!((store.acknowledged(), store.next_sequence()), (last, last + 1));
    assert_eq!(items(&mut store).len(), 0);
    // Fewer than 16 wait for the next sector. Its opening says it.
    let next = run(store.push_report(&[1; 900])).unwrap();
    run(store.acknowledge(next)).unwrap();
    for _ in 0..2 {
        run(store.push_report(&[2; 900])).unwrap();
    }
    let mut store = open_again(store.into_flash());
    assert_eq!(store.acknowledged(), next);
    assert_eq!(items(&mut store).len(), 2);
    // When all that was pushed is gone from the flash, the sequence goes on all the same.
    for _ in 0..10 {
        last = run(store.push_report(&[3; 900])).unwrap();
        run(store.acknowledge(last)).unwrap();
    }
    assert_eq!(open_again(store.into_flash()).next_sequence(), last + 1);
}

#[test]
fn only_what_fits_is_taken_and_read() {
    let mut store = open(new_flash()).unwrap();
    let longest = store.longest_item();
    let sequence = run(store.push_event(&noise(1, longest))).unwrap();
    let too_long = run(store.push_report(&noise(1, longest + 1)));
    assert_eq!(too_long, Err(Error::ItemTooLarge { found: longest + 1, limit: longest }));
    let mut cursor = Cursor::default();
    let mut short = [0; 9];
    let refused = run(store.next_item(&mut cursor, &mut short));
    assert_eq!(refused, Err(Error::BufferTooSmall { found: 9, needed: longest }));
    assert_eq!(items(&mut store)[&sequence].1, noise(1, longest));
    run(store.acknowledge(u64::MAX)).unwrap();
    assert_eq!(store.acknowledged(), sequence, "what was not pushed is not acknowledged");
}
