//! `refresh` on a real server: what it does, what it refuses, and that nothing is lost, left
//! locked or half done when something goes wrong on the way.

mod changed_meanwhile;
mod convoy;
mod cut_off;
mod fresh;
mod interrupted;
mod jobs;
mod leaks;
mod limits;
mod modes;
mod of_one_tenant;
mod order;
mod own_server;
mod scene;
mod selection;
mod session_settings;
mod shared;
mod together;
mod told;
mod unsafe_views;
mod vanished;
