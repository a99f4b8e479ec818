//! Round trips, sizes and bytes that are no messages.

use std::fmt::Debug;

use dunlin_protocol::message::*;
use dunlin_protocol::*;
use proptest::prelude::*;

use crate::samples::{self, key, trusting};

/// Encodes, decodes, and demands that the longest message is as long as the compiler says, give or take `slack` bytes.
fn fills<'a, M: Message<'a> + PartialEq + Debug>(message: &M, buffer: &'a mut [u8], slack: usize) {
    let payload = encode(message, buffer).unwrap();
    assert_eq!(payload.len() + slack, M::MAX_BODY, "{}", M::KIND);
    assert_eq!(decode::<M>(payload).as_ref(), Ok(message));
}

#[test]
fn the_longest_messages_have_their_stated_sizes_and_survive_a_round_trip() {
    let mut buffer = [0; 8192];
    let bytes = [0xee; MAX_BLOCK_BYTES];
    fills(&samples::birth(), &mut buffer, 0);
    fills(&samples::will(), &mut buffer, 0);
    fills(&samples::update(), &mut buffer, 0);
    fills(&samples::outbox(), &mut buffer, 0);
    fills(&samples::report(), &mut buffer, 0);
    fills(&samples::event(), &mut buffer, 0);
    fills(&samples::prediction(), &mut buffer, 0);
    fills(&samples::log(&bytes[..MAX_LOG_BYTES]), &mut buffer, 0);
    fills(&samples::block_request(), &mut buffer, 0);
    fills(&samples::applied(), &mut buffer, 0);
    fills(&samples::block(&bytes), &mut buffer, 0);
    fills(&samples::stored(), &mut buffer, 0);
}

#[test]
fn the_longest_signed_messages_have_their_stated_sizes() {
    let owner = key(1);
    let trusted = trusting(&[(&owner, Roles::OWNER.and(Roles::RELEASE).and(Roles::CONTROL))]);
    fn fills<'a, M: SignedMessage<'a> + PartialEq + Debug>(
        message: &M,
        key: &SigningKey,
        trusted: &TrustedKeys,
        buffer: &'a mut [u8],
    ) {
        let payload = key.sign(message, &mut buffer[..M::MAX_PAYLOAD]).unwrap();
        assert_eq!(payload.len(), M::MAX_PAYLOAD, "{}", M::KIND);
        assert_eq!(trusted.open::<M>(payload).as_ref(), Ok(message));
    }
    let mut buffer = [0; 1024];
    fills(&samples::release(), &owner, &trusted, &mut buffer);
    fills(&samples::configuration(), &owner, &trusted, &mut buffer);
    fills(&samples::command(samples::longest_action()), &owner, &trusted, &mut buffer);
}

#[test]
fn a_buffer_that_is_one_byte_too_small_is_refused_with_the_size_that_suffices() {
    let report = samples::report();
    let mut buffer = vec![0; Report::MAX_BODY - 1];
    assert_eq!(encode(&report, &mut buffer), Err(EncodeError { needed: Report::MAX_BODY }));
    let mut buffer = vec![0; Release::MAX_PAYLOAD - 1];
    let error = key(1).sign(&samples::release(), &mut buffer).unwrap_err();
    assert!(error.to_string().contains(&Release::MAX_PAYLOAD.to_string()), "{error}");
}

#[test]
fn encodings_are_those_of_the_specification() {
    let boot = Boot { nonce: Nonce([1, 2, 3, 4, 5, 6, 7, 8]), count: 300 };
    let mut buffer = [0; 64];
    let will = encode(&Will { boot, connection: 5 }, &mut buffer).unwrap();
    assert_eq!(will, [16, 1, 2, 3, 4, 5, 6, 7, 8, 0xac, 0x02, 5]);
    let event = Event { boot, sequence: 7, uptime: 128, clock: None, what: Happening::ClockSet { by: -2 } };
    let event = encode(&event, &mut buffer).unwrap();
    assert_eq!(event[11..], [7, 0x80, 0x01, 0, 3, 3]);
}

