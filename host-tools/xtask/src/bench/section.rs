//! What a part of the benchmark gives.

use std::collections::BTreeMap;

use super::chart::{self, Group};

/// Figures that are the same in every run: quantities of a subject, by names as in the baseline.
pub type Figures = BTreeMap<(String, &'static str), u64>;

/// What a part of the benchmark gives.
#[derive(Debug, Default)]
pub struct Section {
    /// In Markdown, beginning with its heading.
    pub text: String,
    /// What the baseline holds.
    pub figures: Figures,
    /// Names and contents of SVG files.
    pub charts: Vec<(&'static str, String)>,
}

impl Section {
    /// A section without content.
    pub fn new(heading: &str) -> Section {
        Section { text: format!("## {heading}\n\n"), ..Section::default() }
    }

    /// Adds a paragraph, or a table.
    pub fn add(&mut self, text: impl std::fmt::Display) {
        self.text.push_str(text.to_string().trim_end());
        self.text.push_str("\n\n");
    }

    /// Adds a figure for the baseline.
    pub fn figure(&mut self, subject: &str, quantity: &'static str, number: u64) {
        self.figures.insert((subject.to_owned(), quantity), number);
    }

    /// Adds a chart, with words for those who do not see it.
    pub fn chart(&mut self, name: &'static str, description: &str, groups: &[Group]) {
        if groups.iter().all(|group| group.bars.is_empty()) {
            return;
        }
        self.charts.push((name, chart::bars(groups)));
        self.add(format!("![{description}](images/{name}.svg)"));
    }
}
