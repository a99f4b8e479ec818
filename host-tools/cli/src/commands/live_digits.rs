//! The end of the demonstration on a terminal: digits drawn on the spot, and what the blob makes of them.

use std::io::{BufRead, IsTerminal, stdin, stdout};
use std::time::{SystemTime, UNIX_EPOCH};

use dunlin_convert::fidelity::fill_input;
use dunlin_convert::pack::AlignedBytes;
use dunlin_models::data::digits::{self, LABELS, SIDE};
use dunlin_runtime::{Family, Model, Session, dequantize};

use crate::failure::Failure;

/// Shades from paper to ink.
const SHADES: [char; 6] = [' ', '·', '░', '▒', '▓', '█'];

/// Shows digits until the person has seen enough. Does nothing where nobody watches.
pub fn show(model: &Model<'_>) -> Result<(), Failure> {
    if !stdout().is_terminal() || !stdin().is_terminal() {
        return Ok(());
    }
    let mut arena = AlignedBytes::zeroed(model.arena_bytes(Family::best()));
    let mut session = Session::new(model, arena.as_mut_slice())?;
    // Another set of images each time: the demonstration is for people.
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let drawn = digits::generate(seed, "live", 100);
    println!("━━ digits drawn just now; Enter shows the next one, q ends\n");
    for (pixels, &truth) in drawn.pixels.chunks_exact(SIDE * SIDE).zip(&drawn.labels) {
        for row in pixels.chunks_exact(SIDE) {
            let shade = |&level: &u8| SHADES[usize::from(level) * (SHADES.len() - 1) / 255];
            println!("    {}", row.iter().map(shade).flat_map(|shade| [shade; 2]).collect::<String>());
        }
        let sample: Vec<f32> = pixels.iter().map(|&level| f32::from(level) / 255.0).collect();
        fill_input(&mut session, &sample)?;
        session.run()?;
        println!("\n  drawn as {truth}, read as {}", reading(model, &session)?);
        let mut line = String::new();
        match stdin().lock().read_line(&mut line) {
            Ok(read) if read > 0 && !line.trim().eq_ignore_ascii_case("q") => {}
            _ => break,
        }
    }
    Ok(())
}

/// The most likely digit and how likely it is.
fn reading(model: &Model<'_>, session: &Session<'_>) -> Result<String, Failure> {
    let scores = session.output(0)?;
    let best = scores.iter().enumerate().max_by_key(|&(_, score)| *score);
    let (class, score) = best.map_or((0, 0), |(class, &score)| (class, score));
    let likely =
        model.program().output(0).map_or(0.0, |tensor| dequantize(score, tensor.scale, tensor.zero_point));
    Ok(format!("{} ({:.0} %)", LABELS.get(class).unwrap_or(&"?"), likely * 100.0))
}
