//! Which windows must not be seen, and which parts of the desktop are hidden for that: pure.
//!
//! When in doubt a window is hidden: what is not yet known of it may be what a rule is about.

use std::collections::{HashMap, HashSet};

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

use super::area::Area;

/// What a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Title,
    Class,
    Application,
    Any,
}

#[derive(Debug, Clone)]
enum Pattern {
    Glob(GlobMatcher),
    Regex(Regex),
}

/// One rule: `FIELD=PATTERN`, where FIELD is `title`, `class`, `app` or `any`, and PATTERN a glob
/// for the whole text, or a regular expression between slashes for a part of it. Case does not
/// matter.
#[derive(Debug, Clone)]
pub struct Rule {
    field: Field,
    pattern: Pattern,
    text: String,
}

impl Rule {
    /// Reads a rule as a person writes it.
    ///
    /// # Errors
    /// A text that says what is wrong and what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: String| {
            format!(
                "the rule '{text}' {what}; write title=*private*, class=KeePassXC, app=signal-desktop or title=/regex/"
            )
        };
        let (field, pattern) =
            text.split_once('=').ok_or_else(|| wrong("names no field".to_owned()))?;
        let field = match field.trim() {
            "title" => Field::Title,
            "class" => Field::Class,
            "app" => Field::Application,
            "any" => Field::Any,
            other => return Err(wrong(format!("has the unknown field '{other}'"))),
        };
        if pattern.is_empty() {
            return Err(wrong("has an empty pattern".to_owned()));
        }
        let inner = pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let pattern = match inner {
            Some(inner) => RegexBuilder::new(inner)
                .case_insensitive(true)
                .build()
                .map(Pattern::Regex)
                .map_err(|error| wrong(format!("has a wrong regular expression ({error})")))?,
            None => GlobBuilder::new(pattern)
                .case_insensitive(true)
                .build()
                .map(|glob| Pattern::Glob(glob.compile_matcher()))
                .map_err(|error| wrong(format!("has a wrong glob ({error})")))?,
        };
        Ok(Self { field, pattern, text: text.to_owned() })
    }

    fn matches(&self, facts: &Facts) -> bool {
        let matches = |text: &String| match &self.pattern {
            Pattern::Glob(glob) => glob.is_match(text),
            Pattern::Regex(regex) => regex.is_match(text),
        };
        let is = |field| self.field == field || self.field == Field::Any;
        is(Field::Title) && facts.titles.iter().any(matches)
            || is(Field::Class) && facts.classes.iter().any(matches)
            || is(Field::Application) && facts.applications.iter().any(matches)
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// All rules of a recording.
#[derive(Debug, Clone, Default)]
pub struct Exclusions {
    /// Windows that must not be seen.
    pub exclude: Vec<Rule>,
    /// If there are any: nothing but such windows may be seen.
    pub only: Vec<Rule>,
}

impl Exclusions {
    /// Whether everything may be seen.
    pub fn is_empty(&self) -> bool {
        self.exclude.is_empty() && self.only.is_empty()
    }

    fn forbids(&self, facts: &Facts) -> bool {
        self.exclude.iter().any(|rule| rule.matches(facts))
    }

    fn allows(&self, facts: &Facts) -> bool {
        self.only.is_empty() || self.only.iter().any(|rule| rule.matches(facts))
    }
}

/// What a window says of itself; several of each, because frames and nested windows count too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Titles.
    pub titles: Vec<String>,
    /// Class and instance names.
    pub classes: Vec<String>,
    /// Names of its program.
    pub applications: Vec<String>,
}

impl Facts {
    /// A window that has said nothing of itself yet, or not enough for a rule to go by.
    fn is_unknown(&self) -> bool {
        self.titles.iter().all(String::is_empty) || self.classes.is_empty()
    }
}

/// A visible top-level window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its number, and those of the windows in it that programs know it by.
    pub ids: Vec<u32>,
    /// The connections that own it and what is in it.
    pub owners: Vec<u32>,
    /// The windows that it belongs to, as a dialog does.
    pub parents: Vec<u32>,
    /// A menu, tooltip or the like, which no window manager places.
    pub is_popup: bool,
    /// Where it is on the desktop, border included.
    pub area: Area,
    /// What is known of it.
    pub facts: Facts,
}

impl Window {
    /// The number of the top-level window itself.
    fn id(&self) -> u32 {
        self.ids.first().copied().unwrap_or(0)
    }
}

/// The windows at one time, lowest first.
pub type Windows = Vec<Window>;

/// What was seen around one screenshot.
#[derive(Debug, Default)]
pub struct Sight {
    /// The windows before and after it.
    pub lists: Vec<Windows>,
    /// Every place at which a visible window was between the lists, by its number.
    pub moves: HashMap<u32, Vec<Area>>,
    /// The same for the time since the screenshot before.
    pub trail: HashMap<u32, Vec<Area>>,
}

