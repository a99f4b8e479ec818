//! Every kernel family of this processor against the portable kernels: the same bytes.
//!
//! Other families run under an emulator: `QEMU_CPU=cortex-a72 cargo test --target aarch64-unknown-linux-gnu` has no dot
//! product, `QEMU_CPU=cortex-a76` has it.

use dunlin_kernel_tests::case::Case;
use dunlin_kernel_tests::{cases, execution};
use dunlin_runtime::Family;
use dunlin_runtime::format::Operator;

/// Cases of an operator and type.
const COUNT: usize = if cfg!(miri) { 2 } else { 400 };
/// Cases that share a blob.
const TOGETHER: usize = 8;

/// Runs cases on all families and asserts that they write the same bytes.
fn check(cases: &[Case]) {
    let families: Vec<Family> = Family::ALL.into_iter().filter(|family| family.is_available()).collect();
    for cases in cases.chunks(TOGETHER) {
        let expected = execution::outputs(cases, Family::Portable, 0xa5);
        for &family in &families {
            // Another paint: what a kernel reads without having written it must not matter.
            let found = execution::outputs(cases, family, 0x5a);
            for ((case, expected), found) in cases.iter().zip(&expected).zip(&found) {
                assert_eq!(expected, found, "{}: {}", family.name(), case.describe());
            }
        }
    }
}

#[test]
fn families_write_the_bytes_of_the_portable_kernels() {
    for &operator in Operator::ALL {
        check(&cases::int8(operator, COUNT));
        check(&cases::float32(operator, COUNT));
    }
}

#[test]
fn families_round_sums_as_the_portable_kernels_do() {
    for operator in [Operator::Conv2d, Operator::FullyConnected] {
        check(&cases::sums(operator, 2 * COUNT));
    }
}

/// A test that silently ran the portable kernels alone would prove nothing.
#[test]
fn the_families_of_this_architecture_are_there() {
    if cfg!(target_arch = "aarch64") {
        assert!(Family::Neon.is_available());
        // The emulator says which processor it is; elsewhere the processor itself does.
        match std::env::var("QEMU_CPU").as_deref() {
            Ok("cortex-a72") => assert_eq!(Family::best(), Family::Neon),
            Ok("cortex-a76") => assert_eq!(Family::best(), Family::NeonDot),
            _ => {}
        }
    }
    for family in Family::ALL {
        let elsewhere = match family {
            Family::Portable => false,
            Family::Dsp => !cfg!(target_arch = "arm"),
            Family::Neon | Family::NeonDot => !cfg!(target_arch = "aarch64"),
            Family::Avx2 | Family::Vnni => !cfg!(target_arch = "x86_64"),
        };
        assert!(!(elsewhere && family.is_available()), "{}", family.name());
    }
}
