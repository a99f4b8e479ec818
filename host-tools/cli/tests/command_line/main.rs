//! The command line as people meet it: results, and a clear word about everything that is wrong.

mod damaged_blobs;
mod dunlin;
mod keys;
mod refusals;
mod results;
