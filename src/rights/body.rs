//! What the text of a function's body shows: whether it reads settings, whether it can
//! refuse a write, and what it names without a schema. Nothing is run, and nothing that the
//! body calls is followed.

use std::collections::BTreeSet;

/// What a body shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BodyFacts {
    /// It reads or writes settings: `current_setting`, `set_config` or `pg_settings`, also
    /// in the text of a statement that it puts together.
    pub reads_setting: bool,
    /// It asks for the role that logged in, which no `SET ROLE` changes.
    pub reads_session_user: bool,
    /// It names `row_security`.
    pub touches_row_security: bool,
    /// It holds a `RAISE` of an error (PL/pgSQL alone).
    pub raises: bool,
    /// It holds `RETURN NULL`, with which a row trigger drops the row (PL/pgSQL alone).
    pub returns_null: bool,
    /// What it comes to in any case (PL/pgSQL alone): no branch leads past it.
    pub ends: Option<End>,
    /// What it calls, reads, writes or casts to by a name without a schema (SQL and PL/pgSQL
    /// alone); built-in names and those of its own variables are among them.
    pub unqualified: BTreeSet<String>,
}

/// How a body refuses in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With an error.
    Raises,
    /// With `RETURN NULL`.
    ReturnsNull,
}

/// Looks into a body.
pub fn look_into(language: &str, body: &str) -> BodyFacts {
    let mut facts = BodyFacts::default();
    if !matches!(language, "sql" | "plpgsql") {
        facts.note_words(body);
        return facts;
    }
    let tokens = tokens(body);
    for token in &tokens {
        match token {
            Token::Word(word) => facts.note_word(word),
            // A statement that is put together is text.
            Token::Text(text) => facts.note_words(text),
            Token::Quoted(_) | Token::Mark(_) => {}
        }
    }
    facts.unqualified = unqualified(&tokens);
    if language == "plpgsql" {
        for (at, token) in tokens.iter().enumerate() {
            let next = tokens.get(at + 1).and_then(Token::word);
            match token.word() {
                Some("raise") => {
                    facts.raises |= !next.is_some_and(|level| BELOW_ERROR.contains(&level));
                }
                Some("return") => facts.returns_null |= next == Some("null"),
                _ => {}
            }
        }
        facts.ends = end(&tokens);
    }
    facts
}

/// Returns the refusal that statements without a branch lead to, where there is no handler
/// that could catch it.
fn end(tokens: &[Token]) -> Option<End> {
    const BRANCHES: [&str; 9] =
        ["if", "case", "loop", "while", "for", "foreach", "exit", "continue", "goto"];
    let words: Vec<Option<&str>> = tokens.iter().map(Token::word).collect();
    let begin = words.iter().position(|word| *word == Some("begin"))?;
    if words.windows(2).any(|pair| pair == [Some("exception"), Some("when")]) {
        return None;
    }
    for (at, word) in words.iter().enumerate().skip(begin).filter_map(|(at, w)| Some((at, (*w)?))) {
        let next = words.get(at + 1).copied().flatten();
        match word {
            "raise" if !next.is_some_and(|level| BELOW_ERROR.contains(&level)) => {
                return Some(End::Raises);
            }
            "return" => return (next == Some("null")).then_some(End::ReturnsNull),
            word if BRANCHES.contains(&word) => return None,
            _ => {}
        }
    }
    None
}

/// The levels of `RAISE` that let the statement go on.
const BELOW_ERROR: [&str; 5] = ["debug", "log", "info", "notice", "warning"];

impl BodyFacts {
    /// Tells whether the outcome may differ between two sessions of the same role.
    pub const fn depends_on_session(&self) -> bool {
        self.reads_setting || self.reads_session_user
    }

    /// Adds what another body shows.
    pub fn merge(&mut self, other: &Self) {
        self.reads_setting |= other.reads_setting;
        self.reads_session_user |= other.reads_session_user;
        self.touches_row_security |= other.touches_row_security;
        self.raises |= other.raises;
        self.returns_null |= other.returns_null;
        self.ends = self.ends.or(other.ends);
        self.unqualified.extend(other.unqualified.iter().cloned());
    }

    fn note_words(&mut self, text: &str) {
        for word in text.split(|c| !is_word_part(c)).filter(|word| !word.is_empty()) {
            self.note_word(&word.to_ascii_lowercase());
        }
    }

