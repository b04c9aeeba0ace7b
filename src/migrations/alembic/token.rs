//! The words of Python's source, as far as constants need them: strings, names, signs, and
//! which of them stand in one logical line.
//!
//! Source: "Lexical analysis" in the reference of Python 3.13.

use std::iter::Peekable;
use std::str::Chars;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// The line that it begins on, counted from 1.
    pub(super) line: usize,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string; `None` where its text is computed, or bytes.
    Text(Option<String>),
    /// A name or a keyword.
    Name(String),
    /// A number.
    Number,
    /// A sign; `=` and those that end with it are whole.
    Sign(&'static str),
}

/// A logical line: up to a line end outside of brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// How far it is indented; a tab leads to the next multiple of eight.
    pub(super) indent: usize,
    /// Its words; at least one.
    pub(super) tokens: Vec<Token>,
}

/// What cannot be separated into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// Why, as a sentence without a full stop.
    pub(super) reason: &'static str,
}

/// The signs of several characters that end with `=`, and other ones that hold one, longest
/// first; every other sign is one character.
const SIGNS: [&str; 20] = [
    "**=", "//=", ">>=", "<<=", "==", "!=", "<=", ">=", ":=", "+=", "-=", "*=", "/=", "%=", "@=",
    "&=", "|=", "^=", "->", "**",
];

/// The signs of one character.
const SINGLE: &str = "()[]{},:;.=+-*/%@&|^~<>!`$?\\";

/// Separates a source into logical lines; those without a word are left out.
pub(super) fn lines(source: &str) -> Result<Vec<Line>, Unreadable> {
    let source = source.trim_start_matches('\u{feff}');
    let mut reader = Reader { chars: source.chars().peekable(), rest: source, line: 1 };
    let mut lines = Vec::new();
    let (mut indent, mut tokens, mut depth) = (0, Vec::new(), 0_usize);
    let mut is_new = true;
    while let Some(c) = reader.peek() {
        match c {
            '\n' | '\r' => {
                reader.next();
                if depth == 0 && !tokens.is_empty() {
                    lines.push(Line { indent, tokens: std::mem::take(&mut tokens) });
                }
                if depth == 0 {
                    (indent, is_new) = (0, true);
                }
            }
            ' ' | '\t' | '\u{c}' => {
                reader.next();
                if is_new && tokens.is_empty() && depth == 0 {
                    indent = match c {
                        '\t' => (indent / 8 + 1) * 8,
                        ' ' => indent + 1,
                        _ => 0,
                    };
                }
            }
            '#' => reader.skip_to_line_end(),
            '\\' if reader.rest().starts_with("\\\n") || reader.rest().starts_with("\\\r") => {
                reader.next();
                reader.next_line();
            }
            _ => {
                is_new = false;
                let token = reader.token()?;
                match &token.kind {
                    Kind::Sign("(" | "[" | "{") => depth += 1,
                    Kind::Sign(")" | "]" | "}") => depth = depth.saturating_sub(1),
                    _ => {}
                }
                tokens.push(token);
            }
        }
    }
    if !tokens.is_empty() {
        lines.push(Line { indent, tokens });
    }
    Ok(lines)
}

struct Reader<'s> {
    chars: Peekable<Chars<'s>>,
    rest: &'s str,
    line: usize,
}

