//! `[locks]`: how the keys of a refresh's advisory locks are made.

use serde::Serialize;

use super::section::Section;

/// How the key of a refresh's advisory lock is made from the view and the tenant.
///
/// Source: `scheme` of `[locks]`. All programs that refresh the same views must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockScheme {
    /// Four bytes of one digest, widened to one bigint.
    Int32,
    /// Four bytes of the view's digest and four of the tenant's, as two int4.
    Int32Pair,
    /// Eight bytes of one digest, as one bigint.
    #[default]
    Int64,
}

impl LockScheme {
    /// Every scheme, with its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("int32", Self::Int32), ("int32-pair", Self::Int32Pair), ("int64", Self::Int64)];

    /// Returns the name as the registry writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Int32 => "int32",
            Self::Int32Pair => "int32-pair",
            Self::Int64 => "int64",
        }
    }
}

/// Reads `[locks]`.
pub(super) fn read(mut section: Section<'_, '_>) -> LockScheme {
    let scheme = section.take_text("scheme").and_then(|text| text.choice(&LockScheme::ALL));
    section.finish();
    scheme.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_named_once() {
        for (name, scheme) in LockScheme::ALL {
            assert_eq!(scheme.as_str(), name);
        }
    }
}
