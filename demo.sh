#!/bin/sh
# Runs the daemon without a camera and without a broker: on its test pattern, or on pictures. Ctrl-C ends it.
#   EDGECAM_DEMO_IMAGES   a folder or glob of pictures
#   EDGECAM_MODEL         a .tflite file; without one edgecam's own detector looks at the pictures
#   EDGECAM_LABELS        its label file, where names are neither in the model nor beside it
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

target=${CARGO_TARGET_DIR:-target}
if [ -z "$EDGECAM_MODEL$EDGECAM_DEMO_IMAGES" ]; then
    exec "$target/release/edgecam" run --config configs/demo.toml
fi
[ -n "$EDGECAM_DEMO_IMAGES" ] || fail "there are no pictures to look at: name a folder of JPEG, PNG or BMP files in EDGECAM_DEMO_IMAGES"
EDGECAM_MODEL=${EDGECAM_MODEL:-$PWD/models/edgecam-home.tflite}
[ -f "$EDGECAM_MODEL" ] || fail "there is no model $EDGECAM_MODEL; EDGECAM_MODEL names a .tflite file"

config=configs/pictures.toml
if [ -z "$EDGECAM_LABELS" ]; then
    config=$target/pictures.toml
    grep -v EDGECAM_LABELS configs/pictures.toml >"$config"
fi
export EDGECAM_MODEL EDGECAM_LABELS EDGECAM_DEMO_IMAGES
exec "$target/release/edgecam" run --config "$config"
