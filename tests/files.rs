//! Files on the disk: how they are written, and what is read of them.
#![cfg(all(feature = "std", unix))]

mod common;

use std::{
    env, fs,
    io::{self, ErrorKind, Read as _},
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use common::Folder;
use constnet::formats::{FileError, write_file};

/// The error of writing to this path, whose text must contain the path and the reason.
#[track_caller]
fn refused(path: &Path) -> FileError {
    let error = write_file(path, "new").expect_err("no file");
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot {} {}: ", error.operation, path.display())), "{text}");
    let source = std::error::Error::source(&error).expect("the error of the system");
    assert!(text.ends_with(&source.to_string()), "{text}");
    assert_eq!(source.downcast_ref::<io::Error>().expect("an I/O error").kind(), error.error.kind());
    error
}

/// Runs one test of this program again, in another process and with these variables.
fn again(test: &str, variables: &[(&str, &Path)]) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args([test, "--exact"]).envs(variables.iter().copied()).stdout(Stdio::null());
    command
}

/// Root may write to everything. Then this runs the test as another user, and returns `true`.
fn is_done_by_another_user(test: &str) -> bool {
    let folder = Folder::new("root");
    let path = folder.join("read-only");
    fs::write(&path, "").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("our own file");
    let is_root = fs::OpenOptions::new().write(true).open(&path).is_ok();
    if is_root {
        let nobody = 65534;
        let status = again(test, &[]).uid(nobody).gid(nobody).status().expect("a process");
        assert!(status.success(), "as another user");
    }
    is_root
}

#[test]
fn a_file_is_created_and_replaced() {
    let folder = Folder::new("replaced");
    let path = folder.join("net");
    for content in ["first", "second and longer", "3"] {
        write_file(&path, content).expect("a file");
        assert_eq!(fs::read_to_string(&path).expect("the file"), content);
    }
    assert_eq!(folder.files(), 1, "something was left behind");

    // The largest name that Linux allows.
    let path = folder.join(&"x".repeat(255));
    write_file(&path, "long").expect("a file");
    assert_eq!(fs::read_to_string(&path).expect("the file"), "long");
    refused(&folder.join(&"x".repeat(256)));
    assert_eq!(folder.files(), 2, "something was left behind");
}

#[test]
fn links_stay_and_the_file_that_they_lead_to_is_written() {
    let folder = Folder::new("links");
    let elsewhere = folder.join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    fs::write(elsewhere.join("net"), "old").expect("a file");
    symlink("elsewhere/net", folder.join("relative")).expect("a link");
    symlink(folder.join("relative"), folder.join("chain")).expect("a link");
    for (content, name) in ["first", "second"].iter().zip(["relative", "chain"]) {
        write_file(folder.join(name), content).expect("a file");
        assert_eq!(fs::read_to_string(elsewhere.join("net")).expect("the file"), *content);
        assert_eq!(fs::read_to_string(folder.join(name)).expect("the file"), *content);
    }

    // Nothing is there yet.
    symlink("elsewhere/later", folder.join("dangling")).expect("a link");
    symlink("dangling", folder.join("to-dangling")).expect("a link");
    write_file(folder.join("to-dangling"), "later").expect("a file");
    assert_eq!(fs::read_to_string(elsewhere.join("later")).expect("the file"), "later");
    for (name, target) in
        [("relative", "elsewhere/net"), ("dangling", "elsewhere/later"), ("to-dangling", "dangling")]
    {
        assert_eq!(fs::read_link(folder.join(name)).expect("still a link"), Path::new(target));
    }

    symlink("none/net", folder.join("to-nowhere")).expect("a link");
    assert_eq!(refused(&folder.join("to-nowhere")).error.kind(), ErrorKind::NotFound);
    symlink("circle", folder.join("circle")).expect("a link");
    refused(&folder.join("circle"));
    let mut files: Vec<_> =
        fs::read_dir(&folder.0).expect("it").map(|file| file.expect("it").file_name()).collect();
    files.sort();
    assert_eq!(files, ["chain", "circle", "dangling", "elsewhere", "relative", "to-dangling", "to-nowhere"]);
}

