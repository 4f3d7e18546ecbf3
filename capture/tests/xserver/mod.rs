//! A private X server, and a client that paints on its screen what the source must see.

use deskreel_capture::source::x11::X11Source;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use x11rb::connection::Connection;
use x11rb::protocol::randr::{self, ConnectionExt as _};
use x11rb::protocol::xfixes::ConnectionExt as _;
use x11rb::protocol::xproto::{
    ChangeGCAux, ConnectionExt as _, CreateGCAux, Gcontext, ImageFormat, Rectangle, Window,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// A private X server.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) display: String,
}

impl Server {
    /// Starts Xvfb with `screen` (such as `640x480x24`), or notes that this machine has none.
    pub(crate) fn start(screen: &str, more: &[&str]) -> Option<Self> {
        let spawned = Command::new("Xvfb")
            .args(["-displayfd", "1", "-noreset", "-screen", "0", screen])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                skip("Xvfb is not installed");
                return None;
            }
            Err(error) => panic!("Xvfb does not start: {error}"),
        };
        let mut number = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut number).unwrap();
        assert!(!number.trim().is_empty(), "Xvfb refused the screen {screen} {more:?}");
        Some(Self { child, display: format!(":{}", number.trim()) })
    }

    pub(crate) fn source(&self) -> X11Source {
        X11Source::open(Some(&self.display)).unwrap()
    }

    pub(crate) fn painter(&self) -> Painter {
        let (connection, screen) = x11rb::connect(Some(&self.display)).unwrap();
        let screen = &connection.setup().roots[screen];
        let (root, depth) = (screen.root, screen.root_depth);
        let size = (screen.width_in_pixels, screen.height_in_pixels);
        let gc = connection.generate_id().unwrap();
        connection.create_gc(gc, root, &CreateGCAux::new()).unwrap().check().unwrap();
        // The server's own pointer would cover pixels that are compared.
        connection.xfixes_query_version(4, 0).unwrap().reply().unwrap();
        let painter = Painter { connection, root, depth, gc, size };
        painter.use_pointer(1, 1, &[0], 0, 0);
        painter
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked to end, not killed, so that it removes its socket. Only one that a test has waited
        // for is gone already, and then there is nobody to ask.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

/// Says that a test could not run: to the file CI reads, and by failing where CI must be complete.
fn skip(reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "x11 cannot be tested: {reason}");
    eprintln!("skipped: {reason}");
    if let Some(path) = std::env::var_os("DESKREEL_SKIPPED") {
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        writeln!(file, "x11\t{reason}").unwrap();
    }
}

/// Another client, which paints on the screen what the source must see.
pub(crate) struct Painter {
    pub(crate) connection: RustConnection,
    pub(crate) root: Window,
    pub(crate) depth: u8,
    gc: Gcontext,
    pub(crate) size: (u16, u16),
}

impl Painter {
    pub(crate) fn fill(&self, pixel: u32, x: i16, y: i16, width: u16, height: u16) {
        let colour = ChangeGCAux::new().foreground(pixel);
        self.connection.change_gc(self.gc, &colour).unwrap();
        let area = Rectangle { x, y, width, height };
        self.connection.poly_fill_rectangle(self.root, self.gc, &[area]).unwrap();
    }

    /// Copies a rectangle of the screen 17 pixels up, as a program that scrolls does.
    pub(crate) fn scroll(&self, x: i16, y: i16, width: u16, height: u16) {
        let (root, gc) = (self.root, self.gc);
        self.connection.copy_area(root, root, gc, x, y, x, y - 17, width, height).unwrap();
    }

    /// Paints each pixel by itself; `pixel` gives its number.
    pub(crate) fn put(&self, pixel: impl Fn(u32, u32) -> u32) {
        let (width, height) = self.size;
        let bytes: usize = if self.depth == 16 { 2 } else { 4 };
        let mut row = vec![0; (usize::from(width) * bytes).next_multiple_of(4)];
        for y in 0..height {
            for (x, out) in row.chunks_exact_mut(bytes).take(width.into()).enumerate() {
                out.copy_from_slice(&pixel(x as u32, y.into()).to_le_bytes()[..bytes]);
            }
            let (format, to) = (ImageFormat::Z_PIXMAP, (0, y as i16));
            let depth = self.depth;
            self.connection
                .put_image(format, self.root, self.gc, width, 1, to.0, to.1, 0, depth, &row)
                .unwrap();
        }
        self.connection.sync().unwrap();
    }

