//! Whether a shared library is all there: mapping one that was cut short kills the process at the first
//! page that is missing. Layout: ELF-64 Object File Format, System V ABI.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of the file header.
const HEADER: usize = 64;
/// Bytes of a program header.
const PROGRAM: usize = 56;

/// Says what is missing when the file ends before the last of its loaded segments or its section table do.
/// A file that is no 64-bit little-endian ELF is left to the loader to refuse.
pub fn whole(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut header = [0; HEADER];
    if bytes < HEADER as u64 {
        return Ok(());
    }
    file.read_exact_at(&mut header, 0)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return Ok(());
    }
    let (programs, sections) = (number(&header, 32, 8), number(&header, 40, 8));
    let (n_programs, n_sections) = (number(&header, 56, 2), number(&header, 60, 2));
    let mut end = sections.saturating_add(n_sections * number(&header, 58, 2));
    for i in 0..n_programs {
        let (at, mut program) = (programs.saturating_add(i * PROGRAM as u64), [0; PROGRAM]);
        end = end.max(at.saturating_add(PROGRAM as u64));
        if end > bytes {
            break;
        }
        file.read_exact_at(&mut program, at)?;
        end = end.max(number(&program, 8, 8).saturating_add(number(&program, 32, 8)));
    }
    if end > bytes {
        return Err(io::Error::other(format!("it is cut short: {bytes} of {end} bytes or more are there")));
    }
    Ok(())
}

/// The little-endian number of `length` bytes at `at`.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes[at..at + length].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_was_cut_short_is_told_from_a_whole_one() {
        let program = std::env::current_exe().expect("the test itself");
        whole(&program).expect("it runs, so it is whole");
        let bytes = std::fs::read(&program).expect("readable");
        let folder = tempfile::tempdir().expect("a folder");
        let cut = folder.path().join("cut.so");
        for length in [bytes.len() - 1, bytes.len() / 2, 100, HEADER] {
            std::fs::write(&cut, &bytes[..length]).expect("the folder is ours");
            let why = whole(&cut).expect_err("it is cut").to_string();
            assert!(why.starts_with(&format!("it is cut short: {length} of ")), "{why}");
        }
        std::fs::write(&cut, "no library").expect("the folder is ours");
        whole(&cut).expect("the loader says so better");
    }
}
