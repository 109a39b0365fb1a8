//! Writes the manual pages and the completions of shells, from what the commands say of themselves:
//! `cargo run --example manual -- FOLDER` makes `FOLDER/man` and `FOLDER/completions`.

use clap_complete::Shell;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| "target/package".into());
    let folder = Path::new(&folder);
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    for folder in [&man, &completions] {
        std::fs::create_dir_all(folder)?;
    }
    clap_mangen::generate_to(edgecam::cli::command(), man)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut edgecam::cli::command(), "edgecam", &completions)?;
    }
    Ok(())
}
