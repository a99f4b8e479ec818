//! The connection to the broker.

use core::net::SocketAddrV4;

use dunlin_agent::Provisioning;
use dunlin_protocol::{Digest, Kind, Nonce, Text, Topic, device_subscription};
use embassy_futures::select::{Either3, select3};
use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embassy_time::{Duration, with_timeout};
use heapless::String;
use minimq::{
    Buffers, ConfigBuilder, ConfigError, Connection, Error, Io, PubError, Publication, QoS, Session,
    SubscriptionOptions, TopicFilter, Will,
};
use static_cell::ConstStaticCell;

use crate::queues::{
    From, Happening, Incoming, LONGEST_RECEIVED, LONGEST_SENT, Network, Outgoing, To, Wanted,
};

/// The broker drops a device after one and a half times of this without a word, in seconds.
const KEEP_ALIVE: u16 = 30;
/// How long connecting may take, and how long a connection may stall.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a packet has around a payload: header and topic.
const AROUND: usize = 136;
/// Longest client id of an MQTT session here.
const LONGEST_CLIENT_ID: usize = 64;

/// A TCP window of 4 KiB: what is on its way fits into the receive FIFO of the Ethernet controller.
static RECEIVED: ConstStaticCell<[u8; 4096]> = ConstStaticCell::new([0; 4096]);
static SENT: ConstStaticCell<[u8; 2048]> = ConstStaticCell::new([0; 2048]);
/// The longest packet from the broker.
static INBOUND: ConstStaticCell<[u8; LONGEST_RECEIVED + AROUND]> =
    ConstStaticCell::new([0; LONGEST_RECEIVED + AROUND]);
/// Packets that the broker has not acknowledged: two reports, or more that are shorter.
static OUTBOUND: ConstStaticCell<[u8; 2 * (LONGEST_SENT + AROUND)]> =
    ConstStaticCell::new([0; 2 * (LONGEST_SENT + AROUND)]);

/// What ended a connection.
enum Ended {
    /// It broke.
    Broken,
    /// The device wants another one.
    Superseded(Wanted),
}

/// An address of the locally administered kind, another one for each device.
pub fn hardware_address(nonce: &Nonce) -> [u8; 6] {
    let [a, b, c, d, e, ..] = Digest::of(&nonce.0).0;
    [0x02, a, b, c, d, e]
}

/// Makes the connections that the device wants, one after the other.
#[embassy_executor::task]
pub async fn run(stack: Stack<'static>, provisioning: &'static Provisioning, ends: Network) -> ! {
    let Network { wish, mut outgoing, mut incoming } = ends;
    let (received, sent) = (RECEIVED.take(), SENT.take());
    let (inbound, outbound) = (INBOUND.take(), OUTBOUND.take());
    let broker = SocketAddrV4::new(provisioning.broker.into(), provisioning.port);
    let mut wanted: Wanted = wish.wait().await;
    loop {
        // What waits was meant for the connection before.
        outgoing.clear();
        let mut socket = TcpSocket::new(stack, received, sent);
        socket.set_timeout(Some(PATIENCE));
        // Requests and acknowledgements are short, and somebody waits for each.
        socket.set_nagle_enabled(false);
        let reached = with_timeout(PATIENCE, async {
            stack.wait_config_up().await;
            socket.connect(broker).await.is_ok()
        });
        let mut ended = Ended::Broken;
        if reached.await == Ok(true) {
            match configuration(provisioning, &wanted, inbound, outbound) {
                Ok(configuration) => {
                    let mut session = Session::new(configuration);
                    match with_timeout(PATIENCE, session.connect(&mut socket)).await {
                        Ok(Ok(connection)) => {
                            let line = Line { connection, provisioning, number: wanted.connection };
                            ended = line.serve(wish, &mut outgoing, &mut incoming).await;
                        }
                        Ok(Err(error)) => {
                            defmt::warn!("the broker refuses: {}", defmt::Debug2Format(&error));
                        }
                        Err(_) => defmt::warn!("the broker does not answer"),
                    }
                }
                Err(error) => defmt::error!("no session: {}", defmt::Debug2Format(&error)),
            }
        } else {
            defmt::warn!("the broker cannot be reached");
        }
        // Dropped without this, the socket would leave the other end waiting.
        socket.abort();
        let _ = with_timeout(PATIENCE, socket.flush()).await;
        drop(socket);
        wanted = match ended {
            Ended::Superseded(wanted) => wanted,
            Ended::Broken => {
                tell(&mut incoming, wanted.connection, Happening::Disconnected).await;
                wish.wait().await
            }
        };
    }
}

