//! Who gets in, and who may say what: with the configuration and access rules that come along.

use std::path::{Path, PathBuf};

use dunlin_mqtt::{CertificateTime, ConnectError, Incoming};
use dunlin_protocol::message::AnyMessage;
use dunlin_provision::Broker;
use dunlin_test_broker::{Authority, Identity, Mosquitto, Validity, wait_for};
use tempfile::TempDir;

use crate::daemon::{Daemon, block_on, broker, connect, is, message, next};

/// A broker that demands certificates of an authority.
struct Site {
    mosquitto: Mosquitto,
    authority: Authority,
    folder: TempDir,
}

impl Site {
    fn new(validity: Validity) -> Option<Site> {
        let authority = Authority::new("fleet authority");
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("mosquitto");
        let mosquitto = Mosquitto::with_examples(&examples, &authority, &authority.broker(validity))?;
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.certificate()).unwrap();
        Some(Site { mosquitto, authority, folder })
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The broker, for somebody with this certificate.
    fn for_identity(&self, identity: &Identity, name: &str) -> Broker {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        broker(&self.mosquitto.url(true), &self.ca(), Some((identity, &folder)))
    }

    /// The broker, for somebody whom the authority knows by this name.
    fn known(&self, name: &str) -> Broker {
        self.for_identity(&self.authority.client(name), name)
    }
}

#[test]
fn a_device_cannot_write_topics_of_another() {
    let Some(site) = Site::new(Validity::Now) else { return };
    // Provisioned under its own name it is heard; under that of another, with the same certificate, it is not.
    let mut honest = Daemon::new("pump-1", site.known("pump-1"));
    let mut liar = Daemon::new("pump-2", site.known("pump-1"));
    block_on(async {
        let mut watch = connect(&site.known("fleet.watch"), "watch", "dunlin/1/demo/#", None).await.unwrap();
        liar.start();
        wait_for("the refusal", || liar.log().contains("does not take our messages").then_some(()));
        let will = message("dunlin/1/demo/pump-2/up/will", b"forged", true);
        let filter = "dunlin/1/demo/pump-2/down/+";
        let mut thief = connect(&site.known("pump-1"), "thief", filter, Some(will)).await.unwrap();
        for topic in [
            "dunlin/1/demo/pump-2/up/report",
            "dunlin/1/demo/pump-1/down/command",
            "dunlin/1/other/pump-1/up/birth",
        ] {
            thief.publish(message(topic, b"forged", true)).await.unwrap();
            let answer = thief.next().await.unwrap();
            assert!(
                matches!(&answer, Incoming::NotTaken(reason) if reason == "NotAuthorized"),
                "{topic}: {answer:?}"
            );
        }
        // What is for another does not reach it, though the fleet's service may write it.
        let fleet =
            connect(&site.known("fleet.service"), "fleet", "dunlin/1/demo/+/up/+", None).await.unwrap();
        fleet.publish(message("dunlin/1/demo/pump-2/down/stored", b"secret", false)).await.unwrap();
        next(&mut watch, |received| received.payload == b"secret").await;
        // Its own name it may speak in: the broker handles what one client sends in order, so nothing else was let through before.
        let own = "dunlin/1/demo/pump-1/up/log";
        thief.publish(message(own, b"own", false)).await.unwrap();
        // The connection breaks without a farewell.
        let seen = next(&mut watch, |received| received.payload != b"secret").await;
        assert_eq!((seen.topic.as_str(), &seen.payload[..]), (own, &b"own"[..]));
        drop(thief);
        honest.start();
        let birth = next(&mut watch, |received| !received.topic.contains("/pump-1/up/log")).await;
        assert!(is(&birth, "pump-1", |message| matches!(message, AnyMessage::Birth(_))), "{birth:?}");
    });
}

#[test]
fn a_foreign_certificate_is_refused() {
    let Some(site) = Site::new(Validity::Now) else { return };
    // Under the same name, with another key.
    let stranger = Authority::new("fleet authority");
    let foreign = site.for_identity(&stranger.client("pump-1"), "foreign");
    let unknown = site.for_identity(&Authority::new("somebody").client("pump-1"), "unknown");
    let without = broker(&site.mosquitto.url(true), &site.ca(), None);
    block_on(async {
        for broker in [&foreign, &unknown, &without] {
            let refused = connect(broker, "stranger", "#", None).await.expect_err("it is refused");
            assert!(matches!(refused, ConnectError::Identity(_) | ConnectError::Closed), "{refused}");
            assert!(refused.to_string().contains("client certificate"), "{refused}");
        }
        // The other way round: a broker that the fleet's authority does not know gets nothing of a device.
        std::fs::write(site.ca(), stranger.certificate()).unwrap();
        let refused = connect(&site.known("pump-1"), "pump-1", "#", None).await.expect_err("it is refused");
        assert!(matches!(refused, ConnectError::Certificate(_)), "{refused}");
        std::fs::write(site.ca(), site.authority.certificate()).unwrap();
        connect(&site.known("pump-1"), "pump-1", "#", None).await.expect("the right certificate is accepted");
    });
    let mut daemon = Daemon::new("pump-1", foreign);
    daemon.start();
    wait_for("the reason in the log", || daemon.log().contains("client certificate").then_some(()));
    assert!(daemon.is_running(), "it goes on without the broker");
}

#[test]
fn a_certificate_not_yet_valid_is_named_as_the_cause() {
    let Some(site) = Site::new(Validity::Later) else { return };
    block_on(async {
        let refused = connect(&site.known("pump-1"), "pump-1", "#", None).await.expect_err("it is refused");
        assert!(
            matches!(refused, ConnectError::Time(CertificateTime::NotYet { from: 4_102_444_800, .. })),
            "{refused:?}"
        );
    });
    let mut daemon = Daemon::new("pump-1", site.known("pump-1"));
    daemon.start();
    let words =
        ["the clock of this machine is the cause", "valid from 2100-01-01T00:00:00Z on", "set the clock"];
    wait_for("the cause in the log", || words.iter().all(|word| daemon.log().contains(word)).then_some(()));
    // It tries again, and says so once.
    assert!(daemon.is_running());
    assert_eq!(daemon.log().matches(words[0]).count(), 1);

    let Some(site) = Site::new(Validity::Formerly) else { return };
    block_on(async {
        let refused = connect(&site.known("pump-1"), "pump-1", "#", None).await.expect_err("it is refused");
        assert!(matches!(refused, ConnectError::Time(CertificateTime::NoLonger { .. })), "{refused:?}");
    });
}
