//! What a person is told when something fails: what, where, what to do.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use dunlin_convert::pack::PackError;
use dunlin_convert::samples::SampleError;
use dunlin_convert::{ConvertError, ImportError};
use dunlin_device::DeviceError;
use miette::{Diagnostic, MietteHandlerOpts};

/// The exit codes beside 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Anything that has no code of its own.
    Failed = 1,
    /// The model uses what Dunlin does not convert, or the command line asks for what cannot be.
    Unsupported = 2,
    /// The blob does not fit the board.
    Board = 3,
    /// The blob is too far from the float model.
    Comparison = 4,
}

/// Something that failed, in words.
#[derive(Debug)]
pub struct Failure {
    message: String,
    cause: Option<Cause>,
    help: Option<String>,
    related: Vec<Failure>,
    code: Code,
}

/// An error's causes, as text.
#[derive(Debug)]
struct Cause {
    message: String,
    next: Option<Box<Cause>>,
}

impl Failure {
    /// A failure with exit code 1.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), cause: None, help: None, related: Vec::new(), code: Code::Failed }
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Failure {
        self.help = Some(help.into());
        self
    }

    /// Sets the exit code.
    pub fn code(mut self, code: Code) -> Failure {
        self.code = code;
        self
    }

    /// Says why, with the causes of that.
    pub fn because(mut self, error: &dyn Error) -> Failure {
        self.cause = Some(Cause::new(error));
        self
    }

    /// A file that could not be written or read.
    pub fn file(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::new(format!("cannot {doing} {}", path.display()))
            .because(error)
            .help("check that the folder exists, that you may write to it, and that there is space left")
    }

    /// A blob that the runtime refuses.
    pub fn blob(path: &Path, error: dunlin_runtime::Error) -> Failure {
        use dunlin_runtime::Error as Refusal;
        let help = match error {
            Refusal::NotABlob => {
                "pass a file that `dunlin convert` wrote; trained models must be converted first".to_owned()
            }
            Refusal::UnsupportedVersion(_)
            | Refusal::UnsupportedOperatorSet { .. }
            | Refusal::UnsupportedPacking(_) => {
                "use the version of dunlin that wrote it, or convert the model anew".to_owned()
            }
            Refusal::UnavailableFamily(_) => format!("this processor runs: {}", available_families()),
            _ => "copy the file again from where it was made, or convert the model anew".to_owned(),
        };
        Failure::new(format!("cannot use {}", path.display())).because(&error).help(help)
    }

    /// Prints itself to standard error.
    pub fn report(self) -> ExitCode {
        let code = self.code as u8;
        eprintln!("{:?}", miette::Report::new(self));
        ExitCode::from(code)
    }
}

/// Names of the kernel families that run here.
pub fn available_families() -> String {
    let families = dunlin_runtime::Family::ALL.into_iter().filter(|family| family.is_available());
    families.map(dunlin_runtime::Family::name).collect::<Vec<_>>().join(", ")
}

/// Reports keep their lines whole, so that names and paths can be searched and copied.
pub fn install_report_style() {
    // It can only fail if a style is installed already, which is as good.
    let _ = miette::set_hook(Box::new(|_| {
        Box::new(MietteHandlerOpts::new().wrap_lines(false).break_words(false).build())
    }));
}

impl Cause {
    fn new(error: &dyn Error) -> Cause {
        Cause { message: error.to_string(), next: error.source().map(|source| Box::new(Cause::new(source))) }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.next.as_deref().map(|cause| cause as _)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        (!self.related.is_empty())
            .then(|| Box::new(self.related.iter().map(|failure| failure as &dyn Diagnostic)) as _)
    }
}

impl From<SampleError> for Failure {
    fn from(error: SampleError) -> Failure {
        Failure::new(error.to_string()).help(error.advice())
    }
}

impl From<dunlin_runtime::Error> for Failure {
    fn from(error: dunlin_runtime::Error) -> Failure {
        Failure::new("the model cannot be run").because(&error)
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Failure {
        let usage = matches!(
            error,
            DeviceError::UnknownBoard { .. }
                | DeviceError::BudgetOnly { .. }
                | DeviceError::NoDeviceImage { .. }
        );
        let failure = Failure::new(error.to_string());
        if usage {
            failure.help("`dunlin device list` shows the boards").code(Code::Unsupported)
        } else {
            failure
        }
    }
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Failure {
        let code = match error {
            PackError::Node { .. } | PackError::Interface { .. } | PackError::TooLarge { .. } => {
                Code::Unsupported
            }
            _ => Code::Failed,
        };
        Failure { cause: error.source().map(Cause::new), ..Failure::new(error.to_string()).code(code) }
    }
}

impl From<ConvertError> for Failure {
    fn from(error: ConvertError) -> Failure {
        match error {
            ConvertError::Import(error) => import(&error),
            ConvertError::Samples(error) => error.into(),
            ConvertError::Pack(error) => error.into(),
            ConvertError::NoCalibration => Failure::new("an int8 blob needs calibration data, and none was given")
                .help("pass --calibrate with typical inputs (x.npz, x.npz:key, x.npy or x.csv; a hundred or more), or --scheme float32")
                .code(Code::Unsupported),
            ConvertError::NoGoldenSamples => Failure::new("golden vectors from calibration samples need calibration samples")
                .help("pass --calibrate, or --golden synthetic")
                .code(Code::Unsupported),
            ConvertError::SeveralInputs(_) => Failure::new(error.to_string()).code(Code::Unsupported),
            other => Failure { cause: other.source().map(Cause::new), ..Failure::new(other.to_string()) },
        }
    }
}

fn import(error: &ImportError) -> Failure {
    let failure = match error {
        ImportError::Unsupported(nodes) => {
            let count = nodes.len();
            let failure = Failure::new(format!(
                "{count} {} of the model {} not supported",
                if count == 1 { "node" } else { "nodes" },
                if count == 1 { "is" } else { "are" },
            ));
            let related = nodes.iter().map(|node| {
                Failure::new(format!("{} (node `{}`): {}", node.operator, node.node, node.reason))
                    .help(&node.advice)
            });
            return Failure { related: related.collect(), ..failure }.code(Code::Unsupported);
        }
        ImportError::Io { .. } => Failure::new(error.to_string()).help("check the path and its permissions"),
        ImportError::UnknownFormat { .. } => Failure::new(error.to_string())
            .help("export the model to ONNX, or to an int8 TFLite file")
            .code(Code::Unsupported),
        ImportError::Malformed { .. } => Failure::new(error.to_string())
            .help("export the model again; the file is damaged or not what its ending says"),
        ImportError::Graph(_) => Failure::new(error.to_string())
            .help("this is a defect of Dunlin: please report it with the model"),
    };
    Failure { cause: error.source().map(Cause::new), ..failure }
}
