//! Brokers that do not keep to what was agreed.

use std::time::Duration;

use dunlin_mqtt::{ConnectError, Connection, Incoming, Lost, Message, Options, PublishError, Subscription};
use dunlin_provision::Broker;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// CONNACK: accepted, no properties.
const CONNACK: [u8; 5] = [0x20, 3, 0, 0, 0];
/// SUBACK for packet 1: granted.
const SUBACK: [u8; 6] = [0x90, 4, 0, 1, 0, 1];

async fn listen() -> (TcpListener, Broker) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Broker::new(format!("mqtt://127.0.0.1:{port}").parse().unwrap()))
}

fn options() -> Options {
    Options {
        client_id: "demo.pump-1".into(),
        largest_packet: 2000,
        keep_alive: Duration::from_secs(5),
        will: None,
        subscriptions: vec![Subscription { filter: "a/+".into(), quality_of_service: 1 }],
    }
}

/// Reads a packet with a length of one or two bytes, and gives its type.
async fn packet(stream: &mut TcpStream) -> u8 {
    let kind = stream.read_u8().await.unwrap();
    let mut length = usize::from(stream.read_u8().await.unwrap());
    if length > 127 {
        length = length - 128 + 128 * usize::from(stream.read_u8().await.unwrap());
    }
    let mut content = vec![0; length];
    stream.read_exact(&mut content).await.unwrap();
    kind >> 4
}

/// Accepts a client and its subscription.
async fn accept(listener: &TcpListener, answer: &[u8]) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    assert_eq!(packet(&mut stream).await, 1, "CONNECT");
    stream.write_all(answer).await.unwrap();
    if answer[3] == 0 {
        assert_eq!(packet(&mut stream).await, 8, "SUBSCRIBE");
        stream.write_all(&SUBACK).await.unwrap();
    }
    stream
}

/// PUBLISH with QoS 0 of `length` zeros, to the topic `a/b`.
fn publication(length: usize) -> Vec<u8> {
    let remaining = 2 + 3 + 1 + length;
    let mut bytes = vec![0x30];
    let mut rest = remaining;
    while rest > 127 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes.extend([0, 3, b'a', b'/', b'b', 0]);
    bytes.resize(bytes.len() + length, 0);
    bytes
}

#[tokio::test]
async fn a_packet_above_the_limit_ends_one_connection_and_not_the_next() {
    let (listener, broker) = listen().await;
    for _ in 0..2 {
        let (stream, connection) =
            tokio::join!(accept(&listener, &CONNACK), Connection::open(&broker, options()));
        let (mut stream, mut connection) = (stream, connection.unwrap());
        stream.write_all(&publication(1900)).await.unwrap();
        let Ok(Incoming::Message(received)) = connection.next().await else { panic!("a small one is taken") };
        assert_eq!((received.topic.as_str(), received.payload.len()), ("a/b", 1900));
        stream.write_all(&publication(1_000_000)[..3000]).await.unwrap();
        let lost = connection.next().await.unwrap_err();
        assert!(matches!(lost, Lost::Oversize { limit: 2000, .. }), "{lost:?}");
        assert_eq!(connection.next().await, Err(Lost::Done), "asked again, it ends again");
    }
}

#[tokio::test]
async fn what_the_broker_does_not_take_is_not_sent() {
    let (listener, broker) = listen().await;
    // Largest packet 100 bytes, and nothing is retained.
    let answer = [0x20, 10, 0, 0, 7, 0x27, 0, 0, 0, 100, 0x25, 0];
    let (stream, connection) = tokio::join!(accept(&listener, &answer), Connection::open(&broker, options()));
    let (mut stream, connection) = (stream, connection.unwrap());
    let message = |length| Message {
        topic: "a/b".into(),
        payload: vec![1; length],
        quality_of_service: 0,
        retain: true,
    };
    assert_eq!(connection.publish(message(100)).await, Err(PublishError::TooLong { bytes: 119, limit: 100 }));
    connection.publish(message(50)).await.unwrap();
    let mut header = [0; 2];
    stream.read_exact(&mut header).await.unwrap();
    assert_eq!(header, [0x30, 56], "the small one comes, not retained, and the long one before it does not");
}

#[tokio::test]
async fn refusals_are_told_in_words() {
    let (listener, broker) = listen().await;
    let refused = [0x20, 3, 0, 0x86, 0];
    let (_, result) = tokio::join!(accept(&listener, &refused), Connection::open(&broker, options()));
    let error = result.expect_err("it is refused");
    assert!(matches!(&error, ConnectError::Refused(text) if text.contains("password")), "{error}");

    let silent = async {
        let (stream, _) = listener.accept().await.unwrap();
        drop(stream);
    };
    let ((), result) = tokio::join!(silent, Connection::open(&broker, options()));
    assert!(matches!(result.err(), Some(ConnectError::Closed | ConnectError::Other(_))));

    drop(listener);
    let error = Connection::open(&broker, options()).await.expect_err("nobody is there");
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_refused_subscription_ends_the_connection() {
    let (listener, broker) = listen().await;
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        packet(&mut stream).await;
        stream.write_all(&CONNACK).await.unwrap();
        packet(&mut stream).await;
        stream.write_all(&[0x90, 4, 0, 1, 0, 0x87]).await.unwrap();
        stream
    };
    let (_stream, connection) = tokio::join!(server, Connection::open(&broker, options()));
    let lost = connection.unwrap().next().await.unwrap_err();
    assert!(matches!(lost, Lost::Subscription(_)), "{lost:?}");
}
