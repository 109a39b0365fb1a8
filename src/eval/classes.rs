//! The classes that are evaluated: those of the truth, renamed where the user says so, and the model's,
//! brought together by name. Case and surrounding space don't count.

use std::collections::HashMap;

/// A class that the truth, the model or both know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Its name, in the model's spelling where the model knows it.
    pub name: String,
    /// Whether the truth knows it, with or without an object.
    pub in_truth: bool,
    /// Whether the model knows it.
    pub in_model: bool,
}

/// All classes, and which those of the truth and of the model are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// The classes; those of the truth first.
    pub all: Vec<Class>,
    of_truth: Vec<Option<usize>>,
    of_model: Vec<Option<usize>>,
}

fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

impl Classes {
    /// Brings the names of the truth's and the model's classes together; an empty name is no class.
    /// `renamed` are pairs of a truth's class and what it shall be called, several may become one; `only`
    /// restricts everything to these classes. The error names a class that isn't known.
    pub fn new(
        truth: &[String],
        model: &[String],
        renamed: &[(String, String)],
        only: Option<&[String]>,
    ) -> Result<Self, String> {
        if let Some((name, _)) = renamed.iter().find(|(name, _)| !truth.iter().any(|t| key(t) == key(name))) {
            return Err(format!("the truth has no class {name}; it has {}", listed(truth)));
        }
        let renamed: HashMap<String, &String> = renamed.iter().map(|(from, to)| (key(from), to)).collect();
        let mut classes = Self::default();
        let mut indices = HashMap::new();
        for name in truth {
            let name = renamed.get(&key(name)).copied().unwrap_or(name);
            let index = classes.index(name, &mut indices);
            if let Some(index) = index {
                classes.all[index].in_truth = true;
            }
            classes.of_truth.push(index);
        }
        for name in model {
            let index = classes.index(name, &mut indices);
            if let Some(index) = index {
                let class = &mut classes.all[index];
                (class.name, class.in_model) = (name.trim().to_owned(), true);
            }
            classes.of_model.push(index);
        }
        if let Some(only) = only {
            if let Some(unknown) = only.iter().find(|name| !indices.contains_key(&key(name))) {
                return Err(format!("neither the truth nor the model has a class {unknown}"));
            }
            let wanted = |index: usize| only.iter().any(|name| indices[&key(name)] == index);
            for index in classes.of_truth.iter_mut().chain(&mut classes.of_model) {
                *index = index.filter(|&index| wanted(index));
            }
        }
        Ok(classes)
    }

    fn index(&mut self, name: &str, indices: &mut HashMap<String, usize>) -> Option<usize> {
        let key = key(name);
        if key.is_empty() {
            return None;
        }
        Some(*indices.entry(key).or_insert_with(|| {
            self.all.push(Class { name: name.trim().to_owned(), in_truth: false, in_model: false });
            self.all.len() - 1
        }))
    }

    /// The class of a truth's class number; `None` when it isn't evaluated.
    #[must_use]
    pub fn of_truth(&self, class: usize) -> Option<usize> {
        self.of_truth.get(class).copied().flatten()
    }

    /// The class of a model's class number; `None` when it has no name or isn't evaluated.
    #[must_use]
    pub fn of_model(&self, class: usize) -> Option<usize> {
        self.of_model.get(class).copied().flatten()
    }

    /// The evaluated classes that only the model knows.
    #[must_use]
    pub fn only_in_model(&self) -> Vec<&str> {
        let known = |i: &usize| self.of_model.contains(&Some(*i));
        (0..self.all.len()).filter(|i| !self.all[*i].in_truth && known(i)).map(|i| self.name(i)).collect()
    }

    /// A class's name.
    #[must_use]
    pub fn name(&self, index: usize) -> &str {
        self.all.get(index).map_or("", |class| &class.name)
    }
}

/// Names for a sentence; of many only the first few, and how many more there are.
#[must_use]
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<&str> = names.iter().map(AsRef::as_ref).filter(|name| !name.is_empty()).collect();
    let more = shown.len().saturating_sub(SHOWN);
    let text = shown[..shown.len() - more].join(", ");
    if more == 0 { text } else { format!("{text} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn names_meet_whatever_their_case() {
        let classes = Classes::new(&names(&["Person", "cat"]), &names(&["dog", "", "person "]), &[], None);
        let classes = classes.expect("known");
        assert_eq!((classes.of_truth(0), classes.of_model(2)), (Some(0), Some(0)));
        assert_eq!((classes.name(0), classes.of_model(1), classes.of_model(9)), ("person", None, None));
        assert_eq!(classes.only_in_model(), ["dog"]);
        assert!(!classes.all[1].in_model && classes.all[1].in_truth);
    }

    #[test]
    fn several_classes_become_one() {
        let renamed = [("CAR".to_owned(), "Vehicle".to_owned()), ("truck".to_owned(), "vehicle".to_owned())];
        let truth = names(&["car", "truck", "cat"]);
        let classes = Classes::new(&truth, &names(&["vehicle"]), &renamed, None).expect("known");
        assert_eq!(
            (classes.of_truth(0), classes.of_truth(1), classes.of_model(0)),
            (Some(0), Some(0), Some(0))
        );
        let error = Classes::new(&truth, &[], &[("van".to_owned(), "car".to_owned())], None);
        assert_eq!(error.expect_err("no van"), "the truth has no class van; it has car, truck, cat");
    }

    #[test]
    fn the_wanted_classes_alone() {
        let (truth, model) = (names(&["car", "cat"]), names(&["Cat", "dog"]));
        let classes = Classes::new(&truth, &model, &[], Some(&names(&["CAT"]))).expect("known");
        assert_eq!((classes.of_truth(0), classes.of_truth(1)), (None, Some(1)));
        assert_eq!((classes.of_model(0), classes.of_model(1)), (Some(1), None));
        assert!(classes.only_in_model().is_empty());
        assert!(Classes::new(&truth, &model, &[], Some(&names(&["cow"]))).is_err());
    }
}
