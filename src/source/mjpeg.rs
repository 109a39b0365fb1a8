//! Splits a stream of JPEG pictures by their own structure (ITU-T T.81, annex B): segments are skipped
//! by length, so that thumbnails in APPn are not taken for pictures, and entropy-coded data is scanned
//! for markers. Garbage between pictures is skipped; a broken one costs itself only.

use crate::frame::Size;
use std::ops::Range;

/// A picture larger than this is no picture.
pub const MAX_BYTES: usize = 16 << 20;

/// Room offered for one read, in bytes.
const READ: usize = 64 << 10;

/// Why a picture is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPicture {
    /// The next picture began inside it.
    #[error("truncated JPEG picture")]
    Truncated,
    /// A marker was expected where there is none.
    #[error("corrupt JPEG picture")]
    Corrupt,
    /// It grew over [`MAX_BYTES`].
    #[error("JPEG picture over {} MiB", MAX_BYTES >> 20)]
    TooLarge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a picture.
    Hunt,
    /// At a marker.
    Marker,
    /// In entropy-coded data.
    Entropy,
}

/// Cuts pictures out of bytes that come in any portions. Its buffer grows to the largest picture and
/// stays.
#[derive(Debug)]
pub struct Splitter {
    bytes: Vec<u8>,
    /// The bytes read so far and not given out: `start..end`; all up to `at` have been looked at.
    start: usize,
    at: usize,
    end: usize,
    /// Where the length of the last segment stood.
    segment: usize,
    state: State,
}

impl Default for Splitter {
    fn default() -> Self {
        Self { bytes: Vec::new(), start: 0, at: 0, end: 0, segment: 0, state: State::Hunt }
    }
}

