//! `dunlin sign` and `dunlin verify`

use std::path::{Path, PathBuf};

use dunlin_protocol::{Roles, TrustedKeys};
use dunlin_provision::{PublicKey, to_hexadecimal};
use dunlin_runtime::format::Header;

use crate::blob_file::BlobFile;
use crate::failure::Failure;
use crate::key_file::{PrivateKey, read_public};
use crate::output_file::OutputFile;

/// Sign a blob: devices install no other.
///
/// The digest is checked first. The signature says that the content is what you made; whether a device may install it, a release says.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    dunlin sign model.dnl --key content.key\n  \
    dunlin sign model.dnl --key content.key -o signed.dnl")]
pub struct Arguments {
    /// The blob
    model: PathBuf,
    /// Private key with the role content
    #[arg(long)]
    key: PathBuf,
    /// Where the signed blob goes; without, the blob itself is signed
    #[arg(long, short)]
    output: Option<PathBuf>,
}

/// Check digest and signature of a blob.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  dunlin verify model.dnl --key content.pub")]
pub struct VerifyArguments {
    /// The blob
    model: PathBuf,
    /// Public keys, one of which should have signed it
    #[arg(long, required = true, num_args = 1..)]
    key: Vec<PathBuf>,
}

/// Signs.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let key = PrivateKey::read_with(&arguments.key, Roles::CONTENT)?;
    let file = BlobFile::read(&arguments.model)?;
    let model = file.open()?;
    let mut bytes = model.bytes().to_vec();
    let (signed, rest) = bytes.split_first_chunk_mut().ok_or_else(too_short)?;
    let signature: &mut [u8; 64] = rest.first_chunk_mut().ok_or_else(too_short)?;
    *signature = key.sign_content(signed);
    let output = arguments.output.as_ref().unwrap_or(&arguments.model);
    OutputFile::reserve(output)?.finish(&bytes)?;
    println!("  {:<10} {}", "model", to_hexadecimal(&model.header().digest));
    println!("  {:<10} by key {}", "signed", key.id());
    Ok(())
}

/// An opened blob is longer than its header.
fn too_short() -> Failure {
    Failure::new("the blob is shorter than its header")
}

/// Verifies.
pub fn verify(arguments: &VerifyArguments) -> Result<(), Failure> {
    let keys = arguments.key.iter().map(|path| read_content_key(path)).collect::<Result<Vec<_>, _>>()?;
    let file = BlobFile::read(&arguments.model)?;
    let model = file.open()?;
    let path = file.path().display();
    println!("  {:<10} {}, matches the content", "digest", to_hexadecimal(&model.header().digest));
    if is_unsigned(model.header()) {
        println!("  {:<10} none", "signature");
        return Err(Failure::new(format!("{path} is not signed")).help("sign it with `dunlin sign`"));
    }
    let signer = keys.iter().find(|key| has_signed(key, model.bytes()));
    let Some(signer) = signer else {
        println!("  {:<10} by none of the keys", "signature");
        let ids: Vec<String> = keys.iter().map(|key| key.0.id().to_string()).collect();
        return Err(Failure::new(format!("the signature of {path} is not one of {}", ids.join(", ")))
            .help("pass the public key of whoever made the model, or get the blob again"));
    };
    println!("  {:<10} by key {} ({})", "signature", signer.0.id(), signer.0.roles);
    Ok(())
}

/// Whether the header has no signature.
pub fn is_unsigned(header: &Header) -> bool {
    header.signature.as_flattened().iter().all(|&byte| byte == 0)
}

fn read_content_key(path: &Path) -> Result<PublicKey, Failure> {
    let key = read_public(path)?;
    if key.0.roles.any_of(Roles::CONTENT) {
        return Ok(key);
    }
    Err(Failure::new(format!(
        "{} is a key for {}, and models need one for content",
        path.display(),
        key.0.roles
    ))
    .help("pass the public key of whoever made the model"))
}

fn has_signed(key: &PublicKey, blob: &[u8]) -> bool {
    let mut keys = TrustedKeys::none();
    keys.trust(key.0).is_ok() && keys.signed_content(blob)
}
