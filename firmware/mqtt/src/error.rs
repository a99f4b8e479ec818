//! What goes wrong with connections, in words that say what to do.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rumqttc::v5::mqttbytes::Error as PacketError;
use rumqttc::v5::mqttbytes::v5::ConnectReturnCode;
use rumqttc::v5::{ConnectionError, StateError};
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};
use thiserror::Error;

use crate::date::date_time;

/// A file of the settings that cannot be used.
#[derive(Debug, Error)]
pub enum SetupError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It is no PEM file of this kind.
    #[error("{} holds no {what} in PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The operating system has no certificates.
    #[error(
        "the operating system has no certificates of authorities: install them (ca-certificates), or name the broker's with `ca`"
    )]
    NoAuthorities,
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("certificate and private key cannot be used: {0}")]
    Identity(rustls::Error),
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The settings cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Nobody answers there.
    #[error("cannot reach the broker at {address}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The broker does not answer in time.
    #[error("the broker at {0} does not answer")]
    Silent(String),
    /// The certificate of the broker is not valid at this time: perhaps it is the clock that is wrong.
    #[error("{0}")]
    Time(CertificateTime),
    /// No authority that is trusted has signed the certificate of the broker, or it is another's.
    #[error("the certificate of the broker is refused: {0}; name the authority that signed it with `ca`")]
    Certificate(String),
    /// The broker refused the certificate of this client.
    #[error(
        "the broker refused the TLS connection ({0}): it demands a client certificate of its own authority"
    )]
    Identity(String),
    /// TLS failed otherwise.
    #[error("TLS with the broker failed: {0}")]
    Tls(String),
    /// The broker refused the client.
    #[error("the broker refused the connection: {0}")]
    Refused(String),
    /// The broker ended the connection before it said anything.
    #[error(
        "the broker closed the connection without a word: perhaps the other side speaks no MQTT 5, or demands (another) client certificate"
    )]
    Closed,
    /// Something else that the client does not accept.
    #[error("the connection failed: {0}")]
    Other(String),
}

/// A certificate that is not valid at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateTime {
    /// Valid later only. Seconds since 1970.
    NotYet {
        /// From when on.
        from: u64,
        /// What the clock says.
        now: u64,
    },
    /// Valid formerly. Seconds since 1970.
    NoLonger {
        /// Until when.
        until: u64,
        /// What the clock says.
        now: u64,
    },
}

impl fmt::Display for CertificateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateTime::NotYet { from, now } => write!(
                f,
                "the clock of this machine is the cause: it says {}, and the certificate of the broker is valid from {} on; set the clock",
                date_time(*now),
                date_time(*from)
            ),
            CertificateTime::NoLonger { until, now } => write!(
                f,
                "the certificate of the broker was valid until {}, and the clock of this machine says {}: renew it, or set the clock",
                date_time(*until),
                date_time(*now)
            ),
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Lost {
    /// The other side closed it, or the network did.
    #[error("the connection was closed: {0}")]
    Closed(String),
    /// Nothing came or went for too long.
    #[error("the connection hangs: nothing came or went for {} s", .0.as_secs())]
    Stalled(Duration),
    /// The broker ended it and said why.
    #[error("the broker ended the connection: {0}")]
    Ended(String),
    /// A packet that is longer than we allowed.
    #[error("the broker sent a packet of {bytes} bytes, though we take {limit} at most")]
    Oversize {
        /// Its length.
        bytes: usize,
        /// What we allow.
        limit: u32,
    },
    /// The broker allows no subscription.
    #[error("the broker refused the subscription ({0}): its access rules do not allow it to this user")]
    Subscription(String),
    /// The broker breaks the protocol.
    #[error("the broker breaks the protocol: {0}")]
    Protocol(String),
    /// We closed it.
    #[error("the connection is closed")]
    Done,
}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PublishError {
    /// There is no connection any more.
    #[error("the connection is closed")]
    Closed,
    /// Too many messages wait to be sent.
    #[error("too many messages wait to be sent")]
    Full,
    /// The broker does not take packets of this length.
    #[error("a message of {bytes} bytes is too long for the broker, which takes {limit}: raise its limit")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// What the broker takes.
        limit: u32,
    },
}

