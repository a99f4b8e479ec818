//! Old and new meeting each other.

use dunlin_protocol::*;
use serde::{Deserialize, Serialize};

/// A message as it was, and as it became when it was extended twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, MaxSize)]
struct Old {
    number: u32,
    name: Option<Version>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, MaxSize)]
struct New {
    number: u32,
    name: Option<Version>,
    // First extension.
    count: u64,
    schema: Schema,
    list: List<u16, 4>,
    // Second extension.
    ratio: f32,
    signed: Option<i32>,
}

impl Body<'_> for Old {
    const KIND: Kind = Kind::Will;
}

impl Message<'_> for Old {}

impl Body<'_> for New {
    const KIND: Kind = Kind::Will;
    const EXTENSIONS: &'static [usize] = &[1 + 8 + 1, 4 + 1];
}

impl Message<'_> for New {}

fn old() -> Old {
    Old { number: 70_000, name: Some(Version { major: 1, minor: 2, patch: 3 }) }
}

fn new() -> New {
    New {
        number: 70_000,
        name: old().name,
        count: 1 << 40,
        schema: Schema([3; 8]),
        list: List::from_first([1, 2, 300]),
        ratio: 0.5,
        signed: Some(-4),
    }
}

#[test]
fn an_old_message_is_read_with_defaults() {
    let mut buffer = [0; 64];
    let payload = encode(&old(), &mut buffer).unwrap();
    assert_eq!(payload[0], 0x10);
    let expected =
        New { count: 0, schema: Schema::default(), list: List::new(), ratio: 0.0, signed: None, ..new() };
    assert_eq!(decode::<New>(payload), Ok(expected));

    // One extension of two.
    let mut buffer = [0; 64];
    let length = encode(&new(), &mut buffer).unwrap().len();
    buffer[0] = 0x11;
    let expected = New { ratio: 0.0, signed: None, ..new() };
    assert_eq!(decode::<New>(&buffer[..length - 6]), Ok(expected));
}

#[test]
fn a_longer_message_is_read_up_to_what_is_known() {
    let mut buffer = [0; 64];
    let payload = encode(&new(), &mut buffer).unwrap();
    assert_eq!(payload[0], 0x12);
    assert_eq!(decode::<Old>(payload), Ok(old()));
}

#[test]
fn another_major_version_is_refused_in_words() {
    let mut buffer = [0; 64];
    let length = encode(&old(), &mut buffer).unwrap().len();
    for (version, found) in [(0x00, 0), (0x0f, 0), (0x20, 2), (0xff, 15)] {
        buffer[0] = version;
        let error = decode::<Old>(&buffer[..length]).unwrap_err();
        assert_eq!(error, DecodeError::Version { found });
        assert!(error.to_string().contains(&format!("version {found}")), "{error}");
        assert!(error.to_string().contains("1 to 1"), "{error}");
    }
}

/// At every length that is too short, whatever the reader knows.
#[test]
fn a_cut_message_is_refused() {
    fn cut<'a, M: Message<'a> + PartialEq + std::fmt::Debug>(payload: &'a [u8], base: usize) {
        assert!(decode::<M>(payload).is_ok());
        for length in 0..base {
            assert_eq!(decode::<M>(&payload[..length]), Err(DecodeError::Cut), "{length} of {base}");
        }
    }
    let mut buffer = [0; 64];
    let payload = encode(&old(), &mut buffer).unwrap();
    cut::<Old>(payload, payload.len());
    cut::<New>(payload, payload.len());
    // A number that is zero is cut as surely as any other.
    let zeros = Old { number: 0, name: None };
    let payload = encode(&zeros, &mut buffer).unwrap();
    cut::<New>(payload, payload.len());
    let mut buffer = [0; 64];
    let payload = encode(&new(), &mut buffer).unwrap();
    cut::<New>(payload, payload.len());
    // Of a newer message the known part must be whole.
    cut::<Old>(payload, 1 + 3 + 4);
}

#[test]
fn bytes_behind_a_message_are_refused_unless_its_version_announces_them() {
    let mut buffer = [0; 64];
    let length = encode(&old(), &mut buffer).unwrap().len();
    for reads in [decode::<Old>(&buffer[..=length]).err(), decode::<New>(&buffer[..=length]).err()] {
        assert!(reads.is_some());
    }
    buffer[0] = 0x11;
    assert!(decode::<Old>(&buffer[..=length]).is_ok());
}

/// The lengths that a message states for its extensions are those of zeros: otherwise old messages could not be read.
#[test]
fn extensions_take_the_bytes_that_they_state() {
    let absent = New {
        number: 0,
        name: None,
        count: 0,
        schema: Schema::default(),
        list: List::new(),
        ratio: 0.0,
        signed: None,
    };
    let mut buffer = [0; 64];
    let payload = encode(&absent, &mut buffer).unwrap();
    assert_eq!(payload.len(), 1 + 2 + New::EXTENSIONS.iter().sum::<usize>());
}
