//! What is no message is shown as what it is.

use dunlin_mqtt::{Connection, Message, Options};
use dunlin_provision::Broker;
use dunlin_test_broker::{Mosquitto, wait_for};
use serde_json::Value;

/// Publishes payloads as somebody who does not know the protocol.
fn publish(broker: &Mosquitto, messages: &[(&str, &[u8])]) {
    let broker = Broker::new(broker.url(false).parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options {
            client_id: "stranger".into(),
            largest_packet: 1024,
            keep_alive: std::time::Duration::from_secs(10),
            will: None,
            subscriptions: Vec::new(),
        };
        let connection = Connection::open(&broker, options).await.unwrap();
        for (topic, payload) in messages {
            let (topic, payload) = ((*topic).to_owned(), payload.to_vec());
            connection
                .publish(Message { topic, payload, quality_of_service: 1, retain: true })
                .await
                .unwrap();
        }
        connection.close().await;
    });
}

#[test]
fn malformed_and_unknown_messages_are_shown_as_such() {
    let Some(broker) = Mosquitto::open() else { return };
    let messages: [(&str, &[u8]); 5] = [
        ("dunlin/1/demo/pump-1/up/will", b"\x10\x01\x02\x03\x04\x05\x06\x07\x08\x07\x03"),
        ("dunlin/1/demo/pump-1/up/birth", b"{\"json\": true}"),
        ("dunlin/1/demo/pump-1/up/outbox", b"\x10\x01\x02"),
        ("dunlin/1/demo/pump-1/up/rumour", b"?"),
        ("dunlin/1/Demo/pump-1/up/will", b"?"),
    ];
    publish(&broker, &messages);
    let watch = |words: &[&str]| {
        let url = broker.url(false);
        wait_for("the broker to keep all messages", || {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_dunlin"))
                .args(["watch", "--count", "5", "--broker", &url])
                .args(words)
                .output()
                .unwrap();
            output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
        })
    };
    let objects: Vec<Value> =
        watch(&["--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let object = |topic: &str| objects.iter().find(|object| object["topic"] == topic).unwrap();
    let will = object(messages[0].0);
    assert_eq!(
        (&will["fleet"], &will["device"], &will["kind"]),
        (&"demo".into(), &"pump-1".into(), &"will".into())
    );
    assert_eq!(will["message"]["connection"], 3);
    assert_eq!(will["retained"], true);
    for (topic, word) in [
        (messages[1].0, "version 7"),
        (messages[2].0, "cut"),
        (messages[3].0, "kind"),
        (messages[4].0, "fleet"),
    ] {
        let object = object(topic);
        assert!(object["error"].as_str().unwrap().contains(word), "{object}");
        assert!(object.get("message").is_none(), "{object}");
    }
    assert_eq!(object(messages[2].0)["payload"], "100102");
    let lines = watch(&[]);
    assert!(lines.contains("demo/pump-1 will (kept by the broker): connection 3 of boot"), "{lines}");
    assert!(lines.contains("not a message: the message is of protocol version 7"), "{lines}");
}
