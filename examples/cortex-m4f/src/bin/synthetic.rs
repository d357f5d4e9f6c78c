//! The notebook's task on the device: draws the data, trains the network, and checks that the error is below 10⁻³.
#![no_std]
#![no_main]

use core::ops::ControlFlow;

use constnet::{Sgd, Trainer, Zeroed, synthetic};
use device::{Failure, as_on_host, below_goal, fits_ram, measure, println, program, trained};
use rand::{SeedableRng, rngs::Xoshiro128PlusPlus};

type Training = Trainer<synthetic::Net<64>, Sgd, 8>;

const _: () = fits_ram::<5, Training>();

program!(run, Training = Trainer::new(Zeroed::ZERO, Sgd { lr: 0.0 }));

fn run(trainer: &mut Training) -> Result<f32, Failure> {
    let synthetic::Config { lr, epochs } = synthetic::Config::default();
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(0);
    let task = synthetic::Task::new(&mut rng);
    trainer.optimizer.lr = lr;
    trainer.net.init(&mut rng);
    trainer.fit(&task.x, &task.y).epochs(epochs).run_with(&mut rng, |report, _| {
        if report.epoch % 20 == 0 {
            println!("{}", synthetic::Progress { epoch: report.epoch, loss: report.loss });
        }
        ControlFlow::Continue(())
    })?;
    let final_mse = trainer.evaluate(&task.x, &task.y)?;
    println!("final MSE: {final_mse:.4e}");
    measure::report(None);
    below_goal(as_on_host(final_mse, trained::HOST_MSE)?)
}
