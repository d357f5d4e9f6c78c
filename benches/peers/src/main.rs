//! The same small networks in constnet and in its peers: the times, and their ratios to constnet's.
//!
//! `cargo run --release` in this folder prints one table. The environment variable `PYTHON` names the interpreter of the
//! Python peers, `python3` if it is not set; peers that are not installed there are left out.

mod peers;
mod problem;

use std::{collections::BTreeMap, env, fs, process::Command, time::Instant};

use problem::{CHECKED_STEPS, Case, LEARNING_RATE, Problem, Task};

/// The largest difference between the results of a peer and of constnet, relative for results above 1. Sums of up to 256
/// products of order 1 in `f32`, added in different orders, differ by about 1e-6.
const TOLERANCE: f32 = 1e-4;

/// The number of samples of each peer, taken alternately. The fastest one counts.
const ROUNDS: usize = 100;

/// The approximate length of a sample.
const SAMPLE_NS: f64 = 500_000.0;

/// The nanoseconds of each peer, by its name, and the result to be checked.
type Measured = BTreeMap<String, (f64, Vec<f32>)>;

const PEERS: [&str; 8] = ["constnet", "nalgebra", "dfdx", "burn", "candle", "PyTorch", "NumPy", "JAX"];

fn main() {
    assert_eq!(
        env::var("RAYON_NUM_THREADS").as_deref(),
        Ok("1"),
        "run `cargo run --release` in the folder of this package: its .cargo/config.toml limits all peers to one thread"
    );
    // All peers run on one core; a process started from here inherits it.
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.last().copied()) {
        core_affinity::set_for_current(core);
    }
    let problems = [
        Problem::new(Task::Forward, &[5, 64, 3], 1),
        Problem::new(Task::Forward, &[5, 64, 64, 3], 1),
        Problem::new(Task::Forward, &[16, 128, 128, 8], 1),
        Problem::new(Task::Forward, &[32, 256, 256, 8], 256),
        Problem::new(Task::Step, &[5, 64, 64, 3], 20),
        Problem::new(Task::Step, &[32, 256, 256, 8], 64),
        Problem::new(Task::Step, &[5, 16, 3], 4),
    ];
    let mut table = Vec::new();
    for problem in &problems {
        let mut measured = rust(problem);
        measured.append(&mut python(problem));
        check(problem, &measured);
        table.push((problem, measured));
    }
    print(&table);
}

/// Times the Rust peers alternately.
fn rust(problem: &Problem) -> Measured {
    let mut peers: Vec<_> = peers::cases(problem)
        .into_iter()
        .map(|(name, mut case)| {
            for _ in 0..CHECKED_STEPS {
                case.run();
            }
            let result = case.result();
            let once = time(&mut *case, 10);
            let repeats = (SAMPLE_NS / once) as usize + 1;
            (name, case, repeats, f64::INFINITY, result)
        })
        .collect();
    for _ in 0..ROUNDS {
        for (_, case, repeats, fastest, _) in &mut peers {
            *fastest = fastest.min(time(&mut **case, *repeats));
        }
    }
    peers.into_iter().map(|(name, _, _, ns, result)| (name.into(), (ns, result))).collect()
}

/// The nanoseconds of one run, after a few runs to warm up.
fn time(case: &mut dyn Case, repeats: usize) -> f64 {
    for _ in 0..repeats / 8 + 1 {
        case.run();
    }
    let start = Instant::now();
    for _ in 0..repeats {
        case.run();
    }
    start.elapsed().as_nanos() as f64 / repeats as f64
}

/// Times the Python peers: a script reads the numbers from a file and prints a line for each peer.
fn python(problem: &Problem) -> Measured {
    let folder = env!("CARGO_MANIFEST_DIR");
    let numbers = env::temp_dir().join(format!("constnet-peers-{}", std::process::id()));
    problem.write(&numbers).expect("the temporary file can be written");
    let interpreter = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(&interpreter)
        .arg(format!("{folder}/python/peers.py"))
        .args([problem.name(), LEARNING_RATE.to_string(), CHECKED_STEPS.to_string()])
        .arg(&numbers)
        .output();
    let _ = fs::remove_file(&numbers);
    let Ok(output) = output else {
        eprintln!("the Python peers are left out: there is no `{interpreter}`");
        return Measured::new();
    };
    let (lines, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        eprintln!("the Python peers failed on {}: {errors}", problem.name());
    }
    let mut measured = Measured::new();
    for line in lines.lines() {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next().and_then(|ns| ns.parse().ok())) {
            (Some("measured"), Some(name), Some(ns)) => {
                let result = words.filter_map(|number| number.parse().ok()).collect();
                measured.insert(name.into(), (ns, result));
            }
            _ => eprintln!("{}: {line}", problem.name()),
        }
    }
    measured
}

/// Checks that every peer has computed the results of constnet.
fn check(problem: &Problem, measured: &Measured) {
    let (_, ours) = &measured["constnet"];
    for (name, (_, theirs)) in measured {
        assert_eq!(ours.len(), theirs.len(), "{name} on {}: the number of results", problem.name());
        for (ours, theirs) in ours.iter().zip(theirs) {
            let close = (ours - theirs).abs() <= TOLERANCE * ours.abs().max(1.0);
            assert!(close, "{name} on {}: {theirs}, constnet: {ours}", problem.name());
        }
    }
}

fn print(table: &[(&Problem, Measured)]) {
    println!("time, and ratio to the time of constnet; f32, one thread, minimum of {ROUNDS} samples\n");
    print!("| {:<28} |", "workload");
    for peer in PEERS {
        print!(" {peer:>18} |");
    }
    print!("\n| {:-<28} |", "");
    for _ in PEERS {
        print!(" {:->17}: |", "");
    }
    println!();
    for (problem, measured) in table {
        let (ours, _) = measured["constnet"];
        print!("| {:<28} |", problem.name());
        for peer in PEERS {
            let cell = match measured.get(peer) {
                Some(&(ns, _)) if peer == "constnet" => time_text(ns),
                Some(&(ns, _)) => format!("{} {:>5.1}×", time_text(ns), ns / ours),
                None => "—".into(),
            };
            print!(" {cell:>18} |");
        }
        println!();
    }
}

fn time_text(ns: f64) -> String {
    if ns < 1000.0 { format!("{ns:.1} ns") } else { format!("{:.2} µs", ns / 1000.0) }
}