#[test]
fn names_in_messages_are_checked() {
    let mut buffer = [0; 512];
    let mut birth = samples::birth();
    birth.groups = List::from_first([Name::new("kitchen").unwrap()]);
    let length = encode(&birth, &mut buffer).unwrap().len();
    let place = buffer.windows(7).position(|window| window == b"kitchen").unwrap();
    assert_eq!(decode::<Birth>(&buffer[..length]), Ok(birth));
    buffer[place] = b'/';
    assert_eq!(decode::<Birth>(&buffer[..length]), Err(DecodeError::Malformed));
}

#[test]
fn a_list_longer_than_its_type_is_refused() {
    let mut buffer = [0; 256];
    let mut prediction = samples::prediction();
    prediction.outputs = List::new();
    let length = encode(&prediction, &mut buffer).unwrap().len();
    buffer[length - 1] = 17;
    assert_eq!(decode::<Prediction>(&buffer[..length + 17 * 4]), Err(DecodeError::Malformed));
}

#[test]
fn json_shows_identifiers_in_hexadecimal_and_reads_back() {
    let json = serde_json::to_string(&samples::event()).unwrap();
    assert!(json.contains(&"5a".repeat(32)), "{json}");
    assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), samples::event());
}

proptest! {
    /// No bytes make the decoder panic, and whatever it accepts means the same when it is encoded again.
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600), first in any::<bool>()) {
        let mut payload = bytes;
        if let (true, Some(version)) = (first, payload.first_mut()) {
            *version = 16;
        }
        for kind in Kind::ALL {
            let _ = AnyMessage::decode(kind, &payload);
        }
        same_again::<Birth>(&payload);
        same_again::<Update>(&payload);
        same_again::<Report>(&payload);
        same_again::<Event>(&payload);
        same_again::<Applied>(&payload);
    }

    /// Close to real messages: one byte of a valid one is another.
    #[test]
    fn damaged_messages_are_decoded_or_refused(place in 0usize..512, value in any::<u8>()) {
        let mut buffer = [0; 8192];
        let length = encode(&samples::birth(), &mut buffer).unwrap().len();
        buffer[place % length] = value;
        same_again::<Birth>(&buffer[..length]);
        let length = encode(&samples::report(), &mut buffer).unwrap().len();
        buffer[place % length] = value;
        same_again::<Report>(&buffer[..length]);
    }

    #[test]
    fn any_numbers_survive_a_round_trip(
        counts in proptest::collection::vec(any::<u32>(), 0..17),
        sequence in any::<u64>(),
        clock in any::<Option<u64>>(),
        latencies in proptest::collection::vec(any::<u32>(), 0..50),
    ) {
        let mut counter = LatencyCounter::new();
        for latency in &latencies {
            counter.count(*latency);
        }
        let mut report = samples::report();
        report.sequence = sequence;
        report.clock = clock;
        report.latency = counter.summary();
        report.features.counts = List::from_first([List::from_first(counts)]);
        let mut buffer = [0; Report::MAX_BODY];
        prop_assert_eq!(decode::<Report>(encode(&report, &mut buffer).unwrap()), Ok(report.clone()));
        prop_assert_eq!(report.latency.counts.iter().sum::<u32>() as usize, latencies.len());
    }
}

fn same_again<'a, M: Message<'a> + PartialEq + Debug>(payload: &'a [u8]) {
    let Ok(message) = decode::<M>(payload) else { return };
    let mut buffer = vec![0; M::MAX_BODY];
    let again = encode(&message, &mut buffer).unwrap();
    // Bytes may differ: a varint can be written with more bytes than it needs. The meaning may not.
    assert_eq!(format!("{message:?}"), format!("{:?}", decode::<M>(&again.to_vec().leak()[..]).unwrap()));
}
