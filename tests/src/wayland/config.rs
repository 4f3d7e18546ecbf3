//! The settings of a session's programs, and their environment.

use std::fmt::Write as _;
use std::io::Result;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use super::Output;

/// A bus that starts no service by itself: what runs is what the session started and will end.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>ADDRESS</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Where the bus of the session in this folder is.
pub(super) fn bus_address(folder: &Path) -> String {
    format!("unix:path={}", folder.join("run/bus").display())
}

/// Writes the settings of all programs, and makes their folders.
pub(super) fn write(folder: &Path, outputs: &[Output]) -> Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(folder.join("run"))?;
    for name in ["home/.config/xdg-desktop-portal-wlr", "home/.local/share", "log"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    std::fs::write(folder.join("bus.conf"), BUS.replace("ADDRESS", &bus_address(folder)))?;
    std::fs::write(folder.join("sway.conf"), sway(outputs))?;
    let chooser = folder.join("choose");
    let shown = folder.display();
    // It answers with the name of an output, as a dialog would.
    std::fs::write(&chooser, format!("#!/bin/sh\necho >> {shown}/asked\ncat {shown}/choice\n"))?;
    std::fs::set_permissions(&chooser, std::fs::Permissions::from_mode(0o755))?;
    let portal = format!("[screencast]\nchooser_type=simple\nchooser_cmd={}\n", chooser.display());
    std::fs::write(folder.join("home/.config/xdg-desktop-portal-wlr/config"), portal)?;
    std::fs::write(folder.join("choice"), "HEADLESS-1")
}

/// The outputs, and no program of X11.
fn sway(outputs: &[Output]) -> String {
    let mut text = "xwayland disable\n".to_owned();
    for (index, output) in outputs.iter().enumerate() {
        let Output { width, height, x, y, scale } = output;
        let number = index + 1;
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "output HEADLESS-{number} resolution {width}x{height} position {x} {y} scale {scale} \
             background #305070 solid_color"
        );
    }
    text
}

/// The environment of the session's programs.
pub(super) fn variables(folder: &Path, outputs: usize) -> [(&'static str, String); 12] {
    let below = |name: &str| folder.join(name).to_string_lossy().into_owned();
    [
        ("HOME", below("home")),
        ("XDG_CONFIG_HOME", below("home/.config")),
        ("XDG_DATA_HOME", below("home/.local/share")),
        ("XDG_RUNTIME_DIR", below("run")),
        ("XDG_CURRENT_DESKTOP", "sway".to_owned()),
        ("XDG_SESSION_TYPE", "wayland".to_owned()),
        ("DBUS_SESSION_BUS_ADDRESS", bus_address(folder)),
        ("LANG", "C.UTF-8".to_owned()),
        // Outputs in memory, painted without a graphics card, and no mouse or keyboard.
        ("WLR_BACKENDS", "headless".to_owned()),
        ("WLR_LIBINPUT_NO_DEVICES", "1".to_owned()),
        ("WLR_RENDERER", "pixman".to_owned()),
        ("WLR_HEADLESS_OUTPUTS", outputs.to_string()),
    ]
}
