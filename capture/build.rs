//! Tells Windows that the program counts in real pixels: else it is shown a screen that is scaled.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_WINDOWS").is_some() {
        use embed_manifest::manifest::DpiAwareness;
        let manifest =
            embed_manifest::new_manifest("Deskreel").dpi_awareness(DpiAwareness::PerMonitorV2);
        embed_manifest::embed_manifest(manifest).expect("the build folder can be written");
    }
}
