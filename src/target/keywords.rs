//! Keyword strings: `host=db.example dbname='my app'`.
//!
//! Source: `conninfo_parse` in libpq's `fe-connect.c`.

use std::iter::Peekable;
use std::str::Chars;

use super::refusal::Refusal;
use super::spelled::Spelled;

/// Tells whether a text is meant as a keyword string: a word, and then `=`.
pub(super) fn is_keyword_string(text: &str) -> bool {
    let text = text.trim_ascii_start();
    let word = text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    word.is_some_and(|end| end > 0 && text[end..].trim_ascii_start().starts_with('='))
}

/// Reads a keyword string.
pub(super) fn read(text: &str, spelled: &mut Spelled) -> Result<(), Refusal> {
    let mut rest = text.chars().peekable();
    // A text that was cut may begin with what was a password.
    let mut nameable = false;
    loop {
        skip_blanks(&mut rest);
        if rest.peek().is_none() {
            return Ok(());
        }
        let name = take_name(&mut rest)?;
        let (value, quoted) = take_value(&mut rest)?;
        if !quoted && value.contains('=') && name != "password" {
            // A blank that was forgotten would turn the next keyword, and a password, into
            // part of this value.
            return Err(Refusal::new("a value holds `=` without being in quotes")
                .hint("separate the keywords with blanks; put such a value in single quotes"));
        }
        spelled.take(&name, value, nameable)?;
        // What follows a password may be the rest of it, behind a blank.
        nameable = name != "password";
    }
}

fn skip_blanks(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|character| character.is_ascii_whitespace()).is_some() {}
}

fn take_name(rest: &mut Peekable<Chars<'_>>) -> Result<String, Refusal> {
    let mut name = String::new();
    while let Some(character) =
        rest.next_if(|character| !character.is_ascii_whitespace() && *character != '=')
    {
        name.push(character);
    }
    skip_blanks(rest);
    if rest.next() == Some('=') {
        return Ok(name);
    }
    Err(Refusal::new("a word in the keyword string has no `=`")
        .hint("put a value that holds blanks in single quotes: `password='a b'`"))
}

fn take_value(rest: &mut Peekable<Chars<'_>>) -> Result<(String, bool), Refusal> {
    skip_blanks(rest);
    let quoted = rest.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match rest.next() {
            None if quoted => {
                return Err(Refusal::new("a single quote in the keyword string is not closed")
                    .hint("inside a value, write `\\'` for a single quote"));
            }
            None => break,
            Some('\\') => value.extend(rest.next()),
            Some('\'') if quoted => break,
            Some(character) if !quoted && character.is_ascii_whitespace() => break,
            Some(character) => value.push(character),
        }
    }
    Ok((value, quoted))
}
