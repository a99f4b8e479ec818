//! Whether the stated wear is the real one.

use dunlin_store::{
    Layout, Sizes, Store,
    simulated::{SimulatedFlash, run},
    wear::{Traffic, erasures_per_day, years},
};

#[test]
fn erasures_are_as_stated() {
    let sizes = Sizes::default();
    for (item_bytes, period) in [(400, 300), (90, 60), (1200, 600)] {
        let flash = SimulatedFlash::<8, 4096>::new(512 * 1024);
        let layout = Layout::new(&flash, sizes).unwrap();
        let mut store = run(Store::open(flash, layout)).unwrap();
        let items = 30 * 86_400 / period;
        for _ in 0..items {
            let sequence = run(store.push_report(&vec![7; item_bytes as usize])).unwrap();
            run(store.acknowledge(sequence)).unwrap();
        }
        let first = (layout.reports().start / 4096) as usize;
        let counted = &store.flash().erasures()[first..first + sizes.report_sectors as usize];
        let measured = f64::from(counted.iter().sum::<u32>()) / f64::from(sizes.report_sectors) / 30.0;
        let items_per_day = 86_400.0 / f64::from(period);
        let traffic = Traffic { item_bytes, items_per_day, acknowledged_per_day: items_per_day };
        let stated = erasures_per_day(traffic, sizes.log_sector_bytes, sizes.report_sectors);
        println!(
            "{item_bytes} bytes every {period} s: {measured:.2} erasures a day, {stated:.2} stated, {:.0} and {:.0} years",
            years(stated, 10_000),
            years(stated, 100_000)
        );
        assert!((measured / stated - 1.0).abs() < 0.1, "measured {measured}, stated {stated}");
        let (least, most) = (counted.iter().min().unwrap(), counted.iter().max().unwrap());
        assert!(most - least <= 1, "all sectors wear alike");
    }
}
