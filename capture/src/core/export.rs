//! What an export holds: which moments, under which names, and what is asked of ffmpeg. Pure.

use std::path::Path;

/// One screenshot to export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shot {
    /// When it was taken, UTC milliseconds.
    pub time_ms: u64,
    /// Which of the listed segments holds it.
    pub segment: usize,
    /// Its number in there.
    pub moment: usize,
    /// Width and height of the picture, pixels.
    pub size: (u32, u32),
}

/// The shots from `from_ms` to `to_ms`, both included, by time; of those every `every`th. Of two writers'
/// at one time the first is taken.
pub fn select(mut shots: Vec<Shot>, from_ms: u64, to_ms: u64, every: usize) -> Vec<Shot> {
    shots.retain(|shot| (from_ms..=to_ms).contains(&shot.time_ms));
    shots.sort_by_key(|shot| (shot.time_ms, shot.segment));
    shots.dedup_by_key(|shot| shot.time_ms);
    shots.into_iter().step_by(every.max(1)).collect()
}

/// `2026-11-24T10-30-00.000Z.png`: sorts by time, and every file system takes it.
pub fn file_name(shown_time: &str) -> String {
    format!("{}.png", shown_time.replace(':', "-"))
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder of PNG files.
    Pictures,
    /// H.264, RGB, lossless.
    Mp4,
    /// VP9, RGB, lossless.
    Webm,
}

impl Kind {
    /// What a path asks for; `None` for a kind of video or picture that is not written.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("mp4") => Some(Self::Mp4),
            Some("webm") => Some(Self::Webm),
            Some("mkv" | "avi" | "mov" | "gif" | "png" | "jpg" | "jpeg" | "webp") => None,
            _ => Some(Self::Pictures),
        }
    }

    /// The arguments of an ffmpeg that reads pictures of this size from its standard input.
    pub fn ffmpeg(self, size: (u32, u32), fps: u32, output: &Path) -> Vec<std::ffi::OsString> {
        let codec: &[&str] = match self {
            Self::Pictures => &[],
            Self::Mp4 => &[
                "-c:v",
                "libx264rgb",
                "-crf",
                "0",
                "-preset",
                "veryfast",
                "-movflags",
                "+faststart",
                "-f",
                "mp4",
            ],
            Self::Webm => &[
                "-c:v",
                "libvpx-vp9",
                "-lossless",
                "1",
                "-pix_fmt",
                "gbrp",
                "-row-mt",
                "1",
                "-cpu-used",
                "4",
                "-f",
                "webm",
            ],
        };
        let (pixels, rate) = (format!("{}x{}", size.0, size.1), fps.to_string());
        let mut all: Vec<std::ffi::OsString> = [
            "-hide_banner",
            "-loglevel",
            "error",
            "-y",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-s",
        ]
        .map(Into::into)
        .into();
        all.extend([&pixels, "-r", &rate, "-i", "-"].map(Into::into));
        all.extend(codec.iter().map(Into::into));
        all.push(output.into());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shots_are_in_order_in_the_window_and_thinned_out() {
        let shot = |time_ms, segment| Shot { time_ms, segment, moment: 0, size: (1, 1) };
        let shots =
            vec![shot(30, 2), shot(10, 0), shot(20, 1), shot(20, 3), shot(40, 4), shot(50, 5)];
        let times = |from, to, every| {
            let chosen = select(shots.clone(), from, to, every);
            chosen.iter().map(|s| (s.time_ms, s.segment)).collect::<Vec<_>>()
        };
        assert_eq!(times(20, 40, 1), [(20, 1), (30, 2), (40, 4)]);
        assert_eq!(times(0, u64::MAX, 2), [(10, 0), (30, 2), (50, 5)]);
        assert_eq!(times(21, 29, 1), []);
    }

    #[test]
    fn a_path_says_what_is_wanted() {
        for (path, kind) in [
            ("day", Some(Kind::Pictures)),
            ("2026.11", Some(Kind::Pictures)),
            ("a/b.MP4", Some(Kind::Mp4)),
            ("b.webm", Some(Kind::Webm)),
            ("b.mkv", None),
            ("b.png", None),
        ] {
            assert_eq!(Kind::of(Path::new(path)), kind, "{path}");
        }
        assert_eq!(file_name("2026-11-24T10:30:00.000Z"), "2026-11-24T10-30-00.000Z.png");
    }
}
