//! Messages as JSON, one object a line.

use std::time::Duration;

use dunlin_mqtt::Received;
use dunlin_protocol::message::{AnyMessage, BlockData};
use dunlin_protocol::{Direction, Topic};
use dunlin_provision::to_hexadecimal;
use serde_json::{Value, json};

/// How many bytes of what is no message are shown.
const SHOWN_BYTES: usize = 64;

/// Everything about one message.
pub fn object(
    now: Duration,
    received: &Received,
    topic: Option<&Topic>,
    message: Result<&AnyMessage<'_>, &String>,
) -> Value {
    let mut object = json!({
        "time": now.as_millis() as u64,
        "topic": received.topic,
        "retained": received.retained,
        "bytes": received.payload.len(),
    });
    if let Some(topic) = topic {
        object["fleet"] = topic.fleet.as_str().into();
        object["device"] = topic.device.as_str().into();
        object["direction"] = match topic.kind.direction() {
            Direction::Up => "up".into(),
            Direction::Down => "down".into(),
        };
        object["kind"] = topic.kind.name().into();
    }
    match message {
        Ok(message) => object["message"] = content(message),
        Err(error) => {
            let shown = received.payload.len().min(SHOWN_BYTES);
            object["error"] = error.as_str().into();
            object["payload"] = to_hexadecimal(&received.payload[..shown]).into();
        }
    }
    object
}

/// The message itself. Of a block, its length: its bytes are of no use to readers.
fn content(message: &AnyMessage<'_>) -> Value {
    if let AnyMessage::Block(block) = message
        && let BlockData::Data(bytes) = block.data
    {
        return json!({
            "content": block.content,
            "part": block.part,
            "number": block.number,
            "data": { "Data": bytes.len() },
        });
    }
    // Numbers that JSON does not have become null.
    serde_json::to_value(message).unwrap_or(Value::Null)
}
