//! A fleet service for one device, which serves as little as it is told to.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use dunlin_mqtt::{Connection, Incoming};
use dunlin_protocol::message::{
    AnyMessage, Block, BlockData, BlockRequest, Event, Happening, Part, Release, Stored, UpdateState,
};
use dunlin_protocol::{Kind, Message, Name, Nonce, SignedMessage, Topic, encode};
use dunlin_provision::Broker;
use tokio::time::{Instant, timeout_at};

use super::models::Offer;
use crate::daemon::{connect, key, message};

/// The service.
pub struct Fleet {
    broker: Broker,
    connection: Connection,
    offer: Offer,
    /// How many blocks of the blob may still be sent; none of the index either if it is `None`.
    pub room: Option<u32>,
    /// The last state that the device told of the release.
    pub state: Option<UpdateState>,
    /// Update messages of the release.
    pub updates: u32,
    /// Ends of releases, by sequence.
    pub ends: HashMap<u64, UpdateState>,
    /// Payloads of reports and events by their sequences.
    outbox: HashMap<u64, Vec<u8>>,
    stored: BTreeSet<u64>,
    acknowledged: u64,
    open: Option<BlockRequest>,
}

async fn open(broker: &Broker) -> Connection {
    loop {
        match connect(broker, "fleet", "dunlin/1/demo/pump-1/up/+", None).await {
            Ok(connection) => return connection,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

impl Fleet {
    /// A service that offers this.
    pub async fn new(broker: Broker, offer: Offer) -> Fleet {
        Fleet {
            connection: open(&broker).await,
            broker,
            offer,
            room: Some(u32::MAX),
            state: None,
            updates: 0,
            ends: HashMap::new(),
            outbox: HashMap::new(),
            stored: BTreeSet::new(),
            acknowledged: 0,
            open: None,
        }
    }

    /// Offers something else from now on.
    pub async fn offer(&mut self, offer: Offer) {
        (self.offer, self.state, self.updates, self.open) = (offer, None, 0, None);
        self.send_release().await;
    }

    /// Works until something holds, or for so long. Whether it held.
    pub async fn work(&mut self, time: Duration, mut holds: impl FnMut(&Fleet) -> bool) -> bool {
        let deadline = Instant::now() + time;
        while !holds(self) {
            match timeout_at(deadline, self.connection.next()).await {
                Err(_) => return false,
                Ok(Ok(Incoming::Message(received))) => {
                    let topic = Topic::parse(&received.topic).unwrap();
                    self.handle(topic.kind, &received.payload).await;
                }
                Ok(Ok(Incoming::NotTaken(reason))) => panic!("{reason}"),
                // The broker was ended.
                Ok(Err(_)) => self.connection = open(&self.broker).await,
            }
        }
        true
    }

    /// Serves what was held back.
    pub async fn serve_all(&mut self) {
        self.room = Some(u32::MAX);
        if let Some(request) = self.open.take() {
            self.serve(request).await;
        }
    }

    async fn handle(&mut self, kind: Kind, payload: &[u8]) {
        match AnyMessage::decode(kind, payload).unwrap() {
            AnyMessage::Birth(birth) => {
                if birth.release < self.offer.release.sequence {
                    self.send_release().await;
                }
                self.send_stored().await;
            }
            AnyMessage::Update(update)
                if update.subject.is_some_and(|subject| subject.sequence == self.offer.release.sequence) =>
            {
                (self.state, self.updates) = (Some(update.state), self.updates + 1);
            }
            AnyMessage::Outbox(outbox) => {
                assert_eq!((outbox.dropped_reports, outbox.dropped_events), (0, 0), "there was room");
                assert!(outbox.oldest <= self.acknowledged + 1, "{outbox:?} after {}", self.acknowledged);
                let highest = self.stored.last().copied().unwrap_or(0);
                assert!(outbox.next > highest, "{outbox:?}: {highest} was given already");
                self.send_stored().await;
            }
            AnyMessage::Report(report) => self.store(report.sequence, payload).await,
            AnyMessage::Event(Event { sequence, what, .. }) => {
                if let Happening::Update { sequence, state, .. } = what {
                    let known = self.ends.insert(sequence, state);
                    assert!(known.is_none_or(|known| known == state), "two ends: {known:?} and {state}");
                }
                self.store(sequence, payload).await;
            }
            AnyMessage::BlockRequest(request) => self.serve(request).await,
            _ => {}
        }
    }

    /// Each sequence stands for one message, which may come more than once.
    async fn store(&mut self, sequence: u64, payload: &[u8]) {
        let first = self.outbox.entry(sequence).or_insert_with(|| payload.to_vec());
        assert_eq!(first, payload, "sequence {sequence} was given twice");
        self.stored.insert(sequence);
        while self.stored.contains(&(self.acknowledged + 1)) {
            self.acknowledged += 1;
        }
        self.send_stored().await;
    }

    async fn serve(&mut self, request: BlockRequest) {
        if request.content != self.offer.release.index_digest.content() {
            return;
        }
        let Some(mut room) = self.room else {
            self.open = Some(request);
            return;
        };
        for number in request.blocks() {
            let bytes = if request.part == Part::Index { &self.offer.index } else { &self.offer.blob };
            let Some(data) = bytes.chunks(1024).nth(number as usize) else { continue };
            if request.part == Part::Blob {
                if room == 0 {
                    self.open = Some(request);
                    break;
                }
                room -= 1;
            }
            let data = BlockData::Data(data);
            let block = Block { content: request.content, part: request.part, number, data };
            self.send(Kind::Block, &encoded(&block)).await;
        }
        self.room = Some(room);
    }

    async fn send_release(&self) {
        let mut buffer = vec![0; Release::MAX_PAYLOAD];
        let payload = key().sign(&self.offer.release, &mut buffer).unwrap().to_vec();
        self.send(Kind::Release, &payload).await;
    }

    async fn send_stored(&self) {
        let stored = Stored { nonce: Nonce([1; 8]), through: self.acknowledged };
        self.send(Kind::Stored, &encoded(&stored)).await;
    }

    /// What is lost because the broker was ended, the device asks for again.
    async fn send(&self, kind: Kind, payload: &[u8]) {
        let Release { fleet, .. } = &self.offer.release;
        let topic = Topic { fleet: fleet.clone(), device: Name::new("pump-1").unwrap(), kind };
        let _ = self.connection.publish(message(topic.text().as_str(), payload, false)).await;
    }
}

fn encoded<'a, M: Message<'a>>(message: &M) -> Vec<u8> {
    encode(message, &mut vec![0; M::MAX_BODY]).unwrap().to_vec()
}