    fn note_word(&mut self, word: &str) {
        match word {
            "current_setting" | "set_config" | "pg_settings" => self.reads_setting = true,
            "session_user" | "system_user" => self.reads_session_user = true,
            "row_security" => self.touches_row_security = true,
            _ => {}
        }
    }
}

/// Returns the names that stand where a relation, a function or a type does, and that no
/// schema is written before.
fn unqualified(tokens: &[Token]) -> BTreeSet<String> {
    const BEFORE_A_RELATION: [&str; 7] =
        ["from", "join", "into", "update", "only", "table", "using"];
    let mut names = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let (Token::Word(name) | Token::Quoted(name)) = token else { continue };
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let behind = tokens.get(at + 1);
        let is_part = [before, behind].contains(&Some(&Token::Mark('.')));
        let cast_to = at >= 2 && tokens[at - 2..at] == [Token::Mark(':'), Token::Mark(':')];
        let named = behind == Some(&Token::Mark('('))
            || cast_to
            || before.and_then(Token::word).is_some_and(|word| BEFORE_A_RELATION.contains(&word));
        if named && !is_part {
            names.insert(name.clone());
        }
    }
    names
}

/// A token of SQL; comments and blanks are none.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A key word or a name, in lower case.
    Word(String),
    /// A name within double quotes.
    Quoted(String),
    /// A string literal, its escapes as they stand.
    Text(String),
    /// Any other character.
    Mark(char),
}

impl Token {
    fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }
}

