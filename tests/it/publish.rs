//! What subscribers and the log hear when things change or go wrong.

use crate::daemon::{Place, picture, quoted};
use crate::support::{data, edgecam, outcome};

#[test]
fn labels_that_do_not_go_with_the_model_are_told_together_with_their_places() {
    let Some(place) = Place::new() else { return };
    let coco =
        std::fs::read_to_string(data("labels/coco_labels.txt").expect("beside the model")).expect("text");
    let labels = place.path("labels.txt");
    let renamed = coco.replace("person", "Big Thing").replace("bicycle", "big_thing").replace("dog", "stats");
    std::fs::write(&labels, renamed).expect("the folder is ours");
    place.write(
        "",
        &(picture("porch", "bus.jpg", "labels = [\"Big Thing\", \"unicorn\",\n  \"big_thing\", \"stats\"]")
            + &picture("yard", "bus.jpg", "labels = [\"dragon\"]")),
    );
    let text = std::fs::read_to_string(&place.config).expect("written");
    let text = text.replace(&quoted(&data("labels/coco_labels.txt").expect("checked")), &quoted(&labels));
    std::fs::write(&place.config, &text).expect("the folder is ours");
    let line_of = |part: &str| text.lines().position(|line| line.contains(part)).expect("written") + 1;
    let (first, second) = (line_of("unicorn"), line_of("dragon"));
    let expected = [
        format!("{first}:24: camera porch: labels: the model coco has no label unicorn"),
        format!(
            "{}:3: camera porch: labels: big_thing and Big Thing would share the topic porch/big_thing; leave one out",
            first + 1
        ),
        format!("{}:16: camera porch: labels: stats is a topic of its own; leave it out", first + 1),
        format!("{second}:11: camera yard: labels: the model coco has no label dragon"),
    ];
    for command in ["check", "run"] {
        let output =
            edgecam().arg(command).arg("--config").arg(&place.config).output().expect("edgecam runs");
        let (code, _, stderr) = outcome(&output);
        let place = format!("{}:", place.config.display());
        let found: Vec<&str> =
            stderr.lines().filter_map(|line| Some(line.split_once(place.as_str())?.1)).collect();
        assert_eq!((code, found), (78, expected.iter().map(String::as_str).collect()), "{stderr}");
    }
}
