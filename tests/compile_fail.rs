//! Programs with a mistake, each in a file of `ui/fail` that is named for the mistake, and correct ones in `ui/pass`.
//!
//! Each mistake is one compile error. The texts beside the mistakes are those of the compiler [`WRITTEN_WITH`]; those
//! of another compiler may differ, so that only the refusal is tested there. After an intended change,
//! `TRYBUILD=overwrite cargo test --test compile_fail` writes the texts anew.

use std::{env, fs, path::Path, process::Command};

use trybuild::TestCases;

/// The compiler that wrote the recorded texts.
const WRITTEN_WITH: &str = "rustc 1.95.";

/// The variable that this test sets when it runs itself: the folder of mistakes whose texts are not compared.
const WITHOUT_TEXTS: &str = "CONSTNET_MISTAKES";

#[test]
fn mistakes_are_refused_and_the_right_way_compiles() {
    let cases = TestCases::new();
    if let Ok(folder) = env::var(WITHOUT_TEXTS) {
        cases.compile_fail(format!("{folder}/*.rs"));
    } else if compiler().starts_with(WRITTEN_WITH) {
        cases.compile_fail("tests/ui/fail/*.rs");
    } else {
        refused_whatever_the_text();
    }
    cases.pass("tests/ui/pass/*.rs");
}

#[test]
fn each_mistake_is_one_error() {
    for file in fs::read_dir("tests/ui/fail").expect("the mistakes") {
        let file = file.expect("a mistake").path();
        if file.extension().is_some_and(|extension| extension == "stderr") {
            let text = fs::read_to_string(&file).expect("a text");
            let errors = text.lines().filter(|line| line.starts_with("error")).count();
            assert_eq!(errors, 1, "{}", file.display());
        }
    }
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("a compiler");
    String::from_utf8_lossy(&version.stdout).into_owned()
}

/// Runs this test on a copy of the mistakes, whose texts are recorded rather than compared: a
/// mistake that compiles still fails it.
fn refused_whatever_the_text() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistakes");
    fs::create_dir_all(&folder).expect("a folder");
    for file in fs::read_dir("tests/ui/fail").expect("the mistakes") {
        let file = file.expect("a mistake").path();
        if file.extension().is_some_and(|extension| extension == "rs") {
            fs::copy(&file, folder.join(file.file_name().expect("a name"))).expect("a copy");
        }
    }
    let status = Command::new(env::current_exe().expect("this test"))
        .env(WITHOUT_TEXTS, folder)
        .env("TRYBUILD", "overwrite")
        .status()
        .expect("a run of this test");
    assert!(status.success(), "a mistake was not refused: see above");
}
