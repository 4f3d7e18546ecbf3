//! What happens at which step of the desktop's working day: pure, and the same every time.

/// A program with a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum App {
    Editor,
    Terminal,
    /// A terminal that prints the machine's load every five seconds.
    Load,
    Files,
    Browser,
}

impl App {
    /// The instance or class name of its window, in lower case.
    pub(super) fn window_name(self) -> &'static str {
        match self {
            Self::Editor => "geany",
            Self::Terminal => "work-terminal",
            Self::Load => "load-terminal",
            Self::Files => "pcmanfm",
            Self::Browser => "chromium",
        }
    }
}

/// A rectangle in thousandths of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Place {
    /// The same rectangle in pixels of a screen.
    pub(super) fn on(self, width: u32, height: u32) -> Self {
        Self {
            x: self.x * width / 1000,
            y: self.y * height / 1000,
            width: self.width * width / 1000,
            height: self.height * height / 1000,
        }
    }
}

/// One thing a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing: only the clock goes on.
    Idle,
    /// Types into the editor.
    Write(String),
    /// Saves the editor's file.
    Save,
    /// Types a command into the terminal.
    Run(&'static str),
    /// Turns the wheel over a window; positive is down.
    Scroll(App, i32),
    /// Drags a window.
    Move(App, Place),
    /// Brings a window to the front.
    Raise(App),
    /// Moves the pointer; thousandths of the screen.
    Point(u32, u32),
}

/// Where the window of `app` is at first.
pub(super) fn home_place(app: App) -> Place {
    let (x, y, width, height) = match app {
        App::Editor => (20, 30, 520, 700),
        App::Terminal => (500, 330, 470, 520),
        App::Load => (560, 40, 400, 250),
        App::Files => (60, 500, 400, 420),
        App::Browser => (330, 90, 560, 780),
    };
    Place { x, y, width, height }
}

const COMMANDS: &[&str] = &[
    "ls -l --color=always src",
    "git log --oneline --decorate --color=always",
    "cat src/script.rs",
    "git log --stat --color=always -3",
    "wc -l src/*.rs data/*.csv",
    "head -30 data/readings.csv",
    "grep -n --color=always 'fn ' src/*.rs",
    "clear",
    "git show --color=always HEAD~1 | head -60",
    "git diff --stat --color=always HEAD~2",
    "cat src/screen.rs",
    "sort -t, -k3 -n data/readings.csv | tail -20",
    "git status --short",
    "df -h / | cat",
];

pub(super) const SENTENCES: &[&str] = &[
    "The slider should jump at once, so seeking must not replay the day from its start.",
    "Measured again with two recordings: most screenshots change a few dozen tiles.",
    "- [ ] ask Maria whether the night shift needs three monitors",
    "- [x] the clock alone changes two tiles a second, that is cheap enough",
    "Scrolling a page of text is the expensive case; look at it once more tomorrow.",
    "    let tiles = grid.changed(&before, &after);",
    "    assert!(tiles.len() < grid.len() / 2, \"a calm screen\");",
    "| width | height | tiles | kB |",
    "|  1920 |   1080 |  8160 | 38 |",
    "Next: what happens when somebody plugs in a projector in the middle of a talk?",
];

/// One round; it repeats with other commands and other sentences.
const ROUND: u32 = 30;

/// What happens at step `step`.
pub(super) fn action(step: u32) -> Action {
    let round = step / ROUND;
    let command = |nth: u32| COMMANDS[((round * 5 + nth) as usize) % COMMANDS.len()];
    let pick = |nth: u32| (round * 4 + nth) as usize;
    let half = |nth: u32, second: bool| {
        let text = SENTENCES[pick(nth) % SENTENCES.len()];
        let middle = text.len() / 2;
        Action::Write(if second { format!("{}\n", &text[middle..]) } else { text[..middle].into() })
    };
    let shifted = |app: App, x: u32, y: u32| {
        let place = home_place(app);
        Place { x: place.x + x, y: place.y + y, ..place }
    };
    match step % ROUND {
        0 | 2 | 18 | 20 => half(step % ROUND / 2, false),
        1 | 3 | 19 | 21 => half(step % ROUND / 2, true),
        4 => Action::Save,
        6 => Action::Run(command(0)),
        7 => Action::Run(command(1)),
        8 => Action::Point(700, 480),
        11 => Action::Scroll(App::Terminal, -6),
        12 => Action::Run(command(2)),
        13 => Action::Raise(App::Browser),
        14 | 15 => Action::Scroll(App::Browser, 4),
        16 => Action::Scroll(App::Browser, -5 - (round % 3) as i32),
        17 => {
            Action::Move(App::Browser, shifted(App::Browser, (round + 1) % 4 * 20, round % 3 * 15))
        }
        22 => Action::Scroll(App::Editor, -8),
        23 => Action::Scroll(App::Editor, 12),
        24 => Action::Raise(App::Files),
        25 => Action::Move(App::Files, shifted(App::Files, round % 5 * 25, 0)),
        26 => Action::Run(command(3)),
        27 => Action::Run(command(4)),
        _ => Action::Idle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_works_in_every_window_and_rests() {
        let round: Vec<_> = (0..ROUND).map(action).collect();
        for app in [App::Editor, App::Terminal, App::Browser, App::Files] {
            let touches = |action: &Action| match action {
                Action::Write(_) | Action::Save => app == App::Editor,
                Action::Run(_) => app == App::Terminal,
                Action::Scroll(at, _) | Action::Move(at, _) | Action::Raise(at) => *at == app,
                Action::Idle | Action::Point(..) => false,
            };
            assert!(round.iter().any(touches), "{app:?}");
        }
        assert!(round.iter().filter(|action| **action == Action::Idle).count() >= 4);
    }

    #[test]
    fn rounds_differ_but_steps_repeat_exactly() {
        assert_eq!(action(77), action(77));
        assert_ne!(action(0), action(ROUND));
        assert_ne!(action(6), action(6 + ROUND));
    }

    #[test]
    fn a_sentence_is_written_in_two_steps() {
        let (Action::Write(first), Action::Write(second)) = (action(0), action(1)) else {
            panic!("the day begins with writing");
        };
        assert_eq!(first + &second, format!("{}\n", SENTENCES[0]));
    }

    #[test]
    fn every_command_is_run_sooner_or_later() {
        let run: Vec<_> = (0..ROUND * 20).map(action).collect();
        for command in COMMANDS {
            assert!(run.contains(&Action::Run(command)), "{command}");
        }
    }

    #[test]
    fn what_is_typed_is_on_every_keyboard() {
        let texts = COMMANDS.iter().chain(SENTENCES);
        assert!(texts.flat_map(|text| text.chars()).all(|c| c.is_ascii() && !c.is_control()));
    }

    #[test]
    fn windows_stay_on_the_screen() {
        for step in 0..ROUND * 60 {
            if let Action::Move(_, place) = action(step) {
                assert!(place.x + place.width <= 1000 && place.y + place.height <= 960, "{step}");
            }
        }
    }
}
