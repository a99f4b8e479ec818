//! Reports for people.

use std::fmt::Write;

use super::{Arena, BlobDescription, Comparison, Interface, Layer, Regression, Report, Table};

/// The whole report of a conversion.
pub fn report(report: &Report) -> String {
    let mut text = String::new();
    let blob = &report.blob;
    let _ = writeln!(text, "{} → {} ({})\n", report.source, title(blob), report.scheme);
    text.push_str(&layers(&blob.layers));
    let _ = writeln!(text);
    let _ = writeln!(text, "  {:<12} {}", "MACs", grouped(blob.macs));
    let _ = writeln!(text, "  {:<12} {}: {}", "flash", bytes(blob.bytes as u64), section_list(blob));
    let _ = writeln!(text, "  {:<12} {}", "arena", arena_line(&blob.arena));
    let plan = &report.plan;
    let _ = write!(
        text,
        "  {:<12} {}, {} of at least {} bytes",
        "memory plan",
        plan.strategy,
        grouped(plan.activation_bytes as u64),
        grouped(plan.lower_bound as u64)
    );
    if let Some(greedy) = plan.greedy_by_size_bytes {
        let _ = write!(text, " (greedy by size: {})", grouped(greedy as u64));
    }
    let _ = writeln!(text, "; the peak is at {}", short_name(&plan.peak_layer));
    let left = report.transposes_left;
    let _ = writeln!(text, "  {:<12} {} removed, {left} left", "transposes", report.transposes_removed);
    let passes: Vec<String> = report
        .passes
        .iter()
        .filter(|pass| pass.rewrites > 0)
        .map(|pass| format!("{} {}", pass.name, pass.rewrites))
        .collect();
    if !passes.is_empty() {
        let _ = writeln!(text, "  {:<12} {}", "passes", passes.join(", "));
    }
    if let Some(calibration) = &report.calibration {
        let _ = writeln!(
            text,
            "  {:<12} {} samples of {}, {}",
            "calibration",
            grouped(calibration.samples as u64),
            calibration.inputs,
            calibration.method
        );
    }
    if let Some(comparison) = &report.comparison {
        text.push_str(&summary(comparison));
    }
    for note in &report.notes {
        let _ = writeln!(text, "  {:<12} {note}", "note");
    }
    if let Some(board) = &report.board {
        let share = |needed: u64, available: u64| {
            format!(
                "{} of {} bytes ({:.1} %)",
                grouped(needed),
                grouped(available),
                100.0 * needed as f64 / available.max(1) as f64
            )
        };
        let _ = writeln!(
            text,
            "  {:<12} {}: {}: flash {}, RAM for the arena {}",
            "board",
            board.board,
            if board.fits { "fits" } else { "does not fit" },
            share(board.flash_needed, board.flash_bytes),
            share(board.ram_needed, board.ram_bytes)
        );
    }
    if let Some(seconds) = &report.seconds {
        let stages = seconds.stages().map(|(stage, seconds)| format!("{stage} {seconds:.3}"));
        let _ = writeln!(text, "  {:<12} {}", "seconds", stages.join(", "));
    }
    text
}

/// A blob's description, as `dunlin inspect` prints it.
pub fn description(blob: &BlobDescription) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", title(blob));
    let _ = writeln!(text, "  {:<12} {}", "digest", blob.digest);
    let _ =
        writeln!(text, "  {:<12} {}", "signature", if blob.signed { "present, not checked" } else { "none" });
    let _ = writeln!(text, "  {:<12} {}", "written by", blob.producer);
    let _ = writeln!(text, "  {:<12} {}", "operator set", blob.operator_set);
    for (role, interfaces) in [("input", &blob.inputs), ("output", &blob.outputs)] {
        for tensor in interfaces {
            let _ = writeln!(text, "  {role:<12} {}", interface(tensor));
        }
    }
    let _ = writeln!(text, "  {:<12} {}", "MACs", grouped(blob.macs));
    let _ = writeln!(text, "  {:<12} {}: {}", "flash", bytes(blob.bytes as u64), section_list(blob));
    let _ = writeln!(text, "  {:<12} {}\n", "arena", arena_line(&blob.arena));
    text.push_str(&layers(&blob.layers));
    text
}

