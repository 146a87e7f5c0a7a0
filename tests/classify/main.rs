//! `logclass classify` as its users meet it: the real binary, real files, pipes, links and devices.

mod awkward;
mod contract;
mod faults;
mod formats;
mod harness;
mod outputs;
mod properties;
