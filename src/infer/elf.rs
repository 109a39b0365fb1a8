//! What a shared library is without loading it. Whether it is all there: mapping one that was cut short kills
//! the process at the first page that is missing. Layout: ELF-64 Object File Format, System V ABI.

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

/// Bytes of a section header, and of a symbol.
const SECTION: usize = 64;
const SYMBOL: usize = 24;
/// The type of the section of symbols that a loader sees (`SHT_DYNSYM`).
const DYNAMIC_SYMBOLS: u64 = 11;

/// The processor a library is made for, as `std::env::consts::ARCH` names it; `None` when it is no
/// little-endian ELF, or for a rarer one.
pub fn architecture(path: &Path) -> io::Result<Option<&'static str>> {
    let mut header = [0; HEADER];
    let file = File::open(path)?;
    if file.metadata()?.len() < HEADER as u64 {
        return Ok(None);
    }
    file.read_exact_at(&mut header, 0)?;
    let little_endian = header.starts_with(b"\x7fELF") && header[5] == 1;
    Ok(match number(&header, 18, 2) {
        _ if !little_endian => None,
        40 => Some("arm"),
        62 => Some("x86_64"),
        183 => Some("aarch64"),
        _ => None,
    })
}

/// Whether a whole 64-bit library offers the function `symbol`.
pub fn exports(path: &Path, symbol: &str) -> io::Result<bool> {
    let bytes = std::fs::read(path)?;
    Ok(defines(&bytes, symbol).unwrap_or(false))
}

/// `None` where a place in the file points out of it.
fn defines(bytes: &[u8], symbol: &str) -> Option<bool> {
    let part = |at: u64, length: u64| {
        let at = usize::try_from(at).ok()?;
        bytes.get(at..at.checked_add(usize::try_from(length).ok()?)?)
    };
    let header = part(0, HEADER as u64)?;
    let (sections, count) = (number(header, 40, 8), number(header, 60, 2));
    let section = |i: u64| part(sections.checked_add(i * SECTION as u64)?, SECTION as u64);
    let content = |section: &[u8]| part(number(section, 24, 8), number(section, 32, 8));
    for i in 0..count {
        let symbols = section(i)?;
        if number(symbols, 4, 4) != DYNAMIC_SYMBOLS {
            continue;
        }
        let texts = content(section(number(symbols, 40, 4))?)?;
        let named = |entry: &[u8]| {
            let name = texts.get(number(entry, 0, 4) as usize..)?;
            Some(name.strip_prefix(symbol.as_bytes())?.first() == Some(&0))
        };
        // One without a section is asked of others.
        let found = |entry: &[u8]| number(entry, 6, 2) != 0 && named(entry) == Some(true);
        if content(symbols)?.chunks_exact(SYMBOL).any(found) {
            return Some(true);
        }
    }
    Some(false)
}

/// The little-endian number of `length` bytes at `at`.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes[at..at + length].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// The C library this test runs with.
    fn libc() -> PathBuf {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("it is there");
        let path = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
        path.map(PathBuf::from).find(|path| path.ends_with("libc.so.6")).expect("it is linked")
    }

    #[test]
    fn what_a_library_is_for_and_offers_is_read_from_it() {
        let libc = libc();
        assert_eq!(architecture(&libc).expect("readable"), Some(std::env::consts::ARCH));
        assert!(exports(&libc, "getpid").expect("readable"));
        assert!(!exports(&libc, "getpi").expect("readable"));
        assert!(!exports(&libc, "tflite_plugin_create_delegate").expect("readable"));
        let bytes = std::fs::read(&libc).expect("readable");
        for length in [0, 10, HEADER, bytes.len() / 2] {
            assert_ne!(defines(&bytes[..length], "getpid"), Some(true));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let text = folder.path().join("text");
        std::fs::write(&text, "no library").expect("the folder is ours");
        assert_eq!(architecture(&text).expect("readable"), None);
    }

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
