//! What became of each materialized view while a new database was built: pure book-keeping
//! over looks at the catalog. A view is followed by its identity, so a rename is a change,
//! and a view that is dropped and made anew is two.

use std::collections::{BTreeMap, BTreeSet};

use crate::ident::QualifiedName;

/// A materialized view as one look saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenView {
    /// `pg_class.oid`: its identity.
    pub oid: u32,
    /// Schema and name.
    pub name: QualifiedName,
    /// Whatever else counts as a change when it differs: owner, storage options, tablespace,
    /// columns and indexes, as one text.
    pub shape: String,
}

/// What one look saw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// The views that may be new or different since the look before.
    pub seen: Vec<SeenView>,
    /// The identities of all views that are there.
    pub living: BTreeSet<u32>,
}

/// A migration that does not do on a new database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedMigration {
    /// What the ledger would call it.
    pub id: String,
    /// The file, as the report names it.
    pub file: String,
    /// SQLSTATE; `None`: it is not the server that refused.
    pub sqlstate: Option<String>,
    /// The server's words, or those of the tool.
    pub message: String,
    /// The server's hint.
    pub hint: Option<String>,
    /// The line of the file that the server points at, counted from 1.
    pub line: Option<usize>,
}

impl FailedMigration {
    /// Returns the server's words with the SQLSTATE.
    pub fn words(&self) -> String {
        match &self.sqlstate {
            Some(code) => format!("{} ({code})", self.message),
            None => self.message.clone(),
        }
    }
}

/// What the migrations made of a new database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// How many migrations ran to their end.
    pub applied: usize,
    /// How many there are.
    pub total: usize,
    /// The first one that did not; `None`: all did.
    pub failed: Option<FailedMigration>,
    /// What became of each view.
    pub stories: Stories,
    /// What the reader should know; sentences without a full stop.
    pub notes: Vec<String>,
}

impl Built {
    /// Starts with a number of migrations of which none was applied.
    pub fn of(total: usize) -> Self {
        Self { applied: 0, total, failed: None, stories: Stories::default(), notes: Vec::new() }
    }
}

/// What became of one view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewStory {
    /// Its last name.
    pub name: QualifiedName,
    /// What made it; `None`: that was not looked at step by step.
    pub created_by: Option<String>,
    /// What changed or renamed it, in order.
    pub changed_by: Vec<String>,
    /// What dropped it; `None`: it is there.
    pub dropped_by: Option<String>,
    /// The names that it had before, each with what took it away.
    pub former_names: Vec<(QualifiedName, String)>,
    shape: String,
}

/// What became of every view.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stories(BTreeMap<u32, ViewStory>);

impl Stories {
    /// Adds what one look saw, after a step was done; `None`: the steps are not known.
    pub fn note(&mut self, step: Option<&str>, look: Look) {
        match step {
            None => self.0.retain(|oid, _| look.living.contains(oid)),
            Some(step) => {
                for (oid, story) in &mut self.0 {
                    if story.dropped_by.is_none() && !look.living.contains(oid) {
                        story.dropped_by = Some(step.to_owned());
                    }
                }
            }
        }
        for seen in look.seen {
            match self.0.get_mut(&seen.oid) {
                None => {
                    let story = ViewStory {
                        name: seen.name,
                        created_by: step.map(str::to_owned),
                        changed_by: Vec::new(),
                        dropped_by: None,
                        former_names: Vec::new(),
                        shape: seen.shape,
                    };
                    self.0.insert(seen.oid, story);
                }
                Some(story) => {
                    if (&story.name, &story.shape) == (&seen.name, &seen.shape) {
                        continue;
                    }
                    if let Some(step) = step.filter(|_| story.name != seen.name) {
                        story.former_names.push((story.name.clone(), step.to_owned()));
                    }
                    story.name = seen.name;
                    story.shape = seen.shape;
                    story.changed_by.extend(step.map(str::to_owned));
                }
            }
        }
    }

    /// Tells whether there is a view.
    pub fn has_living(&self) -> bool {
        self.0.values().any(|story| story.dropped_by.is_none())
    }

    /// Returns the stories by name; of one name, the view that is there comes first, and
    /// then the dropped ones, oldest first.
    pub fn by_name(&self) -> Vec<&ViewStory> {
        let mut stories: Vec<&ViewStory> = self.0.values().collect();
        stories.sort_by_key(|story| (&story.name, story.dropped_by.is_some()));
        stories
    }