fn tokens(body: &str) -> Vec<Token> {
    let (mut tokens, mut rest) = (Vec::new(), body);
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            _ if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
            _ if rest.starts_with("/*") => (None, comment(rest)),
            '\'' => {
                // E'…' alone has escapes.
                let escapes = tokens.last() == Some(&Token::Word("e".to_owned()));
                let (text, length) = quoted(rest, '\'', escapes);
                (Some(Token::Text(text)), length)
            }
            '"' => {
                let (name, length) = quoted(rest, '"', false);
                (Some(Token::Quoted(name)), length)
            }
            '$' => match dollar_quoted(rest) {
                Some((text, length)) => (Some(Token::Text(text)), length),
                None => (Some(Token::Mark('$')), 1),
            },
            _ if is_word_part(first) => {
                let length = rest.find(|c| !is_word_part(c)).unwrap_or(rest.len());
                (Some(Token::Word(rest[..length].to_ascii_lowercase())), length)
            }
            _ if first.is_whitespace() => (None, first.len_utf8()),
            _ => (Some(Token::Mark(first)), first.len_utf8()),
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

fn is_word_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

/// Returns the length of the comment at the front; comments nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Returns what is within the quotes at the front, and the length with them.
fn quoted(text: &str, quote: char, escapes: bool) -> (String, usize) {
    let (mut inside, mut characters) = (String::new(), text.char_indices().skip(1).peekable());
    while let Some((at, c)) = characters.next() {
        if c == quote {
            if characters.peek().is_none_or(|(_, next)| *next != quote) {
                return (inside, at + 1);
            }
            characters.next();
        } else if c == '\\' && escapes {
            inside.extend(characters.next().map(|(_, escaped)| escaped));
            continue;
        }
        inside.push(c);
    }
    (inside, text.len())
}

/// Returns what is within the `$tag$` at the front, and the length with both tags.
fn dollar_quoted(text: &str) -> Option<(String, usize)> {
    let tag = &text[..text[1..].find('$')? + 2];
    let name = &tag[1..tag.len() - 1];
    if !name.chars().all(is_word_part) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let inside = &text[tag.len()..];
    let end = inside.find(tag).unwrap_or(inside.len());
    Some((inside[..end].to_owned(), (tag.len() + end + tag.len()).min(text.len())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plpgsql(body: &str) -> BodyFacts {
        look_into("plpgsql", body)
    }

    #[test]
    fn an_error_is_told_from_a_message() {
        for body in [
            "BEGIN RAISE EXCEPTION 'no'; END",
            "begin raise 'no: %', 1; end",
            "BEGIN RAISE; END",
            "BEGIN RAISE insufficient_privilege; END",
            "BEGIN RAISE SQLSTATE '42501'; END",
            "BEGIN RAISE USING MESSAGE = 'no'; END",
            "BEGIN RAISE NOTICE 'yes'; RAISE /* now */ EXCEPTION 'no'; END",
        ] {
            assert!(plpgsql(body).raises, "{body}");
        }
        for body in [
            "BEGIN RAISE NOTICE 'RAISE EXCEPTION'; RAISE WARNING 'x'; RETURN NEW; END",
            "BEGIN -- RAISE EXCEPTION 'no'\n RETURN NEW; END",
            "BEGIN /* RAISE /* EXCEPTION */ RAISE 'no' */ RETURN NEW; END",
            "BEGIN PERFORM $x$ RAISE EXCEPTION $x$; RAISE Log 'x'; RETURN NEW; END",
            "BEGIN \"raise\" := 1; PERFORM E'\\' RAISE EXCEPTION'; RETURN NEW; END",
        ] {
            assert!(!plpgsql(body).raises, "{body}");
        }
        assert!(!look_into("sql", "SELECT 1 AS raise").raises);
    }

    #[test]
    fn a_dropped_row_is_told_from_a_kept_one() {
        assert!(plpgsql("BEGIN IF x THEN RETURN NEW; END IF; RETURN\nNULL; END").returns_null);
        assert!(!plpgsql("BEGIN RETURN NEW; -- RETURN NULL;\nEND").returns_null);
        assert!(!plpgsql("BEGIN RETURN nullif(a, b); END").returns_null);
    }

    #[test]
    fn a_refusal_in_any_case_is_told_from_one_that_a_branch_leads_past() {
        for (body, end) in [
            ("BEGIN RAISE EXCEPTION 'no' USING HINT = 'if'; END", Some(End::Raises)),
            ("DECLARE n int; BEGIN PERFORM f(); RAISE; RETURN NEW; END", Some(End::Raises)),
            ("BEGIN RAISE LOG 'x'; RETURN NULL; END", Some(End::ReturnsNull)),
            ("BEGIN IF NEW.id < 0 THEN RAISE 'no'; END IF; RETURN NEW; END", None),
            ("BEGIN RETURN NEW; RAISE 'no'; END", None),
            ("BEGIN RETURN CASE WHEN a THEN NULL ELSE NEW END; END", None),
            ("BEGIN BEGIN RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN NEW; END", None),
            ("BEGIN FOR i IN 1 .. 0 LOOP RAISE 'no'; END LOOP; RETURN NEW; END", None),
        ] {
            assert_eq!(plpgsql(body).ends, end, "{body}");
        }
        assert_eq!(look_into("sql", "BEGIN RAISE 'no'; END").ends, None);
    }

    #[test]
    fn settings_are_found_in_statements_that_are_put_together() {
        assert!(plpgsql("BEGIN RETURN current_setting('app.tenant', true); END").reads_setting);
        assert!(plpgsql("BEGIN EXECUTE 'SELECT Current_Setting(''a.b'')'; END").reads_setting);
        assert!(plpgsql("BEGIN PERFORM 1 FROM pg_settings; END").reads_setting);
        assert!(look_into("plpython3u", "plpy.execute('select current_setting(1)')").reads_setting);
        assert!(
            !plpgsql("BEGIN -- current_setting\n RETURN my_current_setting(); END").reads_setting
        );
        assert!(look_into("sql", "SELECT session_user").reads_session_user);
        assert!(!look_into("sql", "SELECT current_user").reads_session_user);
        let facts = look_into("sql", "SELECT set_config('row_security', 'on', true)");
        assert!(facts.touches_row_security && facts.reads_setting);
    }

    #[test]
    fn names_without_a_schema_are_found() {
        let facts = plpgsql(
            "DECLARE n int; BEGIN
               SELECT count(*) INTO n FROM lookup l JOIN app.other o ON o.id = l.id;
               INSERT INTO \"Log\" (a) VALUES (app.f(helper(n))); -- FROM hidden
               RETURN n::money_type; END",
        );
        let found: Vec<&str> = facts.unqualified.iter().map(String::as_str).collect();
        assert_eq!(found, ["Log", "count", "helper", "lookup", "money_type", "n", "values"]);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(body in "[a-zé$'\"/*\\\\ \n.:-]{0,60}|\\PC{0,40}") {
            let _ = plpgsql(&body);
        }

        #[test]
        fn what_is_quoted_raises_nothing(inside in "[^']{0,20}") {
            let quoted = format!("BEGIN PERFORM 'RAISE EXCEPTION {inside}'; RETURN NEW; END");
            prop_assert!(!plpgsql(&quoted).raises);
            let tagged = format!("BEGIN PERFORM $q$ RAISE {} $q$; END", inside.replace('$', ""));
            prop_assert!(!plpgsql(&tagged).raises);
        }
    }
}
