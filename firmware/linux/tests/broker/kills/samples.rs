//! Somebody who sends samples all the time, and looks at every answer.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::models::Offer;

/// Between two samples.
const PERIOD: Duration = Duration::from_millis(3);

/// Ends when it is dropped.
pub struct Samples {
    seen: Arc<Mutex<Seen>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    /// What models give for zeros, by the names that answers have.
    models: HashMap<String, i8>,
    /// What the last answer came from, since it was asked for.
    serving: Option<i8>,
    /// Answers of this connection.
    answers: u64,
    wrong: Vec<String>,
}

impl Samples {
    /// Sends to this socket, whenever there is one.
    pub fn new(socket: PathBuf) -> Samples {
        let (seen, ended) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
        let (their_seen, their_end) = (Arc::clone(&seen), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            while !their_end.load(Ordering::Relaxed) {
                their_seen.lock().unwrap().answers = 0;
                // The daemon is killed now and then: the connection breaks, and there is another one.
                let _ = converse(&socket, &their_seen, &their_end);
                std::thread::sleep(PERIOD);
            }
        });
        Samples { seen, ended, thread: Some(thread) }
    }

    /// Tells of a model that may serve.
    pub fn expect(&self, offer: &Offer) {
        self.seen.lock().unwrap().models.insert(offer.release.digest.model().to_string(), offer.adds);
    }

    /// Forgets the last answer.
    pub fn forget(&self) {
        self.seen.lock().unwrap().serving = None;
    }

    /// What serves, if there was an answer since.
    ///
    /// # Panics
    /// If any answer was wrong.
    pub fn serving(&self) -> Option<i8> {
        let seen = self.seen.lock().unwrap();
        assert!(seen.wrong.is_empty(), "wrong answers: {:?}", seen.wrong);
        seen.serving
    }
}

fn converse(socket: &PathBuf, seen: &Mutex<Seen>, ended: &AtomicBool) -> std::io::Result<()> {
    let mut writer = UnixStream::connect(socket)?;
    writer.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut lines = BufReader::new(writer.try_clone()?).lines();
    while !ended.load(Ordering::Relaxed) {
        writer.write_all(b"0,0,0,0\n")?;
        let Some(line) = lines.next().transpose()? else { break };
        seen.lock().unwrap().take(&line);
        std::thread::sleep(PERIOD);
    }
    Ok(())
}

impl Seen {
    fn take(&mut self, line: &str) {
        let fields: Vec<&str> = line.split(',').collect();
        let outputs = fields.get(7..).unwrap_or_default();
        let model = fields.get(1).copied().unwrap_or_default();
        // A daemon that has just started still checks its slots.
        if self.answers == 0 && line.ends_with("no model serves yet") {
            return;
        }
        self.answers += 1;
        match self.models.get(model) {
            Some(adds) if outputs.len() == 4 && outputs.iter().all(|output| *output == adds.to_string()) => {
                self.serving = Some(*adds);
            }
            _ => self.wrong.push(line.to_owned()),
        }
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
