//! Packets that are larger than a device takes.

use std::path::Path;

use dunlin_protocol::message::{AnyMessage, Rejection, UpdateState};
use dunlin_test_broker::Mosquitto;

use crate::daemon::{Daemon, block_on, broker, connect, is, message, next};

#[test]
fn an_oversize_packet_does_not_stop_the_client() {
    let Some(mosquitto) = Mosquitto::open() else { return };
    let plain = broker(&mosquitto.url(false), Path::new(""), None);
    let mut daemon = Daemon::new("pump-1", plain.clone());
    block_on(async {
        let mut fleet = connect(&plain, "fleet", "dunlin/1/demo/pump-1/up/+", None).await.unwrap();
        // One waits for the device, and comes again with each connection; another comes while it is there.
        let topic = "dunlin/1/demo/pump-1/down/release";
        let oversize = message(topic, &[0x10; 60_000], true);
        fleet.publish(oversize.clone()).await.unwrap();
        for _ in 0..2 {
            daemon.start();
            next(&mut fleet, |received| {
                is(received, "pump-1", |message| matches!(message, AnyMessage::Birth(_)))
            })
            .await;
            fleet.publish(oversize.clone()).await.unwrap();
            // The same connection still takes what is small enough, and answers in words.
            fleet.publish(message(topic, &[0x10; 100], false)).await.unwrap();
            let answer = |message: &AnyMessage<'_>| match message {
                AnyMessage::Update(update) => {
                    matches!(update.state, UpdateState::Rejected(Rejection::UnknownKey(_)))
                }
                _ => false,
            };
            next(&mut fleet, |received| is(received, "pump-1", answer)).await;
            assert_eq!(
                daemon.log().matches("connected to").count(),
                daemon.log().matches("of fleet demo").count()
            );
            daemon.kill();
        }
    });
}
