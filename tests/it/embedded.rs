//! The embedded broker, with clients that are not ours.
#![cfg(feature = "broker")]

use crate::broker::{PATIENCE, Subscriber};
use edgecam::publish::broker::{BrokerError, Settings, start};
use rumqttc::{Client, Connection, Event, Incoming, LastWill, MqttOptions, QoS};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A broker on a free port; it lives as long as the tests do.
fn broker(credentials: Option<(&str, &str)>) -> SocketAddr {
    let credentials = credentials.map(|(name, password)| (name.to_owned(), password.to_owned()));
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), credentials, prefix: "edgecam".to_owned() };
    start(&settings).expect("a free port")
}

fn options(at: SocketAddr, id: &str) -> MqttOptions {
    let mut options = MqttOptions::new(id, at.ip().to_string(), at.port());
    options.set_keep_alive(Duration::from_secs(5)).set_max_packet_size(2 << 20, 2 << 20);
    options
}

/// Waits for an event that `wanted` makes something of.
fn until<T>(connection: &mut Connection, wanted: impl Fn(&Event) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match connection.recv_timeout(Duration::from_millis(100)) {
            Ok(Ok(event)) => {
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
            Ok(Err(e)) => panic!("the connection failed: {e}"),
            Err(_) => {}
        }
    }
    panic!("nothing within {PATIENCE:?}");
}

fn connected(options: MqttOptions) -> (Client, Connection) {
    let (client, mut connection) = Client::new(options, 100);
    until(&mut connection, |e| matches!(e, Event::Incoming(Incoming::ConnAck(_))).then_some(()));
    (client, connection)
}

fn acknowledged(connection: &mut Connection) {
    until(connection, |e| matches!(e, Event::Incoming(Incoming::PubAck(_))).then_some(()));
}

/// The next message: topic, payload, whether it was retained.
fn message(connection: &mut Connection) -> (String, Vec<u8>, bool) {
    until(connection, |e| match e {
        Event::Incoming(Incoming::Publish(p)) => Some((p.topic.clone(), p.payload.to_vec(), p.retain)),
        _ => None,
    })
}

fn subscribed(client: &Client, connection: &mut Connection, topic: &str) {
    client.subscribe(topic, QoS::AtLeastOnce).expect("it is connected");
    until(connection, |e| matches!(e, Event::Incoming(Incoming::SubAck(_))).then_some(()));
}

/// The exit code of `mosquitto_pub`; `None`, with a message, where it is missing.
fn mosquitto_pub(at: SocketAddr, arguments: &[&str]) -> Option<i32> {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &at.port().to_string()]).args(arguments);
    let Ok(status) = command.stdout(Stdio::null()).stderr(Stdio::null()).status() else {
        eprintln!("skipped: mosquitto_pub is not installed (make setup)");
        return None;
    };
    status.code()
}

#[test]
fn what_is_retained_reaches_who_comes_late_until_it_is_cleared() {
    let at = broker(None);
    let (client, mut connection) = connected(options(at, "edgecam-1"));
    for payload in ["online", "offline"] {
        client.publish("edgecam/available", QoS::AtLeastOnce, true, payload).expect("connected");
        acknowledged(&mut connection);
    }
    let (late, mut late_connection) = connected(options(at, "late"));
    subscribed(&late, &mut late_connection, "edgecam/#");
    let expected = ("edgecam/available".to_owned(), b"offline".to_vec(), true);
    assert_eq!(message(&mut late_connection), expected);

    client.publish("edgecam/available", QoS::AtLeastOnce, true, "").expect("connected");
    client.publish("edgecam/other", QoS::AtLeastOnce, true, "1").expect("connected");
    acknowledged(&mut connection);
    acknowledged(&mut connection);
    let (third, mut third_connection) = connected(options(at, "third"));
    subscribed(&third, &mut third_connection, "edgecam/#");
    assert_eq!(message(&mut third_connection).0, "edgecam/other");
}

#[test]
fn a_burst_of_events_reaches_a_subscriber_whole_and_in_order() {
    let at = broker(None);
    let (sub, mut sub_connection) = connected(options(at, "home"));
    subscribed(&sub, &mut sub_connection, "edgecam/events");
    let (client, mut connection) = connected(options(at, "edgecam-1"));
    let payload = |n: usize| format!("{n:04}{}", "x".repeat(1500));
    let sender = std::thread::spawn(move || {
        for n in 0..300 {
            client.publish("edgecam/events", QoS::AtLeastOnce, false, payload(n)).expect("connected");
        }
        client
    });
    let acks = std::thread::spawn(move || (0..300).for_each(|_| acknowledged(&mut connection)));
    for n in 0..300 {
        let (_, bytes, _) = message(&mut sub_connection);
        assert_eq!(bytes[..4], payload(n).as_bytes()[..4]);
    }
    acks.join().expect("each is acknowledged");
    drop(sender.join());
}

