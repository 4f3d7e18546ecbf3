//! Which windows are on the screen, what they say of themselves, and where they have been.

use super::connection::Refusal;
use crate::core::area::Area;
use crate::core::exclusion::{Exclusions, Facts, Sight, Watch, Windows};
use std::collections::{HashMap, HashSet};
use x11rb::connection::Connection;
use x11rb::errors::ReplyError;
use x11rb::protocol::ErrorKind;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, GetPropertyReply, MapState,
    Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::x11_utils::X11Error;

/// Frames of window managers nest this deep at most.
const DEPTH: usize = 4;
/// More windows than this are no desktop; what they hide cannot be told.
const MOST: usize = 4_096;
/// Words of a property that are read.
const WORDS: u32 = 1_024;
/// The server's own windows, such as the compositor's overlay, carry this bit.
const SERVER_BIT: u32 = 0x4000_0000;

x11rb::atom_manager! {
    /// The properties by which windows are known.
    pub(super) Atoms: AtomsCookie {
        UTF8_STRING,
        _NET_WM_NAME,
        _NET_WM_PID,
    }
}

/// Keeps watch over the windows for some rules.
pub(super) struct Guard {
    rules: Exclusions,
    watch: Watch,
    atoms: Atoms,
    owner_mask: u32,
    /// Windows that were visible when last looked at.
    visible: HashSet<Window>,
    /// Where windows were created or moved to.
    created: HashMap<Window, Area>,
}

impl Guard {
    /// Begins to watch.
    pub(super) fn new(
        connection: &RustConnection,
        root: Window,
        rules: Exclusions,
    ) -> Result<Self, Refusal> {
        let events = ChangeWindowAttributesAux::new().event_mask(EventMask::SUBSTRUCTURE_NOTIFY);
        connection.change_window_attributes(root, &events)?.check()?;
        let atoms = Atoms::new(connection)?.reply()?;
        let owner_mask = !connection.setup().resource_id_mask;
        let (visible, created) = (HashSet::new(), HashMap::new());
        let mut guard =
            Self { rules, watch: Watch::default(), atoms, owner_mask, visible, created };
        let present = guard.list(connection, root)?;
        guard.watch = Watch::new(&present);
        Ok(guard)
    }

    /// To be called some time before the pixels are read.
    pub(super) fn before(
        &mut self,
        connection: &RustConnection,
        root: Window,
    ) -> Result<Sight, Refusal> {
        let trail = self.moves(connection)?;
        let list = self.list(connection, root)?;
        Ok(Sight { lists: vec![list], moves: HashMap::new(), trail })
    }

    /// To be called some time after the pixels were read: what to hide of them.
    pub(super) fn after(
        &mut self,
        connection: &RustConnection,
        root: Window,
        desktop: Area,
        mut sight: Sight,
    ) -> Result<Vec<Area>, Refusal> {
        let list = self.list(connection, root)?;
        sight.lists.push(list);
        // The answers to the list came after every event of the time before.
        sight.moves = self.moves(connection)?;
        Ok(self.watch.hide(&self.rules, desktop, &sight))
    }

    /// Every place at which a visible window has been since the last call.
    fn moves(
        &mut self,
        connection: &RustConnection,
    ) -> Result<HashMap<Window, Vec<Area>>, Refusal> {
        let mut moves: HashMap<Window, Vec<Area>> = HashMap::new();
        while let Some(event) = connection.poll_for_event()? {
            match event {
                Event::CreateNotify(e) => {
                    let area = outer(e.x, e.y, e.width, e.height, e.border_width);
                    self.created.insert(e.window, area);
                }
                Event::ConfigureNotify(e) => {
                    let area = outer(e.x, e.y, e.width, e.height, e.border_width);
                    self.created.insert(e.window, area);
                    if self.visible.contains(&e.window) {
                        moves.entry(e.window).or_default().push(area);
                    }
                }
                Event::MapNotify(e) => {
                    self.visible.insert(e.window);
                    match self.created.get(&e.window) {
                        Some(area) => moves.entry(e.window).or_default().push(*area),
                        // Mapped before we watched where it is: the lists have it, or nobody does.
                        None => drop(moves.entry(e.window).or_default()),
                    }
                }
                Event::UnmapNotify(e) => {
                    self.visible.remove(&e.window);
                }
                Event::DestroyNotify(e) => {
                    self.visible.remove(&e.window);
                    self.created.remove(&e.window);
                }
                Event::ReparentNotify(e) => {
                    // Into a frame, whose places are told from now on; or out of one, at some place.
                    self.visible.remove(&e.window);
                    self.created.remove(&e.window);
                }
                _ => {}
            }
        }
        for areas in moves.values_mut() {
            areas.dedup();
        }
        Ok(moves)
    }

