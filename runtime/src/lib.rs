//! Executes Dunlin model blobs without allocating and without panicking.
#![no_std]
