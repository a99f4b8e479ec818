//! The table of boards.

use dunlin_runtime::Family;

use crate::error::DeviceError;

/// A board: what it has room for, and how a blob is run on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Board {
    /// The name that the command line uses.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Memory that holds the program and the blob, in bytes.
    pub flash_bytes: u64,
    /// Memory that holds variables, stack and arena, in bytes.
    pub ram_bytes: u64,
    /// Kernel families that its processor has, the fastest first.
    pub families: &'static [Family],
    /// How a blob is run on it; `None` if Dunlin only knows its budget.
    pub subject: Option<Subject>,
}

/// How a blob is run on a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A bare-metal image in `qemu-system-arm`.
    Machine {
        /// Rust's name of the target.
        target: &'static str,
        /// QEMU's name of the machine.
        machine: &'static str,
        /// Ticks of the image's clock per second.
        clock_hertz: u64,
        /// Where the emulator puts the blob, and how many bytes there are; `None` if the image reads it itself.
        blob_at: Option<(u64, usize)>,
    },
    /// The Linux runner in `qemu-aarch64`.
    Emulated {
        /// Rust's name of the target.
        target: &'static str,
        /// QEMU's name of the processor if the request names none.
        processor: &'static str,
    },
    /// The Linux runner on this machine.
    Native,
}

/// All boards. Another one is an entry here and, if it runs blobs, a folder in `firmware/cortex-m/boards`.
pub const BOARDS: &[Board] = &[
    Board {
        name: "mps2-an386",
        description: "Arm MPS2 with AN386, Cortex-M4F at 25 MHz, in QEMU",
        flash_bytes: 4 << 20,
        ram_bytes: 4 << 20,
        families: &[Family::Dsp, Family::Portable],
        subject: Some(Subject::Machine {
            target: "thumbv7em-none-eabihf",
            machine: "mps2-an386",
            clock_hertz: 25_000_000,
            blob_at: None,
        }),
    },
    Board {
        name: "microbit",
        description: "BBC micro:bit, nRF51822 with Cortex-M0 at 16 MHz, in QEMU",
        flash_bytes: 256 << 10,
        ram_bytes: 16 << 10,
        families: &[Family::Portable],
        subject: Some(Subject::Machine {
            target: "thumbv6m-none-eabi",
            machine: "microbit",
            clock_hertz: 16_000_000,
            blob_at: Some((0x2_0000, 128 << 10)),
        }),
    },
    Board {
        name: "aarch64",
        description: "64-bit Arm Linux, in QEMU's user mode",
        flash_bytes: 1 << 30,
        ram_bytes: 1 << 30,
        families: &[Family::NeonDot, Family::Neon, Family::Portable],
        subject: Some(Subject::Emulated { target: "aarch64-unknown-linux-gnu", processor: "cortex-a76" }),
    },
    Board {
        name: "host",
        description: "this machine",
        flash_bytes: 1 << 30,
        ram_bytes: 1 << 30,
        families: &Family::ALL,
        subject: Some(Subject::Native),
    },
    Board {
        name: "raspberry-pi",
        description: "Raspberry Pi 4, Cortex-A72, 1 GiB of RAM",
        flash_bytes: 1 << 30,
        ram_bytes: 1 << 30,
        families: &[Family::Neon, Family::Portable],
        subject: None,
    },
    Board {
        name: "rp2040",
        description: "Raspberry Pi Pico, two Cortex-M0+ at 133 MHz, 2 MiB of flash",
        flash_bytes: 2 << 20,
        ram_bytes: 264 << 10,
        families: &[Family::Portable],
        subject: None,
    },
];

impl Board {
    /// The board with this name.
    ///
    /// # Errors
    /// [`DeviceError::UnknownBoard`].
    pub fn named(name: &str) -> Result<&'static Board, DeviceError> {
        BOARDS.iter().find(|board| board.name == name).ok_or_else(|| {
            let known = BOARDS.iter().map(|board| board.name).collect::<Vec<_>>().join(", ");
            DeviceError::UnknownBoard { name: name.to_owned(), known }
        })
    }

    /// How a blob is run on it.
    ///
    /// # Errors
    /// [`DeviceError::BudgetOnly`].
    pub fn subject(&self) -> Result<Subject, DeviceError> {
        self.subject.ok_or(DeviceError::BudgetOnly { board: self.name })
    }
}
