//! What examining an item's bytes has told so far, as the item shows it.

use serde::{Deserialize, Serialize};

/// How far an item is (contract section 4, member `status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Something is still to be read or made.
    Processing,
    /// All that can be known is.
    #[default]
    Ready,
    /// The file could not be read to the end; the original is safe all the same.
    Failed,
}

impl Status {
    /// As clients and the database see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    /// Reads what `as_str` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Processing, Self::Ready, Self::Failed].into_iter().find(|status| status.as_str() == text)
    }
}

/// Where the work on an item stands (member `processing`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processing {
    /// `queued`, `examining` or `failed`.
    pub stage: String,
    /// Runs that were begun.
    pub attempts: u32,
    /// Why it failed, or why the last run did.
    pub error: Option<ProcessingError>,
}

/// Why work on an item failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessingError {
    /// Stable, for programs: `damaged`, `too_large`, `too_long`, `out_of_memory`, `forbidden`, `crashed`, `interrupted`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// What is known of an item from its bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Examined {
    /// How far it is.
    pub status: Status,
    /// Where the work stands; none where there is no more.
    pub processing: Option<Processing>,
    /// Pixels across, as shown.
    pub width: Option<u32>,
    /// Pixels down, as shown.
    pub height: Option<u32>,
    /// Milliseconds.
    pub duration_ms: Option<u64>,
    /// A tiny picture for the time until the real one is there: thumbhash, standard Base64.
    pub thumbhash: Option<String>,
    /// `Facts` as JSON.
    pub metadata: Option<String>,
    /// The moving part of a motion photo, as the JSON that clients get.
    pub motion: Option<String>,
    /// Whether there are thumbnails.
    pub pictured: bool,
}

impl Examined {
    /// Of an item that waits to be examined.
    pub fn waiting() -> Self {
        let processing = Processing { stage: "queued".to_owned(), attempts: 0, error: None };
        Self { status: Status::Processing, processing: Some(processing), ..Self::default() }
    }

    /// Puts an item that was examined back into the queue: what is known of it stays.
    pub fn wait_again(&mut self) {
        let Self { status, processing, .. } = Self::waiting();
        (self.status, self.processing) = (status, processing);
    }
}
