use super::*;
use crate::frame::Size;

fn choice(format: PixelFormat) -> Choice {
    Choice { format, size: Size::new(2, 1), rate: None }
}

#[test]
fn damaged_short_and_foreign_frames_are_bad() {
    let mut frame = Frame::empty();
    let (good, damaged) = (Metadata::default(), Metadata { flags: Flags::ERROR, ..Metadata::default() });
    let mut bad = |choice: &Choice, bytes: &[u8], meta: &Metadata| {
        copy(choice, 0, bytes, meta, &mut frame).expect_err("it is bad")
    };
    assert!(bad(&choice(PixelFormat::Yuyv), &[1, 2, 3, 4], &damaged).contains("damaged"));
    assert_eq!(bad(&choice(PixelFormat::Yuyv), &[1, 2, 3], &good), "only 3 bytes of a 2x1 yuyv frame");
    assert_eq!(bad(&choice(PixelFormat::Mjpeg), &[], &good), "0 bytes that are no JPEG picture");
    copy(&choice(PixelFormat::Yuyv), 0, &[1, 2, 3, 4], &good, &mut frame).expect("it is good");
    assert_eq!(
        (frame.format, frame.size, &frame.data[..]),
        (PixelFormat::Yuyv, Size::new(2, 1), &[1, 2, 3, 4][..])
    );
}

#[test]
fn the_drivers_time_is_taken_where_it_can_be() {
    let now = Duration::try_from(clock_gettime(ClockId::Monotonic)).expect("after boot");
    let meta = |flags, at: Duration| Metadata { flags, timestamp: at.into(), ..Metadata::default() };
    let age = |meta: &Metadata| captured(meta).instant.elapsed().as_secs_f64();
    let old = now.checked_sub(Duration::from_millis(1500)).expect("up for longer");
    assert!((age(&meta(Flags::TIMESTAMP_MONOTONIC, old)) - 1.5).abs() < 0.1);
    assert!(age(&meta(Flags::TIMESTAMP_UNKNOWN, old)) < 0.1);
    assert!(age(&meta(Flags::TIMESTAMP_MONOTONIC, now + Duration::from_secs(5))) < 0.1);
    assert!(age(&meta(Flags::TIMESTAMP_MONOTONIC, Duration::ZERO)) < 0.1 || now < OLDEST);
}

#[test]
fn colours_are_those_of_the_format() {
    let mut format = Format::new(640, 480, FourCC::new(b"YUYV"));
    assert_eq!(color(&format), ColorSpace::Bt601Limited);
    format.colorspace = Colorspace::Rec709;
    assert_eq!(color(&format), ColorSpace::Bt709Limited);
    format.quantization = Quantization::FullRange;
    assert_eq!(color(&format), ColorSpace::Bt601Full);
}
