use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy between a client and a MongoDB server. It causes on purpose the faults that networks cause by chance.
pub struct Proxy {
    port: u16,
    faults: Arc<Faults>,
}

struct Faults {
    server: String,
    stands_still: watch::Sender<bool>,
    /// The bytes of the command whose next answer is lost.
    lose_next_answer: Mutex<Option<&'static [u8]>>,
    lost_answers: AtomicU32,
}

impl Faults {
    /// Whether the answer to this message is to be lost. It is the only one.
    fn loses_answer_to(&self, message: &[u8]) -> bool {
        let mut command = self.lose_next_answer.lock().expect("no panic");
        command.take_if(|command| message.windows(command.len()).any(|bytes| bytes == *command)).is_some()
    }
}

/// A message of MongoDB's wire protocol begins with its own length, in 4 bytes.
const LENGTH_BYTES: usize = 4;

impl Proxy {
    /// A proxy to the first server that the URL names.
    pub async fn to(url: &str) -> Self {
        let hosts = url.strip_prefix("mongodb://").and_then(|behind| behind.split(['/', ',']).next());
        let faults = Arc::new(Faults {
            server: hosts.expect("a URL that names hosts").to_owned(),
            stands_still: watch::Sender::new(false),
            lose_next_answer: Mutex::default(),
            lost_answers: AtomicU32::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(accept(listener, Arc::clone(&faults)));
        Self { port, faults }
    }

    /// A URL of the server through this proxy. It asks for a direct connection. Otherwise the members of the replica
    /// set would give their own addresses, and the client would go around the proxy.
    pub fn url(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}?directConnection=true", self.port)
    }

    /// Stops all traffic without breaking a connection, until it is told to go on.
    pub fn stand_still(&self, stands_still: bool) {
        self.faults.stands_still.send_replace(stands_still);
    }

    /// Passes the next insert to the server, and loses its answer with the connection.
    pub fn lose_next_answer_to_an_insert(&self) {
        // A command's name is the first member of its document: a text, named `insert`.
        self.lose_next_answer_to(b"\x02insert\0");
    }

    /// Passes the next commit of a transaction to the server, and loses its answer with the connection.
    pub fn lose_next_answer_to_a_commit(&self) {
        // This member is a number.
        self.lose_next_answer_to(b"\x10commitTransaction\0");
    }

    fn lose_next_answer_to(&self, command: &'static [u8]) {
        *self.faults.lose_next_answer.lock().expect("no panic") = Some(command);
    }

    pub fn lost_answers(&self) -> u32 {
        self.faults.lost_answers.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, faults: Arc<Faults>) {
    while let Ok((client, _)) = listener.accept().await {
        let faults = Arc::clone(&faults);
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(&faults.server).await else {
                return;
            };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let loses_answer = Arc::new(AtomicBool::new(false));
            // When one direction ends, both end, and the connections with them.
            tokio::select! {
                () = requests(from_client, to_server, &faults, &loses_answer) => {}
                () = answers(from_server, to_client, &faults, &loses_answer) => {}
            }
        });
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, faults: &Faults, loses_answer: &AtomicBool) {
    while let Some(message) = read_message(&mut from).await {
        goes_on(faults).await;
        if faults.loses_answer_to(&message) {
            loses_answer.store(true, Ordering::SeqCst);
        }
        if to.write_all(&message).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, faults: &Faults, loses_answer: &AtomicBool) {
    while let Some(message) = read_message(&mut from).await {
        goes_on(faults).await;
        if loses_answer.load(Ordering::SeqCst) {
            faults.lost_answers.fetch_add(1, Ordering::SeqCst);
            return;
        }
        if to.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// Waits while nothing may go through.
async fn goes_on(faults: &Faults) {
    let mut stands_still = faults.stands_still.subscribe();
    // The sender lives as long as the faults do.
    let _ = stands_still.wait_for(|stands_still| !stands_still).await;
}

async fn read_message(from: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut message = vec![0; LENGTH_BYTES];
    from.read_exact(&mut message).await.ok()?;
    let length = u32::from_le_bytes(message[..].try_into().ok()?);
    message.resize(usize::try_from(length).ok()?.max(LENGTH_BYTES), 0);
    from.read_exact(&mut message[LENGTH_BYTES..]).await.ok()?;
    Some(message)
}
