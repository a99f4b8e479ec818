//! A bounds-checked reader of FlatBuffers.
//!
//! The layout is that of the [internals document](https://flatbuffers.dev/internals/): a table starts with the signed
//! distance back to its vtable; the vtable holds its own length, the table's length and for each field of the schema
//! the position inside the table (0: absent); strings, vectors and tables are referred to by the unsigned distance
//! forward from the referring field. Every access is checked against the file, so that no file can cause a panic, and
//! nothing is copied, so that a small file cannot ask for a lot of memory.

use thiserror::Error;

/// A place in the file that contradicts the FlatBuffers format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct Damage {
    /// The field of the schema that leads there.
    pub field: &'static str,
    /// What is wrong.
    pub problem: &'static str,
}

/// A field of a table: its index in the schema, and its name for messages.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    index: usize,
    name: &'static str,
}

impl Field {
    /// The field with this index in its table.
    pub const fn new(index: usize, name: &'static str) -> Self {
        Self { index, name }
    }

    fn damage(self, problem: &'static str) -> Damage {
        Damage { field: self.name, problem }
    }
}

/// A table whose extent and vtable lie inside the file.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    bytes: &'a [u8],
    position: usize,
    length: usize,
    vtable: &'a [u8],
}

impl<'a> Table<'a> {
    /// The root table of a file with this identifier.
    ///
    /// # Errors
    /// If the file is of another kind or the table is not inside it.
    pub fn root(bytes: &'a [u8], identifier: [u8; 4]) -> Result<Self, Damage> {
        let root = Field::new(0, "root table");
        if read(bytes, 4) != Some(identifier) {
            return Err(root.damage("the file does not carry the identifier of a TFLite model"));
        }
        let position = read(bytes, 0).map(u32::from_le_bytes).ok_or(root.damage("the file is too short"))?;
        Self::at(bytes, position as usize, root)
    }

    fn at(bytes: &'a [u8], position: usize, field: Field) -> Result<Self, Damage> {
        let outside = field.damage("the table lies outside of the file");
        let back = i64::from(read(bytes, position).map(i32::from_le_bytes).ok_or(outside.clone())?);
        let start = usize::try_from(position as i64 - back).map_err(|_| outside.clone())?;
        let vtable_length = read(bytes, start).map(u16::from_le_bytes).ok_or(outside.clone())?;
        let vtable = slice(bytes, start, vtable_length.into()).ok_or(outside.clone())?;
        let length =
            read(vtable, 2).map(u16::from_le_bytes).ok_or(field.damage("the vtable is too short"))?;
        slice(bytes, position, length.into()).ok_or(outside)?;
        Ok(Self { bytes, position, length: length.into(), vtable })
    }

    /// The position in the file of a field's `N` bytes; `None` if the field is absent.
    fn find<const N: usize>(&self, field: Field) -> Result<Option<(usize, [u8; N])>, Damage> {
        let inside = match read(self.vtable, 4 + 2 * field.index).map(u16::from_le_bytes) {
            None | Some(0) => return Ok(None),
            Some(inside) => usize::from(inside),
        };
        if inside + N > self.length {
            return Err(field.damage("the field lies outside of its table"));
        }
        let position = self.position + inside;
        match read(self.bytes, position) {
            Some(value) => Ok(Some((position, value))),
            None => Err(field.damage("the field lies outside of the file")),
        }
    }

    fn scalar<const N: usize>(&self, field: Field) -> Result<Option<[u8; N]>, Damage> {
        Ok(self.find(field)?.map(|(_, value)| value))
    }

    /// A signed byte.
    pub fn i8(&self, field: Field, default: i8) -> Result<i8, Damage> {
        Ok(self.scalar(field)?.map_or(default, i8::from_le_bytes))
    }

    /// An unsigned byte.
    pub fn u8(&self, field: Field, default: u8) -> Result<u8, Damage> {
        Ok(self.scalar(field)?.map_or(default, u8::from_le_bytes))
    }

    /// A truth value, false by default.
    pub fn bool(&self, field: Field) -> Result<bool, Damage> {
        Ok(self.u8(field, 0)? != 0)
    }

    /// A signed 32-bit integer.
    pub fn i32(&self, field: Field, default: i32) -> Result<i32, Damage> {
        Ok(self.scalar(field)?.map_or(default, i32::from_le_bytes))
    }

