//! `dunlin completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::failure::Failure;

/// Print a script that lets a shell complete this program's commands.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    dunlin completions bash > ~/.local/share/bash-completion/completions/dunlin\n  \
    dunlin completions zsh > ~/.zfunc/_dunlin\n  \
    dunlin completions fish > ~/.config/fish/completions/dunlin.fish")]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    clap_complete::generate(
        arguments.shell,
        &mut crate::Arguments::command(),
        "dunlin",
        &mut std::io::stdout(),
    );
    Ok(())
}
