//! One target under libFuzzer: the one that the environment names.
#![no_main]

use std::sync::LazyLock;

use fuzz::Target;

static TARGET: LazyLock<Target> = LazyLock::new(fuzz::chosen);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
