//! Makes the linker keep what the entry point reaches, and nothing else.

fn main() {
    for argument in ["--entry=exercise", "--gc-sections"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
