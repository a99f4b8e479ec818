//! The subcommands, one file each: its arguments with their help, and what it does.

pub mod compare;
pub mod completions;
pub mod convert;
pub mod demo;
pub mod device;
pub mod flash;
pub mod inspect;
pub mod keys;
mod live_digits;
pub mod ota;
pub mod provision;
pub mod run;
pub mod sign;
pub mod watch;
