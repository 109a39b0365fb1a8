//! Checksums of files, read piece by piece: a model need not fit into memory twice.

use sha1::Sha1;
use sha2::digest::Output;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The SHA-256 of the file `path` in hexadecimal.
pub fn sha256(path: &Path) -> io::Result<String> {
    Ok(format!("{:x}", digest(File::open(path)?, Sha256::new())?))
}

/// The id that git gives the file `path`, as `git hash-object` prints it: the SHA-1 of `blob LENGTH\0` and
/// the content (git-scm.com, "Git Internals - Git Objects").
pub fn git_blob(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let hash = Sha1::new_with_prefix(format!("blob {length}\0"));
    Ok(format!("{:x}", digest(file, hash)?))
}

fn digest<D: Digest>(mut file: File, mut hash: D) -> io::Result<Output<D>> {
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finalize()),
            n => hash.update(&piece[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_checksums() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "abc").expect("it is ours");
        // FIPS 180-4, appendix.
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(file.path()).expect("readable"), sum);
        // printf 'test content\n' | git hash-object --stdin, as in "Git Internals - Git Objects".
        std::fs::write(file.path(), "test content\n").expect("it is ours");
        let id = "d670460b4b4aece5915caf5c68d12f560a9fe3e4";
        assert_eq!(git_blob(file.path()).expect("readable"), id);
    }
}