#[test]
fn all_names_of_a_file_get_the_new_content() {
    let folder = Folder::new("hard-link");
    let (path, other) = (folder.join("net"), folder.join("other"));
    fs::write(&path, "old and longer").expect("a file");
    fs::hard_link(&path, &other).expect("a link");
    write_file(&path, "new").expect("the file");
    assert_eq!(fs::read_to_string(&other).expect("the file"), "new");
    assert_eq!(fs::metadata(&path).expect("it").ino(), fs::metadata(&other).expect("it").ino());
    assert_eq!(folder.files(), 2, "something was left behind");
}

#[test]
fn pipes_and_devices_are_written_to() {
    let folder = Folder::new("devices");
    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut content = String::new();
            fs::File::open(pipe).and_then(|mut pipe| pipe.read_to_string(&mut content)).map(|_| content)
        }
    });
    write_file(&pipe, "through the pipe").expect("a reader");
    assert_eq!(reader.join().expect("no panic").expect("the content"), "through the pipe");
    assert!(fs::metadata(&pipe).expect("it").file_type().is_fifo());

    symlink("/dev/null", folder.join("null")).expect("a link");
    write_file(folder.join("null"), "nothing").expect("a device");
    assert!(fs::metadata("/dev/null").expect("it").file_type().is_char_device());
    if Path::new("/dev/full").exists() {
        let error = refused(Path::new("/dev/full"));
        assert_eq!((error.operation, error.error.kind()), ("write to", ErrorKind::StorageFull));
    }
    assert_eq!(folder.files(), 2, "something was left behind");
}

#[test]
fn paths_that_cannot_be_written_are_errors() {
    let folder = Folder::new("paths");
    for path in ["", "/", "..", ".", "none/..", "none/net", "none/"] {
        let path = if path.starts_with("none") { folder.join(path) } else { path.into() };
        refused(&path);
    }
    assert_eq!(refused(&folder.join("none/net")).error.kind(), ErrorKind::NotFound);
    let error = refused(&folder.0);
    assert_eq!((error.operation, error.error.kind()), ("replace", ErrorKind::IsADirectory));
    fs::write(folder.join("file"), "").expect("a file");
    assert_eq!(refused(&folder.join("file/net")).error.kind(), ErrorKind::NotADirectory);
    assert_eq!(folder.files(), 1, "something was left behind");
}

#[test]
fn files_that_may_not_be_written_stay() {
    if is_done_by_another_user("files_that_may_not_be_written_stay") {
        return;
    }
    let folder = Folder::new("read-only");
    let (path, inner) = (folder.join("net"), folder.join("inner"));
    fs::write(&path, "old").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("our own file");
    let error = refused(&path);
    assert_eq!((error.operation, error.error.kind()), ("open", ErrorKind::PermissionDenied));
    assert_eq!(fs::read_to_string(&path).expect("the file"), "old");

    fs::create_dir(&inner).expect("a folder");
    fs::write(inner.join("net"), "old").expect("a file");
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o555)).expect("our own folder");
    for name in ["net", "new"] {
        let error = refused(&inner.join(name));
        let expected = ("create a temporary file beside", ErrorKind::PermissionDenied);
        assert_eq!((error.operation, error.error.kind()), expected);
    }
    assert_eq!(fs::read_to_string(inner.join("net")).expect("the file"), "old");
    fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).expect("our own folder");
}

/// PyTorch writes files that only the owner may read.
#[test]
fn a_replaced_file_keeps_its_owner_and_permissions() {
    let folder = Folder::new("permissions");
    let path = folder.join("net");
    fs::write(&path, "old").expect("a file");
    // Only root may give a file to another user.
    let is_given = std::os::unix::fs::chown(&path, Some(1234), Some(5678)).is_ok();
    let before = fs::metadata(&path).expect("it");
    assert_eq!((before.uid(), before.gid()) == (1234, 5678), is_given);
    for mode in [0o600, 0o640, 0o666, 0o750] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("our own file");
        write_file(&path, "new").expect("the file");
        let after = fs::metadata(&path).expect("it");
        assert_eq!(after.permissions().mode() & 0o7777, mode);
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
    }
    // A new file has the permissions of any other.
    write_file(folder.join("new"), "new").expect("a file");
    fs::write(folder.join("any"), "new").expect("a file");
    let mode = |name| fs::metadata(folder.join(name)).expect("it").permissions().mode();
    assert_eq!(mode("new"), mode("any"));
}

