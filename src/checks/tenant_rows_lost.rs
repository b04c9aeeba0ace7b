//! `tenant-rows-lost`: a refresh of a shared view, run as every refresh is with the rights
//! of its owner, would lose tenants' rows.

use serde_json::json;

use super::refresh_denied::not_there;
use super::{Check, Facts, Outcome, Source, query};
use crate::finding::{Finding, Remedy, Severity, Subject};
use crate::gate::GateId;
use crate::grants::{TenantRows, ViewSafety};
use crate::registry::RegistryEntry;
use crate::tenant_safety::SafetyClass;
use crate::wording::plural;

pub(super) const CHECK: Check = Check {
    slug: "tenant-rows-lost",
    gate: GateId::Eg7,
    severity: Severity::Error,
    summary: "a refresh of a shared view would lose tenants' rows",
    needs: &[Source::Registry, Source::Grants],
    run,
};

fn run(check: &Check, facts: &Facts<'_>, outcome: &mut Outcome) {
    let Ok(grants) = &facts.grants else { return };
    for view in &grants.missing_views {
        let entry = facts.registry.entry(view);
        if entry.is_some_and(RegistryEntry::is_shared) {
            outcome.cannot_judge(check, Some(Subject::matview(view)), not_there(view));
        }
    }
    for view in &grants.safety {
        let Some(entry) = facts.registry.entry(&view.view) else { continue };
        if entry.is_shared() && loses_rows(view) {
            outcome.add(finding(check, facts, view, entry));
        }
    }
}

/// Tells whether a refresh of the view depends on who runs it and with what setting.
pub(super) fn loses_rows(view: &ViewSafety) -> bool {
    matches!(view.safety.class, SafetyClass::Rls | SafetyClass::Setting)
}

/// Returns the finding for a view whose refresh loses rows.
pub(super) fn finding(
    check: &Check,
    facts: &Facts<'_>,
    view: &ViewSafety,
    entry: &RegistryEntry,
) -> Finding {
    let rows = facts.grants.as_ref().ok().and_then(|grants| grants.tenant_rows.get(&view.view));
    let listed = facts.grants.as_ref().ok().and_then(|grants| grants.listed_tenants.as_ref());
    let message = format!("{}{}{}", cause(view), consequence(rows), void(listed));
    let filtered: Vec<String> = view
        .safety
        .filtered_by
        .iter()
        .map(|filtered| format!("{} as {}", filtered.table, filtered.as_role))
        .collect();
    check
        .finding(Subject::matview(&view.view), message)
        .evidence(
            json!({ "tenant_column": entry.tenant_column, "verdict": "clear" }),
            json!({
                "verdict": view.safety.class.word(),
                "filtered_by": filtered,
                "reads_setting": view.safety.reads_setting,
                "functions": view.safety.functions,
                "because_of": view.safety.because_of,
                "tenants": rows.and_then(|rows| rows.as_ref().ok()).map(|rows| json!(rows.tenants)),
            }),
        )
        .query(query::row_security(&view.view))
        .remedy(remedy(view))
        .at(facts.location(entry))
}

fn cause(view: &ViewSafety) -> String {
    let (name, safety) = (&view.view, &view.safety);
    if let (Some(first), []) = (safety.because_of.first(), safety.filtered_by.as_slice()) {
        return format!("{name} reads {first}, whose refresh loses rows");
    }
    match safety.filtered_by.as_slice() {
        [first, rest @ ..] => {
            let tables: Vec<String> = std::iter::once(first)
                .chain(rest)
                .map(|filtered| filtered.table.to_string())
                .collect();
            format!(
                "every refresh of {name} reads {} as {}, whom row-level security binds",
                tables.join(", "),
                first.as_role
            )
        }
        [] => format!("what a refresh of {name} reads depends on a setting of the session"),
    }
}

