//! What a Python module says without being run: its docstring, and the constants that it
//! gives names to. Whatever is computed, or bound under a condition, is not known.

use std::collections::BTreeMap;

use super::token::{self, Kind, Line, Token, Unreadable};

/// A constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// `None`.
    Nothing,
    /// A string.
    Text(String),
    /// A tuple, a list or a set.
    Many(Vec<Value>),
}

/// What a name stands for when the module has been run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    /// The constant, or why it is not known, as a sentence without a full stop.
    pub(super) value: Result<Value, &'static str>,
    /// The line, counted from 1.
    pub(super) line: usize,
}

/// A module.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Its docstring.
    pub(super) docstring: Option<String>,
    names: BTreeMap<String, Bound>,
    /// From where it takes names that it does not say, and in which line.
    imports_all: Option<usize>,
    lines: Vec<Line>,
}

const COMPUTED: &str = "it is computed, which only Python can do";
const CONDITIONAL: &str = "it is bound within a block, so only Python knows whether it is";
const CHANGED: &str = "it is changed after it was bound";
const ELSEWHERE: &str = "it comes from elsewhere";

/// What brings names that nobody needs here.
const HARMLESS: [&str; 5] = ["alembic", "sqlalchemy", "sqlmodel", "geoalchemy2", "typing"];

impl Module {
    /// Reads the source of a module.
    pub(super) fn read(source: &str) -> Result<Self, Unreadable> {
        let mut module = Self { lines: token::lines(source)?, ..Self::default() };
        module.docstring = module.lines.first().and_then(docstring);
        // The blocks around a line: how far their heads are indented, and whether they are
        // the bodies of functions or classes, whose names are their own.
        let mut blocks: Vec<(usize, bool)> = Vec::new();
        for line in module.lines.clone() {
            blocks.retain(|(indent, _)| *indent < line.indent);
            let is_inside = blocks.iter().any(|(_, is_own)| *is_own);
            let head = BlockHead::of(&line.tokens);
            if !is_inside {
                match head {
                    Some(BlockHead::Definition) => module.defines(&line.tokens),
                    _ if head.is_some() || !blocks.is_empty() => module.maybe_binds(&line.tokens),
                    _ => module.statements(&line.tokens),
                }
            }
            if let Some(head) = head {
                blocks.push((line.indent, head == BlockHead::Definition));
            }
        }
        Ok(module)
    }

    /// Returns what a name stands for; `None` where the module does not bind it.
    pub(super) fn get(&self, name: &str) -> Option<Bound> {
        let unsaid = || {
            self.imports_all.map(|line| Bound { value: Err("an import of `*` may bring it"), line })
        };
        self.names.get(name).cloned().or_else(unsaid)
    }

    /// Returns what is given by a name anywhere in the module, as an argument or in a
    /// dictionary.
    pub(super) fn given(&self, name: &str) -> Vec<Bound> {
        let mut found = Vec::new();
        for line in &self.lines {
            let tokens = &line.tokens;
            for (at, pair) in tokens.windows(2).enumerate() {
                let is_given = match (&pair[0].kind, &pair[1].kind) {
                    (Kind::Name(given), Kind::Sign("=")) => given == name,
                    (Kind::Text(Some(given)), Kind::Sign(":")) => given == name,
                    _ => false,
                };
                if is_given {
                    let value = &tokens[at + 2..];
                    let end = end_of_value(value);
                    let value = self.value(&value[..end]);
                    found.push(Bound { value, line: pair[0].line });
                }
            }
        }
        found
    }

    /// Reads the statements of a line at the top of the module.
    fn statements(&mut self, tokens: &[Token]) {
        for statement in split(tokens, ";") {
            self.statement(statement);
        }
    }

    fn statement(&mut self, tokens: &[Token]) {
        let Some(first) = tokens.first() else { return };
        if is_name(first, "from") || is_name(first, "import") {
            return self.import(tokens);
        }
        let is_changed = matches!(tokens.get(1), Some(Token { kind: Kind::Sign(sign), .. })
            if sign.len() > 1 && sign.ends_with('=') && !["==", "!=", "<=", ">="].contains(sign));
        if is_changed || is_name(first, "del") {
            return self.unknown(tokens, CHANGED);
        }
        let annotated = matches!(tokens.get(1), Some(Token { kind: Kind::Sign(":"), .. }))
            && matches!(first.kind, Kind::Name(_));
        let parts = split(tokens, "=");
        let Some((value, targets)) = parts.split_last() else { return };
        if targets.is_empty() {
            // An annotation alone binds nothing; any other expression may do anything.
            if !annotated {
                self.expression(tokens);
            }
            return;
        }
        let value_known = self.value(value);
        for (at, target) in targets.iter().enumerate() {
            let target = if annotated && at == 0 { &target[..1] } else { target };
            self.bind(target, &value_known);
        }
        self.expression(tokens);
    }

