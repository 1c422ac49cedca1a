//! What is generated is committed, and is what would be generated now. `BLESS=1` renews it.

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use evbus::cli::Cli;

use crate::support::snapshot::same_as;

#[test]
fn completions_are_those_of_today() {
    let shells = [
        (Shell::Bash, "evbus.bash"),
        (Shell::Zsh, "_evbus"),
        (Shell::Fish, "evbus.fish"),
        (Shell::PowerShell, "_evbus.ps1"),
        (Shell::Elvish, "evbus.elv"),
    ];
    for (shell, file) in shells {
        let mut text = Vec::new();
        generate(shell, &mut Cli::command(), "evbus", &mut text);
        same_as(&format!("completions/{file}"), &String::from_utf8_lossy(&text));
    }
}
