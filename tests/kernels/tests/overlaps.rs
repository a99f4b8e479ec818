//! Convolutions whose output shares memory with their input, at the least distances that the runtime allows.

use dunlin_kernel_tests::blob_builder::BlobBuilder;
use dunlin_kernel_tests::case::Case;
use dunlin_kernel_tests::{cases, execution, program};
use dunlin_runtime::format::Operator;
use dunlin_runtime::{Defect, Error, Family, Model, Overlap, overlap};

const COUNT: usize = if cfg!(miri) { 2 } else { 300 };

/// The blob of a case whose input and output begin at these offsets.
fn placed(case: &Case, input: usize, output: usize) -> BlobBuilder {
    let mut builder = program::builder(std::slice::from_ref(case));
    let [input_tensor, output_tensor] = builder.tensors.as_mut_slice() else {
        panic!("one input, one output");
    };
    (input_tensor.offset, output_tensor.offset) = (input as u32, output as u32);
    let end = |tensor: &dunlin_runtime::format::TensorRecord| {
        tensor.offset as usize + tensor.bytes().expect("a tensor of a test is small")
    };
    builder.activation_bytes = end(input_tensor).max(end(output_tensor)).next_multiple_of(16) as u32;
    builder
}

fn distances(case: &Case) -> Option<Overlap> {
    let blob = program::blob(std::slice::from_ref(case));
    let model = Model::open(&blob).expect("it is well formed");
    overlap(&model.program().operation(0).expect("there is one step")).expect("it was verified")
}

fn check(case: &Case, input: usize, output: usize, expected: &[Vec<u8>]) {
    let blob = placed(case, input, output).build();
    for family in Family::ALL.into_iter().filter(|family| family.is_available()) {
        let found = execution::run(&blob, std::slice::from_ref(case), family, 0x5a);
        let place = format!("input at {input}, output at {output}");
        assert_eq!(expected, found, "{}, {place}: {}", family.name(), case.describe());
    }
}

#[test]
fn convolutions_may_share_memory_at_the_distances_that_they_state() {
    let mut shared = 0;
    for operator in [Operator::Conv2d, Operator::DepthwiseConv2d] {
        for case in cases::int8(operator, COUNT).into_iter().filter(|case| case.output.dims[0] == 1) {
            let expected = execution::outputs(std::slice::from_ref(&case), Family::Portable, 0xa5);
            let Overlap { below, above } = distances(&case).expect("there is one image");
            let (below, above) = (below.next_multiple_of(4), above.next_multiple_of(4));
            check(&case, below, 0, &expected);
            check(&case, 0, above, &expected);
            let refused = |input: usize, output: usize| {
                let blob = placed(&case, input, output).build_with_arena([1 << 30; 8]);
                let error = Model::open(&blob).expect_err("too close");
                assert_eq!(error, Error::MalformedStep { step: 0, defect: Defect::Placement });
            };
            let [input_bytes, output_bytes] =
                [case.inputs[0].dims, case.output.dims].map(|dims| dims.iter().product::<u32>() as usize);
            if (4..output_bytes).contains(&below) {
                refused(below - 4, 0);
                shared += 1;
            }
            if (4..input_bytes).contains(&above) {
                refused(0, above - 4);
                shared += 1;
            }
        }
    }
    assert!(cfg!(miri) || shared > 100, "only {shared} cases share memory");
}
