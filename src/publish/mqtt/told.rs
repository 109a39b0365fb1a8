//! What the log knows of the connection: one line when it changes, not one a try.

/// What was told last.
#[derive(Debug, Default)]
pub struct Told {
    /// Why there is no connection; empty once there is one.
    failure: String,
    /// Another client seems to use our id. Connections that come and go are no news then.
    disputed: bool,
}

impl Told {
    /// The broker accepted us.
    pub fn accepted(&mut self, broker: &str) {
        if !self.disputed {
            log::info!("MQTT broker {broker}: connected");
            self.failure.clear();
        }
    }

    /// There is no connection, and why.
    pub fn lost(&mut self, broker: &str, why: &str) {
        if self.failure != why {
            log::warn!("MQTT broker {broker}: {why}; trying again until it works");
            why.clone_into(&mut self.failure);
            self.disputed = false;
        }
    }

    /// The broker closed two accepted connections in a short while.
    pub fn taken_over(&mut self, broker: &str, client_id: &str) {
        if !std::mem::replace(&mut self.disputed, true) {
            log::error!(
                "MQTT broker {broker}: it closed two accepted connections within a minute: does another client use the id {client_id}? give each its own mqtt.client_id; trying again until it works"
            );
        }
    }

    /// Whether another client was said to use our id.
    pub fn disputes(&self) -> bool {
        self.disputed
    }

    /// The connection held: nobody else uses our id any more.
    pub fn undisputed(&mut self, broker: &str) {
        self.disputed = false;
        self.accepted(broker);
    }
}