    /// An unsigned 32-bit integer, 0 by default.
    pub fn u32(&self, field: Field) -> Result<u32, Damage> {
        Ok(self.scalar(field)?.map_or(0, u32::from_le_bytes))
    }

    /// An unsigned 64-bit integer, 0 by default.
    pub fn u64(&self, field: Field) -> Result<u64, Damage> {
        Ok(self.scalar(field)?.map_or(0, u64::from_le_bytes))
    }

    /// A single-precision number.
    pub fn f32(&self, field: Field, default: f32) -> Result<f32, Damage> {
        Ok(self.scalar(field)?.map_or(default, f32::from_le_bytes))
    }

    /// Where a reference leads.
    fn target(&self, field: Field) -> Result<Option<usize>, Damage> {
        let reference = self.find(field)?;
        Ok(reference
            .map(|(position, distance)| position.saturating_add(u32::from_le_bytes(distance) as usize)))
    }

    /// The elements of a vector, as bytes: a multiple of `element` many.
    fn vector(&self, field: Field, element: usize) -> Result<Option<(usize, &'a [u8])>, Damage> {
        let Some(position) = self.target(field)? else { return Ok(None) };
        let outside = field.damage("the vector lies outside of the file");
        let count = read(self.bytes, position).map(u32::from_le_bytes).ok_or(outside.clone())?;
        let elements = (count as usize)
            .checked_mul(element)
            .and_then(|length| slice(self.bytes, position.checked_add(4)?, length))
            .ok_or(outside)?;
        Ok(Some((position + 4, elements)))
    }

    /// A vector of bytes, empty if absent.
    pub fn bytes(&self, field: Field) -> Result<&'a [u8], Damage> {
        Ok(self.vector(field, 1)?.map_or(&[], |(_, elements)| elements))
    }

    /// A vector of numbers of `N` bytes, empty if absent.
    fn numbers<const N: usize, T: 'a>(
        &self,
        field: Field,
        decode: fn([u8; N]) -> T,
    ) -> Result<impl ExactSizeIterator<Item = T> + use<'a, N, T>, Damage> {
        let elements = self.vector(field, N)?.map_or(&[][..], |(_, elements)| elements);
        let (chunks, _) = elements.as_chunks::<N>();
        Ok(chunks.iter().map(move |&chunk| decode(chunk)))
    }

    /// A vector of signed 32-bit integers, empty if absent.
    pub fn i32s(&self, field: Field) -> Result<impl ExactSizeIterator<Item = i32> + use<'a>, Damage> {
        self.numbers(field, i32::from_le_bytes)
    }

    /// A vector of signed 64-bit integers, empty if absent.
    pub fn i64s(&self, field: Field) -> Result<impl ExactSizeIterator<Item = i64> + use<'a>, Damage> {
        self.numbers(field, i64::from_le_bytes)
    }

    /// A vector of single-precision numbers, empty if absent.
    pub fn f32s(&self, field: Field) -> Result<impl ExactSizeIterator<Item = f32> + use<'a>, Damage> {
        self.numbers(field, f32::from_le_bytes)
    }

    /// A string, empty if absent; what is no UTF-8 is replaced, what follows the first thousand bytes is left out.
    pub fn string(&self, field: Field) -> Result<String, Damage> {
        let bytes = self.bytes(field)?;
        Ok(String::from_utf8_lossy(&bytes[..bytes.len().min(1000)]).into_owned())
    }

    /// The table that a field refers to.
    pub fn table(&self, field: Field) -> Result<Option<Self>, Damage> {
        self.target(field)?.map(|position| Self::at(self.bytes, position, field)).transpose()
    }

    /// A vector of tables, empty if absent.
    pub fn tables(&self, field: Field) -> Result<Vec<Self>, Damage> {
        let Some((start, elements)) = self.vector(field, 4)? else { return Ok(Vec::new()) };
        let (distances, _) = elements.as_chunks::<4>();
        let positions = distances.iter().enumerate().map(|(index, &distance)| {
            (start + 4 * index).saturating_add(u32::from_le_bytes(distance) as usize)
        });
        positions.map(|position| Self::at(self.bytes, position, field)).collect()
    }
}

fn slice(bytes: &[u8], start: usize, length: usize) -> Option<&[u8]> {
    bytes.get(start..start.checked_add(length)?)
}

fn read<const N: usize>(bytes: &[u8], start: usize) -> Option<[u8; N]> {
    slice(bytes, start, N)?.first_chunk().copied()
}
