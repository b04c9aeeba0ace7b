//! Modules as people write them, and what is known of them without running them.

use super::*;

fn module(source: &str) -> Module {
    Module::read(source).expect("it can be read")
}

/// Returns what `x` stands for.
fn x(source: &str) -> Option<Result<Value, &'static str>> {
    module(source).get("x").map(|bound| bound.value)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn constants_are_known_however_they_are_written() {
    let many = |texts: &[&str]| Value::Many(texts.iter().map(|one| text(one)).collect());
    for (source, expected) in [
        ("x = 'a'", text("a")),
        ("x: str = 'a'", text("a")),
        ("x: Union[str, Sequence[str], None] = ('a', 'b')", many(&["a", "b"])),
        ("x: \"Union[str, None]\" = None", Value::Nothing),
        ("x = None", Value::Nothing),
        ("x = ('a')", text("a")),
        ("x = ('a',)", many(&["a"])),
        ("x = 'a', 'b'", many(&["a", "b"])),
        ("x = 'a',", many(&["a"])),
        ("x = ()", many(&[])),
        ("x = []", many(&[])),
        ("x = [\n  'a', # one\n  'b',\n]", many(&["a", "b"])),
        ("x = {'a'}", many(&["a"])),
        ("x = 'a' 'b'", text("ab")),
        ("x = (\n  'a'\n  \"b\"\n)", text("ab")),
        ("x = 'a' + 'b'", text("ab")),
        ("x = \\\n  'a'", text("a")),
        ("x = 'a'; y = 'b'", text("a")),
        ("y = 'b'; x = 'a'", text("a")),
        ("x = 'a'\nx = 'b'", text("b")),
        ("y = x = 'a'", text("a")),
        ("x, y = 'a', 'b'", text("a")),
        ("(y, x) = ('b', 'a')", text("a")),
        ("y = 'a'\nx = y", text("a")),
        ("y = 'a'\nx = (y, 'b')", many(&["a", "b"])),
        ("x = 'a'  # x = 'b'", text("a")),
        ("\"\"\"x = 'b'\n\nx = 'c'\n\"\"\"\nx = 'a'", text("a")),
        ("x = 'a'\n\"\"\"\nx = 'b'\n\"\"\"", text("a")),
        ("x = 'a'\ndef f():\n    x = 'b'\n    if y:\n        x = 'c'\n", text("a")),
        ("x = 'a'\nclass C:\n    x = 'b'\n", text("a")),
        ("x = 'a'\nasync def f():\n    x = 'b'\n", text("a")),
        ("x = 'a'\n@d\ndef f(x='b'): x = 'c'\n", text("a")),
        ("x = 'a'\nif y == 'b':\n    z = x\n", text("a")),
        ("x = 'a'\nif x == 'b': print(x)\n", text("a")),
        ("x = 'a'\nx: str\n", text("a")),
        ("x = 'a'\nfrom sqlalchemy import *\n", text("a")),
        ("x = 'a'\nprint(x)\n", text("a")),
        ("match = 'b'\nx = 'a'\n", text("a")),
        ("x = 'a'\r\ny = 'b'\r\n", text("a")),
    ] {
        assert_eq!(x(source), Some(Ok(expected)), "{source}");
    }
}

#[test]
fn what_is_computed_is_not_known() {
    for source in [
        "x = f()",
        "x = y",
        "x = f'{y}'",
        "x = 'a'.upper()",
        "x = 'a' if y else 'b'",
        "x = 'a' % y",
        "x = 1",
        "x = b'a'",
        "x = ('a')('b')",
        "x = {'a': 'b'}",
        "x = ['a' for y in z]",
        "x = 'a'\nx += 'b'",
        "x = 'a'\ndel x",
        "x = 'a'\nif y:\n    x = 'b'",
        "x = 'a'\nif y: x = 'b'",
        "if y:\n    x = 'b'\nelse:\n    x = 'c'",
        "try:\n    x = 'a'\nexcept E:\n    pass",
        "for x in y:\n    pass",
        "with y as x:\n    pass",
        "from y import x",
        "import y as x",
        "from y import (\n  z,\n  x,\n)",
        "x = 'a'\nfrom y import *",
        "from y import *",
        "def x():\n    pass",
        "class x: pass",
        "x, y = f()",
        "x, *y = 'a', 'b'",
        "x = 'a'\nprint(x := 'b')",
        "x = 'a'\nglobals()['x'] = 'b'",
        "x = 'a'\nexec('x = 1')",
    ] {
        assert!(matches!(x(source), Some(Err(_))), "{source}: {:?}", x(source));
    }
}

#[test]
fn a_name_that_is_not_bound_is_not_there() {
    for source in ["", "y = 'a'", "x: str", "print(x)", "x.y = 'a'\n".trim_start_matches('x')] {
        assert_eq!(x(source), None, "{source}");
    }
}

#[test]
fn lines_are_those_of_the_names() {
    let module = module("'''doc\n'''\n\nx = (\n  'a'\n)\n");
    assert_eq!(module.get("x").expect("it is bound").line, 4);
}

#[test]
fn only_a_string_at_the_beginning_is_the_docstring() {
    for (source, expected) in [
        ("'''a'''\nx = 1", Some("a")),
        ("# c\n\n\"a\" 'b'\n", Some("ab")),
        ("x = 1\n'''a'''", None),
        ("f'a{x}'", None),
        ("b'a'", None),
        ("('a')", None),
        ("", None),
    ] {
        assert_eq!(module(source).docstring.as_deref(), expected, "{source}");
    }
}

#[test]
fn arguments_are_found_wherever_they_are_given() {
    let source = "T = 'named'\ndef run():\n    context.configure(\n        x='a',\n        \
                  **{'x': T},\n    )\n    f(x=g('b'), y=1)\n";
    let values: Vec<_> = module(source).given("x").into_iter().map(|given| given.value).collect();
    assert_eq!(values, [Ok(text("a")), Ok(text("named")), Err(COMPUTED)]);
}
