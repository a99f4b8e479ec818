//! One session with the broker, over as many connections as it takes.

use core::fmt::Write;
use core::net::SocketAddrV4;

use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embassy_time::{Duration, Timer, with_timeout};
use heapless::{String, Vec};
use minimq::{
    Buffers, ConfigBuilder, Connection, Error, Io, PubError, Publication, QoS, Session, TopicFilter, Will,
};
use mps2_an386::ethernet;
use static_cell::ConstStaticCell;

use crate::download::{Download, LONGEST};

const CLIENT: &str = "board";
/// Topics that are subscribed, and those that are published.
const PING: &str = "board/ping";
const START: &str = "board/start";
const BLOCK: &str = "board/block";
const END: &str = "board/end";
const HELLO: &str = "board/hello";
const PONG: &str = "board/pong";
const REQUEST: &str = "board/request";
const RESULT: &str = "board/result";
const GONE: &str = "board/gone";

/// The broker drops a client after one and a half times of this without a word, in seconds.
const KEEP_ALIVE: u16 = 2;
/// How long connecting may take, and how long a connection may stall.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before connecting again. An agent chooses at random, so that devices do not come all at once.
const PAUSE: Duration = Duration::from_millis(200);
/// When blocks that were asked for are asked for again.
const OVERDUE: Duration = Duration::from_secs(2);

/// A TCP window of 4 KiB: what is on its way fits into the receive FIFO of the controller.
static RECEIVED: ConstStaticCell<[u8; 4096]> = ConstStaticCell::new([0; 4096]);
static SENT: ConstStaticCell<[u8; 2048]> = ConstStaticCell::new([0; 2048]);
/// The longest packet from the broker; packets that it has not acknowledged.
static INBOUND: ConstStaticCell<[u8; 1536]> = ConstStaticCell::new([0; 1536]);
static OUTBOUND: ConstStaticCell<[u8; 4096]> = ConstStaticCell::new([0; 4096]);

/// What ended a connection.
type Ended<IO> = Error<<IO as embedded_io_async::ErrorType>::Error>;

#[embassy_executor::task]
pub async fn run(stack: Stack<'static>, broker: SocketAddrV4) -> ! {
    let (received, sent) = (RECEIVED.take(), SENT.take());
    let config = ConfigBuilder::new(Buffers::new(INBOUND.take(), OUTBOUND.take()))
        .client_id(CLIENT)
        .and_then(|config| config.will(Will::new(GONE, b"gone", &[])?.qos(QoS::AtLeastOnce)));
    let Ok(config) = config else { dunlin_image::exit::with(dunlin_image::exit::FAILED) };
    let mut session = Session::new(config.keepalive_interval(KEEP_ALIVE).session_expiry_interval(60));
    let mut download = Download::default();
    let mut connections = 0;

    stack.wait_config_up().await;
    defmt::info!("the network is up");
    loop {
        let mut socket = TcpSocket::new(stack, received, sent);
        socket.set_timeout(Some(PATIENCE));
        // Requests and acknowledgements are short, and somebody waits for each.
        socket.set_nagle_enabled(false);
        if let Ok(Ok(())) = with_timeout(PATIENCE, socket.connect(broker)).await {
            match with_timeout(PATIENCE, session.connect(&mut socket)).await {
                Ok(Ok(mut connection)) => {
                    connections += 1;
                    defmt::info!("connected, time {=u32}", connections);
                    let Err(error) = serve(&mut connection, &mut download, connections).await;
                    defmt::warn!("disconnected: {}", defmt::Debug2Format(&error));
                }
                Ok(Err(error)) => defmt::warn!("the broker refuses: {}", defmt::Debug2Format(&error)),
                Err(_) => defmt::warn!("the broker does not answer"),
            }
        }
        // Dropped without this, the socket would leave the other end waiting.
        socket.abort();
        let _ = with_timeout(PATIENCE, socket.flush()).await;
        drop(socket);
        Timer::after(PAUSE).await;
    }
}

/// What a message asks for.
enum Task {
    Nothing,
    Answer,
    Request,
    End,
}

/// Serves a connection until it ends.
async fn serve<IO: Io>(
    connection: &mut Connection<'_, '_, IO>,
    download: &mut Download,
    connections: u32,
) -> Result<core::convert::Infallible, Ended<IO>> {
    let filters = [PING, START, BLOCK, END].map(|topic| {
        TopicFilter::new(topic).options(minimq::SubscriptionOptions::default().maximum_qos(QoS::AtLeastOnce))
    });
    // Also when the broker says that it remembers: what it does not remember would be missing for ever.
    connection.subscribe(&filters, &[]).await?;
    let mut text = String::<128>::new();
    let _ = write!(text, "connections={connections}");
    publish(connection, HELLO, text.as_bytes()).await?;
    let mut payload = Vec::<u8, LONGEST>::new();
    let mut task = if download.is_active() { Task::Request } else { Task::Nothing };
    loop {
        match task {
            Task::Nothing => {}
            Task::Answer => publish(connection, PONG, &payload).await?,
            Task::Request => match download.request() {
                Some((first, missing)) => {
                    text.clear();
                    let _ = write!(text, "{first} {missing}");
                    publish(connection, REQUEST, text.as_bytes()).await?;
                }
                None => {
                    let frames = ethernet::counters();
                    text.clear();
                    let _ = write!(
                        text,
                        "{download} frames={} errors={} dropped={}",
                        frames.received, frames.receive_errors, frames.dropped
                    );
                    publish(connection, RESULT, text.as_bytes()).await?;
                    download.finish();
                }
            },
            Task::End => {
                // The broker has seen the last word when it has acknowledged it.
                let _ = connection.disconnect().await;
                crate::end()
            }
        }
        let waiting = download.is_active();
        let overdue = async {
            if waiting {
                Timer::after(OVERDUE).await;
            } else {
                core::future::pending::<()>().await;
            }
        };
        task = match select(connection.recv(), overdue).await {
            Either::Second(()) => {
                download.note_overdue();
                Task::Request
            }
            Either::First(message) => {
                let message = message?;
                match message.topic() {
                    PING => {
                        payload.clear();
                        // A longer message is answered by as much of it as there is room for.
                        let length = message.payload().len().min(LONGEST);
                        let _ =
                            payload.extend_from_slice(message.payload().get(..length).unwrap_or_default());
                        Task::Answer
                    }
                    START => {
                        download.start(message.payload());
                        Task::Request
                    }
                    BLOCK => {
                        download.take(message.payload());
                        if download.is_window_complete() { Task::Request } else { Task::Nothing }
                    }
                    END => Task::End,
                    _ => Task::Nothing,
                }
            }
        };
    }
}

/// Publishes with QoS 1. What comes from the broker while too much is unacknowledged is lost, and has to be asked for again.
async fn publish<IO: Io>(
    connection: &mut Connection<'_, '_, IO>,
    topic: &str,
    payload: &[u8],
) -> Result<(), Ended<IO>> {
    while !connection.can_publish(QoS::AtLeastOnce) {
        connection.poll().await?;
    }
    match connection.publish(Publication::bytes(topic, payload).qos(QoS::AtLeastOnce)).await {
        Ok(_) => Ok(()),
        Err(PubError::Session(error)) => Err(error),
        Err(PubError::Payload(())) => Err(Error::InvalidRequest),
    }
}
