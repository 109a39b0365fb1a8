//! `accelerator` of a model: a word, or a table.

use super::checker::existing;
use super::file;
use super::value::expanded;
use crate::accelerator::{Accelerator, CoralChoice, OpenVinoChoice, Plugin, Which as Device};
use std::path::{Path, PathBuf};
use toml::Value;

/// What the user wrote; paths in it are relative to `folder`.
pub fn read(written: &file::Accelerator, folder: &Path) -> Result<Accelerator, String> {
    let table = match written {
        file::Accelerator::Word(word) if word.contains(".so") => {
            return Err(format!("{word:?}: write a delegate's library as {{ plugin = {word:?} }}"));
        }
        file::Accelerator::Word(word) => return word.parse(),
        file::Accelerator::Table(table) => table,
    };
    let file = |text: &String| -> Result<PathBuf, String> { existing(folder, &expanded(text)?) };
    let file::AcceleratorTable { edgetpu, performance, library, plugin, options, openvino } = table;
    match (edgetpu, plugin, openvino) {
        (Some(device), None, None) => {
            if options.is_some() {
                return Err("options: are of a plugin; a Coral has performance and library".to_owned());
            }
            let performance = performance.as_ref().map(|text| text.parse()).transpose()?;
            let library = library.as_ref().map(file).transpose().map_err(|why| format!("library: {why}"))?;
            Ok(Accelerator::EdgeTpu(CoralChoice { device: device_of(device)?, performance, library }))
        }
        (None, Some(path), None) => {
            if performance.is_some() || library.is_some() {
                return Err("performance and library: are of a Coral; a plugin has options".to_owned());
            }
            let path = file(path).map_err(|why| format!("plugin: {why}"))?;
            let options = options.iter().flatten().map(|(key, value)| Ok((key.clone(), option(key, value)?)));
            Ok(Accelerator::Plugin(Plugin { path, options: options.collect::<Result<_, String>>()? }))
        }
        (None, None, Some(device)) => {
            if performance.is_some() || options.is_some() {
                return Err("performance and options: OpenVINO has neither; it has library".to_owned());
            }
            let library = library.as_ref().map(|text| file_or_folder(folder, text)).transpose()?;
            Ok(Accelerator::OpenVino(OpenVinoChoice { library, ..OpenVinoChoice::on(device)? }))
        }
        (None, None, None) => {
            Err("a table has edgetpu = \"usb\", plugin = \"libx.so\" or openvino = \"CPU\"; else write \"auto\", \"cpu\", \"edgetpu\" or \"openvino\"".to_owned())
        }
        _ => Err("edgetpu, plugin and openvino: give one of them".to_owned()),
    }
}

/// Where OpenVINO's library is: pip puts a version behind its name.
fn file_or_folder(folder: &Path, text: &str) -> Result<PathBuf, String> {
    let path = folder.join(expanded(text)?);
    match std::fs::metadata(&path) {
        Ok(_) => Ok(path),
        Err(e) => Err(format!("library: {}: {e}", path.display())),
    }
}

/// `"usb"`, `"usb:1"`, or a number.
fn device_of(value: &Value) -> Result<Device, String> {
    match value {
        Value::String(text) => text.parse(),
        Value::Integer(number) => number.to_string().parse(),
        other => {
            Err(format!("edgetpu: {other} is no Coral; write \"usb\", \"pci\", \"usb:0\", or its number"))
        }
    }
}

/// Options go to the delegate as text.
fn option(key: &str, value: &Value) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => value.to_string(),
        other => return Err(format!("options.{key}: {other} is no text, number or boolean")),
    };
    if text.contains('\0') || key.contains('\0') {
        return Err(format!("options.{key}: a NUL in it"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accelerator::Performance;

    fn accelerator(text: &str) -> Result<Accelerator, String> {
        let table: file::Model =
            toml::from_str(&format!("accelerator = {text}")).expect("TOML of the grammar");
        read(table.accelerator.expect("it is given").get_ref(), Path::new("/"))
    }

    #[test]
    fn words_and_tables_are_read() {
        assert_eq!(accelerator(r#""cpu""#), Ok(Accelerator::Cpu));
        let usb =
            CoralChoice { device: Device::Usb(Some(1)), performance: Some(Performance::High), library: None };
        assert_eq!(
            accelerator(r#"{ edgetpu = "usb:1", performance = "high" }"#),
            Ok(Accelerator::EdgeTpu(usb))
        );
        let number = CoralChoice { device: Device::Index(1), ..CoralChoice::default() };
        assert_eq!(accelerator("{ edgetpu = 1 }"), Ok(Accelerator::EdgeTpu(number)));
        let this = std::env::current_exe().expect("this test");
        let plugin = accelerator(&format!(
            "{{ plugin = {this:?}, options = {{ gain = 2, fast = true, name = \"x\" }} }}"
        ));
        let options = [("fast", "true"), ("gain", "2"), ("name", "x")];
        let options = options.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(plugin, Ok(Accelerator::Plugin(Plugin { path: this, options })));
        let myriad = OpenVinoChoice { device: "MYRIAD".to_owned(), library: Some("/".into()) };
        assert_eq!(
            accelerator(r#"{ openvino = "MYRIAD", library = "/" }"#),
            Ok(Accelerator::OpenVino(myriad))
        );
    }

    #[test]
    fn nonsense_is_a_sentence() {
        for (text, part) in [
            (r#""gpu""#, "\"gpu\" is no accelerator"),
            (r#""/opt/libx.so""#, "write a delegate's library as { plugin"),
            ("{}", "a table has edgetpu"),
            (r#"{ edgetpu = "tpu" }"#, "is no Coral"),
            ("{ edgetpu = -1 }", "is no Coral"),
            ("{ edgetpu = [1] }", "is no Coral"),
            (r#"{ edgetpu = "usb", performance = "warp" }"#, "is no performance"),
            (r#"{ edgetpu = "usb", plugin = "/x.so" }"#, "give one of them"),
            (r#"{ edgetpu = "usb", options = {} }"#, "are of a plugin"),
            (r#"{ plugin = "/no/such.so" }"#, "plugin: /no/such.so: No such file"),
            (r#"{ plugin = "/x.so", library = "/y" }"#, "are of a Coral"),
            (r#"{ openvino = "CPU", options = {} }"#, "OpenVINO has neither"),
            (r#"{ openvino = "C P U" }"#, "is no device of OpenVINO"),
            (r#"{ openvino = "CPU", library = "/no/such.so" }"#, "library: /no/such.so: No such file"),
        ] {
            let why = accelerator(text).expect_err(text);
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