    fn bind(&mut self, target: &[Token], value: &Result<Value, &'static str>) {
        if let [Token { kind: Kind::Name(name), line }] = target {
            let bound = Bound { value: value.clone(), line: *line };
            self.names.insert(name.clone(), bound);
            return;
        }
        let bare = match target {
            [Token { kind: Kind::Sign("(" | "["), .. }, inside @ .., _] => inside,
            all => all,
        };
        let targets: Vec<&[Token]> =
            split(bare, ",").into_iter().filter(|one| !one.is_empty()).collect();
        if targets.iter().any(|one| !matches!(one, [Token { kind: Kind::Name(_), .. }])) {
            // `a.b`, `a[b]`, a starred one: whatever names are in it may be changed.
            return self.unknown(target, COMPUTED);
        }
        match value {
            Ok(Value::Many(values)) if values.len() == targets.len() && targets.len() > 1 => {
                for (target, value) in targets.into_iter().zip(values.clone()) {
                    self.bind(target, &Ok(value));
                }
            }
            _ => self.unknown(target, COMPUTED),
        }
    }

    /// Looks through what is run for its own sake, which may bind names in hidden ways.
    fn expression(&mut self, tokens: &[Token]) {
        let reaches_all = |token: &Token| {
            ["globals", "locals", "vars", "exec", "eval"].iter().any(|name| is_name(token, name))
        };
        if tokens.iter().any(reaches_all) {
            let line = tokens[0].line;
            for bound in self.names.values_mut() {
                *bound = Bound { value: Err(COMPUTED), line };
            }
            self.imports_all = Some(line);
        }
        self.walrus(tokens);
    }

    fn walrus(&mut self, tokens: &[Token]) {
        for pair in tokens.windows(2) {
            if pair[1].kind == Kind::Sign(":=") {
                self.unknown(&pair[..1], COMPUTED);
            }
        }
    }

    fn import(&mut self, tokens: &[Token]) {
        let from = tokens.get(1).and_then(|token| match &token.kind {
            Kind::Name(name) => Some(name.as_str()),
            _ => None,
        });
        let is_all = tokens.last().is_some_and(|token| token.kind == Kind::Sign("*"));
        if is_all {
            if from.is_none_or(|from| !HARMLESS.contains(&from)) {
                // It may bind again what was bound before.
                let line = tokens[0].line;
                for bound in self.names.values_mut() {
                    *bound = Bound { value: Err("an import of `*` may change it"), line };
                }
                self.imports_all = Some(line);
            }
            return;
        }
        let from_here = tokens.iter().position(|token| is_name(token, "import")).unwrap_or(0);
        self.unknown(&tokens[from_here + 1..], ELSEWHERE);
    }

    /// Notes the name of a function or class.
    fn defines(&mut self, tokens: &[Token]) {
        let at = tokens.iter().position(|token| is_name(token, "def") || is_name(token, "class"));
        if let Some(name) = at.and_then(|at| tokens.get(at + 1)) {
            self.unknown(std::slice::from_ref(name), COMPUTED);
        }
    }

    /// Notes the names that a line within a block binds, or may bind.
    fn maybe_binds(&mut self, tokens: &[Token]) {
        let first_words = ["for", "as", "import", "from", "global", "del"];
        let binds_by_word =
            tokens.iter().any(|token| first_words.iter().any(|word| is_name(token, word)));
        if binds_by_word {
            return self.unknown(tokens, CONDITIONAL);
        }
        let is_binding = |token: &Token| match token.kind {
            Kind::Sign(sign) => sign.ends_with('=') && !["==", "!=", "<=", ">="].contains(&sign),
            _ => false,
        };
        if let Some(last) = tokens.iter().rposition(is_binding) {
            self.unknown(&tokens[..last], CONDITIONAL);
        }
    }

    /// Notes that the names among some words are not known.
    fn unknown(&mut self, tokens: &[Token], reason: &'static str) {
        for token in tokens {
            if let Kind::Name(name) = &token.kind {
                let bound = Bound { value: Err(reason), line: token.line };
                self.names.insert(name.clone(), bound);
            }
        }
    }

