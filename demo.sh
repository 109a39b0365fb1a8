#!/bin/sh
# Runs the daemon on pictures from a folder: no camera, no broker needed. Ctrl-C ends it.
#   EDGECAM_MODEL         a .tflite file
#   EDGECAM_LABELS        its label file
#   EDGECAM_DEMO_IMAGES   a folder or glob of pictures
set -eu
cd "$(dirname "$0")"

data=../shared/data
if [ -z "${EDGECAM_MODEL:-}" ]; then
    for model in models/demo.tflite $data/detect/ssd_mobilenet_v1_coco_quant_detect.tflite; do
        if [ -f "$model" ]; then EDGECAM_MODEL=$PWD/$model; break; fi
    done
fi
if [ -z "${EDGECAM_MODEL:-}" ]; then
    echo "demo: there is no model yet: name a .tflite file in EDGECAM_MODEL and its labels in EDGECAM_LABELS" >&2
    exit 1
fi
if [ -z "${EDGECAM_LABELS:-}" ]; then
    for labels in "${EDGECAM_MODEL%.tflite}.txt" "$(dirname "$EDGECAM_MODEL")/labels.txt" "$PWD/$data/labels/coco_labels.txt"; do
        if [ -f "$labels" ]; then EDGECAM_LABELS=$labels; break; fi
    done
fi
if [ -z "${EDGECAM_DEMO_IMAGES:-}" ]; then
    EDGECAM_DEMO_IMAGES=$PWD/$data/images
    [ -d "$EDGECAM_DEMO_IMAGES" ] || EDGECAM_DEMO_IMAGES=$PWD/models
fi
export EDGECAM_MODEL EDGECAM_LABELS EDGECAM_DEMO_IMAGES
exec "${CARGO_TARGET_DIR:-target}/release/edgecam" run --config configs/demo.toml
