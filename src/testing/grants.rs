//! A small world of roles and relations, made by hand, for table tests of rights.

use std::collections::BTreeMap;

use crate::checks::{self, Facts};
use crate::finding::{Finding, Unjudged};
use crate::gate::GateId;
use crate::grants::{self, Chosen, Proved};
use crate::ident::{Identifier, QualifiedName, RoleName};
use crate::rights::{
    Function, Grant, Membership, Oid, PUBLIC, Policy, Privilege, Relation, RelationKind, Rights,
    Role, Rule, Schema, Trigger,
};
use crate::tenants::Tenant;

/// A registry and the rights that it is compared with.
pub(crate) struct World {
    registry: String,
    rights: Rights,
    proved: Option<Proved>,
    tenants: Vec<Tenant>,
}

/// Makes a world with a registry, everything after `version = 1`.
pub(crate) fn world(registry: &str) -> World {
    let mut rights = Rights::default();
    rights.version_num = 150_018;
    let everybody = |privilege| Grant { grantee: PUBLIC, privilege, grantor: 1 };
    let public = Schema {
        name: Identifier::from_catalog("public"),
        owner: 1,
        grants: vec![everybody(Privilege::Usage)],
    };
    rights.schemas.insert(2, public);
    rights.database_grants.push(everybody(Privilege::Temporary));
    World {
        registry: format!("version = 1\n{registry}"),
        rights,
        proved: None,
        tenants: Vec::new(),
    }
}

impl World {
    /// Fills the registry's templates in for a tenant of this slug.
    pub(crate) fn tenant(mut self, slug: &str) -> Self {
        self.tenants.push(super::tenant(slug));
        self
    }

    /// Lets every refresh have been tried, with this end.
    pub(crate) fn proved(mut self, proved: Proved) -> Self {
        self.proved = Some(proved);
        self
    }

    pub(crate) fn role(self, name: &str) -> Self {
        self.any_role(name, false)
    }

    pub(crate) fn superuser(self, name: &str) -> Self {
        self.any_role(name, true)
    }

    fn any_role(mut self, name: &str, superuser: bool) -> Self {
        let role = Role {
            name: RoleName::from_catalog(name),
            superuser,
            inherit: true,
            bypass_rls: false,
            can_login: true,
            create_role: false,
        };
        let oid = self.next();
        self.rights.roles.insert(oid, role);
        self
    }

    pub(crate) fn member(mut self, member: &str, group: &str) -> Self {
        let (member, group) = (self.role_oid(member), self.role_oid(group));
        self.rights.memberships.push(Membership {
            group,
            member,
            inherit: true,
            set: true,
            admin: false,
            grantor: 1,
        });
        self
    }

    pub(crate) fn table(self, name: &str, owner: &str) -> Self {
        self.relation(name, owner, RelationKind::Table)
    }

    /// Adds a table whose rows a policy on a setting filters for all but its owner.
    pub(crate) fn secured_table(self, name: &str, owner: &str) -> Self {
        let mut world = self.table(name, owner);
        let table = world.relation_mut(name);
        table.row_security = true;
        table.policies.push(Policy {
            name: Identifier::from_catalog("by_tenant"),
            permissive: true,
            roles: vec![PUBLIC],
            always_true: false,
            reads_setting: true,
        });
        world
    }

    pub(crate) fn matview(self, name: &str, owner: &str) -> Self {
        let mut world = self.relation(name, owner, RelationKind::Matview);
        let oid = world.relation_oid(name);
        world.rights.rules.insert(oid, Rule::default());
        world
    }

    /// Lets a view call a function, whose body names these things without a schema.
    pub(crate) fn calls(mut self, view: &str, signature: &str, unqualified: &[&str]) -> Self {
        let function = Function {
            signature: signature.to_owned(),
            schema: Identifier::from_catalog("public"),
            unqualified: unqualified.iter().map(|name| (*name).to_owned()).collect(),
            owner: 1,
            grants: vec![Grant { grantee: PUBLIC, privilege: Privilege::Execute, grantor: 1 }],
            security_definer: false,
            language: "sql".to_owned(),
            reads_setting: false,
            touches_row_security: false,
            sets_search_path: false,
            has_text_body: true,
        };
        self.rights.functions.insert(9_000, function);
        let view = self.relation_oid(view);
        self.rights.rules.get_mut(&view).expect("a view has a query").calls.insert(9_000);
        self
    }

