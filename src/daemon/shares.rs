//! With several Corals, models and their cameras are split among those that are there.

use super::plan::files;
use crate::accelerator::{self, Accelerator, CoralChoice, Which, assign};
use crate::config::{Camera, Model, Share};
use crate::coral::{self, Bus, Coral};
use crate::model::Compiled;
use crate::telemetry::machine;

/// The models, each that may run on several Corals with its own; those with many cameras several times, each time
/// with a share of them.
pub fn shares(models: Vec<Model>, cameras: &[Camera]) -> Vec<Model> {
    let corals = coral::list(&machine::root());
    if corals.len() < 2 { models } else { split(models, cameras, &corals, &wanted) }
}

/// Which Corals a model may run on, if that is more than one it names.
fn wanted(model: &Model) -> Option<CoralChoice> {
    match &model.accelerator {
        Accelerator::EdgeTpu(choice) => Some(choice.clone()),
        Accelerator::Auto if coral::missing(&machine::root()).is_none() => {
            let file = files(model).content().ok()?;
            Compiled::of(&file).map(|_| CoralChoice::default())
        }
        _ => None,
    }
}

fn split(
    mut models: Vec<Model>,
    cameras: &[Camera],
    corals: &[Coral],
    wanted: &dyn Fn(&Model) -> Option<CoralChoice>,
) -> Vec<Model> {
    // Numbers are those of now: they change as soon as the first Coral is used.
    for model in &mut models {
        if let Accelerator::EdgeTpu(CoralChoice { device, .. }) = &mut model.accelerator
            && matches!(device, Which::Usb(Some(_)) | Which::Pci(Some(_)) | Which::Index(_))
            && let Some(place) = accelerator::home(device, corals)
        {
            *device = Which::At(place);
        }
    }
    for device in [Which::Any, Which::Usb(None), Which::Pci(None)] {
        let fits = |coral: &&Coral| match device {
            Which::Usb(_) => coral.bus == Bus::Usb,
            Which::Pci(_) => coral.bus == Bus::Pci,
            _ => true,
        };
        let corals: Vec<&Coral> = corals.iter().filter(fits).collect();
        let choices: Vec<_> =
            models.iter().map(|model| wanted(model).filter(|choice| choice.device == device)).collect();
        let count = |(model, choice): (&Model, &Option<CoralChoice>)| {
            if choice.is_some() { model.cameras(cameras).count() } else { 0 }
        };
        let counts: Vec<usize> = models.iter().zip(&choices).map(count).collect();
        let assigned = assign(&counts, corals.len());
        let parts = |((model, choice), devices): ((Model, Option<CoralChoice>), Vec<usize>)| match choice {
            Some(choice) if !devices.is_empty() => {
                let of = devices.len();
                let part = |(index, device): (usize, usize)| {
                    let place = corals[device].place.clone();
                    let accelerator =
                        Accelerator::EdgeTpu(CoralChoice { device: Which::At(place), ..choice.clone() });
                    Model { accelerator, share: Share { index, of }, ..model.clone() }
                };
                devices.into_iter().enumerate().map(part).collect()
            }
            _ => vec![model],
        };
        models = models.into_iter().zip(choices).zip(assigned).flat_map(parts).collect();
    }
    models
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;
    use crate::model::Manifest;

    fn model(name: &str, accelerator: &str) -> Model {
        Model {
            name: name.to_owned(),
            path: "m.tflite".into(),
            labels: None,
            threads: 1,
            manifest: Manifest::default(),
            accelerator: accelerator.parse().expect("an accelerator"),
            share: Share::WHOLE,
        }
    }

    #[test]
    fn two_corals_split_the_cameras() {
        let source = Source::Files { path: "f".to_owned(), fps: None, repeat: true };
        let cameras: Vec<_> = [("a", "x"), ("b", "x"), ("c", "x"), ("d", "y"), ("e", "z")]
            .map(|(name, model)| Camera::new(name, source.clone(), model))
            .into();
        let coral = |index, place: &str| Coral {
            bus: Bus::Usb,
            index,
            place: place.to_owned(),
            node: place.into(),
            used: true,
            mbit: None,
        };
        let wanted = |model: &Model| match &model.accelerator {
            Accelerator::EdgeTpu(choice) => Some(choice.clone()),
            _ => None,
        };
        let models = vec![model("x", "edgetpu"), model("y", "cpu"), model("z", "edgetpu:usb:1")];
        let corals = [coral(0, "2-1"), coral(1, "2-2")];
        let split = split(models, &cameras, &corals, &wanted);
        let told: Vec<_> = split
            .iter()
            .map(|model| {
                let names: Vec<_> = model.cameras(&cameras).map(|camera| camera.name.as_str()).collect();
                (model.key(), model.accelerator.clone(), names.join(" "))
            })
            .collect();
        let on = |text: &str| text.parse::<Accelerator>().expect("an accelerator");
        assert_eq!(
            told,
            [
                ("x".to_owned(), on("edgetpu:2-1"), "a c".to_owned()),
                ("x#2".to_owned(), on("edgetpu:2-2"), "b".to_owned()),
                ("y".to_owned(), Accelerator::Cpu, "d".to_owned()),
                ("z".to_owned(), on("edgetpu:2-2"), "e".to_owned()),
            ]
        );
    }
}
