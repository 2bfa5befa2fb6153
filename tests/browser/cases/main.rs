//! The provider's pages and the code flow, in a real browser.

mod account;
mod broken;
mod cluster;
mod consent;
mod history;
mod login;
mod logout;
mod logout_everywhere;
mod oauth2_proxy;
mod pages;
mod parameters;
mod policy;
mod session_management;
