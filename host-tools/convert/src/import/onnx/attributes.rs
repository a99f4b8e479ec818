//! Attributes of ONNX nodes, by type.

use tract_onnx::pb::NodeProto;

use super::lowering::Refusal;

/// Reads a node's attributes; an attribute of another type than asked for makes the node malformed.
pub trait Attributes {
    /// An integer, if the node has it.
    ///
    /// # Errors
    /// If the attribute has another type.
    fn integer(&self, name: &str) -> Result<Option<i64>, Refusal>;
    /// A float, if the node has it.
    ///
    /// # Errors
    /// If the attribute has another type.
    fn float(&self, name: &str) -> Result<Option<f32>, Refusal>;
    /// A string, if the node has it.
    ///
    /// # Errors
    /// If the attribute has another type or is not UTF-8.
    fn string(&self, name: &str) -> Result<Option<String>, Refusal>;
    /// A list of integers, if the node has it.
    ///
    /// # Errors
    /// If the attribute has another type.
    fn integer_list(&self, name: &str) -> Result<Option<Vec<i64>>, Refusal>;
    /// A list of non-negative integers, if the node has it.
    ///
    /// # Errors
    /// If the attribute has another type or a number is negative.
    fn size_list(&self, name: &str) -> Result<Option<Vec<usize>>, Refusal> {
        let Some(list) = self.integer_list(name)? else { return Ok(None) };
        let sizes: Option<Vec<usize>> = list.iter().map(|&number| usize::try_from(number).ok()).collect();
        sizes.map(Some).ok_or_else(|| Refusal::malformed(format!("attribute `{name}` is negative: {list:?}")))
    }
}

impl Attributes for NodeProto {
    fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.get_attr_opt(name).map_err(|error| Refusal::malformed(error.to_string()))
    }

    fn float(&self, name: &str) -> Result<Option<f32>, Refusal> {
        self.get_attr_opt(name).map_err(|error| Refusal::malformed(error.to_string()))
    }

    fn string(&self, name: &str) -> Result<Option<String>, Refusal> {
        self.get_attr_opt(name).map_err(|error| Refusal::malformed(error.to_string()))
    }

    fn integer_list(&self, name: &str) -> Result<Option<Vec<i64>>, Refusal> {
        self.get_attr_opt_vec(name).map_err(|error| Refusal::malformed(error.to_string()))
    }
}
