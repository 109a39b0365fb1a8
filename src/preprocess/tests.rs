use super::*;
use crate::frame::ColorSpace;
use crate::infer::{ElementType, Quantization};
use crate::model::Channels;

fn spec(element: ElementType, shape: &[usize], quantization: Option<(f32, i64)>) -> TensorSpec {
    let quantization = quantization.map(|(scale, zero_point)| Quantization { scale, zero_point });
    TensorSpec { name: "input".to_owned(), element, shape: shape.to_vec(), quantization }
}

/// A frame of smooth waves with some noise, every byte in range.
fn frame(format: PixelFormat, size: Size) -> Frame {
    let bytes = format.bytes(size).expect("a raw format");
    let mut state = 7_u32;
    let data = (0..bytes)
        .map(|i| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = ((i as f64 / 37.0).sin() + (i as f64 / 1013.0).cos() + 2.0) * 50.0;
            (wave as u32 + (state >> 27)) as u8
        })
        .collect();
    Frame { data, size, format, color: ColorSpace::Bt601Limited, ..Frame::empty() }
}

/// Levels go into a byte as they are.
fn level_itself() -> Normalization {
    Normalization::uniform(128.0, 128.0)
}

const RAW: [PixelFormat; 6] = [
    PixelFormat::Yuyv,
    PixelFormat::Uyvy,
    PixelFormat::Nv12,
    PixelFormat::I420,
    PixelFormat::Rgb24,
    PixelFormat::Gray8,
];

#[test]
fn every_format_and_scale_equals_the_reference() {
    let regions = [NormBox::FULL, NormBox::new(0.25, 0.1, 0.75, 0.9)];
    let input = spec(ElementType::U8, &[1, 24, 32, 3], Some((1.0 / 128.0, 128)));
    for format in RAW {
        for size in [
            Size::new(200, 130),
            Size::new(64, 48),
            Size::new(36, 26),
            Size::new(14, 10),
            Size::new(2, 2),
            Size::new(33, 19),
        ] {
            for region in regions {
                let frame = frame(format, size);
                let mut p = Preprocessor::new(&input, &level_itself(), Channels::Rgb, region, Fit::Stretch)
                    .expect("a usual input");
                let mut bytes = vec![0; input.bytes()];
                p.write(&frame, &mut bytes).expect("a whole frame");
                let picture = Picture::of(&frame).expect("a whole frame");
                let wanted = reference::resize(&picture, region, Size::new(32, 24));
                let errors = bytes
                    .as_chunks::<3>()
                    .0
                    .iter()
                    .zip(&wanted)
                    .flat_map(|(got, want)| (0..3).map(move |c| (f64::from(got[c]) - want[c]).abs()));
                let (mut worst, mut sum) = (0.0_f64, 0.0);
                for e in errors {
                    worst = worst.max(e);
                    sum += e;
                }
                let mean = sum / wanted.len() as f64 / 3.0;
                assert!(
                    worst < 2.5 && mean < 0.5,
                    "{format} {size} {region:?}: worst {worst:.2}, mean {mean:.3}"
                );
            }
        }
    }
}

#[test]
fn a_letterbox_has_grey_bars_and_only_those() {
    let input = spec(ElementType::U8, &[1, 32, 32, 3], None);
    let mut p = Preprocessor::new(&input, &level_itself(), Channels::Rgb, NormBox::FULL, Fit::Letterbox)
        .expect("a usual input");
    let mut white = frame(PixelFormat::Rgb24, Size::new(64, 32));
    white.data.fill(255);
    let mut bytes = vec![0; input.bytes()];
    let (_, placement) = p.write(&white, &mut bytes).expect("a whole frame");
    assert_eq!((placement.target.y_min, placement.target.y_max), (8, 24));
    let row = |y: usize| &bytes[y * 96..(y + 1) * 96];
    assert!(row(7).iter().chain(row(24)).all(|&b| b == 114));
    assert!(row(8).iter().chain(row(23)).all(|&b| b == 255));
}