    /// Adds a plain view over a table.
    pub(crate) fn view_on(self, name: &str, owner: &str, table: &str) -> Self {
        let mut world = self.relation(name, owner, RelationKind::View);
        let (view, table) = (world.relation_oid(name), world.relation_oid(table));
        let rule = Rule { reads: [(table, [1].into())].into(), ..Rule::default() };
        world.rights.rules.insert(view, rule);
        world
    }

    /// Adds a materialized view that reads a table, with the right to.
    pub(crate) fn matview_on(self, name: &str, owner: &str, table: &str) -> Self {
        let mut world = self.matview(name, owner).grant(table, owner, Privilege::Select);
        let (view, table) = (world.relation_oid(name), world.relation_oid(table));
        let rule = world.rights.rules.get_mut(&view).expect("just added");
        rule.reads.insert(table, [1].into());
        world
    }

    pub(crate) fn select(self, relation: &str, role: &str) -> Self {
        self.grant(relation, role, Privilege::Select)
    }

    pub(crate) fn insert(self, relation: &str, role: &str) -> Self {
        self.grant(relation, role, Privilege::Insert)
    }

    fn grant(mut self, relation: &str, role: &str, privilege: Privilege) -> Self {
        let grantee = self.role_oid(role);
        let relation = self.relation_mut(relation);
        let grantor = relation.owner;
        relation.grants.push(Grant { grantee, privilege, grantor });
        self
    }

    /// Adds a trigger that refuses every write, and that nothing sidesteps.
    pub(crate) fn refusing_trigger(mut self, table: &str) -> Self {
        self.relation_mut(table).triggers.push(Trigger {
            name: Identifier::from_catalog("keep"),
            events: Privilege::WRITING.into(),
            refuses: true,
            reads_setting: false,
            conditional: false,
            always: true,
            function_owner: 1,
        });
        self
    }

    fn relation(mut self, name: &str, owner: &str, kind: RelationKind) -> Self {
        let owner = self.role_oid(owner);
        let grants = [
            Privilege::Select,
            Privilege::Insert,
            Privilege::Update,
            Privilege::Delete,
            Privilege::Truncate,
        ]
        .map(|privilege| Grant { grantee: owner, privilege, grantor: owner })
        .to_vec();
        let relation = Relation {
            name: name.parse().expect("a qualified name"),
            schema: 2,
            kind,
            owner,
            grants,
            column_grants: BTreeMap::new(),
            columns: [(1, Identifier::from_catalog("tenant_id"))].into(),
            row_security: false,
            force_row_security: false,
            security_invoker: false,
            policies: Vec::new(),
            triggers: Vec::new(),
        };
        let oid = self.next();
        self.rights.relations.insert(oid, relation);
        self
    }

    fn next(&self) -> Oid {
        100 + (self.rights.roles.len() + self.rights.relations.len()) as Oid
    }

    fn role_oid(&self, name: &str) -> Oid {
        let found = self.rights.roles.iter().find(|(_, role)| role.name.as_str() == name);
        *found.expect("the role was added").0
    }

    fn relation_oid(&self, name: &str) -> Oid {
        let name: QualifiedName = name.parse().expect("a qualified name");
        let found = self.rights.relations.iter().find(|(_, relation)| relation.name == name);
        *found.expect("the relation was added").0
    }

    fn relation_mut(&mut self, name: &str) -> &mut Relation {
        let oid = self.relation_oid(name);
        self.rights.relations.get_mut(&oid).expect("the relation was added")
    }

    fn judged<T>(&self, take: impl FnOnce(checks::Outcome) -> T) -> T {
        let registry = super::registry(&self.registry).expand(&self.tenants).registry;
        let rights = self.rights.clone().indexed();
        let mut grants = grants::compare(&registry, &rights, &Chosen::default());
        for refreshes in &mut grants.refreshes {
            refreshes.proved.clone_from(&self.proved);
        }
        let missing = || "not looked".to_owned();
        let facts =
            Facts::new(&registry, Err(missing()), Err(missing())).with_grants(Ok(&grants), None);
        take(checks::run(&[GateId::Eg4, GateId::Eg7], &facts))
    }
}

/// Returns what one check finds in a world.
pub(crate) fn found(slug: &str, world: &World) -> Vec<Finding> {
    let mut findings = world.judged(|outcome| outcome.findings);
    findings.retain(|finding| finding.check == slug);
    findings
}

/// Returns what one check leaves unjudged in a world.
pub(crate) fn unjudged(slug: &str, world: &World) -> Vec<Unjudged> {
    let unjudged = world.judged(|outcome| outcome.unjudged);
    let of_check = |unjudged: &Unjudged| unjudged.check == Some(slug);
    unjudged.into_iter().map(|(_, unjudged)| unjudged).filter(of_check).collect()
}