impl<'s> Reader<'s> {
    fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    fn rest(&self) -> &'s str {
        self.rest
    }

    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.rest = &self.rest[c.len_utf8()..];
        // A carriage return before a line feed is one end with it.
        if c == '\n' || c == '\r' && !self.rest.starts_with('\n') {
            self.line += 1;
        }
        Some(c)
    }

    /// Passes the end of a line, of one character or two.
    fn next_line(&mut self) {
        if self.next() == Some('\r') && self.peek() == Some('\n') {
            self.next();
        }
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.next();
        }
    }

    fn skip_to_line_end(&mut self) {
        while self.peek().is_some_and(|c| c != '\n' && c != '\r') {
            self.next();
        }
    }

    fn unreadable<T>(&self, reason: &'static str) -> Result<T, Unreadable> {
        Err(Unreadable { line: self.line, reason })
    }

    fn token(&mut self) -> Result<Token, Unreadable> {
        let line = self.line;
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or_default();
        let kind = if let Some(prefix) = string_prefix(rest) {
            self.skip(prefix.len());
            Kind::Text(self.string(&prefix.to_ascii_lowercase())?)
        } else if first.is_alphabetic() || first == '_' {
            Kind::Name(self.word())
        } else if first.is_ascii_digit() {
            self.word();
            Kind::Number
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            self.skip(sign.len());
            Kind::Sign(sign)
        } else if let Some(at) = SINGLE.find(first) {
            self.next();
            Kind::Sign(&SINGLE[at..=at])
        } else {
            return self.unreadable("a character stands here that is not Python's");
        };
        Ok(Token { kind, line })
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
            self.next();
        }
        word
    }

    /// Reads a string from its quote on; `None` where its text is computed, or bytes.
    fn string(&mut self, prefix: &str) -> Result<Option<String>, Unreadable> {
        let quote = self.peek().unwrap_or_default();
        let triple = [quote; 3].iter().collect::<String>();
        let end = if self.rest().starts_with(&triple) { triple } else { quote.to_string() };
        self.skip(end.len());
        let (is_raw, has_fields) = (prefix.contains('r'), prefix.contains(['f', 't']));
        let mut is_constant = !prefix.contains(['b', 'f', 't']);
        let mut text = String::new();
        loop {
            if self.rest().starts_with(&end) {
                self.skip(end.len());
                return Ok(is_constant.then_some(text));
            }
            match self.next() {
                None => return self.unreadable("the file ends within a string"),
                Some('\n' | '\r') if end.len() == 1 => {
                    return Err(Unreadable {
                        line: self.line - 1,
                        reason: "a string is not closed on its line",
                    });
                }
                Some('\r') if self.peek() == Some('\n') => {}
                Some('\r') => text.push('\n'),
                Some('\\') if is_raw => {
                    text.push('\\');
                    text.extend(self.next());
                }
                Some('\\') => match self.escape() {
                    Some(escaped) => text.push_str(&escaped),
                    None => is_constant = false,
                },
                Some(c @ ('{' | '}')) if has_fields && self.peek() == Some(c) => {
                    text.push(c);
                    self.next();
                }
                Some('{') if has_fields => {
                    is_constant = false;
                    self.field()?;
                }
                Some(c) => text.push(c),
            }
        }
    }

    /// Passes a field of a string, from behind its `{` to behind its `}`.
    fn field(&mut self) -> Result<(), Unreadable> {
        let mut depth = 0_usize;
        let mut in_format = false;
        while let Some(c) = self.peek() {
            if !in_format && let Some(prefix) = string_prefix(self.rest()) {
                self.skip(prefix.len());
                self.string(&prefix.to_ascii_lowercase())?;
                continue;
            }
            self.next();
            match c {
                '{' if in_format => self.field()?,
                '(' | '[' | '{' => depth += 1,
                '}' if depth == 0 => return Ok(()),
                ')' | ']' | '}' if !in_format => depth = depth.saturating_sub(1),
                ':' if depth == 0 => in_format = true,
                _ => {}
            }
        }
        self.unreadable("the file ends within a string")
    }

    /// Reads what stands behind a backslash; `None` for a character by its name.
    fn escape(&mut self) -> Option<String> {
        let c = self.next().unwrap_or_default();
        let single = match c {
            '\n' => return Some(String::new()),
            '\r' => {
                if self.peek() == Some('\n') {
                    self.next();
                }
                return Some(String::new());
            }
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '\\' | '\'' | '"' => c,
            'x' => return self.by_number(String::new(), 16, 2),
            'u' => return self.by_number(String::new(), 16, 4),
            'U' => return self.by_number(String::new(), 16, 8),
            '0'..='7' => return self.by_number(c.to_string(), 8, 3),
            'N' => return None,
            other => return Some(format!("\\{other}")),
        };
        Some(single.to_string())
    }

    fn by_number(&mut self, mut digits: String, radix: u32, longest: usize) -> Option<String> {
        while digits.len() < longest
            && let Some(digit) = self.peek().filter(|c| c.is_digit(radix))
        {
            digits.push(digit);
            self.next();
        }
        let number = u32::from_str_radix(&digits, radix).ok()?;
        char::from_u32(number).map(String::from)
    }
}

/// Returns the letters in front of a string, if a string begins here.
fn string_prefix(rest: &str) -> Option<&str> {
    let letters = rest.len() - rest.trim_start_matches(|c: char| "rRbBuUfFtT".contains(c)).len();
    (letters <= 2 && rest[letters..].starts_with(['"', '\''])).then(|| &rest[..letters])
}

#[cfg(test)]
mod tests;
