//! Bar charts as SVG that read well on light and on dark ground.

use std::fmt::Write;

use super::markdown::grouped;

/// Bars that are compared with each other: the longest one fills the width.
pub struct Group {
    /// What is compared.
    pub title: String,
    /// Who, how much, and how that is written.
    pub bars: Vec<Bar>,
}

/// A bar.
pub struct Bar {
    /// What is written before it.
    pub name: String,
    /// Its length.
    pub value: f64,
    /// What is written behind it.
    pub text: String,
}

impl Bar {
    /// A bar for a number that is written in full.
    pub fn new(name: &str, number: u64) -> Bar {
        Bar { name: name.to_owned(), value: number as f64, text: grouped(number) }
    }
}

const WIDTH: usize = 720;
/// Where bars begin, and the length of the longest one.
const BARS: (usize, usize) = (230, 340);
/// Height of a line.
const LINE: usize = 22;
/// What stands at the top of each chart.
const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 } .name { text-anchor: end }
.ours { fill: #1a7f6b } .other { fill: #a8b1bb }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .ours { fill: #3fb99a } .other { fill: #59636e } }";

/// Draws groups one below the other. Bars whose name starts with `dunlin` stand out.
pub fn bars(groups: &[Group]) -> String {
    let lines: usize = groups.iter().map(|group| group.bars.len() + 2).sum();
    let height = lines * LINE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\n\
         <style>{STYLE}</style>\n"
    );
    let mut y = LINE;
    for group in groups {
        // A string takes everything.
        let _ =
            writeln!(svg, "<text class=\"title\" x=\"8\" y=\"{}\">{}</text>", y - 6, escaped(&group.title));
        y += LINE;
        let longest = group.bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
        for bar in &group.bars {
            let length = (bar.value / longest * BARS.1 as f64).max(1.0);
            let class = if bar.name.starts_with("dunlin") { "ours" } else { "other" };
            let _ = writeln!(
                svg,
                "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>\
                 <rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" rx=\"2\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{}</text>",
                BARS.0 - 8,
                y - 6,
                escaped(&bar.name),
                BARS.0,
                y - LINE + 2,
                LINE - 5,
                BARS.0 as f64 + length + 6.0,
                y - 6,
                escaped(&bar.text)
            );
            y += LINE;
        }
        y += LINE;
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_in_proportion() {
        let bar = |name: &str, value| Bar { name: name.to_owned(), value, text: String::new() };
        let title = "a < b".to_owned();
        let svg = bars(&[Group { title, bars: vec![bar("dunlin", 1.0), bar("another", 4.0)] }]);
        assert!(svg.contains("a &lt; b"));
        assert!(svg.contains("class=\"ours\" x=\"230\" y=\"24\" width=\"85.0\""));
        assert!(svg.contains("class=\"other\" x=\"230\" y=\"46\" width=\"340.0\""));
    }
}
