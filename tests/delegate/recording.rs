//! What a played accelerator answers: outputs by the hash of the inputs, as a file.
//!
//! The file is `MAGIC`, then an entry each: hash, bytes of the inputs together, number of outputs, and per
//! output its length and bytes; every number is a little-endian `u64`. Several models share a file: an
//! entry is looked up by the sizes of the inputs and of each output, too.

use std::fs;
use std::io::{self, Error, ErrorKind};
use std::path::Path;

/// Format and version.
const MAGIC: &[u8; 8] = b"coral 1\n";

/// One answer.
#[derive(Debug, PartialEq)]
struct Entry {
    hash: u64,
    input_bytes: u64,
    outputs: Vec<Vec<u8>>,
}

/// Answers, in the order in which they were added.
#[derive(Debug, Default, PartialEq)]
pub struct Recording(Vec<Entry>);

/// An answer that was found.
pub struct Answer<'a> {
    /// The bytes of each output.
    pub outputs: &'a [Vec<u8>],
    /// False where it is the first answer of the sizes asked for, for want of the right one.
    pub known: bool,
}

impl Recording {
    /// Adds what a node that gets `inputs` gives: the bytes of each, in the node's order.
    ///
    /// For a pipelined pair of segments, add two: what passes between them may be any bytes of the right
    /// sizes that differ from frame to frame.
    pub fn add(&mut self, inputs: &[&[u8]], outputs: &[&[u8]]) {
        let (hash, input_bytes) = key(inputs);
        let outputs = outputs.iter().map(|output| output.to_vec()).collect();
        self.0.push(Entry { hash, input_bytes, outputs });
    }

    /// The answer to `inputs` with outputs of `sizes`; `None` if no entry has these sizes.
    pub fn find(&self, inputs: &[&[u8]], sizes: &[usize]) -> Option<Answer<'_>> {
        let (hash, input_bytes) = key(inputs);
        let of_size = |entry: &&Entry| {
            entry.input_bytes == input_bytes && entry.outputs.iter().map(Vec::len).eq(sizes.iter().copied())
        };
        let mut entries = self.0.iter().filter(of_size);
        let first = entries.clone().next()?;
        let known = entries.find(|entry| entry.hash == hash);
        Some(Answer { outputs: &known.unwrap_or(first).outputs, known: known.is_some() })
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        for entry in &self.0 {
            for number in [entry.hash, entry.input_bytes, entry.outputs.len() as u64] {
                bytes.extend(number.to_le_bytes());
            }
            for output in &entry.outputs {
                bytes.extend((output.len() as u64).to_le_bytes());
                bytes.extend(output);
            }
        }
        fs::write(path, bytes)
    }

    /// Adds the answers of a file.
    pub fn read(&mut self, path: &Path) -> io::Result<()> {
        let bytes = fs::read(path)?;
        let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(|| wrong("not a recording of version 1"))?;
        while !rest.is_empty() {
            let (hash, input_bytes, count) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
            let outputs = (0..count).map(|_| {
                let length = number(&mut rest)? as usize;
                Ok(take(&mut rest, length)?.to_vec())
            });
            let outputs = outputs.collect::<io::Result<_>>()?;
            self.0.push(Entry { hash, input_bytes, outputs });
        }
        Ok(())
    }
}

/// FNV-1a over words of 8 bytes, the last one of each input filled up with zeros; and the bytes hashed.
fn key(inputs: &[&[u8]]) -> (u64, u64) {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for chunk in inputs.iter().flat_map(|input| input.chunks(8)) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3);
        // A product's high bits never reach its low ones by themselves.
        hash ^= hash >> 32;
    }
    (hash, inputs.iter().map(|input| input.len() as u64).sum())
}

fn number(rest: &mut &[u8]) -> io::Result<u64> {
    let bytes = take(rest, 8)?;
    bytes.try_into().map(u64::from_le_bytes).map_err(|_| wrong("a number is cut off"))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> io::Result<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length).ok_or_else(|| wrong("the recording is cut off"))?;
    *rest = after;
    Ok(taken)
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}
