//! The block index: what is accepted, asked for and reused.

use dunlin_protocol::message::*;
use dunlin_protocol::*;
use proptest::prelude::*;

/// A blob whose blocks all differ, two blocks and a half of 1 KiB.
fn blob() -> Vec<u8> {
    (0..2560u32).flat_map(|number| [(number / 7) as u8, (number >> 8) as u8]).take(2560).collect()
}

fn geometry(blob: &[u8]) -> Geometry {
    Geometry { blob_bytes: blob.len() as u32, block: BlockSize::KiB1 }
}

fn index(blob: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    write_index(blob, BlockSize::KiB1, &mut buffer).unwrap().to_vec()
}

#[test]
fn a_foreign_block_is_not_accepted() {
    let (blob, hashes) = (blob(), index(&blob()));
    let index = BlockIndex::open(geometry(&blob), &Digest::of(&hashes), &hashes).unwrap();
    assert!(index.is_block(0, &blob[..1024]));
    assert!(index.is_block(2, &blob[2048..]));
    assert!(!index.is_block(1, &blob[..1024]), "another block of the same blob");
    let mut damaged = blob[..1024].to_vec();
    damaged[1023] ^= 1;
    assert!(!index.is_block(0, &damaged));
}

#[test]
fn a_foreign_index_is_refused() {
    let (blob, mut hashes) = (blob(), index(&blob()));
    let digest = Digest::of(&hashes);
    assert_eq!(
        BlockIndex::open(geometry(&blob), &digest, &hashes[..47]).err(),
        Some(IndexError::Length { found: 47, expected: 48 })
    );
    let longer = [&hashes[..], &[0; 16]].concat();
    assert_eq!(
        BlockIndex::open(geometry(&blob), &Digest::of(&longer), &longer).err(),
        Some(IndexError::Length { found: 64, expected: 48 })
    );
    hashes[47] ^= 1;
    assert_eq!(BlockIndex::open(geometry(&blob), &digest, &hashes).err(), Some(IndexError::Digest));
}

#[test]
fn blocks_outside_of_the_release_are_refused() {
    let (blob, hashes) = (blob(), index(&blob()));
    let index = BlockIndex::open(geometry(&blob), &Digest::of(&hashes), &hashes).unwrap();
    for number in [3, 4, 1 << 22, u32::MAX] {
        assert!(!index.is_block(number, &blob[2048..]), "{number}");
        assert_eq!(geometry(&blob).range(Part::Blob, number), None);
    }
    assert!(!index.is_block(2, &blob[2048..2559]), "too short");
    assert!(!index.is_block(2, &[&blob[2048..], &[0]].concat()), "too long");
    assert_eq!(geometry(&blob).range(Part::Index, 0), Some(0..48));
    assert_eq!(geometry(&blob).range(Part::Index, 1), None);
}

#[test]
fn what_a_slot_holds_is_found_by_hash() {
    let (blob, hashes) = (blob(), index(&blob()));
    let index = BlockIndex::open(geometry(&blob), &Digest::of(&hashes), &hashes).unwrap();
    let mut slot = vec![0xff; 4096];
    assert!((0..3).all(|number| !index.is_held(number, &slot)));
    slot[1024..2560].copy_from_slice(&blob[1024..]);
    assert_eq!([0, 1, 2, 3].map(|number| index.is_held(number, &slot)), [false, true, true, false]);
    assert!(!index.is_held(2, &slot[..2559]), "a slot that ends inside of the block");
}

/// A block that moved is found where it was; what changed is not.
#[test]
fn blocks_of_another_blob_are_found() {
    let old = blob();
    let new = [&old[1024..2048], &[9; 1024], &old[..1024]].concat();
    let (old_hashes, new_hashes) = (index(&old), index(&new));
    let old = BlockIndex::open(geometry(&old), &Digest::of(&old_hashes), &old_hashes).unwrap();
    let new = BlockIndex::open(geometry(&new), &Digest::of(&new_hashes), &new_hashes).unwrap();
    assert_eq!([0, 1, 2, 3].map(|number| new.find_in(number, &old)), [Some(1), None, Some(0), None]);
}

#[test]
fn a_buffer_too_small_for_the_index_is_refused() {
    assert_eq!(write_index(&blob(), BlockSize::KiB1, &mut [0; 47]), None);
    assert!(write_index(&blob(), BlockSize::KiB1, &mut [0; 48]).is_some());
}

proptest! {
    /// Requests, answered one after the other, fetch exactly what is missing, and never ask for more than allowed.
    #[test]
    fn requests_fetch_what_is_missing(blocks in 1u32..200, most in 1u32..40, seed in any::<u64>()) {
        let geometry = Geometry { blob_bytes: blocks * 1024, block: BlockSize::KiB1 };
        let content = Digest::of(&[]).content();
        let mut held: Vec<bool> = (0..blocks).map(|number| seed.rotate_left(number * 7) & 3 == 0).collect();
        let missing = held.iter().filter(|held| !**held).count();
        let mut fetched = 0;
        while let Some(request) = geometry.request(Part::Blob, content, most, |number| !held[number as usize]) {
            let numbers: Vec<u32> = request.blocks().collect();
            prop_assert!((1..=most as usize).contains(&numbers.len()));
            for number in numbers {
                prop_assert!(!held[number as usize]);
                held[number as usize] = true;
                fetched += 1;
            }
        }
        prop_assert_eq!(fetched, missing);
    }

    /// Blocks cover their part without gap or overlap, at any size.
    #[test]
    fn blocks_cover_their_part(blob_bytes in 1u32..3_000_000, size in 0usize..3) {
        let geometry = Geometry { blob_bytes, block: BlockSize::ALL[size] };
        for part in [Part::Blob, Part::Index] {
            let mut end = 0;
            for number in 0..geometry.blocks(part) {
                let range = geometry.range(part, number).unwrap();
                prop_assert_eq!(range.start, end);
                prop_assert!(!range.is_empty());
                end = range.end;
            }
            prop_assert_eq!(end, geometry.part_bytes(part));
        }
    }
}

#[test]
fn a_request_beyond_the_last_number_names_no_block_twice() {
    let request = BlockRequest { first: u32::MAX - 1, ..crate::samples::block_request() };
    assert_eq!(request.blocks().collect::<Vec<_>>(), [u32::MAX - 1, u32::MAX]);
}
