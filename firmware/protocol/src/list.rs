//! Lists and text of bounded length.

use core::fmt;
use core::ops::{Deref, DerefMut};

use postcard::experimental::max_size::MaxSize;
use serde::{Deserialize, Serialize};

/// At most `N` elements, in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent, bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
pub struct List<T, const N: usize>(heapless::Vec<T, N>);

impl<T, const N: usize> List<T, N> {
    /// A list without elements.
    pub const fn new() -> List<T, N> {
        List(heapless::Vec::new())
    }

    /// The first `N` elements of an iterator.
    pub fn from_first(elements: impl IntoIterator<Item = T>) -> List<T, N> {
        let mut list = List::new();
        for element in elements.into_iter().take(N) {
            // There is room: at most N are taken.
            let _ = list.push(element);
        }
        list
    }

    /// Appends an element.
    ///
    /// # Errors
    /// The element, if the list is full.
    pub fn push(&mut self, element: T) -> Result<(), T> {
        self.0.push(element)
    }

    /// Keeps only elements that `keep` is true for.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }
}

impl<T, const N: usize> Default for List<T, N> {
    fn default() -> List<T, N> {
        List::new()
    }
}

impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const N: usize> DerefMut for List<T, N> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: MaxSize, const N: usize> MaxSize for List<T, N> {
    const POSTCARD_MAX_SIZE: usize = length_bytes(N) + N * T::POSTCARD_MAX_SIZE;
}

/// At most `N` bytes of UTF-8, in place.
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<const N: usize>(heapless::String<N>);

impl<const N: usize> Text<N> {
    /// As much of `text` as fits, cut between characters.
    pub fn cut(text: &str) -> Text<N> {
        let mut cut = heapless::String::new();
        for character in text.chars() {
            if cut.push(character).is_err() {
                break;
            }
        }
        Text(cut)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Appends `text`.
    ///
    /// # Errors
    /// If it does not fit; nothing is appended then.
    pub fn push_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text).map_err(|_| fmt::Error)
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl<const N: usize> MaxSize for Text<N> {
    const POSTCARD_MAX_SIZE: usize = length_bytes(N) + N;
}

/// Bytes of the varint of a length up to `longest`.
pub(crate) const fn length_bytes(longest: usize) -> usize {
    let mut bytes = 1;
    let mut rest = longest >> 7;
    while rest > 0 {
        bytes += 1;
        rest >>= 7;
    }
    bytes
}
