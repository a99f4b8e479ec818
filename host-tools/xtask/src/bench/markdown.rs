//! Tables in Markdown, and numbers in them.

use std::fmt;

/// A table whose columns are aligned in the source too. A heading that starts with `>` stands over numbers.
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new<S: AsRef<str>>(headings: &[S]) -> Table {
        Table {
            headings: headings.iter().map(|heading| heading.as_ref().to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Cells that are missing are empty.
    pub fn push<I: IntoIterator<Item = String>>(&mut self, cells: I) {
        let mut cells: Vec<_> = cells.into_iter().collect();
        cells.resize(self.headings.len(), String::new());
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_number: Vec<_> = self.headings.iter().map(|heading| heading.starts_with('>')).collect();
        let headings: Vec<_> =
            self.headings.iter().map(|heading| heading.trim_start_matches('>').to_owned()).collect();
        let mut widths = vec![3; headings.len()];
        for row in [&headings].into_iter().chain(&self.rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let line = |f: &mut fmt::Formatter<'_>, row: &[String]| {
            for ((cell, &width), &is_number) in row.iter().zip(&widths).zip(&is_number) {
                if is_number { write!(f, "| {cell:>width$} ")? } else { write!(f, "| {cell:<width$} ")? }
            }
            writeln!(f, "|")
        };
        line(f, &headings)?;
        let rules: Vec<_> = widths
            .iter()
            .zip(&is_number)
            .map(|(&width, &number)| "-".repeat(width - 1) + if number { ":" } else { "-" })
            .collect();
        line(f, &rules)?;
        self.rows.iter().try_for_each(|row| line(f, row))
    }
}

/// A number with its thousands set apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many times `number` is in `other`.
pub fn times(other: u64, number: u64) -> String {
    format!("{:.2}×", other as f64 / number.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_columns() {
        let mut table = Table::new(&["model", ">cycles"]);
        table.push(["kws".to_owned(), grouped(4_700_000)]);
        table.push(["a".to_owned(), grouped(12)]);
        let expected =
            "| model |    cycles |\n| ----- | --------: |\n| kws   | 4,700,000 |\n| a     |        12 |\n";
        assert_eq!(table.to_string(), expected);
    }
}
