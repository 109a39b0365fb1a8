//! What the user asks a model to run on.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What a model is to run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Accelerator {
    /// A Coral if the model is compiled for one and one is there, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A Coral.
    EdgeTpu(CoralChoice),
    /// Another delegate.
    Plugin(Plugin),
    /// OpenVINO, which is no delegate but an engine of its own.
    OpenVino(OpenVinoChoice),
    /// TensorFlow Lite's classic C library on the processor; only where edgecam is built with it.
    TfLiteC,
}

/// Of an edgecam without the feature `tflitec`.
pub const WITHOUT_TFLITEC: &str = "\"tflitec\": this edgecam is built without it (cargo's feature tflitec); \"cpu\" runs the model with LiteRT";

/// What OpenVINO is to run a model on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenVinoChoice {
    /// The device by OpenVINO's name: `CPU`, `GPU.0`, `MYRIAD`.
    pub device: String,
    /// `libopenvino_c.so` or its folder, when it is not to be searched for.
    pub library: Option<PathBuf>,
}

impl Default for OpenVinoChoice {
    fn default() -> Self {
        Self { device: "CPU".to_owned(), library: None }
    }
}

impl OpenVinoChoice {
    /// For a device by its name.
    pub fn on(device: &str) -> Result<Self, String> {
        if device.is_empty() || !device.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!("{device:?} is no device of OpenVINO; there are CPU, GPU, GPU.0, MYRIAD"));
        }
        Ok(Self { device: device.to_owned(), library: None })
    }
}

/// Which Coral, and how it is to work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoralChoice {
    /// Which one.
    pub device: Device,
    /// How fast its clock is; absent: libedgetpu's own default, its fastest.
    pub performance: Option<Performance>,
    /// `libedgetpu.so.1`, when it is not to be searched for.
    pub library: Option<PathBuf>,
}

/// Which of the Corals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// Any; with several of them cameras are split among them.
    #[default]
    Any,
    /// Any at USB.
    Usb(Option<usize>),
    /// Any at PCIe.
    Pci(Option<usize>),
    /// The one of this number among all, PCIe first.
    Index(usize),
    /// The one at a place, which stays when others come or go: the USB port `2-1`, or the card `apex_0`.
    At(String),
}

/// The clock of a Coral at USB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Performance {
    /// 63 MHz.
    Low,
    /// 125 MHz.
    Medium,
    /// 250 MHz.
    High,
    /// 500 MHz: hot to the touch.
    Max,
}

/// A delegate in a shared library: `tflite_plugin_create_delegate` and what it is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub struct Plugin {
    /// The library.
    pub path: PathBuf,
    /// Its options, by its own names.
    pub options: BTreeMap<String, String>,
}

impl Accelerator {
    /// What needs no other hardware than the processor: the engine that is asked for, or LiteRT.
    #[must_use]
    pub fn on_the_processor(&self) -> Self {
        match self {
            Self::OpenVino(choice) => Self::OpenVino(OpenVinoChoice {
                library: choice.library.clone(),
                ..OpenVinoChoice::default()
            }),
            Self::TfLiteC => Self::TfLiteC,
            Self::Auto | Self::Cpu | Self::EdgeTpu(_) | Self::Plugin(_) => Self::Cpu,
        }
    }
}

impl Performance {
    /// The value of libedgetpu's option `Performance`
    /// (`tflite/edgetpu_delegate_for_custom_op_tflite_plugin.cc` of google-coral/libedgetpu).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Max => "Max",
        }
    }
}

impl FromStr for Performance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Low, Self::Medium, Self::High, Self::Max];
        let named = all.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(text));
        named.ok_or_else(|| format!("{text:?} is no performance; there are low, medium, high and max"))
    }
}

impl FromStr for Device {
    type Err = String;

    /// `usb`, `pci`, `usb:1`, `pci:0`, `1`, `2-1.4`, `apex_0`; empty for any.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?} is no Coral; write usb, pci, usb:0, pci:0, its number, or its USB port as 2-1")
        };
        let port = |c: char| c.is_ascii_digit() || ".-".contains(c);
        let number = |digits: &str| digits.parse::<usize>().ok().filter(|&n| n < 256).ok_or_else(wrong);
        Ok(match text.split_once(':') {
            None if text.is_empty() => Self::Any,
            None if text == "usb" => Self::Usb(None),
            None if text == "pci" => Self::Pci(None),
            None if text.starts_with("apex_") || (text.chars().all(port) && text[1..].contains('-')) => {
                Self::At(text.to_owned())
            }
            None => Self::Index(number(text)?),
            Some(("usb", index)) => Self::Usb(Some(number(index)?)),
            Some(("pci", index)) => Self::Pci(Some(number(index)?)),
            Some(_) => return Err(wrong()),
        })
    }
}

