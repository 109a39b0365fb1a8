//! Label files: any text gives labels or a reason, and they fit any number of classes or say why not.
#![no_main]

use edgecam::model::Labels;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u16, bool)| {
    let (text, classes, background) = input;
    if let Ok(labels) = Labels::parse(text) {
        let classes = usize::from(classes);
        if let Ok(fitted) = labels.fitted(classes, background) {
            assert!(fitted.names().len() >= classes);
        }
    }
});
