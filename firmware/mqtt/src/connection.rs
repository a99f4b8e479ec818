//! One connection, from the answer of the broker to its end.

use std::time::Duration;

use dunlin_provision::Broker;
use rumqttc::Transport;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, Filter, LastWill, Packet, PubAckReason, Publish, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ClientError, Event, EventLoop, MqttOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::{ConnectError, Lost, PublishError};
use crate::tls;

/// How long a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Messages that wait for whoever reads them; more are dropped, and counted.
const INCOMING_MESSAGES: usize = 4096;

/// Messages that wait to be sent.
const OUTGOING_MESSAGES: usize = 64;

/// What a PUBLISH packet has beside topic and payload: fixed header, lengths, packet id, no properties.
const PACKET_OVERHEAD: usize = 16;

/// How a client introduces itself.
#[derive(Debug, Clone)]
pub struct Options {
    /// Client id.
    pub client_id: String,
    /// Longest packet that this client takes, in bytes; the broker drops longer ones.
    pub largest_packet: u32,
    /// Longest silence on the connection, at least 5 s.
    pub keep_alive: Duration,
    /// What the broker publishes when the connection ends otherwise than by [`Connection::close`].
    pub will: Option<Message>,
    /// What to subscribe to at once.
    pub subscriptions: Vec<Subscription>,
}

/// Topics to receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Topic filter.
    pub filter: String,
    /// Quality of service, 0 or 1.
    pub quality_of_service: u8,
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Topic.
    pub topic: String,
    /// Content.
    pub payload: Vec<u8>,
    /// Quality of service, 0 or 1.
    pub quality_of_service: u8,
    /// Whether the broker keeps it for later subscribers.
    pub retain: bool,
}

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Topic.
    pub topic: String,
    /// Content.
    pub payload: Vec<u8>,
    /// Whether the broker had kept it from before the subscription.
    pub retained: bool,
}

/// What comes over a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A message.
    Message(Received),
    /// The broker did not take a message that was published, and this is why.
    NotTaken(String),
}

/// A connection to a broker.
///
/// Dropping it closes the socket, so that the broker publishes the will.
#[derive(Debug)]
pub struct Connection {
    client: AsyncClient,
    incoming: mpsc::Receiver<Incoming>,
    task: JoinHandle<Lost>,
    accepted: Accepted,
    is_over: bool,
}

/// What the broker said about itself when it accepted the client.
#[derive(Debug, Clone, Copy)]
struct Accepted {
    largest_packet: Option<u32>,
    retains: bool,
}