/// Remembers from screenshot to screenshot what needs two of them to be known.
#[derive(Debug, Default)]
pub struct Watch {
    /// Top-level windows that are known since before the last screenshot.
    settled: HashSet<u32>,
    /// Where hidden windows were last; they may have been uncovered or renamed since.
    hidden: HashMap<u32, Area>,
}

impl Watch {
    /// Windows that are there from the start are no news.
    pub fn new(present: &Windows) -> Self {
        Self { settled: numbers(present), hidden: HashMap::new() }
    }

    /// The parts of the desktop to hide in a screenshot, given what was seen around it.
    pub fn hide(&mut self, rules: &Exclusions, desktop: Area, sight: &Sight) -> Vec<Area> {
        let mut hidden = Vec::new();
        let mut places: HashMap<u32, Area> = HashMap::new();
        let mut listed = HashSet::new();
        for windows in &sight.lists {
            let verdicts = self.judge(rules, windows);
            let mut covered = if rules.only.is_empty() { vec![] } else { vec![desktop] };
            for (window, verdict) in windows.iter().zip(&verdicts) {
                listed.insert(window.id());
                let moves = sight.moves.get(&window.id());
                let moved = moves.is_some_and(|m| m.iter().any(|area| *area != window.area));
                if *verdict != Verdict::Shown {
                    let trail = sight.trail.get(&window.id());
                    covered.push(window.area);
                    covered.extend(moves.into_iter().chain(trail).flatten());
                    if *verdict == Verdict::Secret {
                        places.insert(window.id(), window.area);
                    }
                } else if !rules.only.is_empty() {
                    // One that moved may have uncovered anything between two places.
                    match moved {
                        true => covered.push(window.area),
                        false => covered = Area::without(&covered, window.area),
                    }
                }
            }
            hidden.extend(covered);
        }
        // Came and went meanwhile: nobody knows what it was.
        for (_, areas) in sight.moves.iter().filter(|(id, _)| !listed.contains(id)) {
            hidden.extend(areas);
            if areas.is_empty() {
                hidden.push(desktop);
            }
        }
        // What was hidden last time may still be on the glass where it was since.
        for (id, area) in &self.hidden {
            hidden.push(*area);
            hidden.extend(sight.trail.get(id).into_iter().flatten());
        }
        self.hidden = places;
        self.settled = sight.lists.last().map(numbers).unwrap_or_default();
        hidden
    }

    /// What may be seen of each window.
    fn judge(&self, rules: &Exclusions, windows: &Windows) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = windows.iter().map(|w| self.by_itself(rules, w)).collect();
        loop {
            let of = |wanted: bool| {
                let verdicts = verdicts.iter();
                let same = move |verdict: &Verdict| (*verdict == Verdict::Shown) == wanted;
                windows.iter().zip(verdicts).filter(move |(_, v)| same(v)).map(|(w, _)| w)
            };
            let ids: HashSet<u32> = of(false).flat_map(|w| w.ids.clone()).collect();
            let owners: HashSet<u32> = of(false).flat_map(|w| w.owners.clone()).collect();
            let known: HashSet<u32> =
                of(true).filter(|w| !w.is_popup).flat_map(|w| w.owners.clone()).collect();
            let mut more = false;
            for (window, verdict) in windows.iter().zip(&mut verdicts) {
                let is_of =
                    |owners: &HashSet<u32>| window.owners.iter().any(|o| owners.contains(o));
                // Dialogs of hidden windows, popups of programs with hidden windows, and popups of
                // which nothing is known, not even whose they are.
                let news = window.facts.is_unknown() || !self.settled.contains(&window.id());
                let untitled = window.facts.titles.iter().all(String::is_empty);
                let follows = window.parents.iter().any(|parent| ids.contains(parent))
                    || window.is_popup && is_of(&owners)
                    || window.is_popup && news && untitled && !is_of(&known);
                if follows && *verdict == Verdict::Shown {
                    (*verdict, more) = (Verdict::Secret, true);
                }
            }
            if !more {
                return verdicts;
            }
        }
    }

    fn by_itself(&self, rules: &Exclusions, window: &Window) -> Verdict {
        let facts = &window.facts;
        let unknown = !window.is_popup && facts.is_unknown();
        if rules.forbids(facts) || !rules.allows(facts) || unknown {
            return Verdict::Secret;
        }
        let is_new = !window.is_popup && !self.settled.contains(&window.id());
        match is_new || self.hidden.contains_key(&window.id()) {
            // Just mapped: its title may change at once. Just renamed: it may show what it showed.
            true => Verdict::NotYet,
            false => Verdict::Shown,
        }
    }
}

/// What may be seen of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Shown,
    /// Hidden in this screenshot, to be sure.
    NotYet,
    Secret,
}

fn numbers(windows: &Windows) -> HashSet<u32> {
    windows.iter().map(Window::id).collect()
}
