//! Configs as they are written, and that they say what was answered.

use super::*;
use crate::config::{self, Config, Device};
use crate::frame::Size;

fn camera(name: &str, source: Source) -> Camera {
    Camera { name: name.to_owned(), source, card: None }
}

fn answers(cameras: Vec<Camera>) -> Answers {
    Answers {
        cameras,
        broker: None,
        home_assistant: false,
        model: Model::File(Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(DETECTOR)),
        labels: None,
        motion: true,
    }
}

fn parsed(answers: &Answers) -> Config {
    let password = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let text = text(answers, &password);
    config::parse(&text, Path::new("/etc/edgecam/edgecam.toml")).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn the_config_reads_like_the_packaged_one() {
    let answers = Answers {
        cameras: vec![
            Camera {
                card: Some("HD Pro Webcam C920".to_owned()),
                ..camera("porch", Source::V4l2("/dev/v4l/by-id/usb-C920-video-index0".into()))
            },
            camera("later", Source::Auto),
        ],
        broker: Some(Broker {
            url: "mqtt://localhost:1883".to_owned(),
            username: Some("edgecam".to_owned()),
            password: Some("secret".to_owned()),
        }),
        home_assistant: true,
        model: Model::File("/usr/share/edgecam/models/edgecam-home.tflite".into()),
        labels: Some(vec!["person".to_owned(), "dog".to_owned()]),
        motion: true,
    };
    let path = password_file(Path::new("/etc/edgecam/edgecam.toml"));
    assert_eq!(text(&answers, &path), include_str!("golden.toml"));
}

#[test]
fn each_kind_of_source_is_understood() {
    let url = "rtsp://me:pa\"ss\\word@cam/1";
    let config = parsed(&answers(vec![
        camera("a", Source::Auto),
        camera("b", Source::V4l2("/dev/v4l/by-id/usb-\"odd\\name\"".into())),
        camera("c", Source::Rpicam(1)),
        camera("d", Source::Rtsp(url.to_owned())),
        camera("e", Source::Test),
    ]));
    let sources: Vec<_> = config.cameras.into_iter().map(|camera| camera.source).collect();
    assert!(matches!(&sources[0], config::Source::V4l2 { device: Device::Auto, .. }));
    let odd = Device::Path("/dev/v4l/by-id/usb-\"odd\\name\"".into());
    assert!(matches!(&sources[1], config::Source::V4l2 { device, .. } if *device == odd));
    let size = Size::new(1280, 720);
    assert!(matches!(&sources[2], config::Source::Rpicam { camera: 1, size: s, .. } if *s == size));
    let config::Source::Command { argv, .. } = &sources[3] else { panic!("{:?}", sources[3]) };
    assert_eq!((argv[0].as_str(), argv[6].as_str(), argv.len()), ("ffmpeg", url, 12));
    assert!(matches!(&sources[4], config::Source::TestPattern { .. }));
}

#[test]
fn what_is_answered_is_in_the_config() {
    let plain = parsed(&answers(vec![camera("a", Source::Test)]));
    assert!(plain.mqtt.is_none() && plain.homeassistant.is_none());
    let first = &plain.cameras[0];
    assert!(first.motion.is_some() && first.labels.is_none() && first.model == "home");

    let odd = "a \"label\" \\ of\tours";
    let full = parsed(&Answers {
        broker: Some(Broker {
            url: "mqtts://[::1]:8884".to_owned(),
            username: Some("Käthe \\ \"K\"".to_owned()),
            password: Some("secret".to_owned()),
        }),
        home_assistant: true,
        labels: Some(vec![odd.to_owned()]),
        motion: false,
        ..answers(vec![camera("a", Source::Test)])
    });
    let mqtt = full.mqtt.expect("a broker");
    assert_eq!((mqtt.host.as_str(), mqtt.port, mqtt.tls.is_some()), ("::1", 8884, true));
    assert_eq!(mqtt.username.as_deref(), Some("Käthe \\ \"K\""));
    assert!(mqtt.password_file.is_some_and(|file| file.ends_with("Cargo.toml")));
    assert!(full.homeassistant.is_some() && full.cameras[0].motion.is_none());
    assert_eq!(full.cameras[0].labels.as_deref(), Some(&[odd.to_owned()][..]));
}

#[test]
fn a_card_can_not_leave_its_comment() {
    let odd = Camera { card: Some("a\n[mqtt]\r\u{7}b".to_owned()), ..camera("a", Source::Test) };
    let answers = answers(vec![odd]);
    assert!(text(&answers, Path::new("")).contains("# a[mqtt]b\n[[camera]]\n"));
    parsed(&answers);
}

#[test]
fn models_have_names_without_quotes() {
    for (model, name) in [
        (Model::Catalogue("efficientdet-lite0.int8".to_owned()), "efficientdet-lite0-int8"),
        (Model::File("/a/My Model.tflite".into()), "my-model"),
        (Model::File("/a/模型.tflite".into()), "model"),
        (Model::File("/usr/share/edgecam/models/edgecam-home.tflite".into()), "home"),
    ] {
        assert_eq!(model_name(&model), name);
    }
    let text = text(
        &Answers { model: Model::Catalogue("a.b".to_owned()), ..answers(vec![camera("a", Source::Test)]) },
        Path::new(""),
    );
    assert!(text.contains("[model.a-b]\ncatalogue = \"a.b\"\n"), "{text}");
}

#[test]
fn the_service_gets_its_password_from_systemd() {
    let service = password_file(Path::new("/etc/edgecam/edgecam.toml"));
    assert_eq!(service, Path::new("/run/credentials/edgecam.service/mqtt-password"));
    assert_eq!(password_file(Path::new("/home/me/e.toml")), Path::new("/home/me/mqtt-password"));
    let unit = include_str!("../../../systemd/edgecam.service");
    assert!(unit.contains(&format!("LoadCredential={PASSWORD_FILE}:{SERVICE_FOLDER}/{PASSWORD_FILE}\n")));
}
