//! Cuts a registry's text at its table headers and parses it part by part: the views a
//! batch at a time, everything else in one go. The parse tree of a long list of views is
//! many times its text; in batches, it is never in memory as a whole.

use std::ops::Range;

use toml::de::DeTable;
use toml_parser::Source;
use toml_parser::lexer::{Token, TokenKind};

use super::mistakes::Mistakes;

/// How many bytes of `[[matview]]` tables are parsed at a time, at least one table.
const BATCH_BYTES: usize = 32 * 1024;

/// How many lines of a part are reported one by one when they are not TOML; with more, the
/// file is likely to be something else.
const MAX_SYNTAX_ERRORS: usize = 100;

/// A registry's text, cut into parts that are parsed one by one.
pub(super) struct Document<'t> {
    text: &'t str,
    /// Everything but the views: text of its own, and the places it is from.
    others: String,
    others_origin: Origin,
    /// Consecutive `[[matview]]` tables, as ranges of the text.
    batches: Vec<Range<usize>>,
    /// Tables in which something is opened and never closed.
    unclosed: Vec<Unclosed>,
    /// How many `[[matview]]` headers there are.
    pub(super) matviews: usize,
}

/// Where the pieces of a part are from: start in the part, start in the file, in bytes.
#[derive(Default)]
pub(super) struct Origin(Vec<(usize, usize)>);

impl Origin {
    /// Returns the place in the file of a place in the part, both in bytes from the start.
    pub(super) fn offset(&self, at: usize) -> usize {
        let piece = self.0.partition_point(|(start, _)| *start <= at);
        match piece.checked_sub(1).and_then(|piece| self.0.get(piece)) {
            Some((in_part, in_file)) => in_file + (at - in_part),
            None => at,
        }
    }
}

/// A table in which an array, an inline table or a string is never closed.
struct Unclosed {
    table: Range<usize>,
    opened_at: usize,
    what: &'static str,
    closing: &'static str,
}

impl<'t> Document<'t> {
    /// Cuts a text at its headers.
    pub(super) fn split(text: &'t str) -> Self {
        let mut cutter = Cutter::new(text);
        for token in Source::new(text).lex() {
            cutter.read(token);
        }
        cutter.close_table(text.len());
        cutter.document
    }

    /// Parses everything but the views; what is not TOML is reported, and gives no table.
    pub(super) fn parse_others(&self, mistakes: &Mistakes<'_>) -> (DeTable<'_>, &Origin) {
        for unclosed in &self.unclosed {
            let line = self.text[..unclosed.opened_at].rfind('\n').map_or(0, |found| found + 1);
            let before = unclosed.table.start..line.max(unclosed.table.start);
            let origin = Origin(vec![(0, before.start)]);
            // What toml says about the lines behind the opening follows from it, and misleads.
            let _ = parse(&self.text[before], &origin, mistakes);
            mistakes.syntax(
                unclosed.opened_at,
                format!("this {} is not closed", unclosed.what),
                Some(format!("write the missing `{}`", unclosed.closing)),
            );
        }
        let table = parse(&self.others, &self.others_origin, mistakes);
        (table.unwrap_or_default(), &self.others_origin)
    }

    /// Parses the `[[matview]]` tables batch by batch, and hands each batch on.
    ///
    /// A batch that is not TOML is reported, and passed over.
    pub(super) fn each_batch(
        &self,
        mistakes: &Mistakes<'_>,
        mut then: impl FnMut(DeTable<'_>, &Origin),
    ) {
        for batch in &self.batches {
            let origin = Origin(vec![(0, batch.start)]);
            if let Some(table) = parse(&self.text[batch.clone()], &origin, mistakes) {
                then(table, &origin);
            }
        }
    }
}

/// Parses a part; reports the first error of each line, and returns `None` if there is any.
fn parse<'i>(part: &'i str, origin: &Origin, mistakes: &Mistakes<'_>) -> Option<DeTable<'i>> {
    let (table, mut errors) = DeTable::parse_recoverable(part);
    if errors.is_empty() {
        return Some(table.into_inner());
    }
    // An error without a place is about the part as a whole, such as one nested too deep.
    let place = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    errors.sort_by_key(place);
    errors.dedup_by_key(|error| mistakes.line(origin.offset(place(error))));
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let named = error.span().and_then(|span| part.get(span)).unwrap_or_default();
        let message = match error.message() {
            "duplicate key" if !named.is_empty() => format!("`{named}` is given twice"),
            "recursion limit" => "this part of the file is nested too deep".to_owned(),
            message => message.to_owned(),
        };
        mistakes.syntax(origin.offset(place(error)), message, None);
    }
    if let Some(next) = errors.get(MAX_SYNTAX_ERRORS) {
        let count = errors.len() - MAX_SYNTAX_ERRORS;
        let message = format!("{count} more lines from here on are not TOML");
        mistakes.syntax(origin.offset(place(next)), message, None);
    }
    None
}

