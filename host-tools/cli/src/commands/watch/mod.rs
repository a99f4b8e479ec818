//! `dunlin watch`

mod json;
mod line;

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_mqtt::{Incoming, Received, date_time};
use dunlin_protocol::message::AnyMessage;
use dunlin_protocol::{Name, Topic};

use crate::broker::{self, BrokerArguments, name};
use crate::failure::Failure;

/// Show all traffic of a fleet, as readable lines or as JSON.
///
/// Signed messages are shown whoever signed them; payloads that are no message are shown as what they are.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    dunlin watch --broker mqtt://localhost\n  \
    dunlin watch --broker mqtt://localhost --fleet demo --json | jq 'select(.kind == \"report\") | .message.inferences'")]
pub struct Arguments {
    #[command(flatten)]
    broker: BrokerArguments,
    /// The fleet; without, all of them
    #[arg(long, value_parser = name)]
    fleet: Option<Name>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// End after so many messages
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
}

/// How long to wait before another connection is tried.
const PAUSE: Duration = Duration::from_secs(2);

/// Watches until it is interrupted, over the end of connections.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    broker::block_on(async {
        let broker = arguments.broker.broker(str::to_owned);
        let fleet = arguments.fleet.as_deref().unwrap_or("+");
        let filters = [format!("dunlin/1/{fleet}/#")];
        let mut seen = 0;
        let mut connection = broker::open(&broker, "watch", &filters).await?;
        loop {
            match connection.next().await {
                Ok(Incoming::NotTaken(_)) => {}
                Ok(Incoming::Message(received)) => {
                    if !show(arguments.json, &received)? {
                        return Ok(());
                    }
                    seen += 1;
                    if arguments.count.is_some_and(|count| seen >= count) {
                        return Ok(());
                    }
                }
                Err(lost @ dunlin_mqtt::Lost::Subscription(_)) => return Err(Failure::new(lost.to_string())),
                Err(lost) => {
                    eprintln!("{lost}; connecting again");
                    connection = loop {
                        tokio::time::sleep(PAUSE).await;
                        if let Ok(connection) = broker::open(&broker, "watch", &filters).await {
                            break connection;
                        }
                    };
                }
            }
        }
    })
}

/// Prints a message. `false` if nobody reads the output any more.
fn show(as_json: bool, received: &Received) -> Result<bool, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let topic = Topic::parse(&received.topic).map_err(|error| error.to_string());
    let message = topic.as_ref().map_err(Clone::clone).and_then(|topic| {
        AnyMessage::decode(topic.kind, &received.payload).map_err(|error| error.to_string())
    });
    let line = if as_json {
        json::object(now, received, topic.as_ref().ok(), message.as_ref()).to_string()
    } else {
        let subject = match &topic {
            Ok(topic) => format!("{}/{} {}", topic.fleet, topic.device, topic.kind),
            Err(_) => received.topic.clone(),
        };
        let kept = if received.retained { " (kept by the broker)" } else { "" };
        let text = match &message {
            Ok(message) => line::describe(message),
            Err(error) => format!("not a message: {error} ({} bytes)", received.payload.len()),
        };
        format!("{} {subject}{kept}: {text}", date_time(now.as_secs()))
    };
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{line}").and_then(|()| output.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new("cannot write to the standard output").because(&error)),
    }
}
