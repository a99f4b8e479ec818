//! The plan as a picture: time to the right, addresses upwards, a box for every buffer and for the scratch of the family
//! `dsp`, and below it the bytes in use in each step.

use std::fmt::{Display, Write};

use super::{Plan, PlannedBuffer};

/// Places in pixels.
mod layout {
    pub const LEFT: f64 = 84.0;
    pub const RIGHT: f64 = 24.0;
    pub const TOP: f64 = 64.0;
    pub const MAP_HEIGHT: f64 = 380.0;
    pub const GAP: f64 = 34.0;
    pub const BARS_HEIGHT: f64 = 70.0;
    pub const NAMES_HEIGHT: f64 = 132.0;
    /// All columns together, where that leaves each of them between the two widths.
    pub const PREFERRED_WIDTH: f64 = 960.0;
    pub const NARROWEST_COLUMN: f64 = 26.0;
    pub const WIDEST_COLUMN: f64 = 150.0;
    pub const CHARACTER: f64 = 6.4;
    pub const LINE: f64 = 13.0;
    /// Of a box, so that a few bytes beside many are still seen.
    pub const LEAST_HEIGHT: f64 = 4.0;
}
use layout::*;

// Boxes are dark enough for white text, and stand out from white and from black.
const STYLE: &str = "
  text { font: 11px system-ui, sans-serif; fill: #24292f }
  .background { fill: #ffffff } .title { font-size: 15px; font-weight: 600 } .quiet { fill: #59636e }
  .grid { stroke: #d1d9e0; stroke-width: 1 } .edge { stroke: #59636e; stroke-width: 1; fill: none }
  .peak { fill: #d1480f; fill-opacity: .16 } .peak-text { fill: #b93c09; font-weight: 600 }
  .bar { fill: #8c959f } .peak-bar { fill: #d1480f }
  .scratch { fill: #8c959f; fill-opacity: .55 }
  .box { stroke: #ffffff; stroke-width: 1 } .inside { fill: #ffffff }
  .input { fill: #2f6fb5 } .output { fill: #2c7d4f } .even { fill: #6a5bb0 } .odd { fill: #8b4f8f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .background { fill: #0d1117 } .quiet { fill: #9198a1 }
    .grid { stroke: #30363d } .edge { stroke: #9198a1 } .peak-text { fill: #ff8d5c }
    .bar { fill: #6e7681 } .scratch { fill: #6e7681 } .peak-bar { fill: #f0703a } .box { stroke: #0d1117 } .inside { fill: #ffffff }
  }
";

/// Draws a plan under a title. Browsers show it light or dark, as the reader prefers, and details when the pointer
/// rests on a box.
pub fn draw(plan: &Plan, title: &str) -> String {
    let picture = Picture::new(plan);
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = picture.write(&mut svg, title);
    svg
}

struct Picture<'p> {
    plan: &'p Plan,
    live: Vec<usize>,
    peak: usize,
    /// The highest address: the end of activations and scratch.
    end: usize,
    column: f64,
}

impl<'p> Picture<'p> {
    fn new(plan: &'p Plan) -> Self {
        let live = plan.live_bytes();
        let column = (PREFERRED_WIDTH / live.len() as f64).clamp(NARROWEST_COLUMN, WIDEST_COLUMN);
        let scratch = plan.scratch_offsets.iter().enumerate();
        let ends = scratch.map(|(step, offset)| offset + plan.dsp_scratch(step));
        let end = ends.fold(plan.activation_bytes, usize::max);
        Self { plan, live, peak: plan.peak_step(), end, column }
    }

    /// The bytes in use in a step.
    fn in_use(&self, step: usize) -> usize {
        self.live.get(step).copied().unwrap_or(0) + self.plan.dsp_scratch(step)
    }

    /// Where the column of a step begins; its middle at half a step more.
    fn x(&self, step: f64) -> f64 {
        LEFT + step * self.column
    }

    fn y(&self, address: usize) -> f64 {
        TOP + MAP_HEIGHT * (1.0 - address as f64 / self.end.max(1) as f64)
    }

    fn write(&self, svg: &mut String, title: &str) -> std::fmt::Result {
        let right = self.x(self.live.len() as f64);
        let (width, height) = (right + RIGHT, TOP + MAP_HEIGHT + GAP + BARS_HEIGHT + NAMES_HEIGHT);
        let width = width.max(860.0);
        writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="img">"#
        )?;
        writeln!(svg, "<title>{}</title>\n<style>{STYLE}</style>", escape(title))?;
        writeln!(svg, r#"<rect class="background" width="100%" height="100%"/>"#)?;
        self.heading(svg, title)?;
        self.grid(svg, right)?;
        for step in 0..self.plan.scratch_offsets.len() {
            self.scratch(svg, step)?;
        }
        for (index, buffer) in self.plan.buffers.iter().enumerate() {
            self.buffer(svg, index, buffer)?;
        }
        self.bars(svg, right)?;
        self.names(svg)?;
        writeln!(svg, "</svg>")
    }

    fn heading(&self, svg: &mut String, title: &str) -> std::fmt::Result {
        let chosen = self.plan.chosen;
        let order = if chosen.reordered { ", steps reordered" } else { "" };
        text(svg, "title", LEFT, 24.0, title)?;
        let summary = format!(
            "{} bytes with scratch (dsp), tensors {} of at least {} · {}{order}",
            thousands(self.end),
            thousands(self.plan.activation_bytes),
            thousands(self.plan.lower_bound),
            chosen.strategy,
        );
        text(svg, "quiet", LEFT, 43.0, summary)?;
        let mut x = LEFT + 8.0 + CHARACTER * 76.0;
        let classes =
            [("input", "input"), ("output", "output"), ("even", "in between"), ("scratch", "scratch")];
        for (class, name) in classes {
            writeln!(svg, r#"<rect class="{class}" x="{x:.1}" y="34" width="10" height="10" rx="2"/>"#)?;
            text(svg, "quiet", x + 15.0, 43.0, name)?;
            x += 30.0 + CHARACTER * name.len() as f64;
        }
        Ok(())
    }

    /// Addresses, and the step that needs the most memory.
    fn grid(&self, svg: &mut String, right: f64) -> std::fmt::Result {
        const LINES: usize = 4;
        for line in 0..=LINES {
            let address = self.end * line / LINES;
            let y = self.y(address);
            writeln!(svg, r#"<path class="grid" d="M{LEFT:.1} {y:.1}H{right:.1}"/>"#)?;
            anchored(svg, "quiet", LEFT - 8.0, y + 4.0, thousands(address))?;
        }
        let (x, bottom) = (self.x(self.peak as f64), TOP + MAP_HEIGHT + GAP + BARS_HEIGHT);
        writeln!(
            svg,
            r#"<rect class="peak" x="{x:.1}" y="{:.1}" width="{:.1}" height="{:.1}"/>"#,
            TOP - 6.0,
            self.column,
            bottom - TOP + 6.0,
        )
    }

    fn scratch(&self, svg: &mut String, step: usize) -> std::fmt::Result {
        let (offset, bytes) = (self.plan.scratch_offsets[step], self.plan.dsp_scratch(step));
        if bytes == 0 {
            return Ok(());
        }
        let bottom = self.y(offset);
        let height = (bottom - self.y(offset + bytes)).max(LEAST_HEIGHT);
        writeln!(
            svg,
            r#"<g><title>step {}: {} bytes of scratch from {} on</title><rect class="scratch" x="{:.1}" y="{:.1}" width="{:.1}" height="{height:.1}" rx="3"/></g>"#,
            step + 1,
            thousands(bytes),
            thousands(offset),
            self.x(step as f64),
            bottom - height,
            self.column,
        )
    }

    /// In the step that takes over the memory of an input, the input has the first half and the output the second.
    fn buffer(&self, svg: &mut String, index: usize, buffer: &PlannedBuffer) -> std::fmt::Result {
        let is_taken_over = self.plan.buffers.iter().any(|other| other.takes_over() == Some(index));
        let start = buffer.first_step as f64 + if buffer.takes_over().is_some() { 0.5 } else { 0.0 };
        let end = buffer.last_step as f64 + if is_taken_over { 0.5 } else { 1.0 };
        let (left, right) = (self.x(start), self.x(end));
        let bottom = self.y(buffer.offset);
        let height = (bottom - self.y(buffer.offset + buffer.bytes)).max(LEAST_HEIGHT);
        let (width, top) = (right - left, bottom - height);
        let class = match buffer {
            PlannedBuffer { is_output: true, .. } => "output",
            PlannedBuffer { is_input: true, .. } => "input",
            _ if index.is_multiple_of(2) => "even",
            _ => "odd",
        };
        let mut detail = format!(
            "{}: {} bytes from {} on, steps {} to {}",
            buffer.name,
            thousands(buffer.bytes),
            thousands(buffer.offset),
            buffer.first_step + 1,
            buffer.last_step + 1
        );
        if let Some((input, distance)) = buffer.overlaps {
            let (side, bytes) = if distance < 0 { ("before", -distance) } else { ("behind", distance) };
            let input = &self.plan.buffers[input].name;
            let _ = write!(detail, ", {} bytes {side} the start of {input}", thousands(bytes as usize));
        }
        writeln!(
            svg,
            r#"<g><title>{}</title><rect class="box {class}" x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" rx="3"/>"#,
            escape(&detail)
        )?;
        let letters = ((width - 10.0) / CHARACTER).max(0.0) as usize;
        if letters >= 3 && height < LINE + 2.0 {
            if self.is_free_above(buffer, top) {
                text(svg, "quiet", left + 3.0, top - 3.0, shortened(&buffer.name, letters))?;
            }
        } else if letters >= 3 {
            let size = thousands(buffer.bytes);
            let two_lines = height >= 2.0 * LINE + 4.0 && letters >= size.len();
            let middle = top + height / 2.0 + if two_lines { -2.0 } else { 4.0 };
            text(svg, "inside", left + 5.0, middle, shortened(&buffer.name, letters))?;
            if two_lines {
                text(svg, "inside", left + 5.0, middle + LINE, size)?;
            }
        }
        writeln!(svg, "</g>")
    }

    /// Whether a line of text above a box would lie over no other one.
    fn is_free_above(&self, buffer: &PlannedBuffer, top: f64) -> bool {
        self.plan.buffers.iter().filter(|other| !std::ptr::eq(*other, buffer)).all(|other| {
            let apart_in_time = other.last_step < buffer.first_step || buffer.last_step < other.first_step;
            let bottom = self.y(other.offset);
            let other_top = (bottom - LEAST_HEIGHT).min(self.y(other.offset + other.bytes));
            apart_in_time || bottom <= top - LINE || other_top >= top
        })
    }

    /// The bytes in use in each step: buffers, on them the scratch.
    fn bars(&self, svg: &mut String, right: f64) -> std::fmt::Result {
        let bottom = TOP + MAP_HEIGHT + GAP + BARS_HEIGHT;
        let most = self.in_use(self.peak).max(1);
        for (step, &bytes) in self.live.iter().enumerate() {
            let scratch = self.plan.dsp_scratch(step);
            let [height, above] = [bytes, scratch].map(|bytes| BARS_HEIGHT * bytes as f64 / most as f64);
            let class = if step == self.peak { "peak-bar" } else { "bar" };
            let (x, y, width) = (self.x(step as f64) + 2.0, bottom - height, self.column - 4.0);
            writeln!(
                svg,
                r#"<g><title>step {}: {} bytes alive, {} of scratch</title><rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/><rect class="scratch" x="{x:.1}" y="{:.1}" width="{width:.1}" height="{above:.1}"/></g>"#,
                step + 1,
                thousands(bytes),
                thousands(scratch),
                y - above,
            )?;
        }
        writeln!(svg, r#"<path class="edge" d="M{LEFT:.1} {bottom:.1}H{right:.1}"/>"#)?;
        let label = bottom - BARS_HEIGHT - 8.0;
        anchored(svg, "quiet", LEFT - 8.0, bottom - BARS_HEIGHT / 2.0 + 4.0, "bytes in use")?;
        let peak = format!("peak {}", thousands(self.in_use(self.peak)));
        let x = self.x(self.peak as f64).min((right - CHARACTER * peak.len() as f64).max(LEFT));
        text(svg, "peak-text", x, label, peak)
    }

    fn names(&self, svg: &mut String) -> std::fmt::Result {
        const LONGEST: usize = 22;
        let y = TOP + MAP_HEIGHT + GAP + BARS_HEIGHT + 14.0;
        for (step, name) in self.plan.step_names.iter().enumerate() {
            let class = if step == self.peak { "peak-text" } else { "quiet" };
            let x = self.x(step as f64 + 0.5) + 4.0;
            writeln!(
                svg,
                r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="end" transform="rotate(-45 {x:.1} {y:.1})">{}<title>{}</title></text>"#,
                escape(&format!("{} {}", shortened(name, LONGEST), step + 1)),
                escape(name)
            )?;
        }
        Ok(())
    }
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, content: impl Display) -> std::fmt::Result {
    let content = escape(&content.to_string());
    writeln!(svg, r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{content}</text>"#)
}

/// Text that ends at `x`.
fn anchored(svg: &mut String, class: &str, x: f64, y: f64, content: impl Display) -> std::fmt::Result {
    let content = escape(&content.to_string());
    writeln!(svg, r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="end">{content}</text>"#)
}

/// The telling part of a name, in at most `limit` letters: exporters write whole paths, TFLite several with semicolons.
fn shortened(name: &str, limit: usize) -> String {
    let first = name.split(';').next().unwrap_or(name);
    let parts: Vec<&str> = first.split('/').filter(|part| !part.is_empty()).collect();
    let mut short = parts.last().copied().unwrap_or(name).to_owned();
    for part in parts.iter().rev().skip(1) {
        let longer = format!("{part}/{short}");
        if longer.chars().count() > limit {
            break;
        }
        short = longer;
    }
    if short.chars().count() <= limit {
        return short;
    }
    short.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The text as XML shows it; characters that XML does not allow are left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}
