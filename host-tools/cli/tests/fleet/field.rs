//! A broker, a device and a command line in a folder of their own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use dunlin_test_broker::{Mosquitto, wait_for};
use serde_json::Value;
use tempfile::TempDir;

/// All of it.
pub struct Field {
    pub broker: Mosquitto,
    folder: TempDir,
    watch: Option<Child>,
    daemon: Option<Child>,
}

/// What a run left behind.
pub struct Outcome {
    pub code: i32,
    pub output: String,
    pub errors: String,
}

impl Field {
    /// A device `pump-1` of the fleet `demo`, which trusts `content` and `release`; samples that a replay plays 50 times a second. `None` if
    /// there is no broker.
    pub fn new() -> Option<Field> {
        let broker = Mosquitto::open()?;
        let field = Field { broker, folder: TempDir::new().unwrap(), watch: None, daemon: None };
        for (name, roles) in [("content", "content"), ("release", "release,control,owner")] {
            field.succeed(&["keys", "new", name, "--role", roles]);
        }
        field.write("digits.dnl", include_bytes!("../../../../models/pretrained/digits/digits.dnl"));
        field.succeed(&["sign", "digits.dnl", "--key", "content.key"]);
        let url = field.broker.url(false);
        field.succeed(&[
            "device",
            "provision",
            "--fleet",
            "demo",
            "--device",
            "pump-1",
            "--groups",
            "lab",
            "--broker",
            &url,
            "--trust",
            "content.pub",
            "release.pub",
            "-o",
            "device.toml",
        ]);
        field.write("samples.csv", samples().as_bytes());
        field.configure(REPLAY, TO_FILE);
        Some(field)
    }

    /// Where samples come from and predictions go, when the daemon starts next.
    pub fn configure(&self, input: &str, output: &str) {
        let text = format!("{SETTINGS}[input]\n{input}\n[output]\n{output}\n");
        self.write("dunlind.toml", text.as_bytes());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs `dunlin`.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_dunlin"))
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let outcome = Outcome {
            code: output.status.code().expect("ended by a signal"),
            output: text(output.stdout),
            errors: text(output.stderr),
        };
        assert!(!outcome.errors.contains("panicked"), "{}", outcome.errors);
        outcome
    }

    /// Runs `dunlin`, which must succeed.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {}{}{}", outcome.output, outcome.errors, self.log());
        outcome.output
    }

    /// Pushes a blob with a short trial.
    pub fn push(&self, model: &str, words: &[&str]) -> Outcome {
        let url = self.broker.url(false);
        let begin = ["ota", "push", model, "--fleet", "demo", "--broker", &url, "--timeout", "100"];
        let trial: &[&str] =
            if words.contains(&"--trial") { &[] } else { &["--trial", "inferences=20,seconds=1"] };
        let key: &[&str] =
            if words.contains(&"--release-key") { &[] } else { &["--release-key", "release.key"] };
        self.run(&[&begin[..], trial, key, words].concat())
    }

    /// Starts `dunlind`.
    pub fn start_daemon(&mut self) {
        self.start_daemon_through(Command::new(daemon_program()));
    }

    /// Starts `dunlind` where its state directory may only be read. `false` if this system lets nobody arrange that.
    pub fn start_daemon_reading_only(&mut self) -> bool {
        let unshare = || {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount"]);
            command
        };
        if !unshare().arg("true").status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: `unshare --user --map-root-user --mount` is not allowed here");
            return false;
        }
        let mounts = "mount --bind state state && mount -o remount,bind,ro state && exec \"$@\"";
        let mut program = unshare();
        program.args(["sh", "-c", mounts, "sh"]).arg(daemon_program());
        self.start_daemon_through(program);
        true
    }

    fn start_daemon_through(&mut self, mut program: Command) {
        let log = File::options().append(true).create(true).open(self.path("dunlind.log")).unwrap();
        let daemon =
            program.args(["--config", "dunlind.toml"]).current_dir(&self.folder).stderr(log).spawn().unwrap();
        self.daemon = Some(daemon);
    }

    /// Ends `dunlind` as systemd does. Its exit code.
    pub fn stop_daemon(&mut self) -> Option<i32> {
        let mut daemon = self.daemon.take().expect("it runs");
        let ended = Command::new("kill").arg(daemon.id().to_string()).status().unwrap();
        assert!(ended.success());
        daemon.wait().unwrap().code()
    }

    /// Ends `dunlind` as a crash does.
    pub fn kill_daemon(&mut self) {
        let mut daemon = self.daemon.take().expect("it runs");
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }

    /// What `dunlind` has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("dunlind.log")).unwrap_or_default()
    }

    /// Watches all fleets, as JSON, until the end.
    pub fn watch(&mut self) {
        let output = File::create(self.path("watch.json")).unwrap();
        let watch = Command::new(env!("CARGO_BIN_EXE_dunlin"))
            .args(["watch", "--json", "--broker", &self.broker.url(false)])
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.watch = Some(watch);
    }

    /// What was seen so far of a kind.
    pub fn seen(&self, kind: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path("watch.json")).unwrap_or_default();
        // The last line may be half written.
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let objects = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        objects.filter(|object| object["kind"] == kind).collect()
    }

    /// Waits until a message of a kind fulfils a condition.
    pub fn wait_to_see(&self, kind: &str, condition: impl Fn(&Value) -> bool) -> Value {
        wait_for(kind, || self.seen(kind).into_iter().find(|object| condition(&object["message"])))
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        for process in [&mut self.watch, &mut self.daemon].into_iter().flatten() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!("dunlind:\n{}\nmosquitto:\n{}", self.log(), self.broker.log());
        }
    }
}

const SETTINGS: &str = r#"
provision = "device.toml"
state = "state"
slot_bytes = 65536
arena_bytes = 262144
telemetry_period = 10
"#;

const REPLAY: &str = r#"
kind = "replay"
path = "samples.csv"
period = 0.02
repeat = true
"#;

const TO_FILE: &str = r#"
kind = "file"
path = "predictions.csv"
"#;

/// Eight images of 16 × 16 values from 0 to 1.
fn samples() -> String {
    let line = |sample: u32| {
        let value = |pixel: u32| f64::from((sample * 37 + pixel * (sample + 3)) % 101) / 100.0;
        (0..256).map(|pixel| value(pixel).to_string()).collect::<Vec<_>>().join(",") + "\n"
    };
    (0..8).map(line).collect()
}

/// `dunlind`, built beside `dunlin`.
fn daemon_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_dunlin")).parent().unwrap();
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(profile) => profile,
        };
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "dunlin-linux", "--profile", profile])
            .status()
            .unwrap();
        assert!(built.success(), "dunlind cannot be built");
        folder.join("dunlind")
    })
}
