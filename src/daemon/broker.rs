//! The broker inside the daemon, where the config has one.

use crate::config::Config;

/// Starts the embedded broker, if the config asks for it.
#[cfg(feature = "broker")]
pub fn start(config: &Config) -> anyhow::Result<()> {
    use crate::publish::broker;
    let Some((mqtt, at)) = config.mqtt.as_ref().and_then(|mqtt| Some((mqtt, mqtt.embedded?))) else {
        return Ok(());
    };
    let password = mqtt.password().map_err(anyhow::Error::msg)?;
    let credentials = mqtt.username.clone().zip(password);
    let settings = broker::Settings { listen: at, credentials, prefix: mqtt.prefix.clone() };
    broker::start(&settings)?;
    Ok(())
}

#[cfg(not(feature = "broker"))]
pub fn start(config: &Config) -> anyhow::Result<()> {
    let embedded = config.mqtt.as_ref().is_some_and(|mqtt| mqtt.embedded.is_some());
    anyhow::ensure!(!embedded, "mqtt.embedded: this edgecam was built without a broker");
    Ok(())
}
