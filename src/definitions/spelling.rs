//! The same definition, spelt otherwise: line ends that an editor or `git` changed, and the
//! server's own print that somebody kept in a file.

use std::borrow::Cow;

/// Returns the ways in which a text may be meant: as it is, and with the line ends of Unix
/// where it has others, which matter within literals alone.
pub fn spellings(text: &str) -> Vec<Cow<'_, str>> {
    let mut spellings = vec![Cow::Borrowed(text)];
    if text.contains("\r\n") {
        spellings.push(Cow::Owned(text.replace("\r\n", "\n")));
    }
    spellings
}

/// Tells whether a declared text is one of the server's own prints, but for what stands
/// around it: then it needs no server to see that both are the same.
pub fn agree_as_they_stand<'a>(declared: &str, prints: impl IntoIterator<Item = &'a str>) -> bool {
    let bare = |text: &str| {
        let text = text.replace("\r\n", "\n");
        text.trim().trim_end_matches(|end: char| end == ';' || end.is_whitespace()).to_owned()
    };
    let declared = bare(declared);
    prints.into_iter().any(|print| bare(print) == declared)
}
