//! Label files: what a class number is called.

use std::path::{Path, PathBuf};

/// More rows are no label file.
const MAX_BYTES: u64 = 4 << 20;

/// Rows that hold a place without naming a class.
const NO_CLASS: [&str; 2] = ["???", "n/a"];

/// What the class that stands for nothing is called.
const BACKGROUND: [&str; 2] = ["background", "__background__"];

/// Names by class index; a class without a name is an empty string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<String>);

impl Labels {
    /// Reads `path`: one label a line, or `id label` with the ids in any order. Rows `???` and `n/a` hold
    /// their place; as the first row they stand for the background and are left out.
    pub fn read(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let meta = std::fs::metadata(path).map_err(|e| format!("read label file {name}: {e}"))?;
        if !meta.is_file() {
            return Err(format!("read label file {name}: not a file"));
        }
        let size = meta.len();
        if size > MAX_BYTES {
            return Err(format!("read label file {name}: {size} bytes are too many for labels"));
        }
        let text = std::fs::read(path).map_err(|e| format!("read label file {name}: {e}"))?;
        let text = String::from_utf8(text).map_err(|e| {
            format!("read label file {name}: byte {} is not UTF-8", e.utf8_error().valid_up_to())
        })?;
        let labels = Self::parse(&text).map_err(|e| format!("read label file {name}: {e}"))?;
        if labels.0.is_empty() {
            Err(format!("read label file {name}: it holds no label"))
        } else {
            Ok(labels)
        }
    }

    /// The label file beside a model: `NAME.txt`, else `labels.txt`.
    #[must_use]
    pub fn beside(model: &Path) -> Option<PathBuf> {
        [model.with_extension("txt"), model.with_file_name("labels.txt")]
            .into_iter()
            .find(|path| path.is_file())
    }

    /// The labels of a label file's text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let rows: Vec<&str> = text.lines().map(str::trim).collect();
        let end = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
        let rows = &rows[..end];
        let numbered: Option<Vec<_>> =
            rows.iter().filter(|row| !row.is_empty()).map(|row| numbered(row)).collect();
        let mut labels = match numbered {
            Some(rows) => by_number(rows)?,
            None => rows.iter().map(|&row| row.to_owned()).collect(),
        };
        for label in &mut labels {
            if NO_CLASS.iter().any(|none| label.eq_ignore_ascii_case(none)) {
                label.clear();
            }
        }
        if labels.len() > 1 && labels[0].is_empty() {
            labels.remove(0);
        }
        Ok(Self(labels))
    }

    /// The names of numbered classes, in any order.
    pub fn new(numbered: impl Iterator<Item = (usize, String)>) -> Result<Self, String> {
        let rows: Vec<(usize, String)> = numbered.collect();
        by_number(rows.iter().map(|(id, name)| (*id, name.as_str())).collect()).map(Self)
    }

    /// Fitted to a model of `classes` classes. Where exactly that makes them fit, a `background` in front
    /// is taken away or, with `background`, put there, and classes without a name are left out (COCO has
    /// 90 numbers and 80 classes, and models count the one or the other). Labels that are more or fewer
    /// would call things by wrong names.
    pub fn fitted(mut self, classes: usize, background: bool) -> Result<Self, String> {
        let told = self.0.len();
        let has_one = self.has_background();
        if has_one && told > classes {
            self.0.remove(0);
        }
        if self.0.len() > classes && self.0.iter().filter(|name| !name.is_empty()).count() == classes {
            self.0.retain(|name| !name.is_empty());
        }
        if self.0.len() + 1 == classes && background && !has_one {
            self.0.insert(0, BACKGROUND[0].to_owned());
        }
        match self.0.len() {
            n if n == classes => Ok(self),
            n if n < classes => Err(format!("{told} labels are fewer than the model's {classes} classes")),
            _ => Err(format!("{told} labels are more than the model's {classes} classes")),
        }
    }

    /// Whether the first stands for nothing.
    #[must_use]
    pub fn has_background(&self) -> bool {
        self.0.first().is_some_and(|first| BACKGROUND.iter().any(|name| first.eq_ignore_ascii_case(name)))
    }

    /// How many classes they can name: all, or those with a name, in either case without a background.
    pub fn counts(&self) -> impl Iterator<Item = usize> {
        let less = usize::from(self.has_background());
        let named = self.0.iter().filter(|name| !name.is_empty()).count();
        [self.0.len() - less, named - less].into_iter()
    }

    /// How many there are, and the first few.
    #[must_use]
    pub fn in_words(&self) -> String {
        const FEW: usize = 4;
        let few: Vec<&str> =
            self.0.iter().filter(|name| !name.is_empty()).take(FEW).map(String::as_str).collect();
        match self.0.len() {
            0 => "none".to_owned(),
            n if n <= FEW => few.join(" | "),
            n => format!("{n}: {} | …", few.join(" | ")),
        }
    }

    /// All names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