/// A session of its own for each connection: the last will says which one it is.
fn configuration<'b>(
    provisioning: &'b Provisioning,
    wanted: &'b Wanted,
    inbound: &'b mut [u8],
    outbound: &'b mut [u8],
) -> Result<ConfigBuilder<'b>, ConfigError> {
    let mut client_id = String::<LONGEST_CLIENT_ID>::new();
    for part in [&*provisioning.fleet, ".", &*provisioning.device] {
        client_id.push_str(part).map_err(|_| ConfigError::ClientIdTooLong)?;
    }
    let will = Will::new(topic(provisioning, Kind::Will).as_str(), &wanted.will, &[])?;
    let configuration = ConfigBuilder::new(Buffers::new(inbound, outbound))
        .client_id(&client_id)?
        .will(will.qos(QoS::AtLeastOnce).retained())?
        .keepalive_interval(KEEP_ALIVE)
        .session_expiry_interval(0);
    match &provisioning.credentials {
        Some(credentials) => configuration.auth(&credentials.username, credentials.password.as_bytes()),
        None => Ok(configuration),
    }
}

fn topic(provisioning: &Provisioning, kind: Kind) -> Text<{ dunlin_protocol::MAX_TOPIC }> {
    let Provisioning { fleet, device, .. } = provisioning;
    Topic { fleet: fleet.clone(), device: device.clone(), kind }.text()
}

async fn tell(incoming: &mut To<Incoming>, connection: u32, happening: Happening) {
    let item = incoming.send().await;
    item.connection = connection;
    item.happening = happening;
    incoming.send_done();
}

/// A connection that the broker has accepted.
struct Line<'a, 'b, IO> {
    connection: Connection<'a, 'b, IO>,
    provisioning: &'a Provisioning,
    number: u32,
}

impl<IO: Io> Line<'_, '_, IO> {
    /// Serves the connection until it ends.
    async fn serve(
        mut self,
        wish: &crate::queues::Wish,
        outgoing: &mut From<Outgoing>,
        incoming: &mut To<Incoming>,
    ) -> Ended {
        let Provisioning { fleet, device, .. } = self.provisioning;
        let filter = device_subscription(fleet, device);
        let options = SubscriptionOptions::default().maximum_qos(QoS::AtLeastOnce);
        let filters = [TopicFilter::new(filter.as_str()).options(options)];
        if self.connection.subscribe(&filters, &[]).await.is_err() {
            return Ended::Broken;
        }
        defmt::info!("connected to the broker, connection {=u32}", self.number);
        tell(incoming, self.number, Happening::Connected).await;
        // While a message finds no room, what comes is taken all the same: the acknowledgements that make room are among it.
        let mut is_full = false;
        loop {
            let may_send = !is_full && self.connection.can_publish(QoS::AtLeastOnce);
            let message = async {
                if may_send {
                    outgoing.receive().await;
                } else {
                    core::future::pending::<()>().await;
                }
            };
            match select3(self.connection.poll(), message, wish.wait()).await {
                Either3::First(Ok(message)) => {
                    is_full = false;
                    if let Some(message) = message {
                        take(&message, self.number, incoming).await;
                    }
                }
                Either3::First(Err(error)) => {
                    defmt::warn!("disconnected: {}", defmt::Debug2Format(&error));
                    return Ended::Broken;
                }
                Either3::Second(()) => match self.send(outgoing).await {
                    Ok(sent) => is_full = !sent,
                    Err(ended) => return ended,
                },
                Either3::Third(wanted) => return Ended::Superseded(wanted),
            }
        }
    }

    /// Sends the next message. `false` if there is no room for it now.
    async fn send(&mut self, outgoing: &mut From<Outgoing>) -> Result<bool, Ended> {
        let Some(message) = outgoing.try_receive() else { return Ok(true) };
        let kind = message.kind;
        let topic = topic(self.provisioning, kind);
        let mut publication = Publication::bytes(topic.as_str(), &message.payload);
        if kind.quality_of_service() > 0 {
            publication = publication.qos(QoS::AtLeastOnce);
        }
        if kind.retained() {
            publication = publication.retain();
        }
        match self.connection.publish(publication).await {
            Ok(_) => {}
            Err(PubError::Session(Error::NotReady | Error::Resource(_)))
                if !self.connection.session().is_publish_quiescent() =>
            {
                return Ok(false);
            }
            // There will never be room for it.
            Err(PubError::Session(Error::Resource(_)) | PubError::Payload(())) => {
                defmt::error!("a message of {=usize} bytes is too long to be sent", message.payload.len());
            }
            Err(PubError::Session(error)) => {
                defmt::warn!("disconnected: {}", defmt::Debug2Format(&error));
                return Err(Ended::Broken);
            }
        }
        outgoing.receive_done();
        Ok(true)
    }
}

/// Hands a message over to the device. While there is no room, the broker waits.
async fn take(message: &minimq::InboundPublish<'_>, connection: u32, incoming: &mut To<Incoming>) {
    let Ok(topic) = Topic::parse(message.topic()) else { return };
    if message.payload().len() > LONGEST_RECEIVED {
        defmt::warn!("a message of {=usize} bytes is too long to be taken", message.payload().len());
        return;
    }
    let item = incoming.send().await;
    item.connection = connection;
    item.happening = Happening::Received;
    item.kind = topic.kind;
    item.payload.clear();
    // There is room: that was seen above.
    let _ = item.payload.extend_from_slice(message.payload());
    incoming.send_done();
}