impl FromStr for Accelerator {
    type Err = String;

    /// `auto`, `cpu`, `edgetpu`, `edgetpu:usb:1`, `openvino`, `openvino:GPU`, or a plugin with its options: `libx.so,gain=2`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Cpu),
            "edgetpu" => return Ok(Self::EdgeTpu(CoralChoice::default())),
            "tflitec" if cfg!(feature = "tflitec") => return Ok(Self::TfLiteC),
            "tflitec" => return Err(WITHOUT_TFLITEC.to_owned()),
            "openvino" => return Ok(Self::OpenVino(OpenVinoChoice::default())),
            _ => {}
        }
        if let Some(device) = text.strip_prefix("edgetpu:") {
            return Ok(Self::EdgeTpu(CoralChoice { device: device.parse()?, ..CoralChoice::default() }));
        }
        if let Some(device) = text.strip_prefix("openvino:") {
            return OpenVinoChoice::on(device).map(Self::OpenVino);
        }
        let mut parts = text.split(',');
        let path = parts.next().unwrap_or_default();
        if !path.contains(".so") {
            return Err(format!(
                "{text:?} is no accelerator; there are auto, cpu, edgetpu, openvino, and a delegate's library, such as libx.so"
            ));
        }
        let options = parts.map(|part| match part.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(format!("{part:?} is no option of a delegate; write key=value")),
        });
        Ok(Self::Plugin(Plugin { path: path.into(), options: options.collect::<Result<_, _>>()? }))
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("coral"),
            Self::Usb(None) => f.write_str("coral usb"),
            Self::Pci(None) => f.write_str("coral pci"),
            Self::Usb(Some(index)) => write!(f, "coral usb:{index}"),
            Self::Pci(Some(index)) => write!(f, "coral pci:{index}"),
            Self::Index(index) => write!(f, "coral {index}"),
            Self::At(place) => write!(f, "coral {place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accelerators_are_read_as_documented() {
        let coral = |device| Accelerator::EdgeTpu(CoralChoice { device, ..CoralChoice::default() });
        for (text, wanted) in [
            ("auto", Accelerator::Auto),
            ("cpu", Accelerator::Cpu),
            ("edgetpu", coral(Device::Any)),
            ("edgetpu:usb", coral(Device::Usb(None))),
            ("edgetpu:pci:1", coral(Device::Pci(Some(1)))),
            ("edgetpu:2", coral(Device::Index(2))),
            ("edgetpu:2-1.4", coral(Device::At("2-1.4".to_owned()))),
            ("edgetpu:apex_1", coral(Device::At("apex_1".to_owned()))),
            ("openvino", Accelerator::OpenVino(OpenVinoChoice::default())),
            ("openvino:CPU", Accelerator::OpenVino(OpenVinoChoice::default())),
            (
                "openvino:HETERO:GPU,CPU",
                Accelerator::OpenVino(OpenVinoChoice { device: "HETERO:GPU,CPU".to_owned(), library: None }),
            ),
        ] {
            assert_eq!(text.parse(), Ok(wanted), "{text}");
        }
        let Ok(Accelerator::Plugin(plugin)) = "/opt/libx.so.1,gain=2,mode=a=b".parse() else {
            panic!("a plugin")
        };
        assert_eq!(plugin.path.to_str(), Some("/opt/libx.so.1"));
        assert_eq!(plugin.options["gain"], "2");
        assert_eq!(plugin.options["mode"], "a=b");
        for text in [
            "gpu",
            "edgetpu:3d",
            "edgetpu:-1",
            "edgetpu:é-1",
            "edgetpu:usb:-1",
            "edgetpu:usb:256",
            "x.so,gain",
            "openvino:",
            "openvino:a b",
            "",
        ] {
            assert!(text.parse::<Accelerator>().is_err(), "{text}");
        }
        let classic = "tflitec".parse::<Accelerator>();
        assert_eq!(classic.is_ok(), cfg!(feature = "tflitec"), "{classic:?}");
    }
}
