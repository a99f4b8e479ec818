//! `dunlind`: serves a model, reports to its fleet, and takes new models over the air.

use std::path::PathBuf;
use std::process::ExitCode;

use dunlin_linux::{Ending, run};

const HELP: &str = "\
Serves models, reports over MQTT and takes new models over the air.

Usage: dunlind --config FILE [--check]
       dunlind --config FILE --ended RESULT

  --config FILE    settings, explained in the dunlind.toml that comes along
  --check          read the settings and what they name, say what is wrong, and end
  --ended RESULT   note how systemd saw the last run end ($SERVICE_RESULT), and end
  --version        print the version, and end
  --help           print this, and end";

/// What the command line asks for.
struct Arguments {
    config: PathBuf,
    task: Task,
}

enum Task {
    Run,
    Check,
    Ended(String),
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("dunlind: {problem}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let result = match arguments.task {
        Task::Run => run(&arguments.config),
        Task::Check => dunlin_linux::check(&arguments.config).map(|()| Ending::Stopped),
        Task::Ended(result) => dunlin_linux::ended(&arguments.config, &result).map(|()| Ending::Stopped),
    };
    match result {
        Ok(Ending::Stopped) => ExitCode::SUCCESS,
        // systemd starts it anew.
        Ok(Ending::Reboot) => ExitCode::from(3),
        Err(error) => {
            eprintln!("dunlind: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut config = None;
    let mut task = Task::Run;
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--config" => config = Some(arguments.next().ok_or("--config needs a file")?.into()),
            "--check" => task = Task::Check,
            "--ended" => task = Task::Ended(arguments.next().ok_or("--ended needs a result")?),
            "--version" | "-V" => {
                println!("dunlind {}", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(None);
            }
            other => return Err(format!("`{other}` is unknown")),
        }
    }
    let config = config.ok_or("--config is missing")?;
    Ok(Some(Arguments { config, task }))
}
