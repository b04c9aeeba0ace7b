//! Queries that are made up: each is the same as itself in another spelling, and differs
//! from itself with one thing changed.

use std::fmt::Write as _;

use super::{assert_differs, compare, database, declare};
use crate::support::session::Session;

/// How many queries are made up, and by which number they begin.
const QUERIES: u64 = 150;

/// Numbers by chance, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).expect("below a small limit")
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// A part of a query that has several spellings: the first is the plain one. Within braces
/// stands a number, by which a mutation finds it.
type Spellings = &'static [&'static str];

/// Values, by the type that they have.
const VALUES: &[Spellings] = &[
    &["o.id", "o.\"id\"", "O.ID", "(o.id)"],
    &["o.spare", "(o.spare)"],
    &["o.id + o.spare", "(o.id + o.spare)", "o.id+o.spare"],
    &["o.price::integer", "CAST(o.price AS int)", "cast (o.price as int4)", "(o.price)::INTEGER"],
    &["coalesce(o.id, 0)", "COALESCE(o.id,0)", "COALESCE (o.id, (0))"],
    &["CASE WHEN o.is_open THEN 1 ELSE 2 END", "case when (o.is_open) then 1 else 2 end"],
    &["abs(o.id)", "pg_catalog.abs(o.id)", "ABS(o.id)"],
    &["app.twice(o.id)", "app.\"twice\"(o.id)", "App.Twice( o.id )"],
    &["length(o.note)", "pg_catalog.length(o.note)"],
    &["(SELECT max(l.amount) FROM public.lines l)", "(select MAX(l.amount) from lines as l)"],
];

/// Conditions.
const CONDITIONS: &[Spellings] = &[
    &["o.id > 10", "(o.id > 10)", "o.id>10"],
    &["o.id <> 11", "o.id != 11"],
    &["o.status IN ('a', 'b')", "o.status in ('a','b')", "o.status IN (E'a', $$b$$)"],
    &["o.status = 'open'", "o.status = E'open'", "o.status = $x$open$x$", "(o.status) = ('open')"],
    &["o.note IS NOT NULL", "o.note NOTNULL", "(o.note is not null)"],
    &["o.note LIKE 'x%'", "o.note ~~ 'x%'", "o.note like $$x%$$"],
    &["(o.id BETWEEN 1 AND 5)", "(o.id >= 1 AND o.id <= 5)", "(o.id between (1) and 5)"],
    &["o.placed_at > '2024-01-01 00:00+00'", "o.placed_at > timestamptz '2024-01-01 00:00:00Z'"],
    &[
        "o.day = DATE '2024-02-29'",
        "o.day = '2024-02-29'::date",
        "o.day = CAST('2024-02-29' AS date)",
    ],
    &["NOT o.is_open", "not (o.is_open)"],
    &["o.price > 1.50::numeric(10,2)", "o.price > CAST(1.50 AS decimal(10,2))"],
    &[
        "EXISTS (SELECT 1 FROM public.nodes n WHERE n.id = o.id)",
        "exists (select 1 from nodes as n where (n.id = o.id))",
    ],
    &["o.note = ANY (ARRAY['p', 'q'])", "o.note = any (array['p','q'])", "o.note IN ('p', 'q')"],
    &["o.code::varchar(2) = 'ab'", "CAST(o.code AS character varying(2)) = 'ab'"],
];

const JOINS: &[Spellings] = &[
    &["JOIN public.lines l ON l.order_id = o.id", "INNER JOIN lines AS l ON (l.order_id = o.id)"],
    &[
        "LEFT JOIN public.lines l ON l.order_id = o.id",
        "LEFT OUTER JOIN lines l ON l.order_id=o.id",
    ],
    &["CROSS JOIN public.lines l", "cross join lines as l"],
    &[
        "FULL JOIN public.lines l ON l.order_id = o.id",
        "full outer join lines l on (l.order_id = o.id)",
    ],
];

const TABLES: &[Spellings] = &[&[
    "public.orders o",
    "orders o",
    "orders AS o",
    "public . orders as \"o\"",
    "PUBLIC.ORDERS O",
]];

/// A query that is made up.
#[derive(Clone)]
struct Query {
    is_distinct: bool,
    columns: Vec<(usize, String)>,
    join: Option<usize>,
    conditions: Vec<usize>,
    is_any: bool,
    order: Option<(usize, bool)>,
    limit: Option<usize>,
    /// 0: as it is; 1: in a WITH; 2: in a sub-query; 3: half of a UNION ALL.
    within: usize,
}

impl Query {
    fn new(dice: &mut Dice) -> Self {
        let columns = (0..1 + dice.below(4)).map(|at| (dice.below(VALUES.len()), format!("c{at}")));
        let columns: Vec<_> = columns.collect();
        let mut conditions: Vec<usize> =
            (0..dice.below(4)).map(|_| dice.below(CONDITIONS.len())).collect();
        conditions.sort_unstable();
        conditions.dedup();
        Self {
            is_distinct: dice.one_in(4),
            order: dice.one_in(2).then(|| (dice.below(columns.len()), dice.one_in(2))),
            columns,
            join: dice.one_in(2).then(|| dice.below(JOINS.len())),
            conditions,
            is_any: dice.one_in(3),
            limit: dice.one_in(3).then(|| 1 + dice.below(50)),
            within: dice.below(4),
        }
    }