    /// The visible top-level windows, lowest first.
    fn list(&mut self, connection: &RustConnection, root: Window) -> Result<Windows, Refusal> {
        let tops = connection.query_tree(root)?.reply()?.children;
        if tops.len() > MOST {
            return Err(Refusal::Denied(format!("there are {} windows", tops.len())));
        }
        let mut asked = Vec::with_capacity(tops.len());
        for top in tops {
            let attributes = connection.get_window_attributes(top)?;
            asked.push((top, attributes, connection.get_geometry(top)?));
        }
        let mut windows = Windows::new();
        for (top, attributes, geometry) in asked {
            let (attributes, geometry) = (alive(attributes.reply())?, alive(geometry.reply())?);
            // One that has just gone is told by its events.
            let (Some(attributes), Some(geometry)) = (attributes, geometry) else { continue };
            let owner = top & self.owner_mask;
            let own = owner == 0 || owner & SERVER_BIT != 0;
            if attributes.map_state != MapState::VIEWABLE
                || attributes.class == WindowClass::INPUT_ONLY
                || own
            {
                continue;
            }
            let (w, h, border) = (geometry.width, geometry.height, geometry.border_width);
            windows.push(crate::core::exclusion::Window {
                ids: vec![top],
                owners: vec![owner],
                parents: vec![],
                is_popup: attributes.override_redirect,
                area: outer(geometry.x, geometry.y, w, h, border),
                facts: Facts::default(),
            });
        }
        // Those that went meanwhile are taken out by their events, after their last places.
        self.visible.extend(windows.iter().map(|window| window.ids[0]));
        self.ask_all(connection, &mut windows)?;
        Ok(windows)
    }

    /// Asks the windows, and those in them, what they say of themselves; a level at a time, so that
    /// there are as many round trips as levels.
    fn ask_all(&self, connection: &RustConnection, windows: &mut Windows) -> Result<(), Refusal> {
        let mut level: Vec<(usize, Window)> =
            windows.iter().enumerate().map(|(index, window)| (index, window.ids[0])).collect();
        for _ in 0..DEPTH {
            let mut asked = Vec::with_capacity(level.len());
            for (index, window) in level {
                let property =
                    |name, kind| connection.get_property(false, window, name, kind, 0, WORDS);
                let any = AtomEnum::ANY;
                asked.push((
                    index,
                    window,
                    property(AtomEnum::WM_CLASS.into(), any)?,
                    property(AtomEnum::WM_NAME.into(), any)?,
                    property(self.atoms._NET_WM_NAME, any)?,
                    property(AtomEnum::WM_TRANSIENT_FOR.into(), any)?,
                    property(self.atoms._NET_WM_PID, any)?,
                    connection.query_tree(window)?,
                ));
            }
            let mut next = Vec::new();
            for (index, window, class, name, net_name, parent, pid, tree) in asked {
                let class = alive(class.reply())?.unwrap_or_default();
                let names = [alive(name.reply())?, alive(net_name.reply())?];
                let parent = alive(parent.reply())?.unwrap_or_default();
                let pid = alive(pid.reply())?.unwrap_or_default();
                let tree = alive(tree.reply())?;
                let own = &mut windows[index];
                if own.ids[0] != window && !class.value.is_empty() {
                    own.ids.push(window);
                    let owner = window & self.owner_mask;
                    // A frame holds somebody else's window; a popup does not.
                    own.is_popup &= own.owners.contains(&owner);
                    own.owners.push(owner);
                }
                own.parents.extend(parent.value32().into_iter().flatten());
                own.facts.titles.extend(names.iter().flatten().map(text).filter(|t| !t.is_empty()));
                let classes = class.value.split(|byte| *byte == 0).map(latin1);
                own.facts.classes.extend(classes.filter(|class| !class.is_empty()));
                for pid in pid.value32().into_iter().flatten() {
                    own.facts.applications.extend(programs(pid));
                }
                if class.value.is_empty() {
                    let children = tree.into_iter().flat_map(|tree| tree.children);
                    next.extend(children.map(|child| (index, child)));
                }
            }
            if next.len() > MOST {
                return Err(Refusal::Denied(format!("{} windows are nested", next.len())));
            }
            level = next;
        }
        Ok(())
    }
}

/// The area of a window with its border.
fn outer(x: i16, y: i16, width: u16, height: u16, border: u16) -> Area {
    let side = |length: u16| u32::from(length) + 2 * u32::from(border);
    Area { x: x.into(), y: y.into(), width: side(width), height: side(height) }
}

/// An answer, or `None` when the window is gone by now.
fn alive<T>(answer: Result<T, ReplyError>) -> Result<Option<T>, Refusal> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(ReplyError::X11Error(X11Error {
            error_kind: ErrorKind::Window | ErrorKind::Drawable,
            ..
        })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// UTF-8 where it is, else Latin-1, which is what the protocol means by a string.
fn text(property: &GetPropertyReply) -> String {
    let bytes: Vec<u8> = property.value.iter().copied().take_while(|byte| *byte != 0).collect();
    String::from_utf8(bytes).unwrap_or_else(|wrong| latin1(wrong.as_bytes()))
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The names under which a process of this machine runs.
fn programs(pid: u32) -> Vec<String> {
    let file = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let file = file.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    file.into_iter().chain(name.map(|name| name.trim().to_owned())).collect()
}
