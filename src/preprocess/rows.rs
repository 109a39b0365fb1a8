//! The memory that resampling works in.

/// Rows that are made at once: as many 16-bit numbers as a SIMD register of any machine holds.
pub(super) const LANES: usize = 8;

/// Memory for the work on one frame; grows once.
#[derive(Debug, Default)]
pub struct Rows {
    pub(super) blended: Vec<u16>,
    pub(super) interleaved: Vec<[u16; LANES]>,
    pub(super) components: [Vec<[u16; LANES]>; 3],
    pub(super) rgb_lanes: [Vec<[u8; LANES]>; 3],
    pub(super) narrow: Vec<u8>,
    pub(super) sums: Vec<i32>,
}
