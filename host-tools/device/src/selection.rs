//! What an image contains of the runtime.

use std::collections::BTreeSet;

use dunlin_runtime::format::{DataType, Operator};
use dunlin_runtime::{Feature, Model, features};

/// What an image contains of the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selection {
    /// All operators, for int8 and float32.
    #[default]
    Everything,
    /// What some models need: the features of the runtime, which have the names of operators, data types and parts of kernels.
    Only(BTreeSet<&'static str>),
}

impl Selection {
    /// What these models need.
    pub fn of<'m>(models: impl IntoIterator<Item = Model<'m>>) -> Selection {
        let mut selected = BTreeSet::new();
        for model in models {
            let program = model.program();
            for operation in (0..program.steps().len()).filter_map(|index| program.operation(index)) {
                let Some(operator) = operation.operator() else { continue };
                selected.insert(operator.name());
                // A step that dequantizes brings its own float32.
                if operator != Operator::Dequantize && operation.output().is(DataType::Float32) {
                    selected.insert(DataType::Float32.name());
                }
                // An error is one that opening the model would have found.
                let parts = features(&operation).unwrap_or_default();
                selected.extend(
                    Feature::ALL.iter().filter(|part| parts.contains(**part)).map(|part| part.name()),
                );
            }
        }
        Selection::Only(selected)
    }

    /// The names of what is selected, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Selection::Everything => vec!["all operators", DataType::Float32.name()],
            Selection::Only(features) => features.iter().copied().collect(),
        }
    }

    /// What cargo is told. Boards whose processor has kernels of its own do without the portable ones.
    pub(crate) fn arguments(&self) -> Vec<String> {
        match self {
            Selection::Everything => Vec::new(),
            Selection::Only(features) => {
                let features: Vec<String> = features
                    .iter()
                    .map(|feature| match *feature {
                        "empty" => "empty".to_owned(),
                        feature => format!("dunlin-runtime/{feature}"),
                    })
                    .collect();
                vec!["--no-default-features".to_owned(), "--features".to_owned(), features.join(",")]
            }
        }
    }

    /// The folder below cargo's that keeps selected images and whole ones apart.
    pub(crate) fn folder(&self) -> Option<&'static str> {
        matches!(self, Selection::Only(_)).then_some("selected")
    }
}
