//! What recording costs while a person does this or that: CPU of photographing, comparing, hashing
//! and coding, on an Xvfb of its own.
//!
//! `cargo xtask bench --activities` runs it and writes the table into docs/MEASUREMENTS.md.

#[cfg(target_os = "linux")]
#[path = "activities/linux.rs"]
mod linux;

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
    #[cfg(not(target_os = "linux"))]
    eprintln!("this benchmark paints on an X server and runs on Linux only");
}
