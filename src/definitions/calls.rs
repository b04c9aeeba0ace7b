//! Functions that SQL has a syntax of its own for: before PostgreSQL 14 a server printed
//! them as calls, and a database that was upgraded since keeps the calls. Both are the same
//! function with the same arguments.

/// Returns a print with such syntax written as calls: `TRIM(BOTH FROM a)` as `btrim(a)`.
///
/// It takes the server's own prints alone, in which the words of a syntax are in upper case
/// and what belongs together is in parentheses.
///
/// Source: `get_func_sql_syntax` of the server, whose forms for EXTRACT, for Unicode and for
/// XML are left out: the first is another function since 14, the others are rare.
pub(super) fn in_calls(print: &str) -> String {
    let mut written = String::with_capacity(print.len());
    let mut rest = print;
    while let Some(at) = rest.find(['(', '\'', '"']) {
        written.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = extent(rest);
        let (part, behind) = rest.split_at(length);
        match part.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
            Some(inner) => group(&mut written, &in_calls(inner)),
            None => written.push_str(part),
        }
        rest = behind;
    }
    written.push_str(rest);
    written
}

/// Returns the length of the quoted text or the group that a text begins with.
fn extent(text: &str) -> usize {
    let opening = text.chars().next();
    if let Some(quote @ ('\'' | '"')) = opening {
        // A doubled quote within is the end of one text and the beginning of the next.
        return text[1..].find(quote).map_or(text.len(), |end| end + 2);
    }
    let mut at = 1;
    while let Some(found) = text[at..].find(['(', ')', '\'', '"']) {
        at += found;
        match text.as_bytes()[at] {
            b')' => return at + 1,
            _ => at += extent(&text[at..]),
        }
    }
    text.len()
}

/// Writes a group, `inner` in parentheses, behind what is written of the word before it.
fn group(written: &mut String, inner: &str) {
    for (word, forms) in CALLS {
        let Some(before) = written.strip_suffix(word) else { continue };
        if before.ends_with(|one: char| one.is_alphanumeric() || one == '_' || one == '"') {
            continue;
        }
        if let Some(call) = forms.iter().find_map(|form| form.applied(inner)) {
            written.truncate(before.len());
            written.push_str(&call);
            return;
        }
    }
    match OPERATORS.iter().find_map(|form| form.applied(inner)) {
        Some(call) => written.push_str(&call),
        None => {
            written.push('(');
            written.push_str(inner);
            written.push(')');
        }
    }
}

/// A syntax: the words between its arguments, and the call.
struct Form {
    first: &'static str,
    words: &'static [&'static str],
    function: &'static str,
    /// The arguments of the call, by their places in the syntax.
    order: &'static [usize],
    /// Whether each argument is in parentheses of its own, which the call does not have.
    are_groups: bool,
}

const fn form(
    first: &'static str,
    words: &'static [&'static str],
    function: &'static str,
    order: &'static [usize],
) -> Form {
    Form { first, words, function, order, are_groups: false }
}

/// What a word and the group behind it stand for.
const CALLS: [(&str, &[Form]); 5] = [
    (
        "TRIM",
        &[
            form("BOTH FROM ", &[], "btrim", &[0]),
            form("BOTH ", &[" FROM "], "btrim", &[1, 0]),
            form("LEADING FROM ", &[], "ltrim", &[0]),
            form("LEADING ", &[" FROM "], "ltrim", &[1, 0]),
            form("TRAILING FROM ", &[], "rtrim", &[0]),
            form("TRAILING ", &[" FROM "], "rtrim", &[1, 0]),
        ],
    ),
    (
        "SUBSTRING",
        &[
            form("", &[" FROM ", " FOR "], "\"substring\"", &[0, 1, 2]),
            form("", &[" FROM "], "\"substring\"", &[0, 1]),
            form("", &[" SIMILAR ", " ESCAPE "], "\"substring\"", &[0, 1, 2]),
        ],
    ),
    ("POSITION", &[Form { are_groups: true, ..form("", &[" IN "], "\"position\"", &[1, 0]) }]),
    (
        "OVERLAY",
        &[
            form("", &[" PLACING ", " FROM ", " FOR "], "\"overlay\"", &[0, 1, 2, 3]),
            form("", &[" PLACING ", " FROM "], "\"overlay\"", &[0, 1, 2]),
        ],
    ),
    ("COLLATION FOR ", &[form("", &[], "pg_collation_for", &[0])]),
];

