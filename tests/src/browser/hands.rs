//! Keys, mouse and fingers, as the browser gets them from a person.

use anyhow::{Context, Result, bail};
use fantoccini::Locator;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use serde_json::{Value, json};

use super::Browser;

/// A place on the page, CSS pixels.
pub type Place = (f64, f64);

/// Bits of modifiers held while the mouse acts.
pub const CTRL: u8 = 2;
/// See [`CTRL`].
pub const SHIFT: u8 = 8;

impl Browser {
    /// Presses keys one after the other; keys without a character have WebDriver's code points.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn press(&self, keys: &str) -> Result<()> {
        let mut actions = KeyActions::new("keyboard".into());
        for value in keys.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        Ok(self.client.perform_actions(actions).await?)
    }

    /// Presses a key while another one is held.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn press_with(&self, held: char, key: char) -> Result<()> {
        let actions = KeyActions::new("keyboard".into())
            .then(KeyAction::Down { value: held })
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key })
            .then(KeyAction::Up { value: held });
        Ok(self.client.perform_actions(actions).await?)
    }

    /// Clicks the element that a CSS selector finds.
    ///
    /// # Errors
    /// When there is none or it cannot be clicked.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let element = self.client.find(Locator::Css(selector)).await;
        Ok(element.with_context(|| selector.to_owned())?.click().await?)
    }

    /// A place inside of an element: shares of its width and height.
    ///
    /// # Errors
    /// When there is no such element.
    pub async fn place(&self, selector: &str, across: f64, down: f64) -> Result<Place> {
        let script = format!(
            "const b = document.querySelector('{selector}').getBoundingClientRect();
             return [b.left + b.width * {across}, b.top + b.height * {down}];"
        );
        let place = self.player(&script).await?;
        let number = |index: usize| place[index].as_f64().context("a place is two numbers");
        Ok((number(0)?, number(1)?))
    }

    /// Moves the mouse without a button held.
    ///
    /// # Errors
    /// When the browser refuses it.
    pub async fn hover(&self, place: Place) -> Result<()> {
        self.mouse("mouseMoved", place, 0, 0).await
    }

    /// Presses the mouse at one place, moves it in steps to another, releases it.
    ///
    /// # Errors
    /// When the browser refuses it.
    pub async fn drag(&self, from: Place, to: Place, modifiers: u8) -> Result<()> {
        self.mouse("mouseMoved", from, 0, modifiers).await?;
        self.mouse("mousePressed", from, 1, modifiers).await?;
        for step in 1..=6 {
            let share = f64::from(step) / 6.0;
            let at = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            self.mouse("mouseMoved", at, 1, modifiers).await?;
        }
        self.mouse("mouseReleased", to, 1, modifiers).await
    }

    async fn mouse(&self, kind: &str, (x, y): Place, held: u8, modifiers: u8) -> Result<()> {
        let is_left = held == 1;
        let event = json!({
            "type": kind, "x": x, "y": y, "modifiers": modifiers, "clickCount": held,
            "button": if is_left { "left" } else { "none" }, "buttons": held,
        });
        self.cdp("Input.dispatchMouseEvent", event).await
    }

    /// Turns the wheel.
    ///
    /// # Errors
    /// When the browser refuses it.
    pub async fn wheel(&self, (x, y): Place, across: f64, down: f64, modifiers: u8) -> Result<()> {
        let event = json!({
            "type": "mouseWheel", "x": x, "y": y, "deltaX": across, "deltaY": down,
            "modifiers": modifiers,
        });
        self.cdp("Input.dispatchMouseEvent", event).await
    }

    /// Puts two fingers down, moves them to other places, and lifts them.
    ///
    /// # Errors
    /// When the browser refuses it.
    pub async fn pinch(&self, from: [Place; 2], to: [Place; 2]) -> Result<()> {
        for step in 0..=6 {
            let share = f64::from(step) / 6.0;
            let points = [0, 1].map(|finger| {
                let ((ax, ay), (bx, by)) = (from[finger], to[finger]);
                json!({ "id": finger, "x": ax + (bx - ax) * share, "y": ay + (by - ay) * share })
            });
            let kind = if step == 0 { "touchStart" } else { "touchMove" };
            self.cdp("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": points }))
                .await?;
        }
        self.cdp("Input.dispatchTouchEvent", json!({ "type": "touchEnd", "touchPoints": [] })).await
    }

    /// Waits until an expression over the player `p` and `byId` holds.
    ///
    /// # Errors
    /// With what `told` says then, when that takes more than 90 s.
    pub async fn until(&self, condition: &str, told: &str) -> Result<Value> {
        let script = format!(
            "const byId = id => document.getElementById(id);
             for (let i = 0; i < 4500 && !({condition}); i++)
               await new Promise(r => setTimeout(r, 20));
             return [Boolean({condition}), {told}];"
        );
        let mut answer = self.player(&script).await?;
        if answer[0] != true {
            bail!("waited in vain for {condition}: {}", answer[1]);
        }
        Ok(answer[1].take())
    }
}