/// The table of layers. Columns that nothing is known of are left out.
pub fn layers(layers: &[Layer]) -> String {
    let lives = layers.iter().any(|layer| layer.first_step.is_some());
    let compared = layers.iter().any(|layer| layer.worst_error.is_some());
    let mut headings =
        vec![">step", "layer", "operator", "output", ">MACs", ">weights", ">arena at", ">bytes"];
    if lives {
        headings.push("alive");
    }
    if compared {
        headings.extend([">SQNR dB", ">worst error"]);
    }
    let mut table = Table::new(&headings);
    for layer in layers {
        let mut row = vec![
            layer.step.to_string(),
            short_name(&layer.name),
            layer.operator.to_owned(),
            format!("{} {}", layer.data_type, shape(&layer.output_shape)),
            grouped(layer.macs),
            grouped(layer.weight_bytes as u64),
            layer.arena_offset.to_string(),
            grouped(layer.arena_bytes as u64),
        ];
        if lives {
            let step = |step: Option<usize>| step.map(|step| step.to_string()).unwrap_or_default();
            row.push(format!("{}–{}", step(layer.first_step), step(layer.last_step)));
        }
        if compared {
            row.push(if layer.worst_error.is_some() { ratio(layer.sqnr_db) } else { String::new() });
            row.push(layer.worst_error.map(|error| format!("{error:.4}")).unwrap_or_default());
        }
        table.push(row);
    }
    table.to_string()
}

/// A comparison with its table of layers and, where labels are given, its confusion matrix.
pub fn comparison(comparison: &Comparison, classes: &[String]) -> String {
    let mut table = Table::new(&["layer", ">SQNR dB", ">worst error"]);
    for layer in &comparison.layers {
        table.push([short_name(&layer.name), ratio(layer.sqnr_db), format!("{:.4}", layer.worst_error)]);
    }
    let mut text = format!("{table}\n");
    text.push_str(&summary(comparison));
    if let Some(confusion) = comparison.classification.as_ref().and_then(|found| found.confusion.as_ref()) {
        let _ = writeln!(
            text,
            "\n  confusion: a line for each true class, a column for each class that the blob preferred\n"
        );
        text.push_str(&confusion_matrix(confusion, classes));
    }
    text
}

/// What a comparison amounts to, in a few lines.
fn summary(comparison: &Comparison) -> String {
    let mut text = String::new();
    for output in &comparison.outputs {
        let _ = writeln!(
            text,
            "  {:<12} SQNR {} dB, worst error {:.4}, over {} samples",
            format!("output {}", output.output),
            ratio(output.sqnr_db),
            output.worst_error,
            grouped(comparison.samples as u64)
        );
    }
    if let Some(found) = &comparison.classification {
        let _ = writeln!(
            text,
            "  {:<12} {:.2} % of the top classes are the same",
            "agreement", found.agreement_percent
        );
        if let (Some(float), Some(quantized)) =
            (found.float_accuracy_percent, found.quantized_accuracy_percent)
        {
            let _ = writeln!(
                text,
                "  {:<12} float {float:.2} %, blob {quantized:.2} % ({:+.2} points)",
                "accuracy",
                quantized - float
            );
        }
    }
    for (name, errors) in [("error", &comparison.regression), ("reconstruction", &comparison.reconstruction)]
    {
        if let Some(errors) = errors {
            let _ = writeln!(text, "  {name:<12} {}", error_line(errors));
        }
    }
    text
}

fn error_line(errors: &Regression) -> String {
    format!(
        "root mean squared: float {:.6}, blob {:.6} ({:+.2} %)",
        errors.float_mean_squared_error.sqrt(),
        errors.quantized_mean_squared_error.sqrt(),
        errors.increase_percent
    )
}