    /// Writes it; by the dice in any spelling, without them in the plain one.
    fn text(&self, dice: &mut Option<&mut Dice>) -> String {
        let mut text = String::from("SELECT ");
        if self.is_distinct {
            text += "DISTINCT ";
        }
        for (at, (value, name)) in self.columns.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            let name = spelt(dice, &[" AS ", " as "]).to_owned() + name;
            write!(text, "{comma}{}{name}", spelt(dice, VALUES[*value])).expect("a string grows");
        }
        write!(text, " FROM {}", spelt(dice, TABLES[0])).expect("a string grows");
        if let Some(join) = self.join {
            write!(text, " {}", spelt(dice, JOINS[join])).expect("a string grows");
        }
        let connective = if self.is_any { " OR " } else { " AND " };
        for (at, condition) in self.conditions.iter().enumerate() {
            let before = if at > 0 { connective } else { " WHERE " };
            text += before;
            text += &spelt(dice, CONDITIONS[*condition]);
        }
        if let Some((column, is_down)) = self.order {
            let direction: Spellings = match is_down {
                true => &[" DESC", " DESC NULLS FIRST", " desc"],
                false => &["", " ASC", " ASC NULLS LAST"],
            };
            let name = &self.columns[column].1;
            write!(text, " ORDER BY {name}{}", spelt(dice, direction)).expect("a string grows");
        }
        if let Some(limit) = self.limit {
            let count = limit.to_string();
            let clause: Spellings = &[" LIMIT #", " FETCH FIRST # ROWS ONLY", " limit (#)"];
            text += &spelt(dice, clause).replace('#', &count);
        }
        match self.within {
            1 => format!("WITH w AS ({text}) SELECT w.c0 FROM w"),
            2 => format!("SELECT s.c0 FROM ({text}) {}", spelt(dice, &["s", "AS s"])),
            3 => format!("({text}) UNION ALL ({text})"),
            _ => text,
        }
    }

    /// Changes one thing, and says what.
    fn change(&mut self, dice: &mut Dice) -> String {
        loop {
            match dice.below(9) {
                0 => {
                    self.is_distinct = !self.is_distinct;
                    return "DISTINCT".into();
                }
                1 => {
                    let (at, by) =
                        (dice.below(self.columns.len()), 1 + dice.below(VALUES.len() - 1));
                    self.columns[at].0 = (self.columns[at].0 + by) % VALUES.len();
                    return "a column is another value".into();
                }
                2 => {
                    self.columns.push((dice.below(VALUES.len()), "extra".into()));
                    return "an added column".into();
                }
                3 if self.columns.len() > 1 && self.order.is_none() => {
                    self.columns.pop();
                    return "a dropped column".into();
                }
                4 => {
                    self.join = match self.join {
                        Some(join) => Some((join + 1) % JOINS.len()),
                        None => Some(0),
                    };
                    return "another join".into();
                }
                5 => {
                    let free = (0..CONDITIONS.len()).find(|one| !self.conditions.contains(one));
                    self.conditions.extend(free);
                    return "a condition more".into();
                }
                6 if !self.conditions.is_empty() => {
                    self.conditions.remove(0);
                    return "a condition less".into();
                }
                7 if self.conditions.len() > 1 => {
                    self.is_any = !self.is_any;
                    return "OR for AND".into();
                }
                8 => {
                    self.limit = Some(self.limit.map_or(1, |limit| limit + 1));
                    return "another limit".into();
                }
                _ => {}
            }
        }
    }
}

/// Returns one of the spellings, and puts comments and line ends between its words.
fn spelt(dice: &mut Option<&mut Dice>, spellings: &[&str]) -> String {
    let Some(dice) = dice else { return spellings[0].to_owned() };
    let chosen = dice.of(spellings);
    let has_quotes = chosen.contains(['\'', '"', '$']);
    let space = dice.of(&[" ", " ", "\n", "\t ", " /* x */ ", " -- y\n", "\r\n"]);
    if has_quotes { chosen.to_owned() } else { chosen.replace(' ', space) }
}

/// Makes the views of the queries, each with the text as it is plainly written.
fn make(session: &mut Session, queries: &[Query]) {
    for (at, query) in queries.iter().enumerate() {
        let text = query.text(&mut None);
        session.run(&format!("CREATE MATERIALIZED VIEW public.made_{at} AS {text} WITH NO DATA"));
    }
}

#[test]
fn another_spelling_is_the_same_and_another_query_is_not() {
    let database = database();
    let mut session = database.session();
    let queries: Vec<Query> = (0..QUERIES).map(|seed| Query::new(&mut Dice(seed))).collect();
    make(&mut session, &queries);
    let mut dice = Dice(QUERIES);
    let spelt: Vec<_> = queries
        .iter()
        .enumerate()
        .map(|(at, query)| declare(&format!("public.made_{at}"), &query.text(&mut Some(&mut dice))))
        .collect();
    let compared = compare(&database.url(), &spelt);
    for one in &spelt {
        let live = super::print_of(&mut session, &one.view.to_string());
        assert_eq!(compared[&one.view].word(), "same", "{:?}\n{live}", one.text);
    }
    let mut changes = Vec::new();
    for (at, query) in queries.iter().enumerate() {
        let mut changed = query.clone();
        let what = changed.change(&mut dice);
        let text = changed.text(&mut Some(&mut dice));
        changes.push((what, declare(&format!("public.made_{at}"), &text)));
    }
    let only: Vec<_> = changes.iter().map(|(_, one)| one.clone()).collect();
    let compared = compare(&database.url(), &only);
    for (what, one) in &changes {
        let diff = assert_differs(&compared[&one.view], &format!("{what}: {:?}", one.text));
        assert!(diff.lines().skip(3).any(|line| line.starts_with(['-', '+'])), "{what}: {diff}");
    }
}
