//! Makes trained models small, checks them and runs them on devices.

mod blob_file;
mod broker;
mod commands;
mod failure;
mod inputs;
mod key_file;
mod output_file;
mod progress;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{compare, completions, convert, demo, device, flash, inspect, keys, ota, run, sign, watch};

/// Makes trained models small, checks them and runs them on devices.
#[derive(Parser)]
#[command(
    name = "dunlin",
    version,
    after_help = "A first round:\n  \
        dunlin demo                                            see all of it with models that come along\n  \
        dunlin convert model.onnx -o model.dnl --calibrate x.npz\n  \
        dunlin inspect model.dnl                               what it is and what it costs\n  \
        dunlin compare model.onnx model.dnl --inputs x.npz     does it still predict the same?\n  \
        dunlin device run --board mps2-an386 model.dnl --inputs x.npz --output y.npy\n\n\
        Exit codes: 0 fine, 1 failed, 2 unsupported model or wrong usage, 3 does not fit the board, 4 too far from the float model."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Convert(convert::Arguments),
    Inspect(inspect::Arguments),
    Run(run::Arguments),
    Compare(compare::Arguments),
    Device(device::Arguments),
    Flash(flash::Arguments),
    Keys(keys::Arguments),
    Sign(sign::Arguments),
    Verify(sign::VerifyArguments),
    Watch(watch::Arguments),
    Ota(ota::Arguments),
    Demo(demo::Arguments),
    Completions(completions::Arguments),
}

fn main() -> ExitCode {
    failure::install_report_style();
    let result = match Arguments::parse().command {
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Device(arguments) => device::run(&arguments),
        Command::Flash(arguments) => flash::run(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Verify(arguments) => sign::verify(&arguments),
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Ota(arguments) => ota::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
