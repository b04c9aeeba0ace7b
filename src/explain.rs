//! The pages of the checks, carried in the program: one source for `docs/checks` and for
//! `explain`.

/// Returns the page of a check, as Markdown; `None` for a slug that is none.
///
/// Source: `docs/checks/<slug>.md`.
pub fn page(slug: &str) -> Option<&'static str> {
    PAGES.iter().find(|(name, _)| *name == slug).map(|(_, page)| *page)
}

macro_rules! pages {
    ($($slug:literal),* $(,)?) => {
        &[$(($slug, include_str!(concat!("../docs/checks/", $slug, ".md")))),*]
    };
}

const PAGES: &[(&str, &str)] = pages![
    "concurrent-unfit",
    "definition-drift",
    "dependency-drift",
    "exception-expired",
    "exception-unused",
    "lock-key-collision",
    "lock-not-exclusive",
    "migration-changed",
    "migration-cycle",
    "migration-duplicate",
    "migration-failed",
    "migration-heads",
    "migration-parent-missing",
    "migration-pending",
    "migration-unknown",
    "owner-drift",
    "pooler-in-between",
    "prediction-wrong",
    "read-too-wide",
    "refresh-denied",
    "refresh-filtered",
    "role-missing",
    "schedule-differs",
    "schedule-not-loaded",
    "schedule-overload",
    "schedule-silent",
    "schedule-too-slow",
    "schedule-twice",
    "schedule-unused",
    "search-path-unsafe",
    "tenant-column-missing",
    "tenant-read-unfiltered",
    "tenant-rows-lost",
    "tenant-rows-uncertain",
    "unique-key-drift",
    "view-missing",
    "view-never-refreshed",
    "view-outside-schemas",
    "view-stale",
    "view-unpopulated",
    "view-unregistered",
    "write-allowed",
    "write-only-trigger",
    "write-through-view",
];

/// A piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words to be wrapped.
    Paragraph(String),
    /// A line to be written as it is: code, or output of the program.
    Verbatim(String),
    /// An empty line.
    Gap,
}

/// Returns a page in pieces for a reader at a terminal: without the marks of Markdown, and
/// with links as their words alone.
pub fn pieces(page: &str) -> Vec<Piece> {
    let (mut pieces, mut paragraph) = (Vec::new(), String::new());
    let mut is_code = false;
    for line in page.lines() {
        let is_fence = line.starts_with("```");
        if (is_code || is_fence || line.is_empty()) && !paragraph.is_empty() {
            pieces.push(Piece::Paragraph(plain(&std::mem::take(&mut paragraph))));
        }
        match (is_fence, is_code) {
            (true, _) => is_code = !is_code,
            (false, true) => pieces.push(Piece::Verbatim(line.to_owned())),
            (false, false) if line.is_empty() => pieces.push(Piece::Gap),
            (false, false) => {
                paragraph.push_str(line.trim_start_matches('#'));
                paragraph.push(' ');
            }
        }
    }
    if !paragraph.is_empty() {
        pieces.push(Piece::Paragraph(plain(&paragraph)));
    }
    pieces
}

/// Takes the marks of Markdown off a paragraph.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.trim();
    while let Some(open) = rest.find('[') {
        let link = rest[open..].find("](").and_then(|middle| {
            let close = rest[open + middle..].find(')')?;
            Some((&rest[open + 1..open + middle], open + middle + close + 1))
        });
        match link {
            Some((words, end)) if !words.contains(['[', '\n']) => {
                plain.push_str(&rest[..open]);
                plain.push_str(words);
                rest = &rest[end..];
            }
            _ => {
                plain.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
            }
        }
    }
    plain.push_str(rest);
    plain.replace("**", "").replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::CHECKS;
    use crate::exceptions::SLUGS;

    #[test]
    fn every_check_has_its_page_and_every_page_its_check() {
        let slugs: Vec<&str> = CHECKS.iter().map(|check| check.slug).chain(SLUGS).collect();
        for slug in &slugs {
            assert!(page(slug).is_some_and(|page| page.contains(slug)), "{slug}");
        }
        assert_eq!(PAGES.len(), slugs.len());
        assert_eq!(page("no-such-check"), None);
    }

    #[test]
    fn marks_are_taken_off_and_code_is_kept() {
        let page = "# `a-b`\n\n**Problem.** See [the\nregistry](../x.md) and `[roles]`.\n\n```sql\nSELECT [1];\n```\n";
        assert_eq!(
            pieces(page),
            [
                Piece::Paragraph("a-b".into()),
                Piece::Gap,
                Piece::Paragraph("Problem. See the registry and [roles].".into()),
                Piece::Gap,
                Piece::Verbatim("SELECT [1];".into()),
            ]
        );
    }
}
