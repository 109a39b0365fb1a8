//! Which pictures a path means, and in which order.

use super::super::SourceError;
use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The pictures of a file, a folder (those files in it that look like pictures) or a glob, sorted
/// naturally: `2.jpg` before `10.jpg`.
pub fn pictures(path: &str) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |why: &str| SourceError::Open(format!("open pictures {path}: {why}"));
    let plain = Path::new(path);
    let mut paths: Vec<PathBuf> = if plain.is_dir() {
        let entries = fs::read_dir(plain).map_err(|e| failed(&e.to_string()))?;
        entries.flatten().map(|entry| entry.path()).filter(|path| looks_like_picture(path)).collect()
    } else if plain.is_file() {
        vec![plain.to_owned()]
    } else if plain.exists() {
        return Err(failed("neither a file nor a folder"));
    } else {
        let matches = glob::glob(path).map_err(|e| failed(e.msg))?;
        matches.flatten().filter(|path| path.is_file()).collect()
    };
    if paths.is_empty() {
        let folder = plain.is_dir();
        let is_pattern = path.contains(['*', '?', '[']);
        return Err(failed(match (folder, is_pattern) {
            (true, _) => "no picture in this folder",
            (_, true) => "no file matches",
            _ => "no such file or folder",
        }));
    }
    paths.sort_by(|a, b| natural(a.as_os_str().as_encoded_bytes(), b.as_os_str().as_encoded_bytes()));
    Ok(paths)
}

fn looks_like_picture(path: &Path) -> bool {
    let mut head = [0; 4];
    let read = path.is_file().then(|| File::open(path).and_then(|mut file| file.read(&mut head)));
    matches!(read, Some(Ok(n)) if super::kind(&head[..n]).is_some())
}

/// Compares with runs of digits as numbers; equal numbers by their leading zeros.
fn natural(a: &[u8], b: &[u8]) -> Ordering {
    let (mut x, mut y) = (a, b);
    loop {
        match (x, y) {
            ([p, ..], [q, ..]) if p.is_ascii_digit() && q.is_ascii_digit() => {
                let (m, n) = (digits(x), digits(y));
                let order = m.len().cmp(&n.len()).then_with(|| m.cmp(n));
                if order.is_ne() {
                    return order;
                }
                x = after_digits(x);
                y = after_digits(y);
            }
            ([p, ..], [q, ..]) if p != q => return p.cmp(q),
            ([_, ..], [_, ..]) => (x, y) = (&x[1..], &y[1..]),
            _ => return x.len().cmp(&y.len()).then_with(|| a.cmp(b)),
        }
    }
}

/// The leading number without its leading zeros.
fn digits(bytes: &[u8]) -> &[u8] {
    let run = &bytes[..bytes.len() - after_digits(bytes).len()];
    &run[run.iter().position(|&b| b != b'0').unwrap_or(run.len())..]
}

fn after_digits(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().position(|b| !b.is_ascii_digit()).unwrap_or(bytes.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_numbers() {
        let mut names = ["b1", "a10.jpg", "a9.jpg", "a", "a010.jpg", "a9b", "a99999999999999999999999"];
        names.sort_by(|a, b| natural(a.as_bytes(), b.as_bytes()));
        let expected = ["a", "a9.jpg", "a9b", "a010.jpg", "a10.jpg", "a99999999999999999999999", "b1"];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_is_not_there_is_said_in_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("UTF-8");
        let error = |path: &str| pictures(path).expect_err("nothing is there").to_string();
        assert!(error(path).ends_with("no picture in this folder"));
        assert!(error(&format!("{path}/*.jpg")).ends_with("no file matches"));
        assert!(error(&format!("{path}/x.jpg")).ends_with("no such file or folder"));
        fs::write(folder.path().join("notes.txt"), "BAD").expect("written");
        assert!(error(path).ends_with("no picture in this folder"));
    }
}
