//! The pages in a real Chromium, driven through WebDriver.
//!
//! ```text
//! cases/      the tests, one binary
//!   └─ scene    provider + relying party + browser, made for one test, ended and explained after it
//!        ├─ chrome   ChromeDriver and a Chromium with an empty profile
//!        ├─ actor    what a person does: open, type, click, look
//!        └─ audit    a page in three views: screenshot, axe-core, no sideways scrolling
//! ```
//!
//! The provider of a scene serves a folder of manifests; that of a `cluster_scene` is controller and
//! server on a Kubernetes control plane.
//!
//! Elements are found by the `id`s and `name`s that the pages keep stable for this purpose.

pub mod actor;
pub mod audit;
pub mod chrome;
pub mod scene;

pub use actor::Actor;
pub use chrome::JavaScript;
pub use scene::{Scene, cluster_scene, manifests, scene, state};
