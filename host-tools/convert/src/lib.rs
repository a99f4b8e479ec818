//! Turns a trained model into a Dunlin blob.
