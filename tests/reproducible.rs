//! A seed gives the same network bit for bit, however it is drawn, and the same training run.

mod common;

use common::{bits, rng};
use constnet::{He, Sgd, Trainer, mlp, synthetic::Task};
use rand::RngExt;

/// Two runs of one seed on one machine. Between instruction sets sums are made in other orders.
#[test]
fn training_runs_of_one_seed_agree() {
    let run = |seed| {
        let rng = &mut rng(seed);
        let task = Task::new(rng);
        let mut trainer = Trainer::<mlp![5, 64, 3], _, 8>::new(rng.sample(He), Sgd { lr: 0.03 });
        assert!(trainer.fit(&task.x, &task.y, 20, rng, |_, _| {}).is_ok());
        bits(&trainer.net)
    };
    assert_eq!(run(0), run(0));
    assert_ne!(run(0), run(1));
}

#[test]
fn initialisation_in_place_is_the_sample() {
    let sampled: mlp![5, 64, 3] = rng(0).sample(He);
    let mut in_place = common::network::<mlp![5, 64, 3]>(&mut rng(1));
    in_place.init(&mut rng(0));
    assert_eq!(bits(&in_place), bits(&sampled));
}