    /// Returns what took a name away that no view has any more, and how: the last step that
    /// dropped or renamed a view of that name.
    pub fn ending_of(&self, name: &QualifiedName) -> Option<(&'static str, &str)> {
        let dropped = |story: &'_ ViewStory| story.name == *name;
        let ended = self.0.values().rev().filter_map(|story| match &story.dropped_by {
            Some(step) if dropped(story) => Some(("drops", step.as_str())),
            _ => {
                let mut former = story.former_names.iter().rev();
                let step = former.find(|(former, _)| former == name).map(|(_, step)| step)?;
                Some(("renames", step.as_str()))
            }
        });
        let is_there =
            self.0.values().any(|story| story.name == *name && story.dropped_by.is_none());
        if is_there { None } else { ended.into_iter().next() }
    }

    /// Returns the story of the view that is there under a name, else of the one that was
    /// dropped last.
    pub fn of(&self, name: &QualifiedName) -> Option<&ViewStory> {
        let of_name = || self.0.values().filter(|story| story.name == *name);
        of_name().find(|story| story.dropped_by.is_none()).or_else(|| of_name().next_back())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(oid: u32, name: &str, shape: &str) -> SeenView {
        SeenView { oid, name: name.parse().expect("a name"), shape: shape.to_owned() }
    }

    fn look<const S: usize, const L: usize>(seen: [SeenView; S], living: [u32; L]) -> Look {
        Look { seen: seen.into(), living: living.into() }
    }

    type Told<'s> = (String, Option<&'s str>, Vec<&'s str>, Option<&'s str>);

    fn told(stories: &Stories) -> Vec<Told<'_>> {
        let of = |story: &&'_ ViewStory| story.name.to_string();
        stories
            .by_name()
            .into_iter()
            .map(|story| {
                let changed = story.changed_by.iter().map(String::as_str).collect();
                let dropped = story.dropped_by.as_deref();
                (of(&story), story.created_by.as_deref(), changed, dropped)
            })
            .collect()
    }

    #[test]
    fn a_view_is_followed_through_renames_to_its_end() {
        let mut stories = Stories::default();
        stories.note(Some("1"), look([seen(1, "public.a", "x"), seen(2, "public.b", "x")], [1, 2]));
        // Written, as by a refresh, and no different.
        stories.note(Some("2"), look([seen(1, "public.a", "x")], [1, 2]));
        stories.note(Some("3"), look([seen(1, "rpt.z", "x"), seen(2, "public.b", "y")], [1, 2]));
        stories.note(Some("4"), look([], [1]));
        stories.note(Some("5"), look([], [1]));
        assert_eq!(
            told(&stories),
            [
                ("public.b".to_owned(), Some("1"), vec!["3"], Some("4")),
                ("rpt.z".to_owned(), Some("1"), vec!["3"], None),
            ]
        );
        assert!(stories.has_living());
        let gone = stories.of(&"public.b".parse().expect("a name")).expect("it is known");
        assert_eq!(gone.dropped_by.as_deref(), Some("4"));
        let name: QualifiedName = "public.a".parse().expect("a name");
        assert_eq!(stories.of(&name), None);
        assert_eq!(stories.ending_of(&name), Some(("renames", "3")));
        let name: QualifiedName = "public.b".parse().expect("a name");
        assert_eq!(stories.ending_of(&name), Some(("drops", "4")));
        let name: QualifiedName = "rpt.z".parse().expect("a name");
        assert_eq!(stories.ending_of(&name), None);
    }

    #[test]
    fn a_view_that_is_made_anew_is_two_and_the_living_one_comes_first() {
        let mut stories = Stories::default();
        stories.note(Some("1"), look([seen(1, "public.a", "x")], [1]));
        stories.note(Some("2"), look([seen(7, "public.a", "x")], [7]));
        assert_eq!(
            told(&stories),
            [
                ("public.a".to_owned(), Some("2"), vec![], None),
                ("public.a".to_owned(), Some("1"), vec![], Some("2")),
            ]
        );
        let name = "public.a".parse().expect("a name");
        assert_eq!(stories.of(&name).and_then(|story| story.created_by.as_deref()), Some("2"));
    }

    #[test]
    fn a_swap_of_names_changes_both() {
        let mut stories = Stories::default();
        stories.note(Some("1"), look([seen(1, "public.a", "x"), seen(2, "public.b", "x")], [1, 2]));
        stories.note(Some("2"), look([seen(1, "public.b", "x"), seen(2, "public.a", "x")], [1, 2]));
        assert_eq!(
            told(&stories),
            [
                ("public.a".to_owned(), Some("1"), vec!["2"], None),
                ("public.b".to_owned(), Some("1"), vec!["2"], None),
            ]
        );
    }

    #[test]
    fn where_the_steps_are_not_known_nobody_is_named() {
        let mut stories = Stories::default();
        stories.note(None, look([seen(1, "public.a", "x")], [1]));
        assert_eq!(told(&stories), [("public.a".to_owned(), None, vec![], None)]);
    }
}
