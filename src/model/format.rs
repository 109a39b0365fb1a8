//! What a model's file is written in, and what it shows without being run.

use super::graph::Graph;
use super::metadata::Metadata;
use super::verify::verify;
use std::path::Path;

/// The format of a model's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TFLite's FlatBuffer.
    TfLite,
    /// ONNX's protobuf, for OpenVINO.
    Onnx,
    /// OpenVINO's own, two files: a graph in XML, and its weights in `.bin` beside it.
    OpenVino,
}

impl Format {
    /// By the end of the file's name.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|end| end.to_str()) {
            Some("onnx") => Self::Onnx,
            Some("xml") => Self::OpenVino,
            _ => Self::TfLite,
        }
    }

    /// Verifies a TFLite file; OpenVINO looks at the others itself. The error is the reason, to follow
    /// `model NAME: `.
    pub fn verify(self, file: &[u8]) -> Result<(), String> {
        if self == Self::TfLite { verify(file) } else { Ok(()) }
    }

    /// Of a verified file: its graph, which only TFLite shows, and what the model, or a file beside `path`, says
    /// about it.
    #[must_use]
    pub fn facts(self, file: &[u8], path: &Path) -> (Graph, Metadata) {
        match self {
            Self::TfLite => {
                let graph = Graph::of(file);
                let metadata = Metadata::of(file, graph.metadata.clone(), path);
                (graph, metadata)
            }
            Self::Onnx => (Graph::default(), Metadata::of_onnx(file, path)),
            Self::OpenVino => (Graph::default(), Metadata::of(&[], None, path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tflite_files_are_verified() {
        let format = |name: &str| Format::of(Path::new(name));
        assert_eq!(format("a/model.onnx"), Format::Onnx);
        assert_eq!(format("model.xml"), Format::OpenVino);
        assert!(format("model.tflite").verify(b"<net/>").is_err());
        assert!(format("model.xml").verify(b"<net/>").is_ok());
    }
}
