# shellcheck shell=sh
# What must hold on a Pi, one function for each of its troubles. Sourced by `run` after machine.sh.

passed=0
failed=0
: "${package:?}" "${data:?}" "${rounds:?}" "${coral?}"

# A line of the report: what must hold, then the command that tells.
holds() {
    what=$1
    shift
    if detail=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "  ok      $what${detail:+: $(echo "$detail" | tail -n 1)}"
    else
        failed=$((failed + 1))
        echo "  FAILED  $what: $detail"
    fi
}

summary() { echo "$passed passed, $failed failed"; }

# Runs a function of guest.sh in the guest.
guest() { pi ". /root/guest.sh; $*"; }

prepare() {
    to_pi "$here/guest.sh"
    to_pi "$here/accelerator.sh"
    cp "$package" "$work/edgecam.deb"
    to_pi "$work/edgecam.deb"
    mkdir -p "$work/photos" "$work/model"
    # Six looks at a bus and its passengers, too few to be taken for parked where a look takes a second, then thirty-six
    # at an empty room: who comes must also go.
    for n in 01 02 03 04 05 06; do cp "$data/images/bus.jpg" "$work/photos/$n.jpg"; done
    for n in 07 08 09 $(seq 10 42); do cp "$data/images/ambianic_background.jpg" "$work/photos/$n.jpg"; done
    cp "$data/detect/ssd_mobilenet_v1_coco_quant_detect.tflite" "$work/model/coco.tflite"
    cp "$data/labels/coco_labels.txt" "$work/model/coco.txt"
    to_pi_srv photos
    to_pi_srv model
    [ -z "$coral" ] || prepare_coral
    echo "$(pi uname -srm), $(pi systemctl --version | head -n 1)"
}

to_pi_srv() {
    to_pi "$work/$1"
    pi "mkdir -p /srv && rm -rf /srv/$1 && mv /root/$1 /srv/"
}

# The delegate that plays a Coral, a compiled model with its twin beside it, and what is answered to any picture: of
# 1001 classes the 956th. The form: tests/delegate/recording.rs.
prepare_coral() {
    mkdir "$work/coral"
    cp "$coral" "$work/coral/"
    cp "$data/edgetpu/mobilenet_v1_0.25_128_quant_edgetpu.tflite" "$work/coral/things_edgetpu.tflite"
    cp "$data/classify/mobilenet_v1_0.25_128_quant.tflite" "$work/coral/things.tflite"
    cp "$data/labels/imagenet_labels.txt" "$work/coral/things_edgetpu.txt"
    {
        printf 'coral 1\n'
        u64 0 $((128 * 128 * 3)) 1 1001
        head -c 955 /dev/zero
        printf '\377'
        head -c 45 /dev/zero
    } >"$work/coral/recording"
    to_pi_srv coral
}

# Numbers, little-endian in 8 bytes.
u64() {
    for number; do
        for _ in 1 2 3 4 5 6 7 8; do
            # shellcheck disable=SC2059 # an octal escape
            printf "\\$(printf %o $((number % 256)))"
            number=$((number / 256))
        done
    done
}

check_1() {
    echo "1. Installed, it runs, and tells what it sees"
    holds "the package installs" guest install_package
    holds "the service is enabled and active, with no camera and no broker" guest waits_for_camera
    holds "it says so in the journal" guest journal_says 'offline: '
    holds "nothing listens for it" guest listens_nowhere
    echo "2a. The camera's driver comes later"
    holds "a camera is found after modprobe" guest camera_comes_later
    echo "1. (with a camera)"
    holds "detections of the camera reach a subscriber" guest camera_detections
    holds "READY within 10 s of the first frame" guest ready_in_time
    holds "a bus and its passengers are told from photographs" guest true_objects
    holds "journal records have their fields" guest journal_fields
    holds "edgecam doctor has nothing that fails" guest doctor_is_content
    holds "edgecam setup writes a config and tries it" guest setup_works
}

check_2() {
    echo "2. It gets over what happens"
    holds "kill -9: started again, no event without its end" guest killed
    holds "kill -STOP: the watchdog starts it again" guest stopped
    holds "errors of the driver: offline, online, the same process" guest faults_of_the_driver
    holds "$rounds times the camera goes and comes: the same process, no growth" guest camera_goes_and_comes "$rounds"
}

check_3() {
    echo "3. A wrong config"
    holds "reload refuses it and says why, the old one goes on" guest wrong_reload
    holds "a start with it: exit 78, not tried again, the reason in systemctl status" guest wrong_start
    holds "with a good one it is back" guest good_again
}

check_4() {
    echo "4. Power"
    guest events_now >/dev/null
    reboot_pi
    holds "after a reboot it is up by itself" guest is_seeing
    holds "events are stored while the broker is down" guest store_events
    pi cat /root/stored >"$work/stored"
    power_off_hard
    power_on
    holds "after a power cut it is up by itself" guest is_seeing
    holds "every event that was stored before the cut arrives" stored_arrive
    holds "with a read-only root it runs" guest read_only_root
}

stored_arrive() {
    to_pi "$work/stored"
    guest stored_arrive
}

check_5() {
    echo "5. Upgrade and removal"
    newer
    holds "an upgrade keeps an edited config and runs the new program" guest upgrade
    holds "an upgrade with another default config keeps the edited one too" guest upgrade_with_other_default
    holds "purge leaves nothing" guest purge
    holds "and it can be installed again" guest install_package
}

# Newer packages: one that only is newer, one whose default config differs too.
newer() {
    dpkg-deb -R "$package" "$work/newer"
    sed -i 's/^Version: .*/Version: 9.0.0-1/' "$work/newer/DEBIAN/control"
    dpkg-deb --root-owner-group -b "$work/newer" "$work/edgecam-9.deb" >/dev/null
    sed -i 's/^Version: .*/Version: 9.1.0-1/' "$work/newer/DEBIAN/control"
    echo '# another default' >>"$work/newer/etc/edgecam/edgecam.toml"
    (cd "$work/newer" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
    dpkg-deb --root-owner-group -b "$work/newer" "$work/edgecam-9.1.deb" >/dev/null
    to_pi "$work/edgecam-9.deb"
    to_pi "$work/edgecam-9.1.deb"
}

check_6() {
    echo "6. Exposure"
    holds "systemd-analyze security below 2.5" guest exposure
    holds "no socket listens with a broker configured" guest listens_nowhere
}

check_7() {
    echo "7. An accelerator in a process of its own"
    if [ -z "$coral" ]; then
        echo "  skipped: the delegate that plays a Coral is not built for $arch; make virtual-pi builds it"
        return
    fi
    holds "it works, says doctor" guest accelerator_works
    holds "its process is the service's child, within the service's walls" guest worker_is_walled_in
    holds "it hangs and crashes: the CPU twin serves, then it is ready again" guest accelerator_fails
    holds "stop: all processes end in order" guest accelerator_stops
    holds "kill -9: no process is left" guest accelerator_is_killed
    holds "a config without it: its process ends" guest accelerator_is_let_go
    echo "7. (a Coral at USB, as the system sees one)"
    holds "found by its numbers, open to the service" guest usb_coral_works
    holds "it hangs: it is reset" guest usb_coral_is_reset
    holds "it may not be opened: that is told" guest usb_coral_may_not_be_opened
    holds "plugged out and in: the CPU twin serves, then it is ready again" guest usb_coral_comes_back
    holds "\"auto\" finds it and its library" guest usb_coral_is_used_by_itself
}
