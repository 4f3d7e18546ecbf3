//! The canvas: the whole desktop, each surface at its place.

use std::cell::Cell;

use wasm_bindgen::prelude::*;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

use crate::core::compositor::Surface;
use deskreel_format::grid::Rect;

/// A canvas to draw on.
pub(super) struct Screen {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    /// How often something was drawn.
    drawings: Cell<u32>,
}

impl Screen {
    pub(super) fn new(canvas: HtmlCanvasElement) -> Result<Self, JsValue> {
        let context = canvas.get_context("2d")?.ok_or("the canvas has no 2d context")?;
        Ok(Self { canvas, context: context.dyn_into()?, drawings: Cell::new(0) })
    }

    /// Another number than before whenever something was drawn since.
    pub(super) fn drawings(&self) -> u32 {
        self.drawings.get()
    }

    /// Gives the canvas the desktop's size, which also clears it.
    pub(super) fn resize(&self, width: u32, height: u32) {
        self.count();
        self.canvas.set_width(width);
        self.canvas.set_height(height);
    }

    /// Copies rectangles of a surface; its pixels are not copied anywhere else on the way.
    pub(super) fn draw(&self, surface: &Surface, rects: &[Rect]) -> Result<(), JsValue> {
        self.count();
        let image = image(surface)?;
        for rect in rects {
            self.context.put_image_data_with_dirty_x_and_dirty_y_and_dirty_width_and_dirty_height(
                &image,
                surface.x.into(),
                surface.y.into(),
                rect.x.into(),
                rect.y.into(),
                rect.width.into(),
                rect.height.into(),
            )?;
        }
        Ok(())
    }

    fn count(&self) {
        self.drawings.set(self.drawings.get().wrapping_add(1));
    }
}

/// A view of a surface's pixels, good until memory grows.
pub(super) fn image(surface: &Surface) -> Result<ImageData, JsValue> {
    let (width, height) = (surface.info.width, surface.info.height);
    ImageData::new_with_u8_clamped_array_and_sh(Clamped(surface.rgba()), width, height)
}
