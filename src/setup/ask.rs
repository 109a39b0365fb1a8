//! Questions and answers. The seam between the dialogue and a terminal.

/// There will be no answer.
#[derive(Debug, thiserror::Error)]
#[error("the answers ended before the questions did{0}; nothing was written")]
pub struct Unanswered(pub String);

/// Whom to ask.
pub trait Ask {
    /// The answer to `question`, trimmed; nothing typed means `default`, which may be empty.
    fn ask(&mut self, question: &str, default: &str) -> Result<String, Unanswered>;

    /// The same, unseen, as it was typed, and without a default.
    fn secret(&mut self, question: &str) -> Result<String, Unanswered>;

    /// Tells something; lines.
    fn say(&mut self, text: &str);
}

/// Asks until the answer is yes or no.
pub fn yes(ask: &mut dyn Ask, question: &str, default: bool) -> Result<bool, Unanswered> {
    loop {
        let answer = ask.ask(question, if default { "yes" } else { "no" })?;
        match answer.to_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => ask.say("  Please answer yes or no."),
        }
    }
}

/// Asks until `read` takes the answer.
pub fn until<T>(
    ask: &mut dyn Ask,
    question: &str,
    default: &str,
    mut read: impl FnMut(&str) -> Result<T, String>,
) -> Result<T, Unanswered> {
    loop {
        match read(&ask.ask(question, default)?) {
            Ok(answer) => return Ok(answer),
            Err(why) => ask.say(&format!("  {why}")),
        }
    }
}
