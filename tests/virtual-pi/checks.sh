# shellcheck shell=sh
# What must hold on a Pi, one function for each of its troubles. Sourced by `run` after machine.sh.

passed=0
failed=0
: "${package:?}" "${data:?}" "${rounds:?}"

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
    cp "$package" "$work/edgecam.deb"
    to_pi "$work/edgecam.deb"
    mkdir -p "$work/photos" "$work/model"
    # Six looks at a bus and its passengers, too few to be taken for parked where a look takes a second, then thirty-six
    # at an empty room: who comes must also go.
    for n in 01 02 03 04 05 06; do cp "$data/images/bus.jpg" "$work/photos/$n.jpg"; done
    for n in 07 08 09 $(seq 10 42); do cp "$data/images/ambianic_background.jpg" "$work/photos/$n.jpg"; done
    cp "$data/detect/ssd_mobilenet_v1_coco_quant_detect.tflite" "$work/model/coco.tflite"
    cp "$data/labels/coco_labels.txt" "$work/model/coco.txt"
    to_pi "$work/photos"
    to_pi "$work/model"
    pi 'mkdir -p /srv && rm -rf /srv/photos /srv/model && mv /root/photos /root/model /srv/'
    echo "$(pi uname -srm), $(pi systemctl --version | head -n 1)"
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
