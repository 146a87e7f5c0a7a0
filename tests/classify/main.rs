//! `logclass classify` as its users meet it: the real binary, real files, pipes, links and devices.

mod contract;
mod harness;
mod outputs;
