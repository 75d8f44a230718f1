//! Mail: a bounded queue in memory and the one task that hands it to the mail server, so that no request waits for it.
//! What cannot be handed over is tried once more later. What is still queued when the process ends is lost: whoever
//! waits for a link asks again.

mod letter;
mod smtp;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mv_core::Client;
use mv_core::{Code, Error};
use tokio::sync::mpsc;

pub(crate) use letter::Letter;
pub use smtp::{BadSmtp, Smtp};

use crate::{App, Result};

/// Mails and requests for mails that may wait.
const QUEUE: usize = 256;
/// After which time a mail is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(300);
/// How often is looked whether that time has come.
const LOOK: Duration = Duration::from_secs(1);

/// What waits.
enum Work {
    /// Somebody forgot the password of the account with this address, if there is one.
    Forgot(String, Client),
    /// A mail.
    Send(Letter),
}

/// The way to the queue.
pub(crate) struct Outbox {
    smtp: Smtp,
    queue: mpsc::Sender<Work>,
    work: Mutex<Option<mpsc::Receiver<Work>>>,
}

impl Outbox {
    pub(crate) fn new(smtp: Smtp) -> Self {
        let (queue, work) = mpsc::channel(QUEUE);
        Self { smtp, queue, work: Mutex::new(Some(work)) }
    }

    /// Notes that somebody forgot a password. Where too many wait already, this one is dropped: the answer to whoever
    /// asked must be the same in any case.
    pub(crate) fn forgot(&self, email: String, client: Client) {
        if self.queue.try_send(Work::Forgot(email, client)).is_err() {
            tracing::warn!("too many mails wait: a request for a reset link was dropped");
        }
    }

    /// Places for so many mails.
    ///
    /// # Errors
    /// `service_unavailable` where too many wait.
    pub(crate) fn reserve(&self, count: usize) -> Result<Places<'_>> {
        let places = self.queue.try_reserve_many(count).map_err(|_| {
            Error::new(Code::ServiceUnavailable, "Too many mails wait to be sent").retry_after(Duration::from_secs(60))
        })?;
        Ok(Places(places))
    }
}

/// Places in the queue; those not used are given back.
pub(crate) struct Places<'a>(mpsc::PermitIterator<'a, Work>);

impl Places<'_> {
    /// Sends a mail.
    pub(crate) fn send(&mut self, letter: Letter) {
        if let Some(place) = self.0.next() {
            place.send(Work::Send(letter));
        }
    }
}

/// Sends what is queued, until the task is ended. Does nothing where no mail server is set.
pub async fn run(app: Arc<App>) {
    let Some(outbox) = &app.mail else { return };
    let Some(mut work) = outbox.work.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let mut again: VecDeque<(Duration, Letter)> = VecDeque::new();
    loop {
        tokio::select! {
            next = work.recv() => match next {
                None => return,
                Some(next) => {
                    if let Some(letter) = app.due_letter(next).await && outbox.hand_over(&app, &letter).await {
                        if again.len() == QUEUE {
                            again.pop_front();
                        }
                        again.push_back((app.clock.mono() + RETRY_AFTER, letter));
                    }
                }
            },
            () = tokio::time::sleep(LOOK), if !again.is_empty() => {}
        }
        while again.front().is_some_and(|(due, _)| app.clock.mono() >= *due) {
            if let Some((_, letter)) = again.pop_front() {
                outbox.hand_over(&app, &letter).await;
            }
        }
    }
}

impl Outbox {
    /// Hands a mail over. Returns whether it should be tried again later.
    async fn hand_over(&self, app: &App, letter: &Letter) -> bool {
        match self.smtp.send(letter, &app.mint).await {
            Ok(()) => false,
            Err(error) => {
                let chain = crate::chain(&error);
                tracing::warn!(cause = %chain, "a mail could not be sent: {chain}");
                error.may_work_later()
            }
        }
    }
}

impl App {
    async fn due_letter(&self, work: Work) -> Option<Letter> {
        let (email, client) = match work {
            Work::Send(letter) => return Some(letter),
            Work::Forgot(email, client) => (email, client),
        };
        let made = self.reset_letter(email, client).await;
        made.unwrap_or_else(|error| {
            let chain = crate::chain(&error);
            tracing::error!(cause = %chain, "a reset link could not be made: {chain}");
            None
        })
    }
}
