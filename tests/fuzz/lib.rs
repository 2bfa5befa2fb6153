//! What reads bytes that anybody may send, or that stand in a file: fed with arbitrary ones.
//!
//! A target does not only look for panics. Each states what must hold whatever the bytes are, by other means than the
//! code under test where there are some: another crate's parser, or the way back.
//!
//! `cargo xtask fuzz` lets libFuzzer choose the bytes; `cargo test` replays the corpus and tries some at random.

#![expect(clippy::panic, reason = "a broken promise must stop the fuzzer")]

mod targets;

pub use targets::TARGETS;

/// The environment variable that names the target to run.
pub const VARIABLE: &str = "PORTCULLIS_FUZZ_TARGET";

/// Something that reads bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in `corpus/`.
    pub name: &'static str,
    /// Reads, and panics where a promise is broken.
    pub run: fn(&[u8]),
}

/// The target that [`VARIABLE`] names.
///
/// # Panics
/// There is none of that name.
pub fn chosen() -> Target {
    let name = std::env::var(VARIABLE).unwrap_or_default();
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => *target,
        None => panic!("{VARIABLE} names no target: {name:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    use super::*;

    /// What was once hard to find stays found.
    #[test]
    fn the_corpus_holds() {
        for target in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
            let inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(inputs.len() >= 3, "{} has no corpus", target.name);
            for input in inputs {
                println!("{}", input.display());
                (target.run)(&fs::read(input).unwrap());
            }
        }
    }

    #[test]
    fn anything_may_come() {
        let runner = |cases| TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
        for target in TARGETS {
            let check = |bytes: Vec<u8>| {
                (target.run)(&bytes);
                Ok(())
            };
            runner(64).run(&proptest::collection::vec(any::<u8>(), 0..256), check).unwrap();
            runner(64).run(&"\\PC{0,64}".prop_map(String::into_bytes), check).unwrap();
        }
    }

    #[test]
    fn the_corpus_is_small_and_of_known_targets() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        let mut total = 0;
        for folder in fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap()) {
            let name = folder.file_name().into_string().unwrap();
            assert!(TARGETS.iter().any(|target| target.name == name), "no target is called {name}");
            for input in fs::read_dir(folder.path()).unwrap() {
                total += input.unwrap().metadata().unwrap().len();
            }
        }
        assert!(total < 512 * 1024, "{total} bytes: examples and what was once found, no more");
    }
}
