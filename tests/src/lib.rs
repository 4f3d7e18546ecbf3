//! What whole-system tests and the demo need from the world around Deskreel.

pub mod agent;
pub mod browser;
pub mod days;
pub mod desktop;
pub mod display;
pub mod endpoint;
pub mod fault_proxy;
pub mod fleet;
pub mod kills;
pub mod load;
pub mod minio;
mod processes;
pub mod product;
pub mod prove;
pub mod slow_line;
pub mod static_site;
pub mod synthetic_day;
#[cfg(target_os = "linux")]
pub mod systemd;
#[cfg(target_os = "linux")]
pub mod wayland;