fn consequence(rows: Option<&Result<TenantRows, String>>) -> String {
    match rows {
        Some(Ok(rows)) if rows.tenants.len() > 1 => {
            let total: u64 = rows.tenants.iter().map(|(_, rows)| rows).sum();
            let names: Vec<&str> =
                rows.tenants.iter().take(5).map(|(tenant, _)| tenant.as_str()).collect();
            let further = rows.tenants.len() - names.len();
            let further = if further > 0 { format!(" and {further} more") } else { String::new() };
            format!(
                ": without the tenant's setting it loses all {total} rows, with it those of all \
                 other tenants; now it holds {} ({}{further})",
                plural(rows.tenants.len(), "tenant"),
                names.join(", "),
            )
        }
        Some(Ok(_)) => {
            ": it would keep one tenant's rows at the most (it holds no second tenant's \
                        rows now, so nothing could be shown)"
                .to_owned()
        }
        Some(Err(reason)) => format!(
            ": it would keep one tenant's rows at the most (what would be lost was not counted: \
             {reason})"
        ),
        None => ": it would keep one tenant's rows at the most".to_owned(),
    }
}

/// Says where the counting shows nothing, because the registry's query lists no tenant.
fn void(listed: Option<&Result<u64, String>>) -> String {
    match listed {
        Some(Ok(0)) => "; the tenants query lists no tenant, so the counting shows nothing".into(),
        Some(Err(reason)) => format!("; how many tenants there are is not known: {reason}"),
        Some(Ok(_)) | None => String::new(),
    }
}

fn remedy(view: &ViewSafety) -> Remedy {
    match (view.safety.filtered_by.is_empty(), view.safety.because_of.first()) {
        (true, Some(upstream)) => Remedy::says(format!("mend {upstream}; this one follows")),
        (true, None) => Remedy::says(
            "take the setting out of the query; filter where it is read, by a security_barrier \
             view",
        ),
        (false, _) => Remedy::says(
            "hand the view to a NOLOGIN role with BYPASSRLS that may read those tables and \
             nothing else; readers then go through a security_barrier view that filters",
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::grants::{found, unjudged, world};

    const ENTRY: &str = "[[matview]]\nname = 'public.mv'\ntenant_column = 'tenant_id'";

    #[test]
    fn fires_when_row_level_security_binds_the_owner() {
        let world = world(ENTRY)
            .role("owner")
            .role("other")
            .secured_table("public.events", "other")
            .matview_on("public.mv", "owner", "public.events");
        let found = found("tenant-rows-lost", &world);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("public.events as owner"), "{}", found[0].message);
    }

    /// The registry of one view per tenant.
    const TEMPLATE: &str = "[tenancy]\nsetting = 'app.t'\ntenants = 'TABLE t'\n\
                            [[matview]]\nname = 'public.mv_{slug}'\ntenant_column = 'tenant_id'";

    #[test]
    fn quiet_for_a_view_of_one_tenant() {
        let world = world(TEMPLATE).tenant("acme").role("owner").role("other");
        let world = world.secured_table("public.events", "other").matview_on(
            "public.mv_acme",
            "owner",
            "public.events",
        );
        for slug in ["tenant-rows-lost", "refresh-filtered", "tenant-rows-uncertain"] {
            assert!(found(slug, &world).is_empty(), "{slug}");
        }
    }

    #[test]
    fn undecided_when_the_view_is_not_there() {
        let unjudged = unjudged("tenant-rows-lost", &world(ENTRY));
        assert_eq!(unjudged.len(), 1);
        assert_eq!(unjudged[0].reason, "public.mv is not in the database");
    }

    #[test]
    fn quiet_when_it_does_not_or_the_view_holds_no_tenant() {
        let exempt = world(ENTRY).role("owner").secured_table("public.events", "owner").matview_on(
            "public.mv",
            "owner",
            "public.events",
        );
        assert!(found("tenant-rows-lost", &exempt).is_empty());
        let no_tenant = world("[[matview]]\nname = 'public.mv'")
            .role("owner")
            .role("other")
            .secured_table("public.events", "other")
            .matview_on("public.mv", "owner", "public.events");
        assert!(found("tenant-rows-lost", &no_tenant).is_empty());
    }
}
