//! The rows of `check-grants`: who can really refresh, who can write what they must not,
//! and what a refresh would do to tenants.

use serde::Serialize;

use crate::grants::{Grants, Proved, RoleRefreshes, ViewSafety};
use crate::ident::{Identifier, QualifiedName, RoleName};
use crate::refreshability::Via;
use crate::registry::{Registry, RegistryEntry};

/// What `check-grants` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantRows {
    /// Role by role and view by view.
    pub refreshability: Vec<RefreshabilityRow>,
    /// What roles can write of what they must not.
    pub protection: Vec<ProtectionRow>,
    /// View by view.
    pub tenant_safety: Vec<SafetyRow>,
}

/// Whether one role can refresh one view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefreshabilityRow {
    /// The role.
    pub role: RoleName,
    /// The view.
    pub view: QualifiedName,
    /// The tenant whose own view it is; `None`: it is not one tenant's.
    pub tenant: Option<String>,
    /// Whether the registry says that it must.
    pub required: bool,
    /// Whether it can, as it is now; `None`: cannot be told.
    pub can_refresh: Option<bool>,
    /// By what right: `owner`, `member`, `maintain`, `superuser` or `none`.
    pub via: Via,
    /// Whether it could after `SET ROLE`.
    pub after_set_role: bool,
    /// The role that it would have to set.
    pub set_role: Option<RoleName>,
    /// What stands in the way.
    pub blockers: Vec<BlockerRow>,
    /// Functions whose bodies were not followed.
    pub unseen: Vec<String>,
    /// What came of trying; `None`: not tried.
    pub proof: Option<String>,
}

/// A right that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockerRow {
    /// Who lacks it.
    pub role: RoleName,
    /// The right.
    pub lacks: String,
    /// The object.
    pub on: String,
    /// Why it matters, in a few words.
    pub why: String,
    /// The statement that would give it.
    pub statement: Option<String>,
}

/// What one role can write of a table that it must not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectionRow {
    /// The role.
    pub role: RoleName,
    /// The table.
    pub table: QualifiedName,
    /// `denied`, `trigger`, `allowed` or `void`.
    pub level: &'static str,
    /// What it can use of INSERT, UPDATE, DELETE and TRUNCATE.
    pub privileges: Vec<&'static str>,
    /// The ways in.
    pub via: Vec<String>,
    /// How it gets around a trigger.
    pub sidestep: Vec<String>,
}

/// What a refresh of one view would do to tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SafetyRow {
    /// The view.
    pub view: QualifiedName,
    /// The tenant whose own view it is; `None`: it is not one tenant's.
    pub tenant: Option<String>,
    /// The entry that it is one of several views of, for a reader's sake.
    #[serde(skip)]
    pub template: Option<String>,
    /// `clear`, `rls`, `setting` or `opaque`.
    pub verdict: &'static str,
    /// The tables whose rows row-level security would hide from the refresh.
    pub filtered_by: Vec<FilteredByRow>,
    /// Whether the query, a function or a policy reads a setting.
    pub reads_setting: bool,
    /// The functions that it calls.
    pub functions: Vec<String>,
    /// The foreign tables that it reads.
    pub foreign_tables: Vec<QualifiedName>,
    /// Tables whose policies let everything through, which the guard would still refuse.
    pub open_policies: Vec<QualifiedName>,
    /// Upstream views that it has its verdict from.
    pub because_of: Vec<QualifiedName>,
    /// The roles that can read it.
    pub readable_by: Vec<RoleName>,
}

/// A table that is filtered for a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilteredByRow {
    /// The table.
    pub table: QualifiedName,
    /// The role whose rights the refresh reads it with.
    pub as_role: RoleName,
    /// The policies that bind it.
    pub policies: Vec<Identifier>,
}

/// Returns the rows for what was compared with a registry.
pub fn rows(grants: &Grants, registry: &Registry) -> GrantRows {
    let refreshability = |refreshes| refreshability_row(refreshes, registry);
    GrantRows {
        refreshability: grants.refreshes.iter().map(refreshability).collect(),
        protection: grants
            .protection
            .iter()
            .map(|one| ProtectionRow {
                role: one.role.clone(),
                table: one.table.clone(),
                level: one.level.word(),
                privileges: one.privileges.iter().map(|privilege| privilege.word()).collect(),
                via: one.via.iter().map(ToString::to_string).collect(),
                sidestep: one.sidestep.clone(),
            })
            .collect(),
        tenant_safety: grants.safety.iter().map(|view| safety_row(view, registry)).collect(),
    }
}

fn refreshability_row(refreshes: &RoleRefreshes, registry: &Registry) -> RefreshabilityRow {
    let judged = &refreshes.judged;
    let entry = registry.entry(&judged.view);
    RefreshabilityRow {
        role: judged.role.clone(),
        view: judged.view.clone(),
        tenant: entry.and_then(RegistryEntry::tenant_id).map(str::to_owned),
        required: refreshes.required,
        can_refresh: judged.can_refresh,
        via: judged.via,
        after_set_role: judged.after_set_role.is_some(),
        set_role: judged.after_set_role.clone(),
        blockers: judged
            .blockers
            .iter()
            .map(|blocker| BlockerRow {
                role: blocker.role.clone(),
                lacks: blocker.lacks.clone(),
                on: blocker.on.clone(),
                why: blocker.why.clone(),
                statement: blocker.statement.clone(),
            })
            .collect(),
        unseen: judged.unseen.clone(),
        proof: refreshes.proved.as_ref().map(Proved::told),
    }
}

fn safety_row(view: &ViewSafety, registry: &Registry) -> SafetyRow {
    let safety = &view.safety;
    let entry = registry.entry(&view.view);
    SafetyRow {
        view: view.view.clone(),
        tenant: entry.and_then(RegistryEntry::tenant_id).map(str::to_owned),
        template: entry.and_then(RegistryEntry::template_spelling),
        verdict: safety.class.word(),
        filtered_by: safety
            .filtered_by
            .iter()
            .map(|filtered| FilteredByRow {
                table: filtered.table.clone(),
                as_role: filtered.as_role.clone(),
                policies: filtered.policies.clone(),
            })
            .collect(),
        reads_setting: safety.reads_setting,
        functions: safety.functions.clone(),
        foreign_tables: safety.foreign_tables.clone(),
        open_policies: safety.open_policies.clone(),
        because_of: safety.because_of.clone(),
        readable_by: view.readable_by.clone(),
    }
}
