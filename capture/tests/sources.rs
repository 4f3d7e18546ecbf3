//! Every screen source keeps the contract: a recorded one, and X11 on a real X server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in what it shares")]

#[cfg(target_os = "linux")]
#[expect(dead_code, reason = "shared with the tests of the X11 source, which use more of it")]
mod xserver;

use deskreel_capture::source::ScreenSource;
use deskreel_capture::source::conformance::{self, Stage};
use deskreel_capture::source::replay::ReplaySource;
use deskreel_format::Picture;
use tempfile::TempDir;

/// A recording of one picture, which is replaced by the next.
struct Recorded {
    folder: TempDir,
}

impl Recorded {
    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("0.png")
    }
}

impl Stage for Recorded {
    fn open(&mut self) -> Box<dyn ScreenSource> {
        Box::new(ReplaySource::open(self.folder.path()).unwrap())
    }

    fn show(&mut self, picture: &Picture) {
        let (width, height) = (picture.width(), picture.height());
        let image = image::RgbImage::from_raw(width, height, picture.rgb().to_vec()).unwrap();
        image.save(self.file()).unwrap();
    }

    fn fail(&mut self) {
        std::fs::write(self.file(), "no picture").unwrap();
    }

    fn mend(&mut self) {
        std::fs::remove_file(self.file()).unwrap();
    }

    fn show_secret(&mut self) {
        panic!("a recording cannot hide windows");
    }
}

#[test]
fn a_recording_keeps_the_contract_of_sources() {
    let mut stage = Recorded { folder: tempfile::tempdir().unwrap() };
    stage.show(&Picture::filled(5, 5, [1; 3]).unwrap());
    conformance::check(&mut stage);
}

#[cfg(target_os = "linux")]
mod x11 {
    use super::xserver::{Painter, Server};
    use super::*;
    use deskreel_capture::source::conformance::{SECRET, SECRET_TITLE};
    use x11rb::connection::Connection as _;
    use x11rb::protocol::xproto::{
        AtomEnum, ConnectionExt as _, CreateWindowAux, PropMode, WindowClass,
    };
    use x11rb::wrapper::ConnectionExt as _;

    struct Display {
        server: Server,
        painter: Painter,
        more: &'static [&'static str],
        trusts: bool,
        shown: Option<Picture>,
    }

    impl Display {
        fn start(more: &'static [&'static str], trusts: bool) -> Option<Self> {
            let server = Server::start("1366x768x24", more)?;
            let painter = server.painter();
            Some(Self { server, painter, more, trusts, shown: None })
        }
    }

    impl Stage for Display {
        fn open(&mut self) -> Box<dyn ScreenSource> {
            let mut source = self.server.source();
            if !self.trusts {
                source.distrust_damage();
            }
            Box::new(source)
        }

        fn show(&mut self, picture: &Picture) {
            let size = (picture.width() as u16, picture.height() as u16);
            self.painter.resize(size);
            // Only what differs is painted, so that the server tells of no more than that.
            let stride = picture.width() as usize * 3;
            let before = self.shown.as_ref().filter(|shown| {
                (shown.width(), shown.height()) == (picture.width(), picture.height())
            });
            for (y, row) in picture.rgb().chunks_exact(stride).enumerate() {
                let old = before.map(|shown| &shown.rgb()[y * stride..(y + 1) * stride]);
                let differs = |x: &usize| old.is_none_or(|old| old[*x] != row[*x]);
                let Some(first) = (0..stride).find(differs) else { continue };
                let last = (0..stride).rfind(differs).unwrap_or(first);
                let (from, to) = (first / 3, last / 3 + 1);
                self.painter.put_part(from as i16, y as i16, &row[from * 3..to * 3]);
            }
            self.painter.connection.sync().unwrap();
            self.shown = Some(picture.clone());
        }

        fn fail(&mut self) {
            self.server.child.kill().unwrap();
            self.server.child.wait().unwrap();
        }

        fn mend(&mut self) {
            *self = Self::start(self.more, self.trusts).unwrap();
        }

        fn show_secret(&mut self) {
            let connection = &self.painter.connection;
            let window = connection.generate_id().unwrap();
            let [r, g, b] = SECRET.map(u32::from);
            let look = CreateWindowAux::new().background_pixel(r << 16 | g << 8 | b);
            let (root, class) = (self.painter.root, WindowClass::INPUT_OUTPUT);
            connection.create_window(0, window, root, 40, 30, 100, 80, 0, class, 0, &look).unwrap();
            let (title, kind) = (SECRET_TITLE.as_bytes(), AtomEnum::STRING);
            for (name, text) in
                [(AtomEnum::WM_NAME, title), (AtomEnum::WM_CLASS, b"test\0Test\0".as_slice())]
            {
                connection.change_property8(PropMode::REPLACE, window, name, kind, text).unwrap();
            }
            connection.map_window(window).unwrap();
            connection.sync().unwrap();
        }
    }

    #[test]
    fn x11_keeps_the_contract_of_sources() {
        // With and without shared memory, with and without what the server tells to have changed.
        for (more, trusts) in [(&[][..], true), (&[], false), (&["-extension", "MIT-SHM"], true)] {
            let Some(mut stage) = Display::start(more, trusts) else { return };
            conformance::check(&mut stage);
        }
    }
}
