//! Offers a release, serves its blocks and listens to what becomes of it.

use std::time::Duration;

use dunlin_mqtt::{Connection, Incoming, Lost, Message, PublishError, Received};
use dunlin_protocol::message::{
    Birth, Block, BlockRequest, Part, Release, Target, Update, UpdateState, Will,
};
use dunlin_protocol::{Body, Kind, Name, Topic, decode, encode};
use dunlin_provision::Broker;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::content::Content;
use super::targets::{Change, Targets};
use crate::broker;
use crate::failure::Failure;

/// How long devices have to make themselves known before "all of them" means something.
const ROLL_CALL: Duration = Duration::from_secs(5);

/// How long to wait before another connection is tried.
const PAUSE: Duration = Duration::from_secs(2);

/// What is offered.
pub struct Offer<'a> {
    pub release: &'a Release,
    /// The release, signed.
    pub payload: &'a [u8],
    pub content: &'a Content<'a>,
}

/// Serves until all devices have come to an end, over the end of connections.
pub async fn serve(
    offer: &Offer<'_>,
    broker: &Broker,
    filters: &[String],
    patience: Duration,
) -> Result<(), Failure> {
    let started = Instant::now();
    let deadline = started + patience;
    let mut targets = Targets::new(offer.release);
    let mut progress = Shown::new(offer);
    let mut connection = broker::open(broker, "ota", filters).await?;
    loop {
        let roll_call = started + ROLL_CALL;
        let named = matches!(offer.release.target, Target::Device(_));
        if targets.all_final() && (named || Instant::now() >= roll_call) {
            break;
        }
        // Devices may yet come until the roll call is over; then it is looked at again.
        let until = if Instant::now() < roll_call { roll_call.min(deadline) } else { deadline };
        match timeout_at(until, connection.next()).await {
            Err(_) if Instant::now() >= deadline => break,
            Err(_) if targets.is_unheard() => offer_to_named(offer, &connection).await,
            Err(_) => {}
            Ok(Ok(Incoming::NotTaken(reason))) => {
                return Err(Failure::new(format!("the broker does not take our messages ({reason})"))
                    .help("use a client that its access rules let write to dunlin/1/<fleet>/+/down/+"));
            }
            Ok(Ok(Incoming::Message(received))) => {
                handle(offer, &connection, &mut targets, &mut progress, &received).await;
            }
            Ok(Err(lost @ Lost::Subscription(_))) => return Err(Failure::new(lost.to_string())),
            Ok(Err(lost)) => {
                progress.say(&format!("{lost}; connecting again"));
                connection = loop {
                    sleep_until((Instant::now() + PAUSE).min(deadline)).await;
                    match broker::open(broker, "ota", filters).await {
                        Ok(connection) => break connection,
                        Err(failure) if Instant::now() >= deadline => return Err(failure),
                        Err(_) => {}
                    }
                };
            }
        }
    }
    connection.close().await;
    progress.end();
    conclude(&targets)
}

fn conclude(targets: &Targets<'_>) -> Result<(), Failure> {
    let (all, _) = targets.counts();
    let unfinished = targets.unfinished();
    if all == 0 {
        return Err(Failure::new("no device that is meant made itself known")
            .help("check fleet and group with `dunlin watch`, and that the devices run"));
    }
    if unfinished.is_empty() {
        println!("  {:<10} {all} of {all} devices run it", "confirmed");
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} of {all} devices did not confirm: {}",
        unfinished.len(),
        unfinished.join("; ")
    )))
}

/// Whoever is named gets the release unheard: its birth may not have been kept by the broker.
async fn offer_to_named(offer: &Offer<'_>, connection: &Connection) {
    if let Target::Device(device) = &offer.release.target {
        send(offer, connection, device, Kind::Release, offer.payload).await;
    }
}

