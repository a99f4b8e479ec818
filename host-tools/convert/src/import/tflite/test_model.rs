//! Writes small TFLite files for tests.

/// What a field of a FlatBuffers table holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// One byte.
    Byte(i8),
    /// A 32-bit integer.
    Int(i32),
    /// A single-precision number.
    Float(f32),
    /// Vector elements: their number and their bytes.
    Vector(usize, Vec<u8>),
    /// Another table.
    Table(Fields),
    /// A vector of tables.
    Tables(Vec<Fields>),
}

/// A table: field indices and values.
pub type Fields = Vec<(usize, Value)>;

/// A vector of 32-bit integers.
pub fn ints(values: &[i32]) -> Value {
    Value::Vector(values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// A string or a vector of bytes.
pub fn bytes(values: &[u8]) -> Value {
    Value::Vector(values.len(), values.to_vec())
}

/// The element type numbers of the schema.
pub mod element {
    pub const FLOAT32: i8 = 0;
    pub const INT32: i8 = 2;
    pub const UINT8: i8 = 3;
    pub const INT8: i8 = 9;
}

/// A model under construction: one subgraph.
#[derive(Debug, Default)]
pub struct TestModel {
    tensors: Vec<Fields>,
    buffers: Vec<Fields>,
    codes: Vec<Fields>,
    operators: Vec<Fields>,
}

impl TestModel {
    /// Adds a tensor and returns its index. Scales per channel belong to `dimension`; zero points are all `zero`.
    pub fn tensor(
        &mut self,
        name: &str,
        element: i8,
        shape: &[i32],
        (scales, zero, dimension): (&[f32], i64, i32),
        data: &[u8],
    ) -> i32 {
        self.buffers.push(vec![(0, bytes(data))]);
        let scale_bytes = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let zero_bytes = scales.iter().flat_map(|_| zero.to_le_bytes()).collect();
        let quantization = vec![
            (2, Value::Vector(scales.len(), scale_bytes)),
            (3, Value::Vector(scales.len(), zero_bytes)),
            (6, Value::Int(dimension)),
        ];
        self.tensors.push(vec![
            (0, ints(shape)),
            (1, Value::Byte(element)),
            (2, Value::Int(self.buffers.len() as i32 - 1)),
            (3, bytes(name.as_bytes())),
            (4, Value::Table(quantization)),
        ]);
        self.tensors.len() as i32 - 1
    }

    /// Adds an int8 activation of scale 0.5 and zero point 3.
    pub fn activation(&mut self, name: &str, shape: &[i32]) -> i32 {
        self.tensor(name, element::INT8, shape, (&[0.5], 3, 0), &[])
    }

    /// Adds a constant of 32-bit integers without a quantization.
    pub fn integers(&mut self, name: &str, values: &[i32]) -> i32 {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, element::INT32, &[values.len() as i32], (&[], 0, 0), &data)
    }

    /// Adds an operator by its number in the schema.
    pub fn operator(&mut self, code: i32, inputs: &[i32], outputs: &[i32], options: Fields) {
        self.codes.push(vec![(0, Value::Byte(code.min(127) as i8)), (3, Value::Int(code))]);
        self.operators.push(vec![
            (0, Value::Int(self.codes.len() as i32 - 1)),
            (1, ints(inputs)),
            (2, ints(outputs)),
            (4, Value::Table(options)),
        ]);
    }

    /// The file.
    pub fn finish(self, inputs: &[i32], outputs: &[i32]) -> Vec<u8> {
        let subgraph = vec![
            (0, Value::Tables(self.tensors)),
            (1, ints(inputs)),
            (2, ints(outputs)),
            (3, Value::Tables(self.operators)),
            (4, bytes(b"test")),
        ];
        let model = vec![
            (0, Value::Int(3)),
            (1, Value::Tables(self.codes)),
            (2, Value::Tables(vec![subgraph])),
            (4, Value::Tables(self.buffers)),
        ];
        let mut file = b"\0\0\0\0TFL3".to_vec();
        let root = write_table(&mut file, &model);
        file[..4].copy_from_slice(&(root as u32).to_le_bytes());
        file
    }
}

/// Appends a table, its vtable before and what it refers to behind it, and returns its position. Every field takes
/// four bytes.
fn write_table(file: &mut Vec<u8>, fields: &Fields) -> usize {
    let count = fields.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
    let mut vtable = vec![0_u16; 2 + count];
    vtable[0] = 2 * vtable.len() as u16;
    vtable[1] = 4 + 4 * fields.len() as u16;
    for (place, (index, _)) in fields.iter().enumerate() {
        vtable[2 + index] = 4 + 4 * place as u16;
    }
    file.extend(vtable.iter().flat_map(|entry| entry.to_le_bytes()));
    let position = file.len();
    file.extend(i32::from(vtable[0]).to_le_bytes());
    file.resize(position + usize::from(vtable[1]), 0);
    for (place, (_, value)) in fields.iter().enumerate() {
        let field = position + 4 + 4 * place;
        let content = match value {
            Value::Byte(value) => [value.cast_unsigned(), 0, 0, 0],
            Value::Int(value) => value.to_le_bytes(),
            Value::Float(value) => value.to_le_bytes(),
            reference => ((write_target(file, reference) - field) as u32).to_le_bytes(),
        };
        file[field..field + 4].copy_from_slice(&content);
    }
    position
}

fn write_target(file: &mut Vec<u8>, value: &Value) -> usize {
    match value {
        Value::Table(fields) => write_table(file, fields),
        Value::Vector(count, elements) => {
            let position = file.len();
            file.extend((*count as u32).to_le_bytes());
            file.extend(elements);
            position
        }
        Value::Tables(tables) => {
            let position = file.len();
            file.extend((tables.len() as u32).to_le_bytes());
            file.resize(position + 4 + 4 * tables.len(), 0);
            for (index, table) in tables.iter().enumerate() {
                let entry = position + 4 + 4 * index;
                let distance = (write_table(file, table) - entry) as u32;
                file[entry..entry + 4].copy_from_slice(&distance.to_le_bytes());
            }
            position
        }
        Value::Byte(_) | Value::Int(_) | Value::Float(_) => unreachable!("scalars stand in the table itself"),
    }
}
