//! The questions of the first run, in their order.

use super::answers::{Answers, Broker, Camera, Model, Source, broker_url, items, labels};
use super::ask::{Ask, Unanswered, until, yes};
use super::find::{Found, lasting, source};
use super::name::from_card;
use crate::config::value;

/// Whether a broker accepts us; the error says why not.
pub type Accepts<'a> = dyn FnMut(&Broker) -> Result<(), String> + 'a;

/// Asks for everything. `known` are the labels of `model`; empty where they are not to be had.
pub fn dialogue(
    found: &Found,
    model: Model,
    known: &[String],
    ask: &mut dyn Ask,
    accepts: &mut Accepts<'_>,
) -> Result<Answers, Unanswered> {
    let cameras = cameras(found, ask)?;
    let labels = watched(known, ask)?;
    let motion = yes(ask, "Look only when something moves, which spares the processor?", true)?;
    let broker = broker(found, ask, accepts)?;
    let home_assistant =
        broker.is_some() && yes(ask, "Announce the cameras to Home Assistant through this broker?", true)?;
    ask.say(&format!("\n{}", found.accelerator()));
    Ok(Answers { cameras, broker, home_assistant, model, labels, motion })
}

fn cameras(found: &Found, ask: &mut dyn Ask) -> Result<Vec<Camera>, Unanswered> {
    ask.say("\nCameras");
    for (n, camera) in found.cameras.iter().enumerate() {
        ask.say(&format!("  {}  {}  ({})", n + 1, camera.card, source_in_words(&source(camera))));
    }
    let (question, default) = if found.cameras.is_empty() {
        ask.say("  No camera found; the first that is plugged in will be used.");
        ("Which? none yet, rtsp://…, a device, or test", "none")
    } else {
        ("Which? numbers, all, none yet, rtsp://…", "all")
    };
    let chosen = until(ask, question, default, |answer| chosen(found, answer))?;
    let mut cameras: Vec<Camera> = Vec::new();
    for (source, card) in chosen {
        let taken: Vec<String> = cameras.iter().map(|camera| camera.name.clone()).collect();
        let what = card.clone().unwrap_or_else(|| source_in_words(&source));
        let usual = from_card(card.as_deref().unwrap_or_default(), &taken);
        let question = format!("A name for {what}, as it will be in topics");
        let name = until(ask, &question, &usual, |answer| {
            if taken.iter().any(|name| name == answer) {
                return Err(format!("There is a camera {answer} already."));
            }
            value::name("camera", answer)
        })?;
        cameras.push(Camera { name, source, card });
    }
    Ok(cameras)
}

/// The sources that an answer names, with what their cameras call themselves.
fn chosen(found: &Found, answer: &str) -> Result<Vec<(Source, Option<String>)>, String> {
    let of = |n: usize| {
        let camera = n.checked_sub(1).and_then(|n| found.cameras.get(n));
        camera.map(|camera| (source(camera), Some(camera.card.clone())))
    };
    match answer {
        "none" | "none yet" => return Ok(vec![(Source::Auto, None)]),
        "all" if !found.cameras.is_empty() => return Ok((1..).map_while(of).collect()),
        _ => {}
    }
    let mut chosen = Vec::new();
    for item in items(answer) {
        let one = match item.parse::<usize>() {
            Ok(n) => of(n).ok_or_else(|| format!("There is no camera {n}."))?,
            Err(_) => (lasting(Source::parse(item)?), None),
        };
        if !chosen.contains(&one) {
            chosen.push(one);
        }
    }
    if chosen.is_empty() { Err("Name one at least, or none.".to_owned()) } else { Ok(chosen) }
}

fn source_in_words(source: &Source) -> String {
    match source {
        Source::Auto => "the first camera".to_owned(),
        Source::V4l2(path) => path.display().to_string(),
        Source::Rpicam(number) => format!("CSI camera {number}"),
        Source::Rtsp(_) => "the network camera".to_owned(),
        Source::Test => "the test pattern".to_owned(),
    }
}

fn watched(known: &[String], ask: &mut dyn Ask) -> Result<Option<Vec<String>>, Unanswered> {
    let named: Vec<&str> = known.iter().map(String::as_str).filter(|label| !label.is_empty()).collect();
    ask.say("\nWhat to watch for");
    match named.len() {
        0 => {}
        1..=20 => ask.say(&format!("  The model knows: {}", named.join(", "))),
        n => ask.say(&format!("  The model knows {n} things: {}, …", named[..12].join(", "))),
    }
    until(ask, "Which of them? with commas", "all", |answer| {
        let labels = labels(answer);
        match labels.iter().flatten().find(|label| !named.is_empty() && !named.contains(&label.as_str())) {
            Some(label) => Err(format!("The model does not know {label}.")),
            None => Ok(labels),
        }
    })
}

fn broker(found: &Found, ask: &mut dyn Ask, accepts: &mut Accepts<'_>) -> Result<Option<Broker>, Unanswered> {
    ask.say("\nMQTT broker");
    match found.brokers.as_slice() {
        [] => ask.say("  None answers at localhost or homeassistant.local."),
        brokers => ask.say(&format!("  One answers at {}.", brokers.join(" and at "))),
    }
    let mut default = found.brokers.first().cloned().unwrap_or_else(|| "none".to_owned());
    let mut username = String::new();
    loop {
        let question = "Which? host[:port], a URL, or none for the journal only";
        let url = until(ask, question, &default, |answer| {
            broker_url(answer).map(|url| value::broker(&url).map(|_| url)).transpose()
        })?;
        let Some(url) = url else { return Ok(None) };
        username = ask.ask("User name, if it wants one", &username)?;
        let password =
            if username.is_empty() { String::new() } else { ask.secret("Password (it is not shown)")? };
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let broker = Broker { url: url.clone(), username: some(&username), password: some(&password) };
        match accepts(&broker) {
            Ok(()) => {
                ask.say("  It accepts us.");
                return Ok(Some(broker));
            }
            Err(why) => ask.say(&format!("  {url}: {why}")),
        }
        let next =
            until(
                ask,
                "Ask again, keep it as it is, or do without (none)?",
                "again",
                |answer| match answer {
                    "again" | "keep" | "none" => Ok(answer.to_owned()),
                    _ => Err("Please answer again, keep or none.".to_owned()),
                },
            )?;
        match next.as_str() {
            "keep" => return Ok(Some(broker)),
            "none" => return Ok(None),
            _ => default = url,
        }
    }
}

#[cfg(test)]
mod tests;