impl Connection {
    /// Connects, and subscribes. Must be called inside of a tokio runtime.
    ///
    /// # Errors
    /// If the settings cannot be used, or the broker does not accept the client.
    pub async fn open(broker: &Broker, options: Options) -> Result<Connection, ConnectError> {
        let address = format!("{}:{}", broker.url.host, broker.url.port);
        let keep_alive = options.keep_alive.max(Duration::from_secs(5));
        let mut settings = MqttOptions::new(options.client_id, &broker.url.host, broker.url.port);
        settings
            .set_keep_alive(keep_alive)
            .set_clean_start(true)
            .set_session_expiry_interval(Some(0))
            .set_max_packet_size(Some(options.largest_packet))
            .set_connection_timeout(PATIENCE.as_secs());
        if let Some((username, password)) = tls::credentials(broker)? {
            settings.set_credentials(username, password);
        }
        if broker.url.tls {
            settings.set_transport(Transport::tls_with_config(tls::configuration(broker)?.into()));
        }
        if let Some(will) = options.will {
            let quality = quality(will.quality_of_service);
            settings.set_last_will(LastWill::new(will.topic, will.payload, quality, will.retain, None));
        }
        let (client, event_loop) = AsyncClient::new(settings, OUTGOING_MESSAGES);
        let (sender, incoming) = mpsc::channel(INCOMING_MESSAGES);
        let (answer, answered) = oneshot::channel();
        let filters: Vec<Filter> = options
            .subscriptions
            .into_iter()
            .map(|wanted| Filter::new(wanted.filter, quality(wanted.quality_of_service)))
            .collect();
        let subscriber = client.clone();
        let task = tokio::spawn(async move {
            let mut event_loop = event_loop;
            let accepted = match accepted(&mut event_loop).await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Whoever waited for the answer is gone, if this fails.
                    let _ = answer.send(Err(error));
                    return Lost::Done;
                }
            };
            // The queue is empty: this does not wait.
            if !filters.is_empty() && subscriber.try_subscribe_many(filters).is_err() {
                return Lost::Done;
            }
            drop(subscriber);
            let _ = answer.send(Ok(accepted));
            drive(&mut event_loop, &sender, keep_alive * 2).await
        });
        let accepted = match answered.await {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(error)) => return Err(ConnectError::of(&address, error)),
            Err(_) => return Err(ConnectError::Closed),
        };
        Ok(Connection { client, incoming, task, accepted, is_over: false })
    }

    /// What comes next, in the order in which it came.
    ///
    /// May be dropped before it is ready; no message is lost by that.
    ///
    /// # Errors
    /// When the connection has ended and all messages were read.
    pub async fn next(&mut self) -> Result<Incoming, Lost> {
        match self.incoming.recv().await {
            Some(received) => Ok(received),
            // The task ends as the sender goes. Asked again, it has nothing more to say.
            None if self.is_over => Err(Lost::Done),
            None => {
                self.is_over = true;
                Err((&mut self.task).await.unwrap_or(Lost::Done))
            }
        }
    }

    /// Sends a message, waiting for room in the queue.
    ///
    /// # Errors
    /// If the connection has ended, or the broker does not take packets of this length.
    pub async fn publish(&self, message: Message) -> Result<(), PublishError> {
        self.check_length(&message)?;
        let retain = message.retain && self.accepted.retains;
        let quality = quality(message.quality_of_service);
        self.client
            .publish(message.topic, quality, retain, message.payload)
            .await
            .map_err(|_| PublishError::Closed)
    }

    /// Sends a message if there is room in the queue.
    ///
    /// # Errors
    /// As [`Connection::publish`], and if the queue is full.
    pub fn try_publish(&self, message: Message) -> Result<(), PublishError> {
        self.check_length(&message)?;
        let retain = message.retain && self.accepted.retains;
        let quality = quality(message.quality_of_service);
        self.client.try_publish(message.topic, quality, retain, message.payload).map_err(
            |error| match error {
                ClientError::TryRequest(_) if !self.task.is_finished() => PublishError::Full,
                _ => PublishError::Closed,
            },
        )
    }

    /// Ends the connection without the will, behind everything that was published. Waits a few seconds at most.
    pub async fn close(mut self) {
        if self.client.disconnect().await.is_ok() {
            let _ = timeout(Duration::from_secs(5), &mut self.task).await;
        }
    }

    fn check_length(&self, message: &Message) -> Result<(), PublishError> {
        let bytes = message.topic.len() + message.payload.len() + PACKET_OVERHEAD;
        match self.accepted.largest_packet {
            Some(limit) if bytes > limit as usize => Err(PublishError::TooLong { bytes, limit }),
            _ => Ok(()),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects and waits for the broker's answer.
async fn accepted(event_loop: &mut EventLoop) -> Result<Accepted, rumqttc::v5::ConnectionError> {
    loop {
        if let Event::Incoming(Packet::ConnAck(answer)) = event_loop.poll().await? {
            return Ok(Accepted::of(&answer));
        }
    }
}

impl Accepted {
    fn of(answer: &ConnAck) -> Accepted {
        let properties = answer.properties.as_ref();
        Accepted {
            largest_packet: properties.and_then(|properties| properties.max_packet_size),
            retains: properties.and_then(|properties| properties.retain_available) != Some(0),
        }
    }
}

/// Lets the connection live until it ends.
///
/// The event loop pings once in a keep-alive time, so a poll that takes longer than `patience` hangs in a write.
async fn drive(event_loop: &mut EventLoop, sender: &mpsc::Sender<Incoming>, patience: Duration) -> Lost {
    loop {
        let event = match timeout(patience, event_loop.poll()).await {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => return Lost::of(error),
            Err(_) => return Lost::Stalled(patience),
        };
        match event {
            // Nothing in the protocol relies on a message that came: better one is lost than that the connection waits for its reader.
            Event::Incoming(Packet::Publish(message)) => {
                let _ = sender.try_send(Incoming::Message(received(&message)));
            }
            Event::Incoming(Packet::PubAck(answer))
                if !matches!(answer.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) =>
            {
                let _ = sender.try_send(Incoming::NotTaken(format!("{:?}", answer.reason)));
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                let refused =
                    answer.return_codes.iter().find(|code| !matches!(code, SubscribeReasonCode::Success(_)));
                if let Some(code) = refused {
                    return Lost::Subscription(format!("{code:?}"));
                }
            }
            Event::Outgoing(rumqttc::Outgoing::Disconnect) => return Lost::Done,
            _ => {}
        }
    }
}

fn received(message: &Publish) -> Received {
    Received {
        topic: String::from_utf8_lossy(&message.topic).into_owned(),
        payload: message.payload.to_vec(),
        retained: message.retain,
    }
}

fn quality(number: u8) -> QoS {
    if number == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce }
}
