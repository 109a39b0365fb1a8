//! Another config for a daemon that runs.

use super::plan::Plan;
use super::{Daemon, accelerators};
use crate::config::{self, Config};
use crate::control::{Reload, Verdict};
use std::sync::Arc;
use tokio::time::{Instant, Interval, interval_at};

impl Daemon {
    /// Reads the config again and applies it; a wrong one changes nothing.
    pub(super) async fn reload(&mut self, ticker: &mut Interval) -> Verdict {
        self.notifier.reloading();
        let verdict = self.try_reload(ticker).await.unwrap_or_else(|problems| Verdict::Refused { problems });
        self.notifier.ready(&self.status());
        verdict
    }

    async fn try_reload(&mut self, ticker: &mut Interval) -> Result<Verdict, Vec<String>> {
        let (new, plan) = self.plan().await?;
        let mut changes = self.publishing.reload(&self.config, &new).await;
        let publishing = &self.publishing;
        let parked = |camera: &str| publishing.parked(camera);
        let applied = self.fleet.apply(plan, &self.runtime, &self.context, &parked).await;
        changes.extend(applied.map_err(|e| vec![format!("{e:#}")])?);
        // Perhaps those that are left have all ended.
        self.context.changed.notify_one();
        let needs_restart = config::restart_needed(&self.first, &new);
        if new.stats_interval != self.config.stats_interval {
            *ticker = interval_at(Instant::now() + new.stats_interval, new.stats_interval);
            changes.push("stats.interval: changed".to_owned());
        }
        if new.thermal != self.config.thermal {
            self.care.configure(new.thermal);
            changes.push("thermal: changed".to_owned());
        }
        self.config = new;
        self.tell_info();
        accelerators::tell(self.context.sink.as_ref());
        Ok(Verdict::Applied { changes, needs_restart })
    }

    /// Reads the config and tries all that can fail, on a thread of its own: files may be slow, and models
    /// take a while.
    async fn plan(&self) -> Result<(Config, Plan), Vec<String>> {
        let (load, runtime, tried) =
            (Arc::clone(&self.load), Arc::clone(&self.runtime), Arc::clone(&self.tried));
        let running = self.fleet.running();
        let work = move || {
            let new = load()?;
            let plan = running.plan(&new, &|files| tried.load(&runtime, files))?;
            Ok((new, plan))
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|e| Err(vec![format!("read the config again: {e}")]))
    }
}

/// Tells a verdict to the log, and to who asked for the reload, if it was not SIGHUP.
pub(super) fn answer(asked: Option<Reload>, verdict: Verdict) {
    match &verdict {
        Verdict::Applied { .. } => log::info!("{verdict}"),
        Verdict::Refused { .. } => log::error!("{verdict}"),
    }
    if let Some(reload) = asked {
        drop(reload.reply.send(verdict));
    }
}
