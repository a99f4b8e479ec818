//! The connection to the broker, in a task of its own: the device never waits for the network.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_mqtt::{Connection, Incoming, Message, Options, Received, Subscription};
use dunlin_provision::Broker;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

/// Messages that wait to be sent; the device keeps the rest.
const OUTGOING_MESSAGES: usize = 64;

/// Longest silence on a connection.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// What happened on the network. `connection` counts the wishes to connect.
#[derive(Debug)]
pub enum Happening {
    /// The broker accepted connection number `.0`, and the subscription is made.
    Connected(u64),
    /// Connection number `.0` has ended, or could not be made.
    Disconnected(u64),
    /// A message came over connection number `.0`.
    Received(u64, Received),
}

/// Who connects, and to whom.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The broker.
    pub broker: Broker,
    /// Client id.
    pub client_id: String,
    /// What to subscribe to.
    pub subscription: String,
    /// Longest packet that is taken, in bytes.
    pub largest_packet: u32,
}

/// The network as the device sees it.
pub struct Network {
    identity: Identity,
    happenings: mpsc::Sender<Happening>,
    complaint: Arc<Mutex<String>>,
    current: u64,
    outgoing: Option<mpsc::Sender<Message>>,
    will: Option<Message>,
    task: Option<JoinHandle<()>>,
}

impl Network {
    /// Not connected. What happens is told to the receiver.
    pub fn new(identity: Identity) -> (Network, mpsc::Receiver<Happening>) {
        let (happenings, receiver) = mpsc::channel(OUTGOING_MESSAGES);
        let complaint = Arc::default();
        (
            Network { identity, happenings, complaint, current: 0, outgoing: None, will: None, task: None },
            receiver,
        )
    }

    /// The number of the latest wish to connect: what is told about earlier ones is past.
    pub fn current(&self) -> u64 {
        self.current
    }

    /// Begins to connect. A connection that is there is dropped.
    pub fn connect(&mut self, will: Message) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.current += 1;
        let (outgoing, messages) = mpsc::channel(OUTGOING_MESSAGES);
        self.outgoing = Some(outgoing);
        self.will = Some(will.clone());
        let run = run(
            self.identity.clone(),
            will,
            self.current,
            messages,
            self.happenings.clone(),
            Arc::clone(&self.complaint),
        );
        self.task = Some(tokio::spawn(run));
    }

    /// Hands a message over. `false` if there is no room or no connection.
    pub fn send(&mut self, message: Message) -> bool {
        self.outgoing.as_ref().is_some_and(|outgoing| outgoing.try_send(message).is_ok())
    }

    /// Sends what waits, then the will, and ends the connection: the fleet learns all of it, and in this order.
    pub async fn close(&mut self) {
        if let Some((outgoing, will)) = self.outgoing.take().zip(self.will.take()) {
            // Without room or connection, the broker sees the connection end, and publishes the will.
            let _ = outgoing.try_send(will);
        }
        if let Some(task) = self.task.take() {
            let _ = tokio::time::timeout(Duration::from_secs(5), task).await;
        }
    }
}

/// One connection, from the wish to its end.
async fn run(
    identity: Identity,
    will: Message,
    number: u64,
    mut messages: mpsc::Receiver<Message>,
    happenings: mpsc::Sender<Happening>,
    complaint: Arc<Mutex<String>>,
) {
    let url = identity.broker.url.to_string();
    let options = Options {
        client_id: identity.client_id,
        largest_packet: identity.largest_packet,
        keep_alive: KEEP_ALIVE,
        will: Some(will),
        subscriptions: vec![Subscription { filter: identity.subscription, quality_of_service: 1 }],
    };
    let mut connection = match Connection::open(&identity.broker, options).await {
        Ok(connection) => connection,
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
            complain(&complaint, format!("{error}{cause}"));
            let _ = happenings.send(Happening::Disconnected(number)).await;
            return;
        }
    };
    info!("connected to {url}");
    complain(&complaint, String::new());
    if happenings.send(Happening::Connected(number)).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            received = connection.next() => match received {
                Ok(Incoming::NotTaken(reason)) => {
                    complain(&complaint, format!("the broker does not take our messages ({reason}): check its access rules"));
                }
                Ok(Incoming::Message(received)) => {
                    if happenings.send(Happening::Received(number, received)).await.is_err() {
                        return;
                    }
                }
                Err(lost) => {
                    warn!("{lost}");
                    let _ = happenings.send(Happening::Disconnected(number)).await;
                    return;
                }
            },
            message = messages.recv() => match message {
                Some(message) => {
                    let topic = message.topic.clone();
                    match connection.publish(message).await {
                        Ok(()) | Err(dunlin_mqtt::PublishError::Closed) => {}
                        Err(error) => warn!("{topic}: {error}"),
                    }
                }
                None => {
                    connection.close().await;
                    return;
                }
            },
        }
    }
}

/// Says what is wrong once, and not at each attempt.
fn complain(last: &Mutex<String>, text: String) {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if *last == text {
        if !text.is_empty() {
            debug!("{text}");
        }
    } else {
        if !text.is_empty() {
            warn!("{text}");
        }
        *last = text;
    }
}
