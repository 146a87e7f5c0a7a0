//! `logclass serve` as clients see it: the binary, over real sockets.
#![cfg(all(feature = "serve", feature = "bundled"))]

mod api;
mod harness;
mod jobs;
mod page;
mod safety;
