//! The plot of `deskreel tune`: bytes stored against bytes of a cold seek, as SVG.

use crate::core::tuning::Figures;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 460.0;
/// Left, top, right, bottom of the field.
const FIELD: (f64, f64, f64, f64) = (70.0, 56.0, 730.0, 400.0);

/// Colours work on white and on near black; `screen` and `webp` differ in shape too.
const STYLE: &str = "\
<style>
  svg { background: #fff; color: #1c2430; font: 12px system-ui, sans-serif }
  text { fill: currentColor } .axis, .grid { stroke: currentColor } .grid { opacity: .12 }
  .axis { opacity: .6 } .screen { fill: #2f6fde } .webp { fill: #d9742b } .limit { stroke: #b3261e }
  .best { fill: none; stroke: currentColor; stroke-width: 2 } .small { font-size: 11px; opacity: .8 }
  @media (prefers-color-scheme: dark) { svg { background: #14181f; color: #e4e8ee }
    .screen { fill: #7aa7ff } .webp { fill: #f0a060 } .limit { stroke: #ff8a80 } }
</style>";

/// A step for about `parts` grid lines up to `max`: 1, 2 or 5 times a power of ten.
fn step(max: f64, parts: f64) -> f64 {
    let rough = (max / parts).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough).unwrap_or(rough)
}

/// The plot; `best` is the recommended row, `limit_bytes` the p95 that seeks are to keep.
pub(super) fn svg(rows: &[Figures], best: Option<usize>, limit_bytes: u64) -> String {
    let (left, top, right, bottom) = FIELD;
    let highest =
        |of: fn(&Figures) -> f64, floor: f64| rows.iter().map(of).fold(floor, f64::max) * 1.08;
    let max_x = highest(|row| row.bytes_per_screenshot / 1e3, 1.0);
    let max_y = highest(|row| row.seek_bytes.p95 as f64 / 1e3, limit_bytes as f64 / 1e3);
    let x = |kb: f64| left + kb / max_x * (right - left);
    let y = |kb: f64| bottom - kb / max_y * (bottom - top);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"KB stored a screenshot against KB of a cold seek\">\n{STYLE}\n\
         <text x=\"{left}\" y=\"24\" font-size=\"15\">What is stored against what a jump costs</text>\n\
         <text x=\"{left}\" y=\"42\" class=\"small\">lower left is better; the number is the tile size in pixels</text>\n"
    );
    let (step_x, step_y) = (step(max_x, 8.0), step(max_y, 6.0));
    for k in 0..=(max_x / step_x) as u32 {
        let (value, at) = (f64::from(k) * step_x, x(f64::from(k) * step_x));
        out += &format!(
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{value}</text>\n",
            bottom + 18.0
        );
    }
    for k in 0..=(max_y / step_y) as u32 {
        let (value, at) = (f64::from(k) * step_y, y(f64::from(k) * step_y));
        out += &format!(
            "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>\n",
            left - 8.0,
            at + 4.0
        );
    }
    let limit = y(limit_bytes as f64 / 1e3);
    out += &format!(
        "<line class=\"axis\" x1=\"{left}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\
         <line class=\"axis\" x1=\"{left}\" x2=\"{left}\" y1=\"{top}\" y2=\"{bottom}\"/>\n\
         <line class=\"limit\" stroke-dasharray=\"6 4\" x1=\"{left}\" x2=\"{right}\" y1=\"{limit:.1}\" y2=\"{limit:.1}\"/>\
         <text class=\"small\" x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">limit of cold seeks</text>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">KB stored a screenshot</text>\n\
         <text transform=\"translate(20 {}) rotate(-90)\" text-anchor=\"middle\">KB of a cold seek, 95th percentile</text>\n",
        limit - 6.0,
        f64::midpoint(left, right),
        bottom + 40.0,
        f64::midpoint(top, bottom),
    );
    for (number, row) in rows.iter().enumerate() {
        let (px, py) = (x(row.bytes_per_screenshot / 1e3), y(row.seek_bytes.p95 as f64 / 1e3));
        let shape = if row.codec == "webp" {
            format!(
                "<rect class=\"webp\" x=\"{:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\">",
                px - 5.0,
                py - 5.0
            )
        } else {
            format!("<circle class=\"screen\" cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"5.5\">")
        };
        let end = if row.codec == "webp" { "</rect>" } else { "</circle>" };
        let title = format!("{} px, {}, seek budget {}", row.tile, row.codec, row.budget);
        out += &format!(
            "{shape}<title>{title}</title>{end}<text class=\"small\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
            px + 8.0,
            py - 6.0,
            row.tile
        );
        if best == Some(number) {
            out += &format!("<circle class=\"best\" cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"10\"/>\n");
        }
    }
    out += &format!(
        "<circle class=\"screen\" cx=\"560\" cy=\"20\" r=\"5.5\"/><text x=\"572\" y=\"24\">screen</text>\
         <rect class=\"webp\" x=\"625\" y=\"15\" width=\"10\" height=\"10\"/><text x=\"642\" y=\"24\">webp</text>\
         <circle class=\"best\" cx=\"566\" cy=\"{y0}\" r=\"7\"/><text x=\"580\" y=\"{}\">recommended</text>\n</svg>\n",
        44.0,
        y0 = 40.0,
    );
    out
}