async fn handle(
    offer: &Offer<'_>,
    connection: &Connection,
    targets: &mut Targets<'_>,
    progress: &mut Shown,
    received: &Received,
) {
    // Who sends what is no message is not meant: `dunlin watch` shows it.
    let Ok(topic) = Topic::parse(&received.topic) else { return };
    let change = match topic.kind {
        Kind::Birth => match decode::<Birth>(&received.payload) {
            Ok(birth) => targets.born(&topic.device, birth),
            Err(_) => Change::None,
        },
        Kind::Will => match decode::<Will>(&received.payload) {
            Ok(will) => targets.ended(&topic.device, &will),
            Err(_) => Change::None,
        },
        Kind::Update => match decode::<Update>(&received.payload) {
            Ok(update) => targets.updated(&topic.device, &update),
            Err(_) => Change::None,
        },
        Kind::BlockRequest => {
            if let Ok(request) = decode::<BlockRequest>(&received.payload)
                && request.content == offer.content.id()
            {
                send_blocks(offer, connection, &topic.device, request, progress).await;
            }
            Change::None
        }
        _ => Change::None,
    };
    match change {
        Change::Offer => send(offer, connection, &topic.device, Kind::Release, offer.payload).await,
        Change::State(state) => progress.state(&topic.device, &state, targets.counts()),
        Change::Gone => {
            progress.say(&format!("{} is offline; it gets the release when it comes back", topic.device));
        }
        Change::None => {}
    }
}

async fn send_blocks(
    offer: &Offer<'_>,
    connection: &Connection,
    device: &Name,
    request: BlockRequest,
    progress: &mut Shown,
) {
    let mut buffer = vec![0; Block::MAX_BODY];
    for number in request.blocks() {
        if let Ok(payload) = encode(&offer.content.block(request.part, number), &mut buffer) {
            progress.sent(payload.len());
            send(offer, connection, device, Kind::Block, payload).await;
        }
    }
}

/// Sends to a device. What is lost is asked for again; that the connection has ended, the next reading says.
async fn send(offer: &Offer<'_>, connection: &Connection, device: &Name, kind: Kind, payload: &[u8]) {
    let topic = Topic { fleet: offer.release.fleet.clone(), device: device.clone(), kind };
    let message = Message {
        topic: topic.text().as_str().to_owned(),
        payload: payload.to_vec(),
        quality_of_service: kind.quality_of_service(),
        retain: kind.retained(),
    };
    if let Err(error @ PublishError::TooLong { .. }) = connection.publish(message).await {
        eprintln!("{error}, or push with smaller blocks");
    }
}

/// What a person sees meanwhile.
struct Shown {
    bar: ProgressBar,
    several: bool,
    sent: u64,
}

impl Shown {
    fn new(offer: &Offer<'_>) -> Shown {
        let several = !matches!(offer.release.target, Target::Device(_));
        let total = if several { 0 } else { offer.content.geometry().blocks(Part::Blob) };
        let template = if several {
            "{wide_bar} {pos}/{len} devices {msg}"
        } else {
            "{wide_bar} {pos}/{len} blocks {msg}"
        };
        let style = ProgressStyle::with_template(template);
        let bar = ProgressBar::new(total.into());
        let bar =
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message("waiting");
        bar.tick();
        Shown { bar, several, sent: 0 }
    }

    fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    fn state(&self, device: &Name, state: &UpdateState, (all, done): (usize, usize)) {
        if self.several {
            self.bar.set_length(all as u64);
            self.bar.set_position(done as u64);
        } else if let UpdateState::Downloading { held, total, .. } = state {
            self.bar.set_length(u64::from(*total));
            self.bar.set_position(u64::from(*held));
        }
        let quiet = matches!(state, UpdateState::Downloading { held, total, .. } if held != total)
            || matches!(
                state,
                UpdateState::Trial { inferences: 1.., .. } | UpdateState::Shadow { compared: 1.., .. }
            );
        if quiet {
            self.bar.set_message(if self.several { String::new() } else { state.to_string() });
        } else {
            self.say(&format!("{device} {state}"));
        }
    }

    /// A line above the bar, also where there is no terminal.
    fn say(&self, text: &str) {
        self.bar.suspend(|| println!("  {text}"));
    }

    fn end(&self) {
        self.bar.finish_and_clear();
        println!("  {:<10} {} bytes of block messages", "sent", self.sent);
    }
}