/// What a group alone stands for.
const OPERATORS: [Form; 2] = [
    form("", &[" AT TIME ZONE "], "timezone", &[1, 0]),
    Form { are_groups: true, ..form("", &[" OVERLAPS "], "\"overlaps\"", &[0, 1]) },
];

impl Form {
    /// Returns the call, where a group has this form.
    fn applied(&self, inner: &str) -> Option<String> {
        let mut rest = inner.strip_prefix(self.first)?;
        let mut arguments = Vec::new();
        for word in self.words {
            let at = outside(rest, word)?;
            arguments.push(&rest[..at]);
            rest = &rest[at + word.len()..];
        }
        arguments.push(rest);
        if self.are_groups {
            for argument in &mut arguments {
                *argument = argument.strip_prefix('(')?.strip_suffix(')')?;
            }
        }
        let arguments: Vec<&str> = self.order.iter().map(|place| arguments[*place]).collect();
        Some(format!("{}({})", self.function, arguments.join(", ")))
    }
}

/// Returns where a word stands in a text outside of every quote and group.
fn outside(text: &str, word: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let next = text[at..].find(['(', '\'', '"']).map(|found| at + found);
        if let Some(found) = text[at..next.unwrap_or(text.len())].find(word) {
            return Some(at + found);
        }
        let next = next?;
        at = next + extent(&text[next..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_becomes_the_call_that_it_stands_for() {
        for (print, call) in [
            ("TRIM(BOTH FROM o.note)", "btrim(o.note)"),
            ("TRIM(BOTH 'x'::text FROM o.note)", "btrim(o.note, 'x'::text)"),
            ("TRIM(LEADING FROM n), TRIM(TRAILING 'y' FROM n)", "ltrim(n), rtrim(n, 'y')"),
            ("SUBSTRING(n FROM 2 FOR 3)", "\"substring\"(n, 2, 3)"),
            ("SUBSTRING(n FROM 2)", "\"substring\"(n, 2)"),
            ("SUBSTRING(n SIMILAR 'a' ESCAPE '#')", "\"substring\"(n, 'a', '#')"),
            ("POSITION(('a'::text) IN (n))", "\"position\"(n, 'a'::text)"),
            ("OVERLAY(n PLACING 'x' FROM 2)", "\"overlay\"(n, 'x', 2)"),
            ("OVERLAY(n PLACING 'x' FROM 2 FOR 1)", "\"overlay\"(n, 'x', 2, 1)"),
            ("(t AT TIME ZONE 'UTC'::text)", "timezone('UTC'::text, t)"),
            (
                "((t AT TIME ZONE 'UTC'::text) AT TIME ZONE z)::date",
                "timezone(z, timezone('UTC'::text, t))::date",
            ),
            ("((a, b) OVERLAPS (c, d))", "\"overlaps\"(a, b, c, d)"),
            ("COLLATION FOR (n)", "pg_collation_for(n)"),
            (
                "WHERE (TRIM(BOTH FROM SUBSTRING(n FROM 2)) = 'x'::text)",
                "WHERE (btrim(\"substring\"(n, 2)) = 'x'::text)",
            ),
            (
                "SUBSTRING((a || ' FROM '::text) FROM ( SELECT max(x.y FROM z)))",
                "\"substring\"((a || ' FROM '::text), ( SELECT max(x.y FROM z)))",
            ),
        ] {
            assert_eq!(in_calls(print), call);
        }
    }

    #[test]
    fn what_is_no_such_syntax_stays_as_it_is() {
        for print in [
            "",
            "SELECT 'TRIM(BOTH FROM x)' AS a, \"TRIM\"(b), app.trim(c), 'it''s (' AS d",
            "SELECT x FROM (y) WHERE (a IN (b))",
            "SUBSTRING(",
            "POSITION(a IN b)",
            "'open",
            "EXTRACT(epoch FROM t)",
            "\"a\"\"b(\"(c)",
            "MYTRIM(BOTH FROM x)",
            "ü(ä 'ö' ß)",
        ] {
            assert_eq!(in_calls(print), print);
        }
    }
}
