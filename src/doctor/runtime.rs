//! The inference runtime: where it is, which it is, and whether it loads.

use super::Finding;
use crate::config::Config;
use crate::infer::{Runtime, VERSION, find, version_of};

const FETCH: &str =
    "`make setup` fetches the right one; runtime.library in the config and EDGECAM_LITERT name another";

/// Loads the library that the daemon would load.
#[must_use]
pub fn findings(config: Option<&Config>) -> Vec<Finding> {
    let configured = config.and_then(|config| config.runtime_library.as_deref());
    let path = match find(configured) {
        Ok(path) => path,
        Err(e) => return vec![Finding::fail("runtime", e.to_string(), FETCH)],
    };
    let (version, name) = (version_of(&path), path.display());
    vec![match Runtime::load(configured) {
        Err(e) => Finding::fail("runtime", e.to_string(), FETCH),
        Ok(_) if version == VERSION => Finding::ok("runtime", format!("LiteRT {version} ({name}) loads")),
        Ok(_) => Finding::warn(
            "runtime",
            format!(
                "{name} loads, but is not the build of LiteRT {VERSION} that edgecam is tested with: {version}"
            ),
            format!("{FETCH}; `edgecam selftest` says whether this one computes what it should"),
        ),
    }]
}