/// What is in the place of a temporary file is left alone: it could be a link to a file of another user.
#[test]
fn temporary_files_of_others_are_left_alone() {
    let folder = Folder::new("occupied");
    fs::write(folder.join("victim"), "theirs").expect("a file");
    symlink("victim", folder.join(".constnet-0.tmp")).expect("a link");
    symlink("nowhere", folder.join(".constnet-1.tmp")).expect("a link");
    assert!(Command::new("mkfifo").arg(folder.join(".constnet-2.tmp")).status().expect("mkfifo").success());
    fs::create_dir(folder.join(".constnet-3.tmp")).expect("a folder");
    let locked = fs::File::create(folder.join(".constnet-4.tmp")).expect("a file");
    locked.lock().expect("a lock");
    write_file(folder.join("net"), "new").expect("a file");
    assert_eq!(fs::read_to_string(folder.join("net")).expect("the file"), "new");
    assert_eq!(fs::read_to_string(folder.join("victim")).expect("the file"), "theirs");
    assert_eq!(folder.files(), 7, "something was left behind or removed");
}

#[test]
fn threads_that_write_one_file_do_not_mix() {
    let folder = Folder::new("threads");
    let path = folder.join("net");
    thread::scope(|scope| {
        for thread in 0..8_u8 {
            let path = &path;
            scope.spawn(move || {
                for round in 0..40 {
                    write_file(path, vec![thread; 1000 + round]).expect("a file");
                    let content = fs::read(path).expect("a file");
                    assert!(content.len() >= 1000 && content.iter().all(|byte| *byte == content[0]));
                }
            });
        }
    });
    assert_eq!(folder.files(), 1, "something was left behind");
}

const CONTENT: usize = 1 << 20;

/// A process that is killed while it writes leaves the old file or the new one, and at most one file beside it.
#[test]
fn a_killed_process_leaves_a_complete_file() {
    const VARIABLE: &str = "CONSTNET_TEST_WRITES_TO";
    if let Some(path) = env::var_os(VARIABLE) {
        for byte in (0..=u8::MAX).cycle() {
            write_file(&path, vec![byte; CONTENT]).expect("a file");
        }
    }
    let folder = Folder::new("killed");
    let path = folder.join("net");
    write_file(&path, vec![0; CONTENT]).expect("a file");
    let mut temporary = 0;
    for round in 0..100 {
        let mut child = again("a_killed_process_leaves_a_complete_file", &[(VARIABLE, &path)])
            .spawn()
            .expect("a process");
        thread::sleep(Duration::from_micros(8000 + round * 7919 % 20_000));
        kill(&mut child);
        let content = fs::read(&path).expect("a file");
        assert!(content.len() == CONTENT && content.iter().all(|byte| *byte == content[0]), "round {round}");
        assert!(folder.files() <= 2, "round {round}");
        temporary += folder.files() - 1;
    }
    assert!(temporary > 10, "killed while it wrote {temporary} times only");
    write_file(&path, "new").expect("a file");
    assert_eq!(folder.files(), 1, "something was left behind");
}

fn kill(child: &mut Child) {
    child.kill().and_then(|()| child.wait()).expect("a process of our own");
}

#[cfg(feature = "safetensors")]
mod weights {
    use constnet::{Safetensors, Zeroed, formats::WeightsError, mlp};

    use super::{
        Command, ErrorKind, Folder, Path,
        common::{bits, network, rng},
        fs,
    };

    type Net = mlp![5, 16, 12, 3];

    #[test]
    fn a_network_is_saved_and_loaded() {
        let folder = Folder::new("saved");
        let path = folder.join("net.safetensors");
        let (first, second): (Net, Net) = (network(&mut rng(1)), network(&mut rng(2)));
        let files = Safetensors::new();
        files.save_file(&first, &path).expect("a new file");
        files.save_file(&second, &path).expect("in the place of the other");
        let mut loaded = Net::ZERO;
        files.load_file(&mut loaded, &path).expect("the file");
        assert_eq!(bits(&loaded), bits(&second));
        assert_eq!(fs::read(&path).expect("the file"), second.to_safetensors().expect("names differ"));
    }