    /// Works out a constant.
    fn value(&self, tokens: &[Token]) -> Result<Value, &'static str> {
        let parts = split(tokens, ",");
        if parts.len() == 1 {
            return self.single(tokens);
        }
        self.several(&parts)
    }

    fn several(&self, parts: &[&[Token]]) -> Result<Value, &'static str> {
        let is_empty_end = parts.last().is_some_and(|part| part.is_empty());
        let parts = if is_empty_end { &parts[..parts.len() - 1] } else { parts };
        let values: Result<Vec<Value>, _> = parts.iter().map(|part| self.single(part)).collect();
        values.map(Value::Many)
    }

    fn single(&self, tokens: &[Token]) -> Result<Value, &'static str> {
        let sum = split(tokens, "+");
        if sum.len() > 1 {
            let mut text = String::new();
            for part in sum {
                match self.single(part)? {
                    Value::Text(more) => text.push_str(&more),
                    _ => return Err(COMPUTED),
                }
            }
            return Ok(Value::Text(text));
        }
        match tokens {
            [Token { kind: Kind::Name(name), .. }] if name == "None" => Ok(Value::Nothing),
            [Token { kind: Kind::Name(name), .. }] => match self.names.get(name) {
                Some(bound) => bound.value.clone(),
                None => Err(COMPUTED),
            },
            [
                Token { kind: Kind::Sign(open @ ("(" | "[" | "{")), .. },
                inside @ ..,
                Token { kind: Kind::Sign(_), .. },
            ] => self.bracketed(open, inside),
            texts if !texts.is_empty() => {
                let mut text = String::new();
                for token in texts {
                    match &token.kind {
                        Kind::Text(Some(more)) => text.push_str(more),
                        _ => return Err(COMPUTED),
                    }
                }
                Ok(Value::Text(text))
            }
            _ => Err(COMPUTED),
        }
    }

    fn bracketed(&self, open: &str, inside: &[Token]) -> Result<Value, &'static str> {
        // Brackets that close before the end are two expressions.
        let mut depth = 0_isize;
        for token in inside {
            match token.kind {
                Kind::Sign("(" | "[" | "{") => depth += 1,
                Kind::Sign(")" | "]" | "}") => depth -= 1,
                _ => {}
            }
            if depth < 0 {
                return Err(COMPUTED);
            }
        }
        if inside.is_empty() {
            return if open == "{" { Err(COMPUTED) } else { Ok(Value::Many(Vec::new())) };
        }
        let parts = split(inside, ",");
        if open == "(" && parts.len() == 1 { self.single(inside) } else { self.several(&parts) }
    }
}

/// The head of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockHead {
    /// Of a function or a class.
    Definition,
    /// Of anything else: a condition, a loop, a `try`, a `with`.
    Other,
}

impl BlockHead {
    fn of(tokens: &[Token]) -> Option<Self> {
        let Kind::Name(first) = &tokens.first()?.kind else { return None };
        let is_next = |word: &str| tokens.get(1).is_some_and(|token| is_name(token, word));
        match first.as_str() {
            "def" | "class" => Some(Self::Definition),
            "async" if is_next("def") => Some(Self::Definition),
            "async" | "if" | "elif" | "else" | "for" | "while" | "try" | "except" | "finally"
            | "with" => Some(Self::Other),
            // Words only at the head of a block: elsewhere they are names.
            "match" | "case" if tokens.last()?.kind == Kind::Sign(":") => Some(Self::Other),
            _ => None,
        }
    }
}

fn docstring(line: &Line) -> Option<String> {
    let mut text = String::new();
    for token in &split(&line.tokens, ";").first()?[..] {
        match &token.kind {
            Kind::Text(Some(more)) => text.push_str(more),
            _ => return None,
        }
    }
    Some(text)
}

fn is_name(token: &Token, name: &str) -> bool {
    matches!(&token.kind, Kind::Name(found) if found == name)
}

/// Returns where a value ends: at the first comma or closing bracket that is not its own.
fn end_of_value(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Sign("(" | "[" | "{") => depth += 1,
            Kind::Sign("," | ")" | "]" | "}") if depth == 0 => return at,
            Kind::Sign(")" | "]" | "}") => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Separates words at a sign outside of brackets.
fn split<'t>(tokens: &'t [Token], sign: &str) -> Vec<&'t [Token]> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, token) in tokens.iter().enumerate() {
        let Kind::Sign(found) = token.kind else { continue };
        match found {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ if depth == 0 && found == sign => {
                parts.push(&tokens[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[begin..]);
    parts
}

#[cfg(test)]
mod tests;