    /// Paints a part of a row, red, green and blue bytes, on a screen of 24 bits.
    pub(crate) fn put_part(&self, x: i16, y: i16, rgb: &[u8]) {
        let row: Vec<u8> =
            rgb.chunks_exact(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0], 0]).collect();
        let (format, width) = (ImageFormat::Z_PIXMAP, (rgb.len() / 3) as u16);
        self.connection
            .put_image(format, self.root, self.gc, width, 1, x, y, 0, self.depth, &row)
            .unwrap();
    }

    /// Gives the root this pointer image (straight ARGB, premultiplied) with this hot spot.
    pub(crate) fn use_pointer(
        &self,
        width: u16,
        height: u16,
        argb: &[u32],
        hot_x: u16,
        hot_y: u16,
    ) {
        use x11rb::protocol::render::{ConnectionExt as _, PictType};
        use x11rb::protocol::xproto::ChangeWindowAttributesAux;
        let connection = &self.connection;
        let formats = connection.render_query_pict_formats().unwrap().reply().unwrap().formats;
        let alpha = formats
            .iter()
            .find(|f| f.depth == 32 && f.type_ == PictType::DIRECT && f.direct.alpha_shift == 24)
            .unwrap();
        let [pixmap, gc, picture, cursor] =
            std::array::from_fn(|_| connection.generate_id().unwrap());
        connection.create_pixmap(32, pixmap, self.root, width, height).unwrap();
        connection.create_gc(gc, pixmap, &CreateGCAux::new()).unwrap();
        let bytes: Vec<u8> = argb.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
        let format = ImageFormat::Z_PIXMAP;
        connection.put_image(format, pixmap, gc, width, height, 0, 0, 0, 32, &bytes).unwrap();
        connection.render_create_picture(picture, pixmap, alpha.id, &Default::default()).unwrap();
        connection.render_create_cursor(cursor, picture, hot_x, hot_y).unwrap();
        let look = ChangeWindowAttributesAux::new().cursor(cursor);
        connection.change_window_attributes(self.root, &look).unwrap().check().unwrap();
    }

    pub(crate) fn warp(&self, x: i16, y: i16) {
        self.connection.warp_pointer(x11rb::NONE, self.root, 0, 0, 0, 0, x, y).unwrap();
        self.connection.sync().unwrap();
    }

    /// Names a rectangle of the screen as a monitor; the first one takes over the real output.
    pub(crate) fn add_monitor(&self, name: &str, area: (i16, i16, u16, u16), outputs: Vec<u32>) {
        let name = self.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap();
        let monitor = randr::MonitorInfo {
            name: name.atom,
            primary: false,
            automatic: false,
            x: area.0,
            y: area.1,
            width: area.2,
            height: area.3,
            width_in_millimeters: 100,
            height_in_millimeters: 100,
            outputs,
        };
        self.connection.randr_set_monitor(self.root, monitor).unwrap().check().unwrap();
    }

    pub(crate) fn outputs(&self) -> Vec<u32> {
        self.resources().outputs
    }

    pub(crate) fn resources(&self) -> randr::GetScreenResourcesReply {
        self.connection.randr_get_screen_resources(self.root).unwrap().reply().unwrap()
    }

    /// Makes a mode of this size known to the server and attaches it to the only output.
    pub(crate) fn add_mode(&self, width: u16, height: u16) -> u32 {
        let name = format!("{width}x{height}");
        let mode = randr::ModeInfo {
            width,
            height,
            dot_clock: 50_000_000,
            hsync_start: width + 10,
            hsync_end: width + 20,
            htotal: width + 40,
            vsync_start: height + 2,
            vsync_end: height + 4,
            vtotal: height + 10,
            name_len: name.len() as u16,
            ..Default::default()
        };
        let made = self.connection.randr_create_mode(self.root, mode, name.as_bytes()).unwrap();
        let mode = made.reply().unwrap().mode;
        let output = self.outputs()[0];
        self.connection.randr_add_output_mode(output, mode).unwrap().check().unwrap();
        mode
    }

    /// Gives the screen this size, and paints all of it from now on.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        if self.size == size {
            return;
        }
        let resources = self.resources();
        let known = resources.modes.iter().find(|mode| (mode.width, mode.height) == size);
        let mode = known.map_or_else(|| self.add_mode(size.0, size.1), |mode| mode.id);
        self.switch(mode);
        self.size = size;
    }

    /// Resizes the screen and the only output to `mode`, in one go as `xrandr` does it.
    pub(crate) fn switch(&self, mode: u32) {
        self.connection.grab_server().unwrap();
        let resources = self.resources();
        let info = resources.modes.iter().find(|known| known.id == mode).unwrap();
        self.show(&resources, x11rb::NONE, &[]);
        self.connection
            .randr_set_screen_size(self.root, info.width, info.height, 300, 200)
            .unwrap()
            .check()
            .unwrap();
        self.show(&resources, mode, &resources.outputs);
        self.connection.ungrab_server().unwrap();
        self.connection.sync().unwrap();
    }

    fn show(&self, resources: &randr::GetScreenResourcesReply, mode: u32, outputs: &[u32]) {
        let (crtc, upright) = (resources.crtcs[0], randr::Rotation::ROTATE0);
        let (now, known) = (x11rb::CURRENT_TIME, resources.config_timestamp);
        let asked =
            self.connection.randr_set_crtc_config(crtc, now, known, 0, 0, mode, upright, outputs);
        let reply = asked.unwrap().reply().unwrap();
        assert_eq!(reply.status, randr::SetConfig::SUCCESS);
    }
}
