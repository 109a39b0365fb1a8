//! Models compiled for an Edge TPU: what their files say.

use crate::support::data;
use edgecam::model::{Cache, Compiled, segments, tensors, verify};

type Told = (&'static str, u32, Option<&'static str>, Option<(u64, usize)>, usize);

/// Read with another reader of the format: the file, the least runtime version, the compiler, the parameters that
/// stay on the device with their token, and those that don't.
#[rustfmt::skip]
const COMPILED: [Told; 12] = [
    ("keras_lstm_mnist_ptq_edgetpu", 12, None, Some((0x6cad_2892_2f0b_3db3, 43_968)), 576),
    ("mobilenet_v1_0.25_128_quant_cocompiled_with_mobilenet_v1_0.5_160_quant_edgetpu", 12, None, Some((0xe2c3_66fd_5d62_fa6b, 566_912)), 0),
    ("mobilenet_v1_0.25_128_quant_edgetpu", 12, None, Some((0x6d14_6c3f_97d6_648c, 566_912)), 0),
    ("mobilenet_v1_0.25_128_quant_edgetpu_2020a", 12, None, Some((0xdb4d_75e0_6067_0ae9, 518_656)), 0),
    ("mobilenet_v1_0.25_128_quant_edgetpu_2020b", 12, None, Some((0xdb4d_75e0_6067_0ae9, 518_656)), 0),
    ("mobilenet_v1_0.5_160_quant_cocompiled_with_mobilenet_v1_0.25_128_quant_edgetpu", 12, None, Some((0xe2c3_66fd_5d62_fa6b, 1_473_280)), 0),
    ("mobilenet_v1_0.5_160_quant_edgetpu", 12, None, Some((0x8ebc_2700_de21_d6aa, 1_473_280)), 0),
    ("split_concat_edgetpu", 13, Some("cl/343520747"), Some((0x0f5d_af07_3fcc_3811, 192)), 0),
    ("ssd_mobilenet_v1_coco_quant_postprocess_segment_0_of_2_edgetpu", 12, None, Some((0xaa51_4b81_5318_ea97, 3_363_072)), 0),
    ("ssd_mobilenet_v1_coco_quant_postprocess_segment_1_of_2_edgetpu", 12, None, Some((0xaa51_4b81_5318_ea97, 3_694_528)), 0),
    ("testconv1-edgetpu", 13, Some("cl/365641874"), None, 640),
    ("yolov5n-int8_edgetpu_160", 14, None, Some((0x5584_2ec5_9d7c_06e2, 1_997_184)), 6528),
];

fn file(name: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(data(&format!("edgetpu/{name}.tflite"))?).expect("readable");
    verify(&bytes).expect("a model");
    Some(bytes)
}

#[test]
fn each_compiled_model_tells_what_it_needs() {
    for (name, version, compiler, cache, streamed) in COMPILED {
        let Some(bytes) = file(name) else { return };
        let expected = Compiled {
            min_runtime: Some(version),
            compiler: compiler.map(str::to_owned),
            cache: cache.map(|(token, bytes)| Cache { token, bytes }),
            streamed,
        };
        assert_eq!(Compiled::of(&bytes), Some(expected), "{name}");
    }
    for name in ["split_concat_cpu_twin", "ssd_mobilenet_v1_coco_quant_postprocess_head_layers"] {
        assert_eq!(Compiled::of(&file(name).expect("beside the others")), None, "{name}");
    }
}

#[test]
fn a_segment_takes_what_the_one_before_it_gives() {
    let of = |n: usize| {
        let bytes = file(&format!("ssd_mobilenet_v1_coco_quant_postprocess_segment_{n}_of_2_edgetpu"))?;
        Some(tensors(&bytes).expect("known types"))
    };
    let (Some((first, between)), Some((inputs, last))) = (of(0), of(1)) else { return };
    assert_eq!((first.len(), first[0].shape.as_slice(), last.len()), (1, &[1, 300, 300, 3][..], 4));
    assert_eq!(between, inputs);
    let path = data("edgetpu/ssd_mobilenet_v1_coco_quant_postprocess_segment_1_of_2_edgetpu.tflite");
    let all = segments(&path.expect("beside it")).expect("both are there").expect("segments");
    assert_eq!(all.len(), 2);
}

#[test]
fn models_that_were_compiled_together_share_the_device() {
    let Some(_) = file(COMPILED[0].0) else { return };
    let of = |n: usize| Compiled::of(&file(COMPILED[n].0).expect("beside the others")).expect("compiled");
    assert!(of(1).shares(&of(5)) && of(8).shares(&of(9)));
    assert!(!of(1).shares(&of(2)) && !of(10).shares(&of(10)));
}

#[test]
fn damage_anywhere_leaves_an_answer() {
    let Some(good) = file("testconv1-edgetpu") else { return };
    let whole = Compiled::of(&good);
    let mut told = 0;
    let odd = (0..good.len()).step_by(if cfg!(debug_assertions) { 5 } else { 1 });
    for at in odd {
        let mut bytes = good.clone();
        bytes[at] ^= 0x5a;
        told += usize::from(verify(&bytes).is_ok() && Compiled::of(&bytes) != whole);
        let _ = Compiled::of(&good[..at]);
    }
    assert!(told > 0, "no damage was seen");
}
