//! `explain`, as a reader sees it.

use crate::support::driftgate;

#[test]
fn every_check_of_the_list_has_its_page() {
    let list = driftgate(["explain"]).json().exits(0).document();
    let checks = list["data"]["checks"].as_array().expect("checks");
    assert!(checks.len() > 20, "{list:#}");
    for check in checks {
        let slug = check["check"].as_str().expect("a slug");
        let page = driftgate(["explain", slug]).run().exits(0).stdout;
        assert!(page.starts_with(slug), "{page}");
        for part in ["Problem.", "Compared.", "Remedy.", "Quiet."] {
            assert!(page.contains(part), "{slug} has no {part}");
        }
    }
}

#[test]
fn a_check_that_is_none_is_told_with_the_nearest_one() {
    driftgate(["explain", "view-mising"]).run().exits(2).says("did you mean `view-missing`?");
}
