//! The rights behind a refresh, the same whoever asks for it: those of the materialized
//! view's owner, as whom it runs, and of the owners of the plain views that it reads.

use std::collections::BTreeSet;

use super::needs::{self, Call, Reading, When};
use super::{Blocker, Chain, Subject};
use crate::registry::RefreshMode;
use crate::rights::{Oid, Privilege, Relation, RelationKind};

/// Languages whose functions are compiled: their bodies read nothing that rights guard.
const COMPILED: [&str; 2] = ["c", "internal"];

/// What a concurrent refresh does to the materialized view itself.
const MERGING: [Privilege; 3] = [Privilege::Select, Privilege::Insert, Privilege::Delete];

/// Collects what is missing behind a view.
pub(super) fn judge(subject: &Subject<'_>, mode: RefreshMode) -> Chain {
    let needs = needs::of(subject, mode);
    let mut chain = Chain::default();
    for ((role, relation), reading) in &needs.reads {
        chain.read(subject, *role, *relation, reading);
    }
    for (function, call) in &needs.calls {
        chain.call(subject, *function, *call);
    }
    for view in &needs.unread {
        let name = name_of(subject, *view);
        chain.unsure.insert(format!("the query of {name} was not read"));
    }
    if mode == RefreshMode::Concurrently {
        chain.concurrently(subject);
    }
    chain
}

impl Chain {
    /// Looks whether a role may read what is used of a relation.
    fn read(&mut self, subject: &Subject<'_>, role: Oid, oid: Oid, reading: &Reading) {
        let rights = subject.rights;
        let Some(relation) = rights.relations.get(&oid) else {
            let named_by = name_of(subject, reading.named_by);
            self.unsure.insert(format!("{named_by} names a relation ({oid}) that was not read"));
            return;
        };
        if relation.kind == RelationKind::ForeignTable {
            self.unseen.insert(format!("foreign table {}", relation.name));
        }
        let may = |column: i16| rights.has_on_column(role, oid, column, Privilege::Select);
        let lacking: BTreeSet<i16> =
            reading.columns.iter().copied().filter(|column| !may(*column)).collect();
        let reads_any =
            rights.has_on_any_column(role, oid, Privilege::Select) || rights.is_superuser(role);
        if !lacking.is_empty() || !reads_any {
            self.blockers.push(lacks_select(subject, role, oid, reading, &lacking));
        } else if reading.whole_rows && !relation.columns.keys().all(|column| may(*column)) {
            let blocker = lacks_select(subject, role, oid, reading, &lacking);
            self.unsure.insert(format!(
                "{} uses whole rows, and {} may read some columns of {} only",
                name_of(subject, reading.named_by),
                blocker.role,
                relation.name
            ));
            self.possible.push(blocker);
        }
    }

    /// Looks whether the owner may call a function.
    fn call(&mut self, subject: &Subject<'_>, oid: Oid, call: Call) {
        let (rights, owner) = (subject.rights, subject.owner());
        let named_by = name_of(subject, call.named_by);
        let Some(function) = rights.functions.get(&oid) else {
            if !rights.is_superuser(owner) {
                self.unsure
                    .insert(format!("{named_by} calls a function ({oid}) that was not read"));
            }
            return;
        };
        let signature = &function.signature;
        if !COMPILED.contains(&function.language.as_str()) {
            self.unseen.insert(format!("function {signature}"));
        }
        if rights.may_call(owner, oid) {
            return;
        }
        let blocker = grant(
            subject,
            owner,
            Privilege::Execute,
            format!("FUNCTION {signature}"),
            format!("{named_by} calls it, and functions run as {}", owner_of(subject)),
        );
        let only = match call.when {
            When::Always => return self.blockers.push(blocker),
            When::RowsChange => "if rows have changed",
            When::ColumnsNeedIt => "if the columns that are used need it",
        };
        let role = &blocker.role;
        self.unsure.insert(format!(
            "{named_by} calls {signature}, which {role} may not call, only {only}"
        ));
        self.possible.push(blocker);
    }

