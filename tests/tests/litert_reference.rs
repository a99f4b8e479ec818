//! int8 `.tflite` models, imported and packed, against the outputs of LiteRT's reference kernels, bit for bit.

use std::fs;

use dunlin_convert::import::tflite;
use dunlin_convert::pack::{AlignedBytes, Golden, PackOptions, pack};
use dunlin_runtime::{Family, Session};
use dunlin_tests::data;

/// Model file, its inputs and the outputs of the reference kernels, by their keys.
const MODELS: [(&str, &str, &str, &str); 4] = [
    ("kws", "kws_int8.tflite", "x_q", "tflite_int8_ref"),
    ("kws", "kws_ptq_int8.tflite", "x_q_ptq", "ptq_tflite_int8_ref"),
    ("ic", "ic_int8.tflite", "x_q", "tflite_int8_ref"),
    ("ad", "ad_int8.tflite", "x_q", "tflite_int8_ref"),
];

#[test]
fn no_output_differs_from_the_reference_kernels() {
    let Some(data) = data::directory() else { return };
    for (model, file, inputs, outputs) in MODELS {
        let folder = data.join("models").join(model);
        let graph = tflite::import(&fs::read(folder.join(file)).unwrap()).unwrap();
        let options = PackOptions { golden: Golden::Synthetic { count: 2 }, ..PackOptions::default() };
        let packed = pack(&graph, &options).unwrap();
        let blob = packed.blob.open().unwrap();
        blob.check_digest().unwrap();
        let samples = data::samples(&data::read_npz::<i8>(&folder.join("inputs.npz"), inputs));
        let expected = data::samples(&data::read_npz::<i8>(&folder.join("expected.npz"), outputs));
        assert_eq!(samples.len(), expected.len());
        for family in Family::ALL.into_iter().filter(|family| family.is_available()) {
            let (mut differing, mut elements) = (0, 0);
            let mut arena = AlignedBytes::zeroed(blob.arena_bytes(family));
            let mut session = Session::with_family(&blob, arena.as_mut_slice(), family).unwrap();
            assert_eq!(session.self_test(), Ok(2));
            for (sample, expected) in samples.iter().zip(&expected) {
                session.input(0).unwrap().copy_from_slice(sample);
                session.run().unwrap();
                let output = session.output(0).unwrap();
                assert_eq!(output.len(), expected.len());
                differing += output.iter().zip(expected).filter(|(found, wanted)| found != wanted).count();
                elements += output.len();
            }
            assert_eq!(differing, 0, "{file}, {}: of {elements} output elements", family.name());
        }
    }
}
