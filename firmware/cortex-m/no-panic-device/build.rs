//! Makes the linker keep what the entry point reaches, and nothing else.

fn main() {
    for argument in ["--entry=exercise", "--gc-sections", "--error-limit=0"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
