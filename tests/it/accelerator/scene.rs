//! A folder, a broker and a played Coral for a daemon to run with.

use crate::broker::{Broker, Subscriber};
use crate::coral::{Control, Recording, delegate};
use crate::daemon::{Daemon, Place, mqtt, quoted};
use crate::support::{data, library};
use edgecam::frame::Frame;
use edgecam::geometry::NormBox;
use edgecam::infer::Runtime;
use edgecam::model::{Model, ModelFiles};
use edgecam::preprocess::Preprocessor;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The compiled model and its twin.
pub const COMPILED: &str = "edgetpu/mobilenet_v1_0.25_128_quant_edgetpu.tflite";
pub const TWIN: &str = "classify/mobilenet_v1_0.25_128_quant.tflite";

/// Photographs of the shared data, small enough for many a second.
const PICTURES: [&str; 6] =
    ["resized_cat.bmp", "parrot.jpg", "bus.jpg", "sunflower.bmp", "zidane.jpg", "darknet_horses.jpg"];

/// A folder with a config, pictures, and a played Coral that knows them; and a broker.
pub struct Scene {
    pub place: Place,
    pub control: Control,
    pub broker: Broker,
}

impl Scene {
    /// `None` where the data or Mosquitto is absent. The model lies in the folder with its twin beside it.
    pub fn new() -> Option<Self> {
        let scene = Self::empty()?;
        scene.model("m", COMPILED, TWIN);
        scene.record("recording", "m.tflite");
        Some(scene)
    }

    /// The same without a model and a recording.
    pub fn empty() -> Option<Self> {
        data(COMPILED)?;
        let (place, broker) = (Place::new()?, Broker::open()?);
        let control = Control::new(place.folder.path());
        let scene = Self { place, control, broker };
        std::fs::create_dir(scene.pictures()).expect("the folder is ours");
        for (index, name) in PICTURES.iter().enumerate() {
            let photograph = image::open(data(&format!("images/{name}"))?).expect("a photograph");
            for ending in ["bmp", "jpg"] {
                let path = scene.pictures().join(format!("{index}.{ending}"));
                photograph.thumbnail_exact(160, 120).into_rgb8().save(path).expect("the folder is ours");
            }
        }
        Some(scene)
    }

    /// Where the pictures are, `0.bmp`, `0.jpg` and so on.
    pub fn pictures(&self) -> PathBuf {
        self.place.path("pictures")
    }

    /// Puts a compiled model of the shared data into the folder as `NAME_edgetpu.tflite`, and its twin beside it.
    pub fn model(&self, name: &str, compiled: &str, twin: &str) {
        for (from, to) in [(compiled, format!("{name}_edgetpu.tflite")), (twin, format!("{name}.tflite"))] {
            std::fs::copy(data(from).expect("beside the others"), self.place.path(&to)).expect("ours");
        }
    }

    /// What a model for the CPU is given for each picture, first for the BMP files, then for the JPEG files.
    pub fn inputs(&self, model: &Path) -> Vec<Vec<u8>> {
        let info = load(model).info;
        let mut preprocessor = Preprocessor::of(&info, NormBox::FULL).expect("it takes pictures");
        let prepare = |path: PathBuf| {
            let (mut frame, mut input) = (Frame::empty(), vec![0; info.input.bytes()]);
            edgecam::source::files::read(&path, &mut frame).expect("a picture");
            preprocessor.write(&frame, &mut input).expect("it goes into the model");
            input
        };
        self.files().into_iter().map(prepare).collect()
    }

    /// Records what the model of a file for the CPU answers to each picture; gives the first output of each.
    pub fn record(&self, recording: &str, twin: &str) -> Vec<Vec<u8>> {
        let twin = self.place.path(twin);
        let Model { mut engine, info } = load(&twin);
        let mut memory = engine.new_input().expect("memory");
        let (mut recorded, mut answers) = (Recording::default(), Vec::new());
        for input in self.inputs(&twin) {
            memory.bytes_mut().copy_from_slice(&input);
            engine.invoke(memory.as_mut()).expect("the twin runs");
            let outputs: Vec<_> = (0..info.outputs.len()).map(|index| engine.output(index)).collect();
            recorded.add(&[&input], &outputs);
            answers.push(outputs[0].to_vec());
        }
        recorded.write(&self.place.path(recording)).expect("the folder is ours");
        answers
    }

