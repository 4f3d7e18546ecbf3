//! X servers whose monitors the real xrandr can change, and a client that paints on them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use deskreel_tests::product::Running;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    ChangeGCAux, ChangeWindowAttributesAux, ConnectionExt as _, CreateGCAux, Gcontext, ImageFormat,
    Rectangle, Window,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// Xorg with outputs but without hardware. It takes no input device and leaves the console alone.
const OUTPUTS: &str = r#"
Section "ServerFlags"
  Option "AutoAddDevices" "false"
  Option "AutoAddGPU" "false"
  Option "DontVTSwitch" "true"
EndSection
Section "Device"
  Identifier "device"
  Driver "dummy"
  VideoRam 65536
EndSection
Section "Monitor"
  Identifier "monitor"
  HorizSync 5.0 - 1000.0
  VertRefresh 5.0 - 200.0
EndSection
Section "Screen"
  Identifier "screen"
  Device "device"
  Monitor "monitor"
  DefaultDepth 24
  SubSection "Display"
    Depth 24
    Virtual 2048 1536
  EndSubSection
EndSection
"#;

/// A running X server, and what it needs.
pub(crate) struct Server {
    pub(crate) display: String,
    processes: Vec<Child>,
    _folder: TempDir,
}

impl Server {
    /// One output that can be turned and resized: Xephyr, which shows itself on an Xvfb.
    pub(crate) fn that_turns() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let screen = ["-noreset", "-screen", "0", "1600x1600x24"];
        let (outer, host) = start(Command::new("Xvfb").args(screen))?;
        let mut server = Self { display: host.clone(), processes: vec![outer], _folder: folder };
        let mut xephyr = Command::new("Xephyr");
        xephyr.args(["-noreset", "-screen", "800x600"]).env("DISPLAY", host);
        let (inner, display) = start(&mut xephyr)?;
        server.processes.insert(0, inner);
        server.display = display;
        Ok(server)
    }

    /// Sixteen outputs, of which `DUMMY0` is plugged in: Xorg with the driver `dummy`.
    pub(crate) fn with_outputs() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("xorg.conf");
        std::fs::write(&config, OUTPUTS)?;
        let mut xorg = Command::new("Xorg");
        xorg.arg("-config").arg(&config).arg("-logfile").arg(folder.path().join("log"));
        xorg.args(["-noreset", "-novtswitch", "-sharevts", "-keeptty"]);
        let (child, display) = start(&mut xorg).with_context(|| log(folder.path()))?;
        Ok(Self { display, processes: vec![child], _folder: folder })
    }

    /// Runs the real xrandr.
    pub(crate) fn xrandr(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new("xrandr").args(["-d", &self.display]).args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "xrandr {arguments:?}: {said}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in &mut self.processes {
            // Asked to end, so that it removes its socket.
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
            let _ = child.wait();
        }
    }
}

/// Starts a server on a free display and gives the display's name.
fn start(command: &mut Command) -> Result<(Child, String)> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.args(["-displayfd", "1", "-nolisten", "tcp"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    let output = child.stdout.take().context("the output is piped")?;
    let mut number = String::new();
    BufReader::new(output).read_line(&mut number)?;
    if number.trim().is_empty() {
        drop(Running(child));
        anyhow::bail!("{program} ended without opening a display");
    }
    Ok((child, format!(":{}", number.trim())))
}

fn log(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let errors: Vec<&str> = text.lines().filter(|line| line.contains("(EE)")).collect();
    format!("Xorg said: {}", errors.join("; "))
}

/// A client that paints on the bare screen and reads it as the server tells it.
pub(crate) struct Painter {
    connection: RustConnection,
    root: Window,
    gc: Gcontext,
}

impl Painter {
    /// Connects, and hides the pointer, whose place would differ from machine to machine.
    pub(crate) fn open(display: &str) -> Result<Self> {
        let (connection, screen) = x11rb::connect(Some(display))?;
        let root = connection.setup().roots[screen].root;
        let gc = connection.generate_id()?;
        connection.create_gc(gc, root, &CreateGCAux::new())?.check()?;
        let (pixmap, bits, cursor) =
            (connection.generate_id()?, connection.generate_id()?, connection.generate_id()?);
        connection.create_pixmap(1, pixmap, root, 1, 1)?;
        connection.create_gc(bits, pixmap, &CreateGCAux::new().foreground(0))?;
        let dot = Rectangle { x: 0, y: 0, width: 1, height: 1 };
        connection.poly_fill_rectangle(pixmap, bits, &[dot])?;
        connection.create_cursor(cursor, pixmap, pixmap, 0, 0, 0, 0, 0, 0, 0, 0)?;
        let look = ChangeWindowAttributesAux::new().cursor(cursor);
        connection.change_window_attributes(root, &look)?.check()?;
        Ok(Self { connection, root, gc })
    }

    /// Paints some rectangles all over the screen, others for each `seed`.
    pub(crate) fn paint(&self, seed: u32) -> Result<()> {
        let size = self.connection.get_geometry(self.root)?.reply()?;
        let mut state = seed.wrapping_mul(0x9e37_79b1) | 1;
        let mut random = |end: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % end
        };
        for _ in 0..40 {
            let colour = ChangeGCAux::new().foreground(random(1 << 24));
            self.connection.change_gc(self.gc, &colour)?;
            let area = Rectangle {
                x: random(size.width.into()) as i16,
                y: random(size.height.into()) as i16,
                width: random(150) as u16 + 1,
                height: random(110) as u16 + 1,
            };
            self.connection.poly_fill_rectangle(self.root, self.gc, &[area])?;
        }
        self.connection.sync()?;
        Ok(())
    }

    /// The pixels of an area of the screen, red, green and blue bytes.
    pub(crate) fn read(&self, x: i32, y: i32, width: u32, height: u32) -> Result<Vec<u8>> {
        let (x, y) = (x as i16, y as i16);
        let (width, height) = (width as u16, height as u16);
        let format = ImageFormat::Z_PIXMAP;
        let image = self.connection.get_image(format, self.root, x, y, width, height, u32::MAX)?;
        let data = image.reply()?.data;
        Ok(data.chunks_exact(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect())
    }
}
