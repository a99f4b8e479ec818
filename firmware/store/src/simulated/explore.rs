//! Every point at which a course of operations can be cut.

use core::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};
use std::vec::Vec;

use super::{Cut, Operation, Tear};

/// How densely operations are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Density {
    /// Writes of up to 256 bytes (records of journal and outbox) are cut behind each of this many bytes.
    pub write_bytes: u32,
    /// Longer writes (blocks) are cut behind each of this many bytes.
    pub long_write_bytes: u32,
    /// Erasures are cut behind each of this many bytes.
    pub erase_bytes: u32,
    /// How often the torn word of each such point gets random bits.
    pub random: u32,
}

impl Density {
    /// Every byte of every write, every 128 bytes of an erasure, twice random bits.
    pub const FULL: Density = Density { write_bytes: 1, long_write_bytes: 1, erase_bytes: 128, random: 2 };
}

/// All cuts of a course whose operations are these: before, behind so many bytes, with random bits of the torn word, and behind
/// each operation.
pub fn cuts(trace: &[Operation], density: Density) -> impl Iterator<Item = Cut> {
    trace.iter().enumerate().flat_map(move |(number, operation)| {
        let stride = match operation {
            Operation { erases: true, .. } => density.erase_bytes,
            Operation { length: 0..=256, .. } => density.write_bytes,
            _ => density.long_write_bytes,
        };
        let mut tears = std::vec![Tear::Before];
        for bytes in (0..operation.length).step_by(stride.max(1) as usize) {
            if bytes != 0 {
                tears.push(Tear::After { bytes });
            }
            let seed = number as u32 ^ bytes << 16;
            tears.extend((0..density.random).map(|round| Tear::Bits { bytes, seed: seed ^ round << 8 }));
        }
        if operation.erases {
            tears.push(Tear::Weak);
        }
        tears.push(Tear::After { bytes: operation.length });
        tears.into_iter().map(move |tear| Cut { operation: number, tear }).collect::<Vec<_>>()
    })
}

/// Runs a future to its end or to where it waits; there it is dropped.
pub fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Runs a future that never waits, as those over a simulated flash.
///
/// # Panics
/// When the future waits.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    poll(future).expect("a simulated flash makes its caller wait only where it stalls")
}