    /// The error of loading this file, which must leave the network as it was.
    #[track_caller]
    fn refused(path: &Path) -> WeightsError {
        let start: Net = network(&mut rng(1));
        let mut net = start;
        let error = Safetensors::new().load_file(&mut net, path).expect_err("no file of a network");
        assert_eq!(bits(&net), bits(&start), "the network was changed");
        error
    }

    #[test]
    fn errors_have_the_path_and_the_reason() {
        let folder = Folder::new("errors");
        let pipe = folder.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        for (path, kind) in [
            (folder.join("none"), ErrorKind::NotFound),
            (folder.0.clone(), ErrorKind::IsADirectory),
            (pipe, ErrorKind::InvalidInput),
            ("/dev/zero".into(), ErrorKind::InvalidInput),
        ] {
            let error = refused(&path);
            let source = std::error::Error::source(&error).expect("the error of the system").to_string();
            let text = error.to_string();
            assert!(text.contains(path.to_str().expect("text")) && text.ends_with(&source), "{text}");
            assert!(matches!(error, WeightsError::File(error) if error.error.kind() == kind), "{text}");
        }
        let error = Safetensors::new().save_file(&Net::ZERO, &folder.0).expect_err("a folder");
        assert!(
            matches!(&error, WeightsError::File(_)) && std::error::Error::source(&error).is_some(),
            "{error}"
        );
    }

    /// Loads from a file of 5 GB, most of which takes no space on the disk. (3 GB where addresses have 32 bits.)
    #[test]
    fn only_the_tensors_of_the_network_are_read() {
        const DATA: u64 = if usize::BITS > 32 { 5 << 30 } else { 3 << 30 };
        /// The weights twice, as bytes and as numbers, and the header.
        const MEMORY: u64 = 8 * (Net::PARAMS as u64) + (64 << 10);
        let folder = Folder::new("sparse");
        let path = folder.join("large.safetensors");
        let net: Net = network(&mut rng(2));
        let bytes = Safetensors::new().prefix("a.").save(&net).expect("names differ");
        let (size, rest) = bytes.split_first_chunk().expect("a length");
        let (header, data) = rest.split_at(u64::from_le_bytes(*size) as usize);
        let header = String::from_utf8(header.to_vec()).expect("text");
        let (start, end) = (data.len() as u64, data.len() as u64 + DATA);
        let other = format!(r#","b":{{"dtype":"U8","shape":[{DATA}],"data_offsets":[{start},{end}]}}}}"#);
        let header = header.trim_end().trim_end_matches('}').to_owned() + "}" + &other;
        let content = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat();
        fs::write(&path, &content).expect("a file");
        let file = fs::OpenOptions::new().write(true).open(&path).expect("the file");
        file.set_len(content.len() as u64 + DATA).expect("a file system with sparse files");

        let mut loaded = Net::ZERO;
        let measure = |header_length: Option<u64>, loaded: &mut Net| {
            if let Some(length) = header_length {
                use std::os::unix::fs::FileExt as _;
                file.write_all_at(&length.to_le_bytes(), 0).expect("the file");
            }
            let mut result = Ok(());
            let prefix = if header_length.is_some() { "" } else { "a." };
            let load = || result = Safetensors::new().prefix(prefix).load_file(loaded, &path);
            (allocation_counter::measure(load).bytes_max, result)
        };
        let (memory, result) = measure(None, &mut loaded);
        result.expect("the tensors with the prefix");
        assert_eq!(bits(&loaded), bits(&net));
        assert!(memory < MEMORY, "{memory} bytes");
        // The header seems to be nearly all of the file.
        for length in [DATA, 99_999_999] {
            let (memory, result) = measure(Some(length), &mut loaded);
            assert!(
                matches!(result, Err(WeightsError::HeaderLength { found, .. }) if found == length),
                "{result:?}"
            );
            assert!(memory < MEMORY, "{memory} bytes");
        }
        assert_eq!(bits(&loaded), bits(&net), "the network was changed");
    }
}
