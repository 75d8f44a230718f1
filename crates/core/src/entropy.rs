//! Where unpredictable bytes come from; injected so that tests can repeat themselves.

/// A source of unpredictable bytes. Must be fit for keys and tokens in production.
pub trait Entropy: Send + Sync {
    /// Fills the buffer. Never fails: a system without randomness cannot serve at all.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no key or id may be made: stopping is the only safe answer"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives random bytes");
    }
}

/// `N` random bytes from a source.
pub fn random<const N: usize>(source: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0u8; N];
    source.fill(&mut bytes);
    bytes
}
