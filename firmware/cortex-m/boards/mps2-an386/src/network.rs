//! IPv4 over the board's Ethernet, with an address from DHCP.

use embassy_executor::{SpawnError, Spawner};
use embassy_net::{Config, Runner, Stack, StackResources};
use static_cell::StaticCell;

use crate::ethernet::{self, Ethernet, EthernetError};

/// Sockets at once: DHCP, one TCP connection, and one to spare while another is being closed.
const SOCKETS: usize = 3;

static RESOURCES: StaticCell<StackResources<SOCKETS>> = StaticCell::new();

/// Why there is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// The Ethernet controller does not work.
    Ethernet(EthernetError),
    /// The network was started before.
    Started,
}

impl core::fmt::Display for NetworkError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            NetworkError::Ethernet(error) => error.fmt(f),
            NetworkError::Started => f.write_str("the network was started before"),
        }
    }
}

impl core::error::Error for NetworkError {}

impl From<SpawnError> for NetworkError {
    fn from(_: SpawnError) -> Self {
        NetworkError::Started
    }
}

/// Starts the network and the task that drives it. `seed`, another one after each start, is where port numbers begin.
///
/// # Errors
/// [`NetworkError`].
pub fn start(spawner: Spawner, address: Option<[u8; 6]>, seed: u64) -> Result<Stack<'static>, NetworkError> {
    let driver = ethernet::start(address).map_err(NetworkError::Ethernet)?;
    let resources = RESOURCES.try_init(StackResources::new()).ok_or(NetworkError::Started)?;
    let (stack, runner) = embassy_net::new(driver, Config::dhcpv4(Default::default()), resources, seed);
    spawner.spawn(drive(runner)?);
    Ok(stack)
}

#[embassy_executor::task]
async fn drive(mut runner: Runner<'static, Ethernet>) -> ! {
    runner.run().await
}
