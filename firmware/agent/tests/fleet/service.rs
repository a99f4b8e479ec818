//! A small fleet service in memory.

use std::collections::{BTreeMap, HashMap};

use dunlin_protocol::message::{
    Applied, Birth, Block, BlockData, BlockRefusal, BlockRequest, Event, Happening, Outbox, Part, Prediction,
    Report, Stored, Update, UpdateState, Will,
};
use dunlin_protocol::{ContentId, Kind, Message, decode, encode, write_index};

use crate::authority::{NONCE, RELEASE, release, signed};

/// What it holds of one device.
#[derive(Default)]
pub struct Service {
    /// Index and blob by content.
    contents: HashMap<ContentId, (Vec<u8>, Vec<u8>)>,
    /// The release that the device should have: sequence and message.
    pub wanted: Option<(u64, Vec<u8>)>,
    pub births: Vec<Birth>,
    pub wills: Vec<Will>,
    pub updates: Vec<Update>,
    pub outboxes: Vec<Outbox>,
    pub reports: BTreeMap<u64, Report>,
    pub events: BTreeMap<u64, Event>,
    pub applied: Vec<Applied>,
    pub predictions: Vec<Prediction>,
    pub requests: Vec<BlockRequest>,
    /// Blocks that were sent.
    pub blocks_sent: u32,
    /// Sequences below are stored, or known to be dropped.
    known_below: u64,
    /// Does not answer reports.
    pub is_deaf: bool,
}

pub type Messages = Vec<(Kind, Vec<u8>)>;

impl Service {
    /// Puts a blob on offer.
    pub fn offer(&mut self, sequence: u64, blob: &[u8]) {
        let release = release(sequence, blob);
        self.offer_as(sequence, blob, signed(&RELEASE, &release));
    }

    pub fn offer_as(&mut self, sequence: u64, blob: &[u8], message: Vec<u8>) {
        let release = release(sequence, blob);
        let mut index = vec![0; blob.len()];
        let index = write_index(blob, release.block, &mut index).unwrap().to_vec();
        self.hold(release.index_digest.content(), &index, blob);
        self.wanted = Some((sequence, message));
    }

    /// Holds content, right or wrong.
    pub fn hold(&mut self, content: ContentId, index: &[u8], blob: &[u8]) {
        self.contents.insert(content, (index.to_vec(), blob.to_vec()));
    }

    /// Takes a message, and answers it.
    pub fn receive(&mut self, kind: Kind, payload: &[u8]) -> Messages {
        let mut answers = Vec::new();
        match kind {
            Kind::Birth => {
                let birth: Birth = read(payload);
                if let Some((sequence, message)) = &self.wanted
                    && birth.release < *sequence
                {
                    answers.push((Kind::Release, message.clone()));
                }
                self.births.push(birth);
                answers.push(self.stored());
            }
            Kind::Will => self.wills.push(read(payload)),
            Kind::Update => self.updates.push(read(payload)),
            Kind::Outbox => {
                let outbox: Outbox = read(payload);
                self.known_below = self.known_below.max(outbox.oldest);
                self.outboxes.push(outbox);
                answers.push(self.stored());
            }
            Kind::Report => {
                let report: Report = read(payload);
                self.reports.insert(report.sequence, report);
                answers.push(self.stored());
            }
            Kind::Event => {
                let event: Event = read(payload);
                self.events.insert(event.sequence, event);
                answers.push(self.stored());
            }
            Kind::Applied => self.applied.push(read(payload)),
            Kind::Prediction => self.predictions.push(read(payload)),
            Kind::BlockRequest => {
                let request: BlockRequest = read(payload);
                self.requests.push(request);
                answers.extend(self.blocks(request));
            }
            _ => panic!("{kind} comes from a device"),
        }
        if self.is_deaf {
            answers.retain(|(kind, _)| *kind != Kind::Stored);
        }
        answers
    }

    fn blocks(&mut self, request: BlockRequest) -> Messages {
        let content = self.contents.get(&request.content);
        let mut blocks = Vec::new();
        for number in request.blocks() {
            let part = content.map(|(index, blob)| if request.part == Part::Index { index } else { blob });
            let data = match part.map(|bytes| bytes.chunks(1024).nth(number as usize)) {
                None => BlockData::Refused(BlockRefusal::UnknownContent),
                Some(None) => BlockData::Refused(BlockRefusal::OutOfRange),
                Some(Some(bytes)) => BlockData::Data(bytes),
            };
            let block = Block { content: request.content, part: request.part, number, data };
            blocks.push((Kind::Block, write(&block)));
        }
        self.blocks_sent += blocks.len() as u32;
        blocks
    }

    fn stored(&self) -> (Kind, Vec<u8>) {
        (Kind::Stored, write(&Stored { nonce: NONCE, through: self.through() }))
    }

    /// Highest sequence up to which all is stored, or known to be dropped.
    pub fn through(&self) -> u64 {
        let mut through = self.known_below.saturating_sub(1);
        while self.reports.contains_key(&(through + 1)) || self.events.contains_key(&(through + 1)) {
            through += 1;
        }
        through
    }

    /// How the update of a sequence ended, by its events.
    pub fn ends(&self, wanted: u64) -> Vec<UpdateState> {
        let of_update = |event: &Event| match event.what {
            Happening::Update { sequence, state, .. } if sequence == wanted => Some(state),
            _ => None,
        };
        self.events.values().filter_map(of_update).collect()
    }

    /// The states that update messages of a sequence went through, without repetitions and numbers.
    pub fn course(&self, wanted: u64) -> Vec<&'static str> {
        let mut course: Vec<&str> = self
            .updates
            .iter()
            .filter(|update| update.subject.is_some_and(|subject| subject.sequence == wanted))
            .map(|update| match update.state {
                UpdateState::Offered => "offered",
                UpdateState::Downloading { .. } => "downloading",
                UpdateState::Verifying => "verifying",
                UpdateState::SelfTest => "self-test",
                UpdateState::Shadow { .. } => "shadow",
                UpdateState::Trial { .. } => "trial",
                UpdateState::Confirmed => "confirmed",
                UpdateState::Rejected(_) => "rejected",
                UpdateState::RolledBack(_) => "rolled back",
                UpdateState::Deferred(_) => "deferred",
            })
            .collect();
        course.dedup();
        course
    }
}

fn read<'a, M: Message<'a>>(payload: &'a [u8]) -> M {
    decode(payload).unwrap_or_else(|error| panic!("{error}"))
}

pub fn write<'a, M: Message<'a>>(message: &M) -> Vec<u8> {
    encode(message, &mut vec![0; M::MAX_BODY]).unwrap().to_vec()
}
