//! Python's words, in all their spellings.

use super::*;

/// Returns the text of the one string that a source is.
fn text(source: &str) -> Option<String> {
    let lines = lines(source).expect("it can be read");
    match &lines[0].tokens[..] {
        [Token { kind: Kind::Text(text), .. }] => text.clone(),
        other => panic!("{source}: {other:?}"),
    }
}

#[test]
fn strings_have_the_text_that_python_gives_them() {
    for (source, expected) in [
        ("'a'", "a"),
        ("\"a\"", "a"),
        ("''", ""),
        ("'''a'b''c'''", "a'b''c"),
        ("\"\"\"a\n\"b\"\n\"\"\"", "a\n\"b\"\n"),
        ("'''a\r\nb\rc'''", "a\nb\nc"),
        (r"'a\'b\\c\n\t\x41\u00e9\101'", "a'b\\c\n\tAéA"),
        (r"'\d'", "\\d"),
        (r"r'\d\''", "\\d\\'"),
        ("R'a'", "a"),
        ("u'ü'", "ü"),
        ("'a\\\nb'", "ab"),
        ("'#'", "#"),
    ] {
        assert_eq!(text(source).as_deref(), Some(expected), "{source}");
    }
}

#[test]
fn what_is_computed_or_bytes_has_no_text() {
    for source in [
        "f'{a}'",
        "f'a'",
        "rF'a{{b}}'",
        "f'{a!r:>{width}}'",
        "f\"{a[\"b\"]}\"",
        "f'{x:\"^10}'",
        "f'''{ {1: 2}[1] }'''",
        "b'a'",
        "rb'a'",
        "t'a'",
        r"'\N{DASH}'",
    ] {
        assert_eq!(text(source), None, "{source}");
    }
}

#[test]
fn logical_lines_go_on_in_brackets_and_behind_a_backslash() {
    let source = "a = (\n  1, # )\n  2\n)\n\n  # only a comment\nb = \\\n  3; c\n\tif d:\n";
    let lines = lines(source).expect("it can be read");
    let shape: Vec<_> =
        lines.iter().map(|line| (line.indent, line.tokens.len(), line.tokens[0].line)).collect();
    assert_eq!(shape, [(0, 7, 1), (0, 5, 7), (8, 3, 9)]);
}

#[test]
fn signs_that_end_with_an_equals_sign_are_whole() {
    let lines = lines("a == b != c := d += e = f -> g").expect("it can be read");
    let signs: Vec<_> = lines[0]
        .tokens
        .iter()
        .filter_map(|token| match token.kind {
            Kind::Sign(sign) => Some(sign),
            _ => None,
        })
        .collect();
    assert_eq!(signs, ["==", "!=", ":=", "+=", "=", "->"]);
}

#[test]
fn what_is_cut_short_is_told_with_its_line() {
    for (source, line) in [("a\n'b", 2), ("a\n'b\n'", 2), ("'''a\n", 2), ("a = €", 1)] {
        assert_eq!(lines(source).expect_err(source).line, line, "{source}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_fail_hard(source in r#"[a-f'"\\{}()#:=\n\r {3}]{0,60}"#) {
        let _ = lines(&source);
    }

    #[test]
    fn a_string_is_read_back(content in "[a-zé'\"\\\\\n\t]{0,20}") {
        let source = format!(
            "'{}'",
            content.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n")
        );
        proptest::prop_assert_eq!(text(&source), Some(content));
    }
}
