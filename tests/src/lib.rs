//! Suites and subjects of the Dunlin tests.
