//! The CPU twin of a model that is compiled for an Edge TPU: the same model before it was compiled, which runs where
//! there is no device, and while one does not work.

use super::catalogue::Catalogue;
use super::edgetpu::Compiled;
use super::manifest::Manifest;
use super::segments::Segment;
use std::path::{Path, PathBuf};

/// The CPU twin of `model`: the one that its manifest names, else a file beside it, `X.tflite` of
/// `X_edgetpu.tflite`, `X-edgetpu.tflite` and `X_segment_0_of_2_edgetpu.tflite`, or by the name that the catalogue
/// has for it. The error is a sentence: what the manifest names is no other file.
pub fn twin(model: &Path, manifest: &Manifest) -> Result<Option<PathBuf>, String> {
    if let Some(named) = &manifest.cpu {
        let refuse =
            |why| Err(format!("use {} as the CPU twin of {}: {why}", named.display(), model.display()));
        return match (named.is_file(), same(named, model)) {
            (true, false) => Ok(Some(named.clone())),
            (true, true) => refuse("it is the model itself; name the file that was compiled"),
            (false, _) => refuse("there is no such file; correct `cpu` in the model's manifest"),
        };
    }
    let stem = model.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let beside = |name: String| model.with_file_name(name + ".tflite");
    let other = |path: &PathBuf| path.is_file() && !same(path, model);
    Ok(by_name(stem).into_iter().chain(by_catalogue(stem)).map(beside).find(other))
}

/// The name without what says that the file is compiled.
fn by_name(stem: &str) -> Option<String> {
    let name = match Segment::of(stem) {
        Some(segment) => segment.model,
        None => stem.strip_suffix("_edgetpu").or_else(|| stem.strip_suffix("-edgetpu"))?,
    };
    (!name.is_empty()).then(|| name.to_owned())
}

/// The twin's name in the catalogue.
fn by_catalogue(stem: &str) -> Option<String> {
    Catalogue::load().ok()?.find(stem).ok()?.cpu.clone()
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// Why a compiled model can't run, and the way out; to follow `load model NAME: `. `missing` is what stands in the
/// way, as in "there is no Coral on this machine"; `twin` is its CPU twin, where one is known.
#[must_use]
pub fn advice(model: &Path, compiled: &Compiled, missing: &str, twin: Option<&Path>) -> String {
    let version = compiled.min_runtime.map(|version| format!(" with runtime version {version} or later"));
    let what = format!("it is compiled for a Coral Edge TPU{}, and {missing}", version.unwrap_or_default());
    let stem = model.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let way = match (twin, by_catalogue(stem)) {
        (Some(twin), _) => format!("its CPU twin is {}", twin.display()),
        (None, Some(name)) => format!("its CPU twin comes with \"edgecam model pull {name}\""),
        (None, None) => {
            "use the model it was compiled from, or name that in its manifest: cpu = \"FILE.tflite\""
                .to_owned()
        }
    };
    format!("{what}; {way}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            std::fs::write(folder.path().join(file), file).expect("ours");
        }
        folder
    }

    #[test]
    fn a_twin_lies_beside_its_model() {
        for (model, cpu) in [
            ("m_edgetpu.tflite", "m.tflite"),
            ("m-edgetpu.tflite", "m.tflite"),
            ("m_segment_1_of_2_edgetpu.tflite", "m.tflite"),
            ("m_segment_0_of_4.tflite", "m.tflite"),
            ("ssd-mobilenet-v1-coco-20-edgetpu.tflite", "ssd-mobilenet-v1-coco-20.tflite"),
        ] {
            let folder = folder(&[model, cpu]);
            let (model, cpu) = (folder.path().join(model), folder.path().join(cpu));
            assert_eq!(twin(&model, &Manifest::default()), Ok(Some(cpu.clone())));
            assert_eq!(twin(&cpu, &Manifest::default()), Ok(None));
            std::fs::remove_file(&cpu).expect("it is there");
            assert_eq!(twin(&model, &Manifest::default()), Ok(None));
        }
        let folder = folder(&["_edgetpu.tflite", ".tflite"]);
        assert_eq!(twin(&folder.path().join("_edgetpu.tflite"), &Manifest::default()), Ok(None));
    }

    #[test]
    fn a_manifest_names_another_file_beside_it() {
        let folder = folder(&["m_edgetpu.tflite", "m.tflite", "float.tflite"]);
        let path = |name| folder.path().join(name);
        std::os::unix::fs::symlink("m_edgetpu.tflite", path("link.tflite")).expect("linked");
        let told = |text: &str| {
            std::fs::write(path("m_edgetpu.toml"), text).expect("ours");
            let model = path("m_edgetpu.tflite");
            twin(&model, &Manifest::beside(&model).expect("a manifest"))
        };
        assert_eq!(told("cpu = \"float.tflite\""), Ok(Some(path("float.tflite"))));
        assert_eq!(told(&format!("cpu = {:?}", path("m.tflite"))), Ok(Some(path("m.tflite"))));
        assert!(told("cpu = \"no.tflite\"").expect_err("it is not there").contains("no such file"));
        for itself in ["m_edgetpu.tflite", "link.tflite"] {
            assert!(told(&format!("cpu = {itself:?}")).expect_err("itself").contains("the model itself"));
        }
    }

    #[test]
    fn advice_tells_what_is_missing_and_the_way_out() {
        let compiled = Compiled { min_runtime: Some(13), ..Compiled::default() };
        let told = |model: &str, twin| advice(Path::new(model), &compiled, "there is no Coral", twin);
        assert_eq!(
            told("m_edgetpu.tflite", Some(Path::new("/models/m.tflite"))),
            "it is compiled for a Coral Edge TPU with runtime version 13 or later, and there is no Coral; its CPU twin is /models/m.tflite"
        );
        assert!(
            told("ssd-mobilenet-v1-coco-20-edgetpu.tflite", None)
                .ends_with("pull ssd-mobilenet-v1-coco-20\"")
        );
        assert!(told("m_edgetpu.tflite", None).ends_with("cpu = \"FILE.tflite\""));
    }
}
