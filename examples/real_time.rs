//! One thread trains, another predicts in real time with the newest weights. They share no lock.
//!
//! The trainer copies its network to a triple buffer after each step and publishes it; the other thread swaps it in without
//! waiting and without copying. Prints the time from asking for new weights to the prediction.
//!
//! `cargo run --release --example real_time`

use std::{
    error::Error,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use constnet::{Sgd, Trainer, Zeroed, mlp, synthetic::Task};
use rand::{SeedableRng, rngs::StdRng};
use triple_buffer::triple_buffer;

type Net = mlp![5, 64, 3];

const PREDICTIONS: usize = 200_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = StdRng::seed_from_u64(0);
    let task = Task::new(&mut rng);
    let mut trainer: Trainer<Net, Sgd, 20> = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.05 });
    trainer.net.init(&mut rng);
    let (mut publish, mut newest) = triple_buffer(&trainer.net);
    let stop = AtomicBool::new(false);

    let (steps, mut nanoseconds, updates, last) = thread::scope(|scope| {
        let training = scope.spawn(|| {
            let mut steps = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                trainer.step(&task.x, &task.y);
                publish.write(trainer.net);
                steps += 1;
            }
            steps
        });
        let (mut times, mut updates) = (Vec::with_capacity(PREDICTIONS), 0);
        for n in 0..PREDICTIONS {
            let start = Instant::now();
            updates += u32::from(newest.update());
            let net: &Net = newest.output_buffer();
            let y: [f32; 3] = std::hint::black_box(net.predict(&task.x[n % 20]));
            times.push(start.elapsed().as_nanos());
            debug_assert!(y.iter().all(|y| y.is_finite()));
        }
        stop.store(true, Ordering::Relaxed);
        (training.join(), times, updates, *newest.read())
    });
    let steps = steps.map_err(|_| "the training thread panicked")?;

    nanoseconds.sort_unstable();
    let at = |share: f64| nanoseconds[(share * (PREDICTIONS - 1) as f64) as usize];
    println!("{steps} steps, {updates} times newer weights in {PREDICTIONS} predictions");
    println!("latency: median {} ns, 99.9 % {} ns, worst {} ns", at(0.5), at(0.999), at(1.0));
    if updates == 0 || last != trainer.net {
        return Err("the newest weights did not arrive".into());
    }
    Ok(())
}
