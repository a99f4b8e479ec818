//! What systemd is told, if it has started the daemon.

use std::time::Duration;

use sd_notify::NotifyState;

/// Tells systemd what it wants to know; elsewhere it does nothing.
#[derive(Debug)]
pub struct Systemd {
    status: String,
}

impl Systemd {
    /// Nothing is told yet.
    pub fn new() -> Systemd {
        Systemd { status: String::new() }
    }

    /// How often the watchdog wants to be fed, if it is set.
    pub fn watchdog_period() -> Option<Duration> {
        sd_notify::watchdog_enabled().map(|limit| limit / 3)
    }

    /// The daemon works.
    pub fn ready(&self) {
        tell(NotifyState::Ready);
    }

    /// The daemon ends.
    pub fn stopping(&self) {
        tell(NotifyState::Stopping);
    }

    /// The daemon is alive.
    pub fn alive(&self) {
        tell(NotifyState::Watchdog);
    }

    /// What `systemctl status` shows.
    pub fn status(&mut self, text: String) {
        if text != self.status {
            tell(NotifyState::Status(&text));
            self.status = text;
        }
    }
}

/// A failure harms nobody: systemd then takes the daemon for silent, which it says itself.
fn tell(state: NotifyState<'_>) {
    let _ = sd_notify::notify(&[state]);
}