/// What a header opens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    /// `[[matview]]`.
    Matview,
    /// A table below the last view, which no view has; it stays with its view.
    BelowMatview,
    /// Any other.
    Other,
}

/// Reads the tokens in order and cuts before each header.
struct Cutter<'t> {
    document: Document<'t>,
    /// Where the table that is being read starts, and whether it is a view.
    table_start: usize,
    in_matview: bool,
    /// Brackets and braces that are open, and the outermost of them.
    depth: usize,
    opened_at: usize,
    opened: TokenKind,
    line_start: usize,
    /// Nothing but blanks were seen on this line.
    at_line_start: bool,
    /// The rest of this line is a header.
    in_header: bool,
}

impl<'t> Cutter<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            document: Document {
                text,
                others: String::new(),
                others_origin: Origin::default(),
                batches: Vec::new(),
                unclosed: Vec::new(),
                matviews: 0,
            },
            table_start: 0,
            in_matview: false,
            depth: 0,
            opened_at: 0,
            opened: TokenKind::Eof,
            line_start: 0,
            at_line_start: true,
            in_header: false,
        }
    }

    fn read(&mut self, token: Token) {
        let (kind, at) = (token.kind(), token.span().start());
        match kind {
            TokenKind::Newline => {
                self.line_start = token.span().end();
                self.at_line_start = true;
                self.in_header = false;
                return;
            }
            TokenKind::Whitespace => return,
            TokenKind::LeftSquareBracket if self.at_line_start => {
                let line = self.document.text[at..].lines().next().unwrap_or_default();
                // Within an array, `[x]` on a line of its own is a value, unless its words
                // cannot be one: then an array above was never closed.
                if self.depth == 0 || is_header_alone(line) {
                    self.start_table(line);
                } else {
                    self.depth += 1;
                }
            }
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket if !self.in_header => {
                if self.depth == 0 {
                    self.opened_at = at;
                    self.opened = kind;
                }
                self.depth += 1;
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket if !self.in_header => {
                self.depth = self.depth.saturating_sub(1);
            }
            TokenKind::MlBasicString | TokenKind::MlLiteralString => {
                let string = &self.document.text[at..token.span().end()];
                let closing = &string[..3];
                if self.depth == 0 && (string.len() < 6 || !string.ends_with(closing)) {
                    self.opened_at = at;
                    self.opened = kind;
                    self.depth = 1;
                }
            }
            _ => {}
        }
        self.at_line_start = false;
    }

    /// Starts a table at a header, unless it belongs to the view that is being read.
    fn start_table(&mut self, line: &str) {
        self.in_header = true;
        let header = header(line);
        if header == Header::BelowMatview && self.in_matview && self.depth == 0 {
            return;
        }
        self.close_table(self.line_start);
        self.in_matview = header == Header::Matview;
        self.document.matviews += usize::from(self.in_matview);
    }

    /// Ends the table that is being read, and puts it where it belongs.
    fn close_table(&mut self, end: usize) {
        let table = self.table_start..end;
        self.table_start = end;
        let document = &mut self.document;
        if self.depth > 0 {
            let (what, closing) = match self.opened {
                TokenKind::LeftSquareBracket => ("array", "]"),
                TokenKind::LeftCurlyBracket => ("inline table", "}"),
                TokenKind::MlBasicString => ("string", "\"\"\""),
                _ => ("string", "'''"),
            };
            document.unclosed.push(Unclosed { table, opened_at: self.opened_at, what, closing });
            self.depth = 0;
        } else if self.in_matview {
            match document.batches.last_mut() {
                Some(last) if last.end == table.start && last.len() < BATCH_BYTES => {
                    last.end = table.end;
                }
                _ => document.batches.push(table),
            }
        } else if !table.is_empty() {
            document.others_origin.0.push((document.others.len(), table.start));
            document.others.push_str(&document.text[table]);
        }
    }
}

