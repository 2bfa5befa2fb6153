//! Under which of their logins a person stands, whatever the records and the memory of a controller say.

use super::simulation::Simulation;

#[test]
fn t_p11_what_a_record_knows_better_counts_and_what_is_forged_does_not() {
    let mut simulation = Simulation::new();
    simulation.person("Enabled");
    let first = simulation.epoch();
    assert_eq!(first, 1_000_000);
    simulation.person("Disabled");
    simulation.person("Enabled");
    assert_eq!(simulation.epoch(), first + 1, "they were away");

    // Another controller has led, and this one's watch comes after its compilation.
    simulation.recorded(2_000_000, false, true);
    assert_eq!(simulation.epoch(), 2_000_000, "a record that is ahead is not written over");
    simulation.recorded(1_500_000, false, true);
    assert_eq!(simulation.epoch(), 2_000_000, "nor does one that is behind count");
    simulation.recorded(2_000_000, true, true);
    assert_eq!(simulation.epoch(), 2_000_001, "it saw them disabled, and this one did not");
    simulation.recorded(i64::MAX, false, false);
    assert_eq!(simulation.epoch(), 2_000_001, "it is nobody's record");
    simulation.restart();
    assert_eq!(simulation.epoch(), 1_000_000, "with no record to believe, nothing counts any more");
    simulation.recorded(3_000_000, false, true);
    simulation.restart();
    assert_eq!(simulation.epoch(), 3_000_000, "the record is what the next one knows");
}