#[test]
fn every_element_type_and_layout_holds_the_same_picture() {
    let frame = frame(PixelFormat::Rgb24, Size::new(16, 8));
    let fill = |input: &TensorSpec, n: Normalization| {
        let mut p =
            Preprocessor::new(input, &n, Channels::Rgb, NormBox::FULL, Fit::Stretch).expect("a usual input");
        let mut bytes = vec![0; input.bytes()];
        p.write(&frame, &mut bytes).expect("a whole frame");
        bytes
    };
    let unit = Normalization::uniform(0.0, 255.0);
    let levels = fill(&spec(ElementType::U8, &[1, 8, 16, 3], None), unit);
    assert_eq!(levels, frame.data);
    let signed = fill(&spec(ElementType::I8, &[1, 8, 16, 3], Some((1.0 / 255.0, -128))), unit);
    assert!(signed.iter().zip(&levels).all(|(&s, &l)| s == l ^ 0x80));
    let floats = fill(&spec(ElementType::F32, &[1, 8, 16, 3], None), unit);
    for (f, &l) in floats.as_chunks::<4>().0.iter().zip(&levels) {
        assert!((f32::from_ne_bytes(*f) - f32::from(l) / 255.0).abs() < 1e-6);
    }
    let halves = fill(&spec(ElementType::F16, &[1, 8, 16, 3], None), unit);
    for (h, &l) in halves.as_chunks::<2>().0.iter().zip(&levels) {
        assert!((half::f16::from_ne_bytes(*h).to_f32() - f32::from(l) / 255.0).abs() < 1e-3);
    }
    let planar = fill(&spec(ElementType::U8, &[1, 3, 8, 16], None), unit);
    for (i, &l) in levels.iter().enumerate() {
        assert_eq!(planar[(i % 3) * 128 + i / 3], l);
    }
    let grey = fill(&spec(ElementType::U8, &[1, 8, 16, 1], None), unit);
    let luma = |i: usize| {
        0.299 * f64::from(levels[3 * i])
            + 0.587 * f64::from(levels[3 * i + 1])
            + 0.114 * f64::from(levels[3 * i + 2])
    };
    assert!(grey.iter().enumerate().all(|(i, &g)| (f64::from(g) - luma(i)).abs() <= 0.51));
}

#[test]
fn blue_comes_first_where_it_should() {
    let input = spec(ElementType::F32, &[1, 8, 16, 3], None);
    let n = Normalization { mean: [1.0, 2.0, 3.0], std: [1.0, 2.0, 4.0] };
    let frame = frame(PixelFormat::Rgb24, Size::new(64, 48));
    let fill = |channels| {
        let mut p =
            Preprocessor::new(&input, &n, channels, NormBox::FULL, Fit::Stretch).expect("a usual input");
        let mut bytes = vec![0; input.bytes()];
        p.write(&frame, &mut bytes).expect("a good frame");
        bytes.as_chunks().0.iter().map(|b| f32::from_ne_bytes(*b)).collect::<Vec<_>>()
    };
    let (rgb, bgr) = (fill(Channels::Rgb), fill(Channels::Bgr));
    for (rgb, bgr) in rgb.as_chunks::<3>().0.iter().zip(bgr.as_chunks::<3>().0) {
        assert_eq!([rgb[2], rgb[1], rgb[0]].map(f32::to_bits), bgr.map(f32::to_bits));
    }
}

#[test]
fn a_frame_of_the_wrong_length_is_bad() {
    let input = spec(ElementType::U8, &[1, 8, 8, 3], None);
    let mut p = Preprocessor::new(&input, &level_itself(), Channels::Rgb, NormBox::FULL, Fit::Stretch)
        .expect("a usual input");
    for size in [Size::new(64, 48), Size::default()] {
        let mut short = frame(PixelFormat::Yuyv, Size::new(64, 48));
        short.data.pop();
        short.size = size;
        assert!(p.write(&short, &mut vec![0; input.bytes()]).is_err());
    }
    let mut jpeg = Frame { format: PixelFormat::Mjpeg, ..Frame::empty() };
    for data in [&b""[..], b"\xff\xd8\xff", b"hello"] {
        jpeg.data = data.to_vec();
        assert!(p.write(&jpeg, &mut vec![0; input.bytes()]).is_err());
    }
}

#[test]
fn inputs_that_are_no_picture_are_refused() {
    for shape in [&[1, 8, 8, 4][..], &[1, 8], &[2, 8, 8, 3]] {
        let input = spec(ElementType::U8, shape, None);
        let refused = Preprocessor::new(&input, &level_itself(), Channels::Rgb, NormBox::FULL, Fit::Stretch);
        assert!(refused.expect_err("no picture").contains("shape"));
    }
}
