use crate::frame::{Frame, PixelFormat, Size};
use crate::geometry::{Fit, NormBox, Polygon};
use crate::infer::{ElementType, Quantization, TensorSpec};
use crate::model::Channels;
use crate::preprocess::{Normalization, Preprocessor};
use std::sync::Arc;
use turbojpeg::Subsamp;

fn spec(element: ElementType, shape: &[usize], quantization: Option<(f32, i64)>) -> TensorSpec {
    let quantization = quantization.map(|(scale, zero_point)| Quantization { scale, zero_point });
    TensorSpec { name: "input".to_owned(), element, shape: shape.to_vec(), quantization }
}

fn masks() -> Arc<[Polygon]> {
    let polygon = |corners: &[[f32; 2]]| Polygon::new(corners.to_vec()).expect("a polygon");
    Arc::from([
        polygon(&[[0.13, 0.22], [0.52, 0.31], [0.33, 0.71]]),
        polygon(&[[0.7, 0.6], [1.0, 0.6], [1.0, 1.0], [0.7, 1.0]]),
        polygon(&[[0.601, 0.0], [0.604, 0.0], [0.604, 0.9], [0.601, 0.9]]),
    ])
}

/// Whether any of a pixel is under a mask, by trying points all over it.
fn hidden(masks: &[Polygon], size: Size) -> Vec<bool> {
    const TRIES: u32 = 9;
    let at = |v: u32, i: u32, n: u32| {
        let inside = (f64::from(i) + 0.5) / f64::from(TRIES);
        ((f64::from(v) + inside) / f64::from(n)) as f32
    };
    let pixel = |x: u32, y: u32| {
        (0..TRIES * TRIES).any(|i| {
            let (x, y) = (at(x, i % TRIES, size.width), at(y, i / TRIES, size.height));
            masks.iter().any(|mask| mask.contains(x, y))
        })
    };
    (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect()
}

/// The pixels (column, row) that byte `i` of a frame tells of.
fn pixels_of(format: PixelFormat, size: Size, i: usize) -> Vec<(usize, usize)> {
    let (w, h) = (size.width as usize, size.height as usize);
    let block = |x: usize, y: usize, bw: usize, bh: usize| {
        (y..(y + bh).min(h)).flat_map(|y| (x..(x + bw).min(w)).map(move |x| (x, y))).collect()
    };
    let packed = |luma: usize| {
        let (stride, pair) = (w.div_ceil(2) * 4, i % (w.div_ceil(2) * 4) / 4 * 2);
        let (y, byte) = (i / stride, i % 4);
        if byte % 2 == luma { block(pair + byte / 2, y, 1, 1) } else { block(pair, y, 2, 1) }
    };
    let half = w.div_ceil(2);
    match format {
        PixelFormat::Yuyv => packed(0),
        PixelFormat::Uyvy => packed(1),
        PixelFormat::Rgb24 => block(i / 3 % w, i / 3 / w, 1, 1),
        _ if i < w * h => block(i % w, i / w, 1, 1),
        PixelFormat::Nv12 => block((i - w * h) % (2 * half) / 2 * 2, (i - w * h) / (2 * half) * 2, 2, 2),
        _ => {
            let at = (i - w * h) % (half * h.div_ceil(2));
            block(at % half * 2, at / half * 2, 2, 2)
        }
    }
}

fn noise(state: &mut u32) -> u8 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*state >> 24) as u8
}

/// What a preprocessor makes of frames.
struct View {
    preprocessor: Preprocessor,
    bytes: usize,
}

impl View {
    fn new(input: &TensorSpec, region: NormBox, fit: Fit, masks: Arc<[Polygon]>) -> Self {
        let levels = Normalization::uniform(0.0, 255.0);
        let preprocessor =
            Preprocessor::new(input, &levels, Channels::Bgr, region, fit).expect("a usual input");
        Self { preprocessor: preprocessor.with_mask(masks), bytes: input.bytes() }
    }

    fn of(&mut self, frame: &Frame) -> Vec<u8> {
        let mut tensor = vec![0x55; self.bytes];
        self.preprocessor.write(frame, &mut tensor).expect("a good frame");
        tensor
    }
}

const REGIONS: [NormBox; 3] =
    [NormBox::FULL, NormBox::new(0.25, 0.1, 0.75, 0.9), NormBox::new(0.3, 0.3, 0.42, 0.4)];