impl Splitter {
    /// Room for the next read; [`Splitter::wrote`] says how much of it was used.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.at -= self.start;
            self.end -= self.start;
            self.segment = self.segment.saturating_sub(self.start);
            self.start = 0;
        }
        if self.bytes.len() < self.end + READ {
            let len = (self.bytes.len() * 2).clamp(4 * READ, MAX_BYTES + 4 * READ);
            self.bytes.resize(len.max(self.end + READ), 0);
        }
        &mut self.bytes[self.end..]
    }

    /// Notes that `n` bytes of [`Splitter::room`] were filled.
    pub fn wrote(&mut self, n: usize) {
        self.end = (self.end + n).min(self.bytes.len());
    }

    /// The next whole picture, or `None` when more bytes are needed.
    pub fn next_picture(&mut self) -> Option<Result<&[u8], BadPicture>> {
        match self.scan()? {
            Ok(range) => Some(Ok(&self.bytes[range])),
            Err(bad) => Some(Err(bad)),
        }
    }

    fn scan(&mut self) -> Option<Result<Range<usize>, BadPicture>> {
        loop {
            if self.state == State::Hunt {
                self.hunt()?;
            }
            let step = if self.state == State::Entropy { self.entropy() } else { Some(()) };
            let code = step.and_then(|()| self.marker_code());
            let Some(code) = code else {
                return (self.end - self.start > MAX_BYTES).then(|| Err(self.abandon()));
            };
            match code {
                Ok(0xD9) => {
                    let picture = self.start..self.at + 2;
                    (self.start, self.at, self.state) = (picture.end, picture.end, State::Hunt);
                    return Some(Ok(picture));
                }
                Ok(0xD8) => {
                    (self.start, self.at, self.state) = (self.at, self.at + 2, State::Marker);
                    return Some(Err(BadPicture::Truncated));
                }
                Ok(0x01 | 0xD0..=0xD7) => self.at += 2,
                Ok(code) => match self.skip_segment(code) {
                    Some(Ok(())) => {}
                    Some(Err(bad)) => return Some(Err(self.resume(bad))),
                    None if self.at - self.start > MAX_BYTES => return Some(Err(self.abandon())),
                    None => return None,
                },
                Err(bad) => return Some(Err(self.resume(bad))),
            }
        }
    }

    /// Looks for the start of a picture, `FF D8 FF`, and drops all before it.
    fn hunt(&mut self) -> Option<()> {
        let found = self.bytes[self.at..self.end].windows(3).position(|w| w == [0xFF, 0xD8, 0xFF]);
        if let Some(i) = found {
            self.start = self.at + i;
            self.at = self.start + 2;
            self.segment = self.at;
            self.state = State::Marker;
            Some(())
        } else {
            self.at = self.end.saturating_sub(2).max(self.at);
            self.start = self.at;
            None
        }
    }

    /// Moves to the `FF` of the next marker in entropy-coded data; stuffed zeros, fill bytes and
    /// restart markers are data.
    fn entropy(&mut self) -> Option<()> {
        loop {
            let rest = &self.bytes[self.at..self.end];
            self.at += rest.iter().position(|&b| b == 0xFF).unwrap_or(rest.len());
            match self.bytes[..self.end].get(self.at + 1)? {
                0x00 | 0xD0..=0xD7 => self.at += 2,
                0xFF => self.at += 1,
                _ => {
                    self.state = State::Marker;
                    return Some(());
                }
            }
        }
    }

    /// The code of the marker at `at`, fill bytes skipped.
    fn marker_code(&mut self) -> Option<Result<u8, BadPicture>> {
        let bytes = &self.bytes[..self.end];
        if *bytes.get(self.at)? != 0xFF {
            return Some(Err(BadPicture::Corrupt));
        }
        while *bytes.get(self.at + 1)? == 0xFF {
            self.at += 1;
        }
        let code = bytes[self.at + 1];
        Some(if code == 0 { Err(BadPicture::Corrupt) } else { Ok(code) })
    }

    /// Skips the segment at `at`; after a start of scan comes entropy-coded data.
    fn skip_segment(&mut self, code: u8) -> Option<Result<(), BadPicture>> {
        let bytes = &self.bytes[..self.end];
        let (high, low) = (*bytes.get(self.at + 2)?, *bytes.get(self.at + 3)?);
        let length = usize::from(high) << 8 | usize::from(low);
        if length < 2 {
            return Some(Err(BadPicture::Corrupt));
        }
        let next = self.at + 2 + length;
        if next > self.end {
            return None;
        }
        (self.segment, self.at) = (self.at + 2, next);
        self.state = if code == 0xDA { State::Entropy } else { State::Marker };
        Some(Ok(()))
    }

    /// Gives up the picture. What cut it short lies in the last segment or behind: look there.
    fn resume(&mut self, bad: BadPicture) -> BadPicture {
        self.at = self.segment.clamp(self.start + 2, self.at);
        self.start = self.at;
        self.state = State::Hunt;
        bad
    }

    fn abandon(&mut self) -> BadPicture {
        (self.start, self.at, self.state) = (self.end, self.end, State::Hunt);
        BadPicture::TooLarge
    }
}

/// The size in the frame header (SOFn) of a JPEG picture; `None` when there is none before the scan.
#[must_use]
pub fn size(jpeg: &[u8]) -> Option<Size> {
    let mut at = jpeg.starts_with(&[0xFF, 0xD8]).then_some(2)?;
    loop {
        if *jpeg.get(at)? != 0xFF {
            return None;
        }
        let code = *jpeg.get(at + 1)?;
        match code {
            0xFF => at += 1,
            0x01 | 0xD0..=0xD7 => at += 2,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                let field = |i: usize| Some(u32::from(*jpeg.get(i)?) << 8 | u32::from(*jpeg.get(i + 1)?));
                return Some(Size::new(field(at + 7)?, field(at + 5)?)).filter(|s| !s.is_empty());
            }
            0xD9 | 0xDA => return None,
            _ => at += 2 + (usize::from(*jpeg.get(at + 2)?) << 8 | usize::from(*jpeg.get(at + 3)?)),
        }
    }
}

/// Whether `jpeg` holds a whole picture from its first byte on, whatever follows.
#[must_use]
pub fn is_whole(jpeg: &[u8]) -> bool {
    let mut splitter = Splitter::default();
    for part in jpeg.chunks(READ) {
        splitter.room()[..part.len()].copy_from_slice(part);
        splitter.wrote(part.len());
        if let Some(first) = splitter.next_picture() {
            return first.is_ok_and(|picture| jpeg.starts_with(picture));
        }
    }
    false
}

#[cfg(test)]
mod tests;
