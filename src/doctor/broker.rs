//! The MQTT broker: whether it is there and lets us in.

use super::Finding;
use super::access::password_file;
use crate::config::{Config, Mqtt};
use crate::publish::mqtt;
use std::sync::mpsc;
use std::time::Duration;

/// For the broker's answer.
const TIMEOUT: Duration = Duration::from_secs(9);
/// The name of the broker may take longer to find than that.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects once, under another client id. Takes ten seconds at most.
#[must_use]
pub fn findings(config: &Config) -> Vec<Finding> {
    let Some(broker) = &config.mqtt else {
        return vec![
            Finding::note("broker", "no [mqtt] in the config: what is seen goes to the log only")
                .or("`[mqtt]` and `url = \"mqtt://localhost:1883\"` in the config"),
        ];
    };
    if let Some(listen) = broker.embedded {
        return vec![Finding::note("broker", format!("it is in the daemon, at {listen}: for a first try"))];
    }
    let mut broker = broker.clone();
    // What systemd hands to the service is there only while that runs.
    if broker.password_file.as_ref().is_some_and(|file| !file.exists()) {
        broker.password_file = password_file(config).filter(|file| file.exists());
    }
    let name = format!("{}:{}", broker.host, broker.port);
    vec![match connect(broker) {
        Ok(()) => Finding::ok("broker", format!("{name} accepts us")),
        Err(why) if why.contains("password file") => {
            Finding::note("broker", format!("{name} is not tried: {why}")).or("run `sudo edgecam doctor`")
        }
        Err(why) => Finding::fail(
            "broker",
            format!("{name}: {why}"),
            "`edgecam check --probe` tries again; events wait on disk meanwhile",
        ),
    }]
}

/// On a thread of its own: the resolver can't be interrupted.
fn connect(broker: Mqtt) -> Result<(), String> {
    let (sender, answer) = mpsc::channel();
    let work = move || sender.send(mqtt::try_connect(&broker, TIMEOUT));
    std::thread::Builder::new().name("broker".to_owned()).spawn(work).map_err(|e| e.to_string())?;
    answer
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
}