    /// Looks at what a concurrent refresh needs more than a plain one: it fills a temporary
    /// table and merges it into the view with ordinary statements, all as the owner.
    fn concurrently(&mut self, subject: &Subject<'_>) {
        let (rights, owner) = (subject.rights, subject.owner());
        let as_owner = owner_of(subject);
        if !rights.may_make_temporary(owner) {
            let why = format!("a concurrent refresh makes a temporary table as {as_owner}");
            let database = rights.database.as_ref().map(|name| format!("DATABASE {name}"));
            let is_named = database.is_some();
            let on = database.unwrap_or_else(|| "DATABASE".to_owned());
            let mut blocker = grant(subject, owner, Privilege::Temporary, on, why);
            blocker.statement = blocker.statement.filter(|_| is_named);
            self.blockers.push(blocker);
        }
        if !rights.may_use_schema(owner, subject.view.schema) {
            let why = format!("a concurrent refresh names the view as {as_owner}");
            let on = format!("SCHEMA {}", subject.schema());
            self.blockers.push(grant(subject, owner, Privilege::Usage, on, why));
        }
        for privilege in MERGING.into_iter().filter(|privilege| !may_merge(subject, *privilege)) {
            let why = format!("a concurrent refresh changes the view's rows as {as_owner}");
            let on = subject.view.name.to_string();
            self.blockers.push(grant(subject, owner, privilege, on, why));
        }
    }
}

/// Tells whether the owner may do to its own view what a concurrent refresh does: it reads
/// and removes whole rows, and adds them column by column.
fn may_merge(subject: &Subject<'_>, privilege: Privilege) -> bool {
    let (rights, owner) = (subject.rights, subject.owner());
    match privilege {
        Privilege::Insert => subject
            .view
            .columns
            .keys()
            .all(|column| rights.has_on_column(owner, subject.oid, *column, privilege)),
        _ => rights.has_on_relation(owner, subject.oid, privilege),
    }
}

fn lacks_select(
    subject: &Subject<'_>,
    role: Oid,
    oid: Oid,
    reading: &Reading,
    lacking: &BTreeSet<i16>,
) -> Blocker {
    let relation = &subject.rights.relations[&oid];
    let columns = columns_to_grant(relation, reading, lacking);
    let privilege = match &columns {
        Some(columns) => format!("SELECT ({columns})"),
        None => "SELECT".to_owned(),
    };
    let name = subject.rights.role_name(role);
    Blocker {
        lacks: Privilege::Select.word().to_owned(),
        on: match &columns {
            Some(columns) => format!("{} ({columns})", relation.name),
            None => relation.name.to_string(),
        },
        statement: Some(format!("GRANT {privilege} ON {} TO {name}", relation.name)),
        role: name,
        why: why_read(subject, reading.named_by),
    }
}

/// Returns the columns to grant; `None` for the whole relation.
fn columns_to_grant(
    relation: &Relation,
    reading: &Reading,
    lacking: &BTreeSet<i16>,
) -> Option<String> {
    if reading.whole_rows {
        return None;
    }
    if reading.columns.is_empty() {
        // Rows are counted: one column is enough, whichever it is.
        return relation.columns.values().next().map(ToString::to_string);
    }
    if relation.columns.keys().all(|column| lacking.contains(column)) {
        return None;
    }
    let names: Option<Vec<String>> = lacking
        .iter()
        .map(|column| relation.columns.get(column).map(ToString::to_string))
        .collect();
    names.map(|names| names.join(", "))
}

fn why_read(subject: &Subject<'_>, named_by: Oid) -> String {
    let view = name_of(subject, named_by);
    match subject.rights.relations.get(&named_by) {
        Some(plain) if named_by != subject.oid && !plain.security_invoker => {
            let owner = subject.rights.role_name(plain.owner);
            format!("{view} names it, and is read as its owner {owner}, whoever refreshes")
        }
        Some(invoker) if invoker.security_invoker => {
            format!(
                "{view} names it, and as a security_invoker view is read as {}",
                owner_of(subject)
            )
        }
        _ => format!("{view} names it, and is refreshed as {}", owner_of(subject)),
    }
}

fn grant(
    subject: &Subject<'_>,
    role: Oid,
    privilege: Privilege,
    on: String,
    why: String,
) -> Blocker {
    let (role, word) = (subject.rights.role_name(role), privilege.word());
    Blocker {
        statement: Some(format!("GRANT {word} ON {on} TO {role}")),
        role,
        lacks: word.to_owned(),
        on,
        why,
    }
}

fn owner_of(subject: &Subject<'_>) -> String {
    format!("the materialized view's owner {}", subject.owner_name())
}

fn name_of(subject: &Subject<'_>, relation: Oid) -> String {
    match subject.rights.relations.get(&relation) {
        Some(relation) => relation.name.to_string(),
        None => format!("a view ({relation})"),
    }
}
