//! Blobs that were cut or changed are refused by everything that reads blobs.

use crate::dunlin::Folder;

/// The signature: it covers the digest, so the digest cannot cover it.
const SIGNATURE: std::ops::Range<usize> = 192..256;

#[test]
fn truncated_blobs_are_refused() {
    let folder = Folder::with_blob("truncated");
    let blob = folder.read("digits.dnl");
    for length in [0, 1, 3, 4, 255, 256, 272, blob.len() / 2, blob.len() - 16, blob.len() - 1] {
        folder.write("cut.dnl", &blob[..length]);
        folder.refuse(&["inspect", "cut.dnl"], 1, &["cut.dnl"]);
        folder.refuse(&["run", "cut.dnl", "--inputs", "test.npz:x", "--output", "y.npy"], 1, &["cut.dnl"]);
    }
    folder.write("cut.dnl", &blob[..blob.len() - 16]);
    folder.refuse(
        &["device", "run", "--board", "host", "cut.dnl", "--inputs", "test.npz:x"],
        1,
        &["cut.dnl", "should have"],
    );
    folder.refuse(
        &["compare", "digits.onnx", "cut.dnl", "--inputs", "test.npz:x"],
        1,
        &["cut.dnl", "should have"],
    );
    folder.write("long.dnl", &[blob.as_slice(), &[0; 16]].concat());
    folder.refuse(&["inspect", "long.dnl"], 1, &["long.dnl", "16 bytes follow"]);
}

#[test]
fn a_flipped_byte_is_refused_at_each_of_1000_places() {
    let folder = Folder::with_blob("flipped");
    let blob = folder.read("digits.dnl");
    let places: Vec<usize> = (0..blob.len()).filter(|place| !SIGNATURE.contains(place)).collect();
    assert!(places.len() >= 1000);
    let mut by_digest = 0;
    for index in 0..1000 {
        let place = places[index * places.len() / 1000];
        let mut damaged = blob.clone();
        damaged[place] ^= 0xff;
        folder.write("flipped.dnl", &damaged);
        let outcome = folder.run(["inspect", "flipped.dnl"]);
        assert_eq!(outcome.code, 1, "byte {place}: {}", outcome.errors);
        assert!(outcome.errors.contains("flipped.dnl"), "byte {place}: {}", outcome.errors);
        by_digest += usize::from(outcome.errors.contains("does not match its digest"));
    }
    // The rest breaks the structure, which is looked at first.
    assert!(by_digest > 500, "{by_digest}");
}
