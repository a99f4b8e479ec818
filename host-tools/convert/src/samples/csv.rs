//! Tables of numbers separated by commas: one sample a line.

use std::fs::File;

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};

use super::{ElementType, Location, SampleError, SampleFile, SampleProblem, Source, Visit};

/// What is known of a CSV file after it was read once.
#[derive(Debug)]
pub(super) struct Table {
    /// Names of the columns, or empty.
    pub(super) names: Vec<String>,
}

pub(super) fn open(location: Location) -> Result<SampleFile, SampleError> {
    match describe(&location) {
        Ok((table, rows, columns)) => Ok(SampleFile {
            location,
            source: Source::Csv(table),
            shape: vec![rows, columns],
            element_type: ElementType::F32,
        }),
        Err(problem) => Err(SampleError::new(location, problem)),
    }
}

/// Reads the whole file once: every cell is checked before the first sample is used.
fn describe(location: &Location) -> Result<(Table, usize, usize), SampleProblem> {
    let mut reader = open_reader(location)?;
    let mut record = StringRecord::new();
    let mut table = Table { names: Vec::new() };
    let (mut rows, mut columns) = (0, 0);
    while read_record(&mut reader, &mut record)? {
        let line = line(&record);
        if columns == 0 {
            columns = record.len();
            if record.iter().all(|cell| cell.parse::<f32>().is_err()) {
                table.names = record.iter().map(str::to_owned).collect();
                continue;
            }
        }
        if record.len() != columns {
            return Err(SampleProblem::RaggedLine { line, found: record.len(), expected: columns });
        }
        for column in 0..columns {
            parse(&record, column, &table)?;
        }
        rows += 1;
    }
    Ok((table, rows, columns.max(1)))
}

pub(super) fn read<E: From<SampleError>>(
    file: &SampleFile,
    table: &Table,
    visit: Visit<'_, E>,
) -> Result<(), E> {
    let fail = |problem| E::from(file.fail(problem));
    let mut reader = open_reader(&file.location).map_err(fail)?;
    let mut record = StringRecord::new();
    let mut names = !table.names.is_empty();
    while read_record(&mut reader, &mut record).map_err(fail)? {
        if std::mem::take(&mut names) {
            continue;
        }
        for column in 0..record.len() {
            visit(parse(&record, column, table).map_err(fail)?)?;
        }
    }
    Ok(())
}

fn open_reader(location: &Location) -> Result<Reader<File>, SampleProblem> {
    let file = File::open(&location.path).map_err(SampleProblem::Io)?;
    Ok(ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(file))
}

fn read_record(reader: &mut Reader<File>, record: &mut StringRecord) -> Result<bool, SampleProblem> {
    reader.read_record(record).map_err(|error| match error.into_kind() {
        ErrorKind::Io(error) => SampleProblem::Io(error),
        ErrorKind::Utf8 { pos, .. } => SampleProblem::Malformed(match pos {
            Some(position) => format!("line {} is not UTF-8", position.line()),
            None => "it is not UTF-8".into(),
        }),
        other => SampleProblem::Malformed(format!("{other:?}")),
    })
}

fn line(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn parse(record: &StringRecord, column: usize, table: &Table) -> Result<f32, SampleProblem> {
    let cell = &record[column];
    cell.parse().map_err(|_| SampleProblem::NotANumber {
        line: line(record),
        column: column + 1,
        name: table.names.get(column).cloned(),
        cell: cell.to_owned(),
    })
}