/// Tells which table a header opens.
fn header(line: &str) -> Header {
    let (inner, is_array) = match line.strip_prefix("[[") {
        Some(inner) => (inner, true),
        None => (line.trim_start_matches('['), false),
    };
    let path = inner.split(']').next().unwrap_or_default();
    let mut keys = path.split('.').map(|key| key.trim().trim_matches(['"', '\'']));
    match (keys.next(), keys.next()) {
        (Some("matview"), None) if is_array => Header::Matview,
        (Some("matview"), Some(_)) => Header::BelowMatview,
        _ => Header::Other,
    }
}

/// Tells whether a line can be nothing but a header: a bare word in brackets.
fn is_header_alone(line: &str) -> bool {
    let Some((path, behind)) = line.trim_start_matches('[').split_once(']') else { return false };
    let path = path.trim();
    let behind = behind.trim_start_matches(']').trim_start();
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    path.starts_with(|c: char| c.is_ascii_alphabetic())
        && path.chars().all(is_bare)
        && !matches!(path, "true" | "false" | "inf" | "nan")
        && (behind.is_empty() || behind.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns how many tables each batch holds, and the lines of the errors.
    fn parsed(text: &str) -> (Vec<usize>, Vec<(Option<usize>, String)>) {
        let mistakes = Mistakes::new("registry.toml", text);
        let document = Document::split(text);
        let _ = document.parse_others(&mistakes);
        let mut batches = Vec::new();
        document.each_batch(&mistakes, |table, _| {
            let tables = table.get("matview").and_then(|value| value.get_ref().as_array());
            batches.push(tables.map_or(0, |tables| tables.len()));
        });
        let found = mistakes.finish();
        (batches, found.into_iter().map(|mistake| (mistake.line, mistake.message)).collect())
    }

    #[test]
    fn views_are_cut_off_from_the_rest_wherever_they_stand() {
        let text = "version = 1\n[[matview]]\nname = \"a\"\n  [[ 'matview' ]] # second\n\
                    [gates]\nrequired = [\n  [\"x\"],\n]\n[[matview]]\nx = '''\n[[matview]]\n'''\n\
                    [matview.below]\ny = 1";
        let document = Document::split(text);
        assert_eq!(document.matviews, 3);
        assert_eq!(document.others, "version = 1\n[gates]\nrequired = [\n  [\"x\"],\n]\n");
        let at = document.others.find("required").expect("it is there");
        assert_eq!(document.others_origin.offset(at), text.find("required").expect("there"));
        assert_eq!(parsed(text), (vec![2, 1], vec![]));
    }

    #[test]
    fn what_is_never_closed_is_reported_where_it_was_opened_and_hides_nothing_else() {
        let text = "version = 1\n[database]\nignore = []\nschemas = [\"public\",\n  [\"x\"],\n\
                    [schedules]\nnightly = { every = \"1h\"\nx = 1\n[[matview]]\nname = 1 2\n\
                    [[matview]]\nname = \"\"\"\n[gates]\n";
        let (batches, errors) = parsed(text);
        assert_eq!(batches, Vec::<usize>::new());
        let lines: Vec<_> = errors.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [Some(4), Some(7), Some(10), Some(12)]);
        assert_eq!(errors[0].1, "this array is not closed");
        assert_eq!(errors[1].1, "this inline table is not closed");
        assert_eq!(errors[3].1, "this string is not closed");
    }

    #[test]
    fn views_are_parsed_in_batches() {
        let text = "[[matview]]\nname = \"public.mv_x\"\n".repeat(5_000);
        let (batches, errors) = parsed(&text);
        assert_eq!(batches.iter().sum::<usize>(), 5_000);
        assert!(batches.len() > 3 && batches.iter().all(|tables| *tables < 1_000));
        assert_eq!(errors, []);
    }

    proptest! {
        #[test]
        fn the_parts_are_toml_exactly_when_the_whole_is(
            lines in proptest::collection::vec(prop_oneof![
                Just("[[matview]]"), Just("[[matview]] # x"), Just("[gates]"), Just("[[task]]"),
                Just("a = 1"), Just("b = [1,"), Just("  [2],"), Just("[2]"), Just("]"),
                Just("c = '''"), Just("'''"), Just("d = { x = 1 }"), Just("e = {"), Just("}"),
                Just("[true]"), Just("[gates"), Just("# [[matview]]"), Just("f = \"[\""), Just(""),
            ], 0..12),
        ) {
            let text = lines.join("\n");
            let whole = DeTable::parse(&text);
            let (_, errors) = parsed(&text);
            prop_assert_eq!(whole.is_ok(), errors.is_empty(), "{:?} {:?}", whole.err(), errors);
        }
    }
}
