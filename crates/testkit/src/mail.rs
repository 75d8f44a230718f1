//! A mail server (RFC 5321) in this process that keeps what it is given. It can be told to refuse, to be slow or to be
//! away. No TLS, no login.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Header and text, lines ended by LF.
    pub text: String,
}

impl Mail {
    /// The secret behind this in a link of the text, such as `/reset#token=`.
    pub fn secret(&self, behind: &str) -> String {
        let rest = self.text.split(behind).nth(1).unwrap_or_else(|| panic!("no {behind} in {}", self.text));
        rest.lines().next().unwrap().to_owned()
    }
}

/// What the server answers to mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It takes them.
    Takes,
    /// It answers with this code where the text would begin.
    Refuses(u16),
}

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct MailServer {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    mood: Arc<Mutex<Mood>>,
    refused: Arc<Mutex<u32>>,
}

impl MailServer {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            mails: Arc::default(),
            mood: Arc::new(Mutex::new(Mood::Takes)),
            refused: Arc::default(),
        };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().talk(stream));
            }
        });
        server
    }

    /// Its address for the setting `smtp.url`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// From now on it is in this mood.
    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What it has taken so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    /// How many mails it has refused.
    pub fn refused(&self) -> u32 {
        *self.refused.lock().unwrap()
    }

    /// What it has taken, as soon as it is so many; forgets them.
    pub async fn wait(&self, count: usize) -> Vec<Mail> {
        for _ in 0..2000 {
            if self.mails.lock().unwrap().len() >= count {
                return std::mem::take(&mut *self.mails.lock().unwrap());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{count} mails did not come: {:?}", self.mails());
    }

    async fn talk(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let (mut to, mut line) = (Vec::new(), String::new());
        let mut answer = "220 sink".to_owned();
        loop {
            if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                return;
            }
            line.clear();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            answer = match verb.as_str() {
                "EHLO" => "250 SMTPUTF8".to_owned(),
                "RCPT" => {
                    let inside = line.split(['<', '>']).nth(1).unwrap_or_default();
                    to.push(inside.to_owned());
                    "250 yes".to_owned()
                }
                "DATA" => self.data(&mut stream, std::mem::take(&mut to)).await,
                "QUIT" => "221 bye".to_owned(),
                _ => "250 yes".to_owned(),
            };
        }
    }

    async fn data(&self, stream: &mut BufReader<TcpStream>, to: Vec<String>) -> String {
        let mood = *self.mood.lock().unwrap();
        if let Mood::Refuses(code) = mood {
            *self.refused.lock().unwrap() += 1;
            return format!("{code} not now, {}", to.join(" "));
        }
        stream.write_all(b"354 go on\r\n").await.ok();
        let (mut text, mut line) = (String::new(), String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return "451 cut".to_owned();
            }
            let bare = line.trim_end_matches(['\r', '\n']);
            if bare == "." {
                break;
            }
            // RFC 5321 section 4.5.2: a leading dot was doubled.
            text.push_str(bare.strip_prefix('.').unwrap_or(bare));
            text.push('\n');
        }
        self.mails.lock().unwrap().push(Mail { to, text });
        "250 kept".to_owned()
    }
}
