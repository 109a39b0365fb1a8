use super::*;
use image::{ExtendedColorType, Rgb, RgbImage};
use std::fs;

const SIZE: Size = Size::new(6, 4);

fn picture(red: u8) -> RgbImage {
    RgbImage::from_pixel(SIZE.width, SIZE.height, Rgb([red, 200, 30]))
}

fn source(path: &Path, repeat: bool) -> Box<dyn FrameSource> {
    let path = path.to_str().expect("UTF-8");
    Opener::new(path, None, repeat).open(&Shutdown::new()).expect("opens")
}

#[test]
fn a_folder_is_shown_in_order_by_content_and_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    picture(1).save_with_format(at("2.dat"), ImageFormat::Png).expect("saved");
    picture(2).save_with_format(at("10.jpg"), ImageFormat::Bmp).expect("saved");
    picture(3).save_with_format(at("3"), ImageFormat::Jpeg).expect("saved");
    fs::write(at("1.txt"), "not a picture").expect("written");
    let (mut source, mut frame) = (source(folder.path(), false), Frame::empty());
    let mut next = || {
        source.next_frame(&mut frame)?;
        Ok::<_, SourceError>((frame.format, frame.size, frame.data.clone()))
    };
    assert_eq!(next().expect("the PNG"), (PixelFormat::Rgb24, SIZE, picture(1).into_raw()));
    let (format, size, data) = next().expect("the JPEG");
    assert_eq!((format, size), (PixelFormat::Mjpeg, SIZE));
    assert_eq!(data, fs::read(at("3")).expect("read"));
    assert_eq!(next().expect("the BMP"), (PixelFormat::Rgb24, SIZE, picture(2).into_raw()));
    assert!(matches!(next(), Err(SourceError::Ended)));
    assert!(matches!(next(), Err(SourceError::Ended)));
}

#[test]
fn a_grey_and_a_transparent_picture_become_rgb() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.png");
    for (colour, bytes, rgb) in [
        (ExtendedColorType::L8, &[7u8][..], [7, 7, 7]),
        (ExtendedColorType::Rgba8, &[1, 2, 3, 0][..], [1, 2, 3]),
    ] {
        image::save_buffer(&path, bytes, 1, 1, colour).expect("saved");
        let mut frame = Frame::empty();
        read(&path, &mut frame).expect("read");
        assert_eq!((frame.format, &frame.data[..]), (PixelFormat::Rgb24, &rgb[..]));
    }
}

#[test]
fn a_bad_picture_is_named_and_the_next_one_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    picture(1).save_with_format(at("1.jpg"), ImageFormat::Jpeg).expect("saved");
    picture(1).save_with_format(at("2.png"), ImageFormat::Png).expect("saved");
    picture(9).save_with_format(at("3.png"), ImageFormat::Png).expect("saved");
    for name in ["1.jpg", "2.png"] {
        let bytes = fs::read(at(name)).expect("read");
        fs::write(at(name), &bytes[..bytes.len() * 3 / 4]).expect("written");
    }
    let (mut source, mut frame) = (source(folder.path(), true), Frame::empty());
    for _ in 0..2 {
        for name in ["1.jpg", "2.png"] {
            let error = source.next_frame(&mut frame).expect_err("it is cut");
            assert!(matches!(&error, SourceError::BadFrame(text) if text.contains(name)), "{error}");
        }
        source.next_frame(&mut frame).expect("the good one");
        assert_eq!(frame.data, picture(9).into_raw());
    }
}

#[test]
fn a_loop_without_a_good_picture_does_not_spin() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.png"), b"\x89PNG broken").expect("written");
    let (mut source, mut frame) = (source(folder.path(), true), Frame::empty());
    assert!(matches!(source.next_frame(&mut frame), Err(SourceError::BadFrame(_))));
    assert!(matches!(source.next_frame(&mut frame), Err(SourceError::Lost(_))));
}