/// `12  bird` or `12:bird`.
fn numbered(row: &str) -> Option<(usize, &str)> {
    let digits = row.find(|c: char| !c.is_ascii_digit())?;
    let rest = &row[digits..];
    let label = rest.strip_prefix(':').unwrap_or(rest).trim_start();
    (rest.len() > label.len() && !label.is_empty()).then_some((row[..digits].parse().ok()?, label))
}

fn by_number(rows: Vec<(usize, &str)>) -> Result<Vec<String>, String> {
    let highest = rows.iter().map(|row| row.0).max().unwrap_or(0);
    if highest > 100_000 {
        return Err(format!("the id {highest} is too high for a class"));
    }
    let mut labels = vec![String::new(); if rows.is_empty() { 0 } else { highest + 1 }];
    for (id, label) in rows {
        if !labels[id].is_empty() {
            return Err(format!("two labels have the id {id}: {} and {label}", labels[id]));
        }
        label.clone_into(&mut labels[id]);
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        Labels::parse(text).expect("good labels").0
    }

    #[test]
    fn the_usual_formats() {
        assert_eq!(names("person\r\nbicycle\n\n"), ["person", "bicycle"]);
        assert_eq!(names("  0  person\n 2  big car\n"), ["person", "", "big car"]);
        assert_eq!(names("???\nperson\n???\ncar"), ["person", "", "car"]);
        assert_eq!(names("person\nn/a\ncar"), ["person", "", "car"]);
        assert_eq!(names("7 up\ncola"), ["7 up", "cola"]);
        assert!(names("").is_empty());
    }

    #[test]
    fn a_background_is_added_or_taken_away() {
        let fit = |text: &str, n| Labels::parse(text).expect("good labels").fitted(n, true).map(|l| l.0);
        assert_eq!(fit("cat\ndog", 3).expect("fits"), ["background", "cat", "dog"]);
        assert_eq!(fit("background\ncat\ndog", 2).expect("fits"), ["cat", "dog"]);
        let others = Labels::parse("cat\ndog").expect("good labels").fitted(3, false);
        assert!(others.expect_err("too few").contains("fewer"));
        assert!(fit("cat\ndog", 5).expect_err("too few").contains("2 labels are fewer than the model's 5"));
    }

    #[test]
    fn classes_without_a_name_are_left_out_where_that_fits() {
        let fit =
            |n| Labels::parse("cat\n???\ndog\n???\nowl").expect("good labels").fitted(n, true).map(|l| l.0);
        assert_eq!(fit(3).expect("fits"), ["cat", "dog", "owl"]);
        assert_eq!(fit(5).expect("fits"), ["cat", "", "dog", "", "owl"]);
        assert!(fit(4).expect_err("too many").contains("5 labels are more than the model's 4"));
        let voc = Labels::parse("__background__\nperson\nN/A\ncar").expect("good labels");
        assert_eq!(voc.fitted(2, false).expect("fits").0, ["person", "car"]);
    }

    #[test]
    fn odd_ids_are_told() {
        assert!(Labels::parse("1 cat\n1 dog").expect_err("twice").contains("id 1"));
        assert!(Labels::parse("999999999 cat\n1 dog").is_err());
    }
}