#[test]
fn no_masked_byte_of_a_raw_frame_has_an_influence() {
    let formats = [
        PixelFormat::Yuyv,
        PixelFormat::Uyvy,
        PixelFormat::Nv12,
        PixelFormat::I420,
        PixelFormat::Rgb24,
        PixelFormat::Gray8,
    ];
    let mut state = 3;
    for size in [Size::new(200, 130), Size::new(64, 48), Size::new(33, 19), Size::new(8, 6)] {
        let hidden = hidden(&masks(), size);
        for format in formats {
            let bytes = format.bytes(size).expect("a raw format");
            let data: Vec<u8> = (0..bytes).map(|_| noise(&mut state)).collect();
            let one = Frame { data, size, format, ..Frame::empty() };
            let mut other = one.clone();
            for (i, byte) in other.data.iter_mut().enumerate() {
                let masked = |(x, y): &(usize, usize)| hidden[y * size.width as usize + x];
                if pixels_of(format, size, i).iter().any(masked) {
                    *byte = noise(&mut state);
                }
            }
            for (input, fit) in [
                (spec(ElementType::U8, &[1, 24, 32, 3], None), Fit::Stretch),
                (spec(ElementType::I8, &[1, 64, 64, 3], Some((1.0 / 255.0, -128))), Fit::Letterbox),
                (spec(ElementType::F32, &[1, 3, 20, 20], None), Fit::Letterbox),
                (spec(ElementType::F16, &[1, 20, 20, 1], None), Fit::Stretch),
            ] {
                for region in REGIONS {
                    let mut view = View::new(&input, region, fit, masks());
                    let tensor = view.of(&one);
                    assert_eq!(tensor, view.of(&other), "{format} {size} {region:?} {fit:?}");
                    let open = View::new(&input, region, fit, Arc::from([])).of(&one);
                    assert_ne!(tensor, open, "something is hidden");
                }
            }
        }
    }
}

fn encode(rgb: &[u8], size: Size, subsamp: Subsamp) -> Frame {
    let (width, height) = (size.width as usize, size.height as usize);
    let format = turbojpeg::PixelFormat::RGB;
    let image = turbojpeg::Image { pixels: rgb, width, pitch: width * 3, height, format };
    let data = turbojpeg::compress(image, 80, subsamp).expect("encodes").to_vec();
    Frame { data, size, format: PixelFormat::Mjpeg, ..Frame::empty() }
}

#[test]
fn no_masked_pixel_of_a_jpeg_has_an_influence_at_any_scale() {
    let mut state = 9;
    for size in [Size::new(1290, 730), Size::new(250, 170)] {
        let hidden = hidden(&masks(), size);
        let one: Vec<u8> = (0..size.area() * 3)
            .map(|i| ((i as f64 / 40.0).sin() * 60.0 + 90.0) as u8 + noise(&mut state) / 4)
            .collect();
        let mut other = one.clone();
        for (pixel, hidden) in other.as_chunks_mut::<3>().0.iter_mut().zip(&hidden) {
            if *hidden {
                *pixel = [noise(&mut state), 250, noise(&mut state)];
            }
        }
        let ways = [
            Subsamp::None,
            Subsamp::Sub2x1,
            Subsamp::Sub2x2,
            Subsamp::Sub1x2,
            Subsamp::Sub4x1,
            Subsamp::Gray,
        ];
        for subsamp in ways {
            let [one, other] = [&one, &other].map(|rgb| encode(rgb, size, subsamp));
            // Decoded at 1/8, 1/4, 1/2 and whole where the picture is large.
            for side in [40, 100, 180, 400] {
                let input = spec(ElementType::U8, &[1, side, side, 3], None);
                for region in [NormBox::FULL, NormBox::new(0.25, 0.1, 0.75, 0.9)] {
                    let mut view = View::new(&input, region, Fit::Stretch, masks());
                    assert_eq!(view.of(&one), view.of(&other), "{size} {subsamp:?} {side} {region:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_hidden_is_black_and_the_rest_is_as_it_was() {
    let size = Size::new(64, 64);
    let white = Frame { data: vec![255; size.area() * 3], size, ..Frame::empty() };
    let mask = Polygon::new(vec![[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]).expect("a polygon");
    let input = spec(ElementType::U8, &[1, 64, 64, 3], None);
    let mut view = View::new(&input, NormBox::FULL, Fit::Stretch, Arc::from([mask]));
    for (i, pixel) in view.of(&white).as_chunks::<3>().0.iter().enumerate() {
        let (x, y) = (i % 64, i / 64);
        let black = (16..48).contains(&x) && (16..48).contains(&y);
        // The support of one pixel on each side may go with it.
        let near = (15..49).contains(&x) && (15..49).contains(&y);
        assert!(if black { *pixel == [0; 3] } else { near || *pixel == [255; 3] }, "{x} {y}");
    }
}

#[test]
fn a_crop_under_the_mask_is_all_black() {
    let size = Size::new(64, 48);
    let white = Frame { data: vec![255; size.area() * 3], size, ..Frame::empty() };
    let input = spec(ElementType::U8, &[1, 8, 8, 3], None);
    let mut view = View::new(&input, NormBox::FULL, Fit::Stretch, masks());
    assert!(view.of(&white).contains(&255));
    view.preprocessor.show(NormBox::new(0.75, 0.7, 0.9, 0.9));
    assert!(view.of(&white).iter().all(|&b| b == 0));
    view.preprocessor.show(NormBox::new(0.0, 0.75, 0.2, 1.0));
    assert!(view.of(&white).iter().all(|&b| b == 255));
}