    /// All pictures.
    pub fn files(&self) -> Vec<PathBuf> {
        let of = |ending: &str| {
            let name = |index: usize| self.pictures().join(format!("{index}.{ending}"));
            (0..PICTURES.len()).map(name).collect::<Vec<_>>()
        };
        [of("bmp"), of("jpg")].concat()
    }

    /// `accelerator = …` of the played Coral as a plugin.
    pub fn plugin(&self) -> String {
        self.plugin_with(&self.place.path("recording").display().to_string())
    }

    /// The same with other recordings.
    pub fn plugin_with(&self, recordings: &str) -> String {
        format!(
            "accelerator = {{ plugin = {}, options = {{ device = \"usb:0\", recording = \"{recordings}\", control = {} }} }}",
            quoted(&delegate()),
            quoted(self.control.path())
        )
    }

    /// `accelerator = …` of the played Coral as one of the machine's.
    pub fn edgetpu(device: &str) -> String {
        format!("accelerator = {{ edgetpu = \"{device}\", library = {} }}", quoted(&delegate()))
    }

    /// Writes a config: models, each by its name, its file and more lines, and cameras.
    pub fn write(&self, models: &[(&str, &Path, &str)], cameras: &str) {
        let mut text = format!("{}\n[stats]\ninterval = \"1s\"\n", mqtt(self.broker.port));
        for (name, path, more) in models {
            let _ = write!(text, "[model.{name}]\npath = {}\nthreads = 1\n{more}\n", quoted(path));
        }
        std::fs::write(&self.place.config, text + cameras).expect("the folder is ours");
    }

    /// The config of one model, `m`, on the plugin.
    pub fn write_plugin(&self, cameras: &str) {
        let model = self.place.path("m_edgetpu.tflite");
        self.write(&[("m", &model, &(self.plugin() + "\n" + &labels()))], cameras);
    }

    /// A camera that shows the pictures again and again and waits for the model to look at each.
    pub fn album(&self, name: &str, model: &str, fps: u32) -> String {
        let path = quoted(&self.pictures().join("*.bmp"));
        format!(
            "[[camera]]\nname = \"{name}\"\nmodel = \"{model}\"\nthreshold = 0.01\nsource = {{ files = {{ path = {path}, fps = {fps}, loop = true }} }}\n"
        )
    }

    /// A camera that waits for nobody.
    pub fn live(&self, name: &str, model: &str, pause: &str) -> String {
        let show = format!(
            "while :; do for f in {}/*.jpg; do cat $f; sleep {pause}; done; done",
            self.pictures().display()
        );
        format!(
            "[[camera]]\nname = \"{name}\"\nmodel = \"{model}\"\nthreshold = 0.01\nsource = {{ command = {{ argv = [\"sh\", \"-c\", \"{show}\"], format = \"mjpeg\" }} }}\n"
        )
    }

    /// Subscribes below `edgecam/`.
    pub fn subscribe(&self, topic: &str) -> Subscriber {
        Subscriber::new(self.broker.port, &format!("edgecam/{topic}"), &[])
    }

    /// Runs the daemon, with the played Coral's files in its environment too.
    pub fn run(&self, more: &[(&str, &Path)]) -> Daemon {
        let (recording, state) = (self.place.path("recording"), self.place.folder.path().to_owned());
        let variables: [(&str, &Path); 3] = [
            ("STATE_DIRECTORY", &state),
            ("CORAL_RECORDING", &recording),
            ("CORAL_CONTROL", self.control.path()),
        ];
        self.place.run_with(&[&variables, more].concat())
    }
}

fn load(model: &Path) -> Model {
    let runtime = Runtime::load(Some(&library())).expect("the runtime loads");
    Model::load(&runtime, &ModelFiles::new(model.to_owned())).expect("the model loads")
}

/// `labels = …` of a classifier.
pub fn labels() -> String {
    format!("labels = {}", quoted(&data("labels/imagenet_labels.txt").expect("beside the models")))
}
