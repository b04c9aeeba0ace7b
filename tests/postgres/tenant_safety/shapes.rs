//! The shapes: materialized views that read tenants' rows in different ways, each with the
//! class that it must have.

use driftgate::tenant_safety::SafetyClass;

mod elsewhere;
mod functions;
mod session;
mod tables;
mod views;

/// A materialized view `m` in a schema of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// What is special about it; also the name of its schema.
    pub(super) name: &'static str,
    /// The first major version that has what it needs.
    pub(super) since: i32,
    /// What is made before it, by a superuser, in its schema.
    pub(super) setup: &'static str,
    /// Its query, with a column `tenant_id`.
    pub(super) query: &'static str,
    /// What is made after it, by a superuser.
    pub(super) finish: &'static str,
    /// Its owner, by the name that the role has in the tests.
    pub(super) owner: &'static str,
    /// The materialized views that are refreshed before it, as it will be.
    pub(super) upstream: &'static [&'static str],
    /// The class it must have.
    pub(super) class: SafetyClass,
    /// Where the class is known to be wrong.
    pub(super) note: Note,
}

/// Whether the class of a shape is right, by the rows that a refresh leaves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Note {
    /// It is.
    None,
    /// It is refused although it keeps all rows, and why.
    TooCautious(&'static str),
    /// It is clear although it loses rows, and why.
    Unseen(&'static str),
}

/// A view that no policy and no setting can touch.
const fn clear(name: &'static str, query: &'static str) -> Shape {
    Shape {
        name,
        since: 13,
        setup: "",
        query,
        finish: "",
        owner: "bound",
        upstream: &[],
        class: SafetyClass::Clear,
        note: Note::None,
    }
}

/// A view that policies filter.
const fn rls(name: &'static str, query: &'static str) -> Shape {
    Shape { class: SafetyClass::Rls, ..clear(name, query) }
}

/// A view that depends on a setting.
const fn setting(name: &'static str, query: &'static str) -> Shape {
    Shape { class: SafetyClass::Setting, ..clear(name, query) }
}

/// A view that cannot be looked into.
const fn opaque(name: &'static str, query: &'static str) -> Shape {
    Shape { class: SafetyClass::Opaque, ..clear(name, query) }
}

impl Shape {
    const fn since(self, since: i32) -> Self {
        Self { since, ..self }
    }

    const fn with(self, setup: &'static str) -> Self {
        Self { setup, ..self }
    }

    const fn finish(self, finish: &'static str) -> Self {
        Self { finish, ..self }
    }

    const fn owned_by(self, owner: &'static str) -> Self {
        Self { owner, ..self }
    }

    const fn after(self, upstream: &'static [&'static str]) -> Self {
        Self { upstream, ..self }
    }

    const fn too_cautious(self, why: &'static str) -> Self {
        Self { note: Note::TooCautious(why), ..self }
    }

    const fn unseen(self, why: &'static str) -> Self {
        Self { note: Note::Unseen(why), ..self }
    }
}

/// Returns the shapes that a major version has.
pub(super) fn on(major: i32) -> Vec<Shape> {
    [tables::SHAPES, views::SHAPES, functions::SHAPES, session::SHAPES, elsewhere::SHAPES]
        .concat()
        .into_iter()
        .filter(|shape| shape.since <= major)
        .collect()
}
