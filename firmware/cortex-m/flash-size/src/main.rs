//! The runtime as an application calls it, and nothing else: what it takes of flash.
//!
//! Nobody runs this program. Its sections, less those of a build with the feature `empty`, are the flash that the runtime takes.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use dunlin_runtime::{Error, Model, Session};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Opens a model, runs it once, and returns an output.
fn infer(blob: &[u8], arena: &mut [u8], input: &[u8]) -> Result<u8, Error> {
    let model = Model::open(blob)?;
    let mut session = Session::new(&model, arena)?;
    for (value, &source) in session.input_bytes(0)?.iter_mut().zip(input) {
        *value = source;
    }
    session.run()?;
    Ok(session.output_bytes(0)?.first().copied().unwrap_or(0))
}

/// The entry point of the linker.
#[unsafe(no_mangle)]
extern "C" fn exercise() -> ! {
    loop {
        if cfg!(not(feature = "empty")) {
            let (blob, input) = (black_box::<&[u8]>(&[]), black_box::<&[u8]>(&[]));
            let mut arena = [0u8; 16];
            let _ = black_box(infer(blob, black_box(&mut arena[..]), input));
        }
    }
}