#[test]
fn a_picture_of_700_kilobytes_passes() {
    let at = broker(None);
    let topic = "edgecam/porch/person/snapshot";
    let (sub, mut sub_connection) = connected(options(at, "home"));
    subscribed(&sub, &mut sub_connection, "edgecam/+/+/snapshot");
    let (client, mut connection) = connected(options(at, "edgecam-1"));
    let picture: Vec<u8> = (0..700_000_u32).map(|n| (n * 7 + n / 251) as u8).collect();
    client.publish(topic, QoS::AtLeastOnce, true, picture.clone()).expect("connected");
    acknowledged(&mut connection);
    let (_, got, retained) = message(&mut sub_connection);
    assert!(got == picture && !retained);
    let (late, mut late_connection) = connected(options(at, "late"));
    subscribed(&late, &mut late_connection, topic);
    let (_, got, retained) = message(&mut late_connection);
    assert!(got == picture && retained);
}

#[test]
fn the_will_of_a_killed_client_is_published_and_that_of_one_that_left_is_not() {
    let at = broker(None);
    let (sub, mut sub_connection) = connected(options(at, "home"));
    subscribed(&sub, &mut sub_connection, "+/available");
    for (id, leaves) in [("polite", true), ("killed", false)] {
        let mut options = options(at, id);
        options.set_last_will(LastWill::new(format!("{id}/available"), "offline", QoS::AtLeastOnce, true));
        let (client, mut connection) = connected(options);
        if leaves {
            client.disconnect().expect("connected");
            while connection.recv_timeout(Duration::from_millis(300)).is_ok_and(|e| e.is_ok()) {}
        }
        drop((client, connection));
    }
    assert_eq!(message(&mut sub_connection).0, "killed/available");
}

#[test]
fn only_who_knows_the_password_is_let_in() {
    let at = broker(Some(("ann", "secret")));
    let arguments = ["-t", "edgecam/x", "-m", "1"];
    let code = |more: &[&str]| mosquitto_pub(at, &[&arguments, more].concat());
    let Some(anonymous) = code(&[]) else { return };
    assert_ne!(anonymous, 0);
    assert_ne!(code(&["-u", "ann", "-P", "wrong"]), Some(0));
    assert_ne!(code(&["-u", "bob", "-P", "secret"]), Some(0));
    assert_ne!(code(&["-u", "ann"]), Some(0));
    assert_eq!(code(&["-u", "ann", "-P", "secret"]), Some(0));
}

#[test]
fn mosquittos_clients_get_along_with_it() {
    let at = broker(None);
    if mosquitto_pub(at, &["-q", "1", "-r", "-t", "edgecam/porch/person", "-m", "2"]).is_none() {
        return;
    }
    let sub = Subscriber::new(at.port(), "edgecam/#", &["-q", "1"]);
    assert!(sub.wait_for("edgecam/porch/person", "2").retained);
    assert_eq!(mosquitto_pub(at, &["-q", "2", "-t", "edgecam/porch/all", "-m", "3"]), Some(0));
    assert!(!sub.wait_for("edgecam/porch/all", "3").retained);
}

#[test]
fn a_port_in_use_and_an_open_door_are_sentences() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = taken.local_addr().expect("bound");
    let told = |listen| {
        let settings = Settings { listen, credentials: None, prefix: "edgecam".to_owned() };
        start(&settings).expect_err("refused")
    };
    let error = told(at);
    assert!(matches!(error, BrokerError::InUse(_)));
    assert!(
        error.to_string().starts_with(&format!("start the embedded broker on {at}: in use by")),
        "{error}"
    );
    let open = told(([0, 0, 0, 0], 0).into()).to_string();
    assert!(open.contains("can be reached from the network"), "{open}");
    let foreign = told(([192, 0, 2, 1], 1883).into()).to_string();
    assert!(foreign.contains("set username and password_file"), "{foreign}");
}

/// Resident kilobytes of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is told");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
#[ignore = "measures memory: run it alone"]
fn memory_stays_small_however_long_it_runs() {
    let before = resident();
    let at = broker(None);
    let (sub, mut sub_connection) = connected(options(at, "home"));
    let topic = |label: usize| format!("edgecam/porch/label_{label}");
    for label in 0..60 {
        subscribed(&sub, &mut sub_connection, &topic(label));
    }
    let idle = resident();
    std::thread::spawn(move || while sub_connection.recv().is_ok_and(|e| e.is_ok()) {});
    let (client, mut connection) = connected(options(at, "edgecam-1"));
    std::thread::spawn(move || {
        for n in 0..120_000 {
            let payload = (n % 5).to_string();
            client.publish(topic(n % 60), QoS::AtLeastOnce, true, payload).expect("connected");
        }
        client
    });
    for n in 0..120_000 {
        acknowledged(&mut connection);
        if n % 30_000 == 0 {
            eprintln!("{n}: {} kB", resident());
        }
    }
    let busy = resident();
    eprintln!("{before} kB before, {idle} kB idle, {busy} kB after 2000 messages on each of 60 topics");
    assert!(idle - before < 10_000 && busy - before < 60_000);
}
