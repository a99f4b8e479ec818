//! Samples as lines of text.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::sync::mpsc;

use super::LONGEST_LINE;

/// One sample, as it came.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Where it came from, for people: file and line.
    pub origin: String,
    /// Names of the columns, if they have some.
    pub columns: Option<Arc<[String]>>,
    /// Its fields, separated by commas.
    pub line: String,
    /// Where its prediction goes back to.
    pub reply: Option<mpsc::Sender<String>>,
}

/// Makes samples of the lines of one file, pipe or connection.
#[derive(Debug)]
pub struct SampleLines {
    name: String,
    number: u64,
    columns: Option<Arc<[String]>>,
    is_first: bool,
}

impl SampleLines {
    /// No line yet; `name` is what people know the source by.
    pub fn new(name: impl Into<String>) -> SampleLines {
        SampleLines { name: name.into(), number: 0, columns: None, is_first: true }
    }

    /// The sample in a line; none in comments, empty lines, and the names of columns.
    pub fn sample(&mut self, line: &str) -> Option<Sample> {
        self.number += 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let is_header = line.split(',').any(|field| unquoted(field).parse::<f32>().is_err());
        if std::mem::take(&mut self.is_first) && is_header {
            self.columns = Some(line.split(',').map(|field| unquoted(field).to_owned()).collect());
            return None;
        }
        let origin = format!("{}:{}", self.name, self.number);
        Some(Sample { origin, columns: self.columns.clone(), line: line.to_owned(), reply: None })
    }
}

/// A field without the blanks and quotation marks around it.
pub fn unquoted(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field)
}

/// Reads lines of bounded length.
#[derive(Debug, Default)]
pub struct LineReader {
    bytes: Vec<u8>,
}

impl LineReader {
    /// The next line, or `None` at the end.
    ///
    /// # Errors
    /// If reading fails, or a line is longer than 8 MiB.
    pub async fn next<'a>(
        &'a mut self,
        reader: &mut (impl AsyncBufRead + Unpin),
    ) -> io::Result<Option<std::borrow::Cow<'a, str>>> {
        self.bytes.clear();
        loop {
            let available = reader.fill_buf().await?;
            if available.is_empty() {
                break;
            }
            let end = available.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            self.bytes.extend_from_slice(available.get(..taken).unwrap_or_default());
            reader.consume(taken);
            if self.bytes.len() > LONGEST_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 8 MiB"));
            }
            if end.is_some() {
                break;
            }
        }
        Ok((!self.bytes.is_empty()).then(|| String::from_utf8_lossy(&self.bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_numbers() {
        let mut lines = SampleLines::new("f");
        assert!(lines.sample("# recorded in May\n").is_none());
        assert!(lines.sample("\"a\", b\n").is_none());
        let sample = lines.sample("1,2\r\n").unwrap();
        assert_eq!(sample.columns.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
        assert_eq!((sample.origin.as_str(), sample.line.as_str()), ("f:3", "1,2"));
        // Later on it is a mistake in the data, and not another header.
        assert_eq!(lines.sample("x,y").unwrap().line, "x,y");
        let mut bare = SampleLines::new("f");
        assert!(bare.sample("1,-2e-3").unwrap().columns.is_none());
    }

    #[tokio::test]
    async fn lines_come_whole_and_not_without_end() {
        let mut text: &[u8] = b"one\n\ntwo";
        let mut reader = LineReader::default();
        let mut found = Vec::new();
        while let Some(line) = reader.next(&mut text).await.unwrap() {
            found.push(line.into_owned());
        }
        assert_eq!(found, ["one\n", "\n", "two"]);
        let endless = vec![b'1'; LONGEST_LINE + 1];
        assert!(reader.next(&mut &endless[..]).await.is_err());
    }
}
