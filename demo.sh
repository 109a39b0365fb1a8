#!/bin/sh
# Runs the daemon on pictures from a folder: no camera, no broker needed. Ctrl-C ends it.
#   EDGECAM_MODEL         a .tflite file
#   EDGECAM_LABELS        its label file; without one it is looked for beside the model
#   EDGECAM_DEMO_IMAGES   a folder or glob of pictures
set -eu

fail() {
    echo "demo: $*" >&2
    exit 1
}

# What the user named is meant from where the user stands.
absolute() {
    case $1 in
    /* | "") printf %s "$1" ;;
    *) printf %s "$PWD/$1" ;;
    esac
}

EDGECAM_MODEL=$(absolute "${EDGECAM_MODEL:-}")
EDGECAM_LABELS=$(absolute "${EDGECAM_LABELS:-}")
EDGECAM_DEMO_IMAGES=$(absolute "${EDGECAM_DEMO_IMAGES:-}")
cd "$(dirname "$0")"

data=../shared/data
if [ -z "$EDGECAM_MODEL" ]; then
    for model in models/demo.tflite $data/detect/ssd_mobilenet_v1_coco_quant_detect.tflite; do
        if [ -f "$model" ]; then
            EDGECAM_MODEL=$PWD/$model
            break
        fi
    done
    [ -n "$EDGECAM_MODEL" ] || fail "there is no model yet: name a .tflite file in EDGECAM_MODEL and its labels in EDGECAM_LABELS"
fi
[ -f "$EDGECAM_MODEL" ] || fail "there is no model $EDGECAM_MODEL; EDGECAM_MODEL names a .tflite file"
# Labels of the models in the test data lie elsewhere.
case $EDGECAM_LABELS:$EDGECAM_MODEL in
:*coco*) [ ! -f $data/labels/coco_labels.txt ] || EDGECAM_LABELS=$PWD/$data/labels/coco_labels.txt ;;
esac
if [ -z "$EDGECAM_DEMO_IMAGES" ]; then
    for images in "$PWD/$data/images" "$PWD/models"; do
        if ls "$images"/*.jpg >/dev/null 2>&1; then
            EDGECAM_DEMO_IMAGES=$images
            break
        fi
    done
    [ -n "$EDGECAM_DEMO_IMAGES" ] || fail "there are no pictures to look at: name a folder of JPEG, PNG or BMP files in EDGECAM_DEMO_IMAGES"
fi

target=${CARGO_TARGET_DIR:-target}
config=configs/demo.toml
if [ -z "$EDGECAM_LABELS" ]; then
    echo "demo: EDGECAM_LABELS names no label file: names are taken from the model or from a file beside it, else classes have numbers" >&2
    config=$target/demo.toml
    grep -v EDGECAM_LABELS configs/demo.toml >"$config"
fi
export EDGECAM_MODEL EDGECAM_LABELS EDGECAM_DEMO_IMAGES
exec "$target/release/edgecam" run --config "$config"
