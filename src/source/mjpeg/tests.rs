use super::*;

/// A segment: marker, length, payload.
fn segment(code: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).expect("a short payload").to_be_bytes();
    [&[0xFF, code], &length[..], payload].concat()
}

/// A picture with the structure of a JPEG: APP1 with a whole thumbnail inside, SOF, two scans with
/// stuffed bytes, restart markers and fill bytes.
fn picture(tag: u8) -> Vec<u8> {
    let thumbnail = [&[0xFF, 0xD8, 0xFF, 0xDB, 0, 2][..], &segment(0xDA, &[1]), &[7, 0xFF, 0xD9]].concat();
    [
        &[0xFF, 0xD8][..],
        &segment(0xE1, &[b"Exif\0\0", &thumbnail[..], &vec![7; 300 * usize::from(tag & 1)]].concat()),
        &segment(0xDB, &[tag; 64]),
        &segment(0xC2, &[8, 1, 2, 3, 4, 1, 1, 0x11, 0]),
        &segment(0xDA, &[1, 2, 3]),
        &[tag, 0xFF, 0x00, 0xFF, 0xD3, 5, 0xFF, 0xFF, 0x00, 9],
        &segment(0xDA, &[1, 2, 3]),
        &[0xFF, 0x00, tag, 0xFF, 0xFF, 0xD9],
    ]
    .concat()
}

/// What comes out when `bytes` come in portions of `portion`.
fn split(bytes: &[u8], portion: usize) -> Vec<Result<Vec<u8>, BadPicture>> {
    let (mut splitter, mut out) = (Splitter::default(), Vec::new());
    for part in bytes.chunks(portion) {
        splitter.room()[..part.len()].copy_from_slice(part);
        splitter.wrote(part.len());
        while let Some(picture) = splitter.next_picture() {
            out.push(picture.map(<[u8]>::to_vec));
        }
    }
    out
}

#[test]
fn pictures_come_out_whole_however_they_come_in() {
    let stream =
        [b"junk\xFF\xD8junk".to_vec(), picture(1), b"\0\0\r\n--boundary".to_vec(), picture(2)].concat();
    for portion in [1, 2, 3, 7, 64, 1000, 60_000] {
        assert_eq!(split(&stream, portion), [Ok(picture(1)), Ok(picture(2))], "portions of {portion}");
    }
}

#[test]
fn a_picture_cut_short_is_bad_and_the_next_is_good() {
    let entropy = picture(1).len() - 6;
    for cut in entropy..picture(1).len() - 1 {
        let out = split(&[&picture(1)[..cut], &picture(2), &picture(3)].concat(), 50);
        assert_eq!(out[1..], [Ok(picture(2)), Ok(picture(3))], "cut at {cut}");
        assert_eq!(out[0], Err(BadPicture::Truncated), "cut at {cut}");
    }
}

/// A segment swallows what follows the cut, and may by chance end at a marker of the next picture.
#[test]
fn a_picture_cut_short_in_its_headers_costs_the_next_one_at_most() {
    let mut swallowed = 0;
    for cut in 3..picture(1).len() - 1 {
        let out = split(&[&picture(1)[..cut], &picture(2), &picture(3).repeat(500)].concat(), 5000);
        assert!(!out.contains(&Ok(picture(1))), "cut at {cut}");
        assert_eq!(out.last(), Some(&Ok(picture(3))), "cut at {cut}");
        swallowed += usize::from(!out.contains(&Ok(picture(2))));
    }
    assert!(swallowed < picture(1).len() / 10, "{swallowed}");
}

#[test]
fn nonsense_never_panics_and_the_stream_recovers() {
    let mut noise = 1u32;
    let mut bytes: Vec<u8> = (0..200_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if noise >> 29 == 0 { 0xFF } else { (noise >> 24) as u8 }
        })
        .collect();
    bytes.extend(picture(4).repeat(1000));
    assert_eq!(split(&bytes, 4096).last(), Some(&Ok(picture(4))));
}

#[test]
fn an_endless_picture_is_given_up_and_the_next_is_good() {
    let head = picture(1);
    let head = &head[..head.len() - 3];
    let stream = [head, &vec![0x55; MAX_BYTES + READ], &picture(2)].concat();
    assert_eq!(split(&stream, READ), [Err(BadPicture::TooLarge), Ok(picture(2))]);
}

#[test]
fn the_buffer_stays_as_large_as_it_is() {
    let (mut splitter, picture) = (Splitter::default(), picture(3));
    let mut capacity = 0;
    for i in 0..1000 {
        splitter.room()[..picture.len()].copy_from_slice(&picture);
        splitter.wrote(picture.len());
        assert_eq!(splitter.next_picture(), Some(Ok(&picture[..])));
        if i == 0 {
            capacity = splitter.bytes.capacity();
        }
    }
    assert_eq!(splitter.bytes.capacity(), capacity);
}

#[test]
fn the_size_is_that_of_the_frame_header_not_of_the_thumbnail() {
    assert_eq!(size(&picture(1)), Some(Size::new(0x0304, 0x0102)));
    assert_eq!(size(b"\xFF\xD8\xFF\xD9"), None);
    assert_eq!(size(b"no picture"), None);
}

#[test]
fn whole_is_whole() {
    let p = picture(1);
    assert!(is_whole(&p) && is_whole(&[&p[..], b"trailer"].concat()));
    assert!(!is_whole(&p[..p.len() - 1]) && !is_whole(&[b"x", &p[..]].concat()) && !is_whole(b""));
}
