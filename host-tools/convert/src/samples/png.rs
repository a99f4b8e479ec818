//! An image as one sample of shape \[height, width, channels\].

use std::fs::File;
use std::io::BufReader;

use png::{ColorType, Decoder, DecodingError, Transformations};

use super::{ElementType, Location, SampleError, SampleFile, SampleProblem, Source};

pub(super) fn open(location: Location) -> Result<SampleFile, SampleError> {
    match decode(&location) {
        Ok((shape, values)) => {
            Ok(SampleFile { location, source: Source::Png { values }, shape, element_type: ElementType::U8 })
        }
        Err(problem) => Err(SampleError::new(location, problem)),
    }
}

/// Decodes to 8 bits a channel: grey or red, green, blue.
fn decode(location: &Location) -> Result<(Vec<usize>, Vec<u8>), SampleProblem> {
    let file = File::open(&location.path).map_err(SampleProblem::Io)?;
    let mut decoder = Decoder::new(BufReader::new(file));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(problem)?;
    let too_large = || SampleProblem::Malformed("the image is too large".into());
    let mut values = vec![0; reader.output_buffer_size().ok_or_else(too_large)?];
    let frame = reader.next_frame(&mut values).map_err(problem)?;
    values.truncate(frame.buffer_size());
    let channels = match frame.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => {
            values = without_alpha(&values, 1)?;
            1
        }
        ColorType::Rgba => {
            values = without_alpha(&values, 3)?;
            3
        }
        ColorType::Rgb | ColorType::Indexed => 3,
    };
    Ok((vec![1, frame.height as usize, frame.width as usize, channels], values))
}

/// Drops an alpha channel that says nothing.
fn without_alpha(values: &[u8], channels: usize) -> Result<Vec<u8>, SampleProblem> {
    if values.chunks_exact(channels + 1).any(|pixel| pixel[channels] != u8::MAX) {
        return Err(SampleProblem::Malformed("the image has transparent pixels".into()));
    }
    Ok(values.chunks_exact(channels + 1).flat_map(|pixel| &pixel[..channels]).copied().collect())
}

fn problem(error: DecodingError) -> SampleProblem {
    match error {
        DecodingError::IoError(error) => SampleProblem::Io(error),
        other => SampleProblem::Malformed(other.to_string()),
    }
}
