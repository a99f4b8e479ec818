//! Links only if no panic can be reached from the runtime.
//!
//! The panic handler calls a function that does not exist. The linker drops the handler, and the call with it, when nothing
//! that the entry point reaches can panic: then linking succeeds. `cargo build --release --package no-panic` is the proof;
//! with `--features prove` the entry point panics, and linking fails.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use dunlin_runtime::{Error, Family, Model, Session, Trace};

unsafe extern "C" {
    /// Exists nowhere. The linker's error names it.
    safe fn a_panic_can_be_reached() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    a_panic_can_be_reached()
}

/// Everything that the runtime does with a blob and an arena, neither of which the compiler knows anything about.
///
/// No call is behind a `?` of another one on the same session: an input that is int8 is not float32, so that the compiler
/// would drop what comes after asking for both.
fn everything(blob: &[u8], arena: &mut [u8], index: usize) -> Result<usize, Error> {
    let model = Model::open(blob)?;
    let mut seen = usize::from(model.check_digest().is_ok());
    let family = Family::from_name(core::str::from_utf8(blob).unwrap_or_default()).unwrap_or(Family::best());
    seen ^= model.arena_bytes(family) ^ model.section(index as u32).map_or(0, <[u8]>::len);
    let mut session = Session::with_family(&model, arena, family)?;
    seen ^= session.self_test().map_or(0, |passed| passed as usize);
    seen ^= session.input(index).map_or(0, |input| input.len());
    seen ^= session.input_f32(index).map_or(0, |input| input.len());
    seen ^= session.input_bytes(index).map_or(0, |input| input.len());
    seen ^= usize::from(session.run().is_ok());
    while session.step().unwrap_or(false) {}
    let mut trace = Trace::default();
    seen ^= usize::from(session.run_with(&mut trace).is_ok()) ^ trace.0 as usize;
    seen ^= session.output(index).map_or(0, <[i8]>::len);
    seen ^= session.output_f32(index).map_or(0, <[f32]>::len);
    seen ^= session.output_bytes(index).map_or(0, <[u8]>::len);
    if cfg!(feature = "prove") {
        // Panics if the blob is shorter.
        seen ^= usize::from(blob[index]);
    }
    Ok(seen)
}

/// The entry point of the linker. Nobody runs it.
#[unsafe(no_mangle)]
extern "C" fn exercise() -> ! {
    loop {
        let blob = black_box::<&[u8]>(&[]);
        let mut arena = [0u8; 64];
        let _ = black_box(everything(blob, black_box(&mut arena[..]), black_box(0)));
    }
}