fn confusion_matrix(confusion: &[Vec<u32>], classes: &[String]) -> String {
    let name = |class: usize| classes.get(class).map_or_else(|| class.to_string(), Clone::clone);
    let width =
        (0..confusion.len()).map(|class| name(class).chars().count().min(10)).max().unwrap_or(1).max(4);
    let cut = |text: String| text.chars().take(10).collect::<String>();
    let mut text = format!("  {:<width$}", "");
    for class in 0..confusion.len() {
        let _ = write!(text, " {:>width$}", cut(name(class)));
    }
    text.push('\n');
    for (class, row) in confusion.iter().enumerate() {
        let _ = write!(text, "  {:<width$}", cut(name(class)));
        for count in row {
            let cell = if *count == 0 { "·".to_owned() } else { count.to_string() };
            let _ = write!(text, " {cell:>width$}");
        }
        text.push('\n');
    }
    text
}

fn title(blob: &BlobDescription) -> String {
    let name = if blob.name.is_empty() { "unnamed model" } else { &blob.name };
    if blob.model_version.is_empty() { name.to_owned() } else { format!("{name} {}", blob.model_version) }
}

fn interface(tensor: &Interface) -> String {
    let mut text = format!("{} {} {}", tensor.name, tensor.data_type, shape(&tensor.shape));
    if tensor.data_type == "int8" {
        let _ = write!(text, ", scale {}, zero point {}", tensor.scale, tensor.zero_point);
    }
    if tensor.low < tensor.high {
        let _ = write!(text, ", values from {} to {}", real(tensor.low), real(tensor.high));
    }
    if !tensor.unit.is_empty() {
        let _ = write!(text, " {}", tensor.unit);
    }
    if !tensor.preprocessing.is_empty() {
        let _ = write!(text, ", {}", tensor.preprocessing);
    }
    if !tensor.labels.is_empty() {
        let _ = write!(text, "\n  {:<12} {}", "", tensor.labels.join(", "));
    }
    text
}

fn section_list(blob: &BlobDescription) -> String {
    let sections =
        blob.sections.iter().map(|section| format!("{} {}", section.name, grouped(section.bytes.into())));
    ["header 256".to_owned()].into_iter().chain(sections).collect::<Vec<_>>().join(", ")
}

fn arena_line(arena: &Arena) -> String {
    let families = arena
        .families
        .iter()
        .map(|family| format!("{} {}", family.family, grouped(family.total_bytes as u64)));
    let activations = grouped(arena.activation_bytes.into());
    format!("{activations} bytes of tensors; whole arena: {}", families.collect::<Vec<_>>().join(", "))
}

fn shape(shape: &[u32]) -> String {
    shape.iter().map(u32::to_string).collect::<Vec<_>>().join("×")
}

fn ratio(decibels: Option<f64>) -> String {
    decibels.map_or_else(|| "∞".to_owned(), |decibels| format!("{decibels:.1}"))
}

/// A layer's name for a column of a table: of the names that exporters join with semicolons the first one, and of a long
/// one the end, which is what tells layers apart.
pub fn short_name(name: &str) -> String {
    const LONGEST: usize = 36;
    let name = name.split(';').next().unwrap_or_default();
    let length = name.chars().count();
    if length <= LONGEST {
        return name.to_owned();
    }
    std::iter::once('…').chain(name.chars().skip(length + 1 - LONGEST)).collect()
}

/// A real number with at most four digits behind the point.
fn real(value: f32) -> String {
    if value != 0.0 && (value.abs() < 1e-4 || value.abs() >= 1e7) {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number of bytes, and the same in KiB.
pub fn bytes(count: u64) -> String {
    format!("{} bytes ({:.1} KiB)", grouped(count), count as f64 / 1024.0)
}

/// A number with a comma between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
