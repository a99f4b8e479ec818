//! Tells the kernels whether the target has Arm's DSP extension, which stable Rust does not expose as a target feature.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(dunlin_dsp, dunlin_broken_kernel)");
    let target = std::env::var("TARGET").unwrap_or_default();
    if target.starts_with("thumbv7em") {
        println!("cargo::rustc-cfg=dunlin_dsp");
    }
}