impl ConnectError {
    /// What `rumqttc` says about a connection that never was.
    pub(crate) fn of(address: &str, error: ConnectionError) -> ConnectError {
        if let Some(error) = tls_cause(&error) {
            return of_tls(error);
        }
        match error {
            ConnectionError::Io(cause) => ConnectError::Unreachable { address: address.to_owned(), cause },
            ConnectionError::Timeout(_) => ConnectError::Silent(address.to_owned()),
            ConnectionError::Tls(error) => match error {
                rumqttc::TlsError::Io(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                    ConnectError::Closed
                }
                other => ConnectError::Tls(other.to_string()),
            },
            ConnectionError::ConnectionRefused(code) => ConnectError::Refused(refusal(code)),
            ConnectionError::MqttState(StateError::ConnectionAborted) => ConnectError::Closed,
            ConnectionError::MqttState(StateError::Deserialization(PacketError::Io(_))) => {
                ConnectError::Closed
            }
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
                ConnectError::Refused(format!("{reason_code:?}"))
            }
            other => ConnectError::Other(other.to_string()),
        }
    }
}

impl Lost {
    /// What `rumqttc` says about a connection that ended.
    pub(crate) fn of(error: ConnectionError) -> Lost {
        match error {
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) => {
                Lost::Ended(reason_string.unwrap_or_else(|| format!("{reason_code:?}")))
            }
            ConnectionError::MqttState(StateError::Deserialization(
                PacketError::PayloadSizeLimitExceeded { pkt_size, max },
            )) => Lost::Oversize { bytes: pkt_size, limit: max },
            ConnectionError::MqttState(StateError::Deserialization(PacketError::Io(cause))) => {
                Lost::Closed(cause.to_string())
            }
            ConnectionError::MqttState(StateError::ConnectionAborted) => {
                Lost::Closed("by the other side".into())
            }
            ConnectionError::MqttState(StateError::AwaitPingResp | StateError::CollisionTimeout) => {
                Lost::Closed("the broker does not answer any more".into())
            }
            ConnectionError::MqttState(StateError::Io(cause)) | ConnectionError::Io(cause) => {
                Lost::Closed(cause.to_string())
            }
            ConnectionError::RequestsDone => Lost::Done,
            other => Lost::Protocol(other.to_string()),
        }
    }
}

fn of_tls(error: &rustls::Error) -> ConnectError {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext { time, not_before }) => {
            ConnectError::Time(CertificateTime::NotYet { from: seconds(*not_before), now: seconds(*time) })
        }
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { time, not_after }) => {
            ConnectError::Time(CertificateTime::NoLonger { until: seconds(*not_after), now: seconds(*time) })
        }
        rustls::Error::InvalidCertificate(cause) => ConnectError::Certificate(cause.to_string()),
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            // The authority has the right name and another key.
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied => ConnectError::Identity(format!("{alert:?}")),
            other => ConnectError::Tls(format!("the broker says {other:?}")),
        },
        other => ConnectError::Tls(other.to_string()),
    }
}

fn seconds(time: UnixTime) -> u64 {
    time.as_secs()
}

/// The TLS error behind an error of `rumqttc`, which does not chain all of its causes.
fn tls_cause(error: &ConnectionError) -> Option<&rustls::Error> {
    let cause: &(dyn StdError + 'static) = match error {
        ConnectionError::Tls(rumqttc::TlsError::TLS(error)) => return Some(error),
        ConnectionError::Tls(rumqttc::TlsError::Io(cause))
        | ConnectionError::Io(cause)
        | ConnectionError::MqttState(
            StateError::Io(cause) | StateError::Deserialization(PacketError::Io(cause)),
        ) => cause.get_ref()?,
        _ => return None,
    };
    cause.downcast_ref()
}

fn refusal(code: ConnectReturnCode) -> String {
    match code {
        ConnectReturnCode::BadUserNamePassword => "user name or password is wrong".into(),
        ConnectReturnCode::NotAuthorized => {
            "this user is not authorized: check user name, password and access rules".into()
        }
        ConnectReturnCode::RefusedProtocolVersion | ConnectReturnCode::UnsupportedProtocolVersion => {
            "it does not speak MQTT 5".into()
        }
        ConnectReturnCode::ServerUnavailable | ConnectReturnCode::ServiceUnavailable => {
            "it is not available".into()
        }
        ConnectReturnCode::ServerBusy | ConnectReturnCode::ConnectionRateExceeded => "it is busy".into(),
        ConnectReturnCode::Banned => "this client is banned".into(),
        other => format!("{other:?}"),
    }
}
