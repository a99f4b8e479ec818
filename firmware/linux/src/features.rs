//! From lines of text to the elements of a model's input.

use std::sync::Arc;

use dunlin_runtime::Model;
use dunlin_runtime::format::TensorRecord;
use thiserror::Error;

use crate::input::{Sample, unquoted};

/// What a model takes and gives, as far as people know it by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features {
    /// Elements of the first input.
    pub elements: usize,
    /// Names of the features, as many as elements, or none.
    pub names: Vec<String>,
    /// Names of the classes, or none.
    pub classes: Vec<String>,
    /// Elements of the first output.
    pub outputs: usize,
}

impl Features {
    /// What a blob says about its model.
    pub fn of(model: &Model<'_>) -> Features {
        let program = model.program();
        let elements = program.input(0).and_then(TensorRecord::elements).unwrap_or(0);
        let outputs = program.output(0).and_then(TensorRecord::elements).unwrap_or(0);
        let manifest = model.manifest();
        let labels = |labels: &str| labels.lines().map(str::to_owned).collect::<Vec<_>>();
        let names =
            manifest.as_ref().and_then(|manifest| manifest.inputs.first()).map(|input| labels(input.labels));
        let classes = manifest
            .as_ref()
            .and_then(|manifest| manifest.outputs.first())
            .map(|output| labels(output.labels));
        Features {
            elements,
            names: names.filter(|names| names.len() == elements).unwrap_or_default(),
            classes: classes.unwrap_or_default(),
            outputs,
        }
    }
}

/// Finds the elements of an input in the columns of samples. What was found for a header is kept.
#[derive(Debug, Default)]
pub struct Arranger {
    features: Features,
    columns: Option<Arc<[String]>>,
    places: Vec<usize>,
}

impl Arranger {
    /// Another model serves.
    pub fn set_features(&mut self, features: Features) {
        *self = Arranger { features, columns: None, places: Vec::new() };
    }

    /// What the model takes and gives.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Writes the elements of a sample to `values`.
    ///
    /// # Errors
    /// What is wrong with the sample.
    pub fn arrange(&mut self, sample: &Sample, values: &mut Vec<f32>) -> Result<(), SampleError> {
        values.clear();
        let Some(columns) = sample.columns.as_ref().filter(|_| !self.features.names.is_empty()) else {
            let found = sample.line.split(',').count();
            if found != self.features.elements {
                return Err(SampleError::Count { found, expected: self.features.elements });
            }
            for (index, field) in sample.line.split(',').enumerate() {
                values.push(number(field, || format!("column {}", index + 1))?);
            }
            return Ok(());
        };
        if !self.columns.as_ref().is_some_and(|known| Arc::ptr_eq(known, columns)) {
            self.places = places(&self.features.names, columns)?;
            self.columns = Some(Arc::clone(columns));
        }
        let fields: Vec<&str> = sample.line.split(',').collect();
        for (place, name) in self.places.iter().zip(&self.features.names) {
            let field = fields.get(*place).ok_or_else(|| SampleError::Missing(name.clone()))?;
            values.push(number(field, || format!("`{name}`"))?);
        }
        Ok(())
    }
}

fn places(names: &[String], columns: &[String]) -> Result<Vec<usize>, SampleError> {
    let place = |name: &String| columns.iter().position(|column| column == name);
    names.iter().map(|name| place(name).ok_or_else(|| SampleError::Missing(name.clone()))).collect()
}

fn number(field: &str, name: impl Fn() -> String) -> Result<f32, SampleError> {
    let text = unquoted(field);
    text.parse::<f32>()
        .ok()
        .filter(|value| value.is_finite())
        .ok_or_else(|| SampleError::Number { column: name(), text: text.chars().take(32).collect() })
}

/// What is wrong with a sample.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SampleError {
    /// Another number of elements.
    #[error("the sample has {found} elements, the model takes {expected}")]
    Count {
        /// Elements of the sample.
        found: usize,
        /// Elements of the model's input.
        expected: usize,
    },
    /// A feature that no column is named after.
    #[error("there is no column `{0}`, which the model takes")]
    Missing(String),
    /// No finite number.
    #[error("{column} is `{text}`, which is no finite number")]
    Number {
        /// Where.
        column: String,
        /// What is there.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::SampleLines;

    fn arranged(features: &Features, text: &str) -> Vec<Result<Vec<f32>, SampleError>> {
        let mut arranger = Arranger::default();
        arranger.set_features(features.clone());
        let mut lines = SampleLines::new("f");
        let mut values = Vec::new();
        text.lines()
            .filter_map(|line| lines.sample(line))
            .map(|sample| arranger.arrange(&sample, &mut values).map(|()| values.clone()))
            .collect()
    }

    #[test]
    fn columns_are_found_by_the_names_of_features() {
        let features = Features { elements: 2, names: vec!["b".into(), "a".into()], ..Features::default() };
        assert_eq!(arranged(&features, "a,note,b\n1,x,2\n3,y,4"), [Ok(vec![2.0, 1.0]), Ok(vec![4.0, 3.0])]);
        assert_eq!(arranged(&features, "5,6"), [Ok(vec![5.0, 6.0])]);
        assert_eq!(arranged(&features, "a,c\n1,2"), [Err(SampleError::Missing("b".into()))]);
        assert_eq!(arranged(&features, "a,b\n1"), [Err(SampleError::Missing("b".into()))]);
        let number =
            |column: &str, text: &str| SampleError::Number { column: column.into(), text: text.into() };
        assert_eq!(arranged(&features, "a,b\n1,two\n1,2"), [Err(number("`b`", "two")), Ok(vec![2.0, 1.0])]);
        assert_eq!(arranged(&features, "1,2\n1,NaN"), [Ok(vec![1.0, 2.0]), Err(number("column 2", "NaN"))]);
    }

    #[test]
    fn a_model_without_names_takes_columns_in_order() {
        let features = Features { elements: 2, ..Features::default() };
        assert_eq!(arranged(&features, "x,y\n1,2"), [Ok(vec![1.0, 2.0])]);
        assert_eq!(arranged(&features, "1,2,3"), [Err(SampleError::Count { found: 3, expected: 2 })]);
    }
}
