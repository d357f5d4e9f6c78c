//! The README's table of features holds the comments of `Cargo.toml`.

use std::fmt::Write as _;

/// A row for each feature: its name, whether it is on by default, and the comment above it.
fn table() -> String {
    let features = include_str!("../Cargo.toml")
        .split_once("[features]\n")
        .and_then(|(_, rest)| rest.split_once("\n[dependencies]"))
        .map(|(features, _)| features)
        .expect("features, then dependencies");
    let (mut rows, mut comment, mut default) = (String::new(), String::new(), "");
    for line in features.lines() {
        match (line.strip_prefix("# "), line.split_once(" = ")) {
            (Some(text), _) => write!(comment, " {text}").expect("memory"),
            (None, Some(("default", list))) => default = list,
            (None, Some((name, _))) => {
                let on = if default.contains(&format!("{name:?}")) { ", on by default" } else { "" };
                writeln!(rows, "| `{name}`{on} |{comment} |").expect("memory");
                comment.clear();
            }
            _ => {}
        }
    }
    rows
}

#[test]
fn the_table_of_features_holds_the_comments_of_cargo_toml() {
    let table = table();
    assert!(table.lines().count() > 5, "{table}");
    assert!(include_str!("../README.md").contains(&table), "write into README.md:\n{table}");
}
