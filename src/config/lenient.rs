//! Reads TOML into types as far as it goes: serde stops at the first thing it doesn't like, so that is
//! noted, taken out, and the rest is read again, until nothing is left to complain about.

use super::problem::Collector;
use std::collections::HashSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

/// Places of keys that were taken out: the start of their table, and the key.
pub type TakenOut = HashSet<(usize, String)>;

/// Reads `text`, noting every problem; `None` where it is no TOML at all.
pub fn read<T: serde::de::DeserializeOwned>(text: &str, problems: &mut Collector) -> Option<(T, TakenOut)> {
    let mut table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(e) => {
            problems
                .add(e.span().map_or(0, |span| span.start), format!("not TOML: {}", one_line(e.message())));
            return None;
        }
    };
    let (mut taken_out, mut told) = (TakenOut::new(), Vec::new());
    loop {
        let e = match T::deserialize(Deserializer::from(table.clone())) {
            Ok(file) => return Some((file, taken_out)),
            Err(e) => e,
        };
        let Some(span) = e.span() else {
            problems.add_whole(one_line(e.message()));
            return None;
        };
        let start = table.span().start;
        let Some((owner, key, at)) = take_out(table.get_mut(), start, &span) else {
            problems.add(span.start, one_line(e.message()));
            return None;
        };
        // A value that broke because something was taken out of it has been told about.
        if !told.iter().any(|place| span.contains(place)) {
            problems.add(at, sentence(&e, &key));
            told.push(at);
        }
        taken_out.insert((owner, key));
    }
}

/// Removes the smallest entry that `span` lies in. Returns the start of its table, its key, and the place
/// to complain about.
fn take_out(table: &mut DeTable<'_>, start: usize, span: &Range<usize>) -> Option<(usize, String, usize)> {
    let inside = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let mut found = None;
    for (key, value) in table.iter_mut() {
        if key.span() == *span {
            found = Some((key.get_ref().to_string(), span.start));
            break;
        }
        let (own, value_span) = (value.span().start, value.span());
        match value.get_mut() {
            DeValue::Table(inner) => {
                if let Some(deeper) = take_out(inner, own, span) {
                    return Some(deeper);
                }
            }
            DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_table()) => {
                for item in items.iter_mut() {
                    let own = item.span().start;
                    if let DeValue::Table(inner) = item.get_mut()
                        && let Some(deeper) = take_out(inner, own, span)
                    {
                        return Some(deeper);
                    }
                }
            }
            _ => {}
        }
        if inside(&value_span) {
            found = Some((key.get_ref().to_string(), span.start));
            break;
        }
    }
    let (key, at) = found?;
    table.remove(key.as_str());
    Some((start, key, at))
}

/// Serde's message in the voice of this program, with the key it meant for a misspelt one.
fn sentence(e: &Error, key: &str) -> String {
    let message = one_line(e.message());
    let Some(rest) = message.strip_prefix("unknown field ") else { return format!("{key}: {message}") };
    let known: Vec<&str> = rest.split('`').skip(3).step_by(2).collect();
    match known.iter().map(|known| (strsim::levenshtein(key, known), known)).min() {
        Some((distance, known)) if distance <= 1 + key.len() / 4 => {
            format!("unknown key {key}; did you mean {known}?")
        }
        _ if known.is_empty() => format!("unknown key {key}; nothing can be set here"),
        _ => format!("unknown key {key}; known are {}", known.join(", ")),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The start of a table as [`TakenOut`] has it.
pub fn start<T>(table: &Spanned<T>) -> usize {
    table.span().start
}
