//! Manifests: any text is one or gives a reason; one says nothing new about itself.
#![no_main]

use edgecam::model::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(manifest) = Manifest::parse(text) {
        assert!(manifest.check().is_ok());
        assert_eq!(manifest.clone().or(Manifest::default()), manifest);
    }
});
