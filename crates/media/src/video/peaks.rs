//! How loud a sound is from its beginning to its end: what a player draws as a waveform.

/// Samples a second that ffmpeg is asked for: enough for the eye.
pub(super) const RATE: u32 = 8000;
/// Slices before neighbours are put together.
const SLICES_MAX: usize = 2000;

/// Takes samples (16 bits, little endian, one channel) as they come and keeps the largest deflection of each slice.
#[derive(Debug)]
pub struct Peaks {
    slices: Vec<u16>,
    /// Samples of a slice.
    width: u64,
    /// Samples in the one under way, and its largest deflection.
    open: (u64, u16),
    samples: u64,
    /// A sample of which only the first byte has come.
    half: Option<u8>,
}

impl Default for Peaks {
    fn default() -> Self {
        Self { slices: Vec::new(), width: 64, open: (0, 0), samples: 0, half: None }
    }
}

impl Peaks {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if let (Some(low), Some((high, rest))) = (self.half, bytes.split_first()) {
            self.half = None;
            self.sample(i16::from_le_bytes([low, *high]));
            bytes = rest;
        }
        let (pairs, rest) = bytes.as_chunks::<2>();
        for pair in pairs {
            self.sample(i16::from_le_bytes(*pair));
        }
        self.half = rest.first().copied().or(self.half);
    }

    fn sample(&mut self, sample: i16) {
        self.samples = self.samples.saturating_add(1);
        self.open = (self.open.0.saturating_add(1), self.open.1.max(sample.unsigned_abs()));
        if self.open.0 < self.width {
            return;
        }
        self.slices.push(self.open.1);
        self.open = (0, 0);
        if self.slices.len() >= SLICES_MAX {
            self.slices = self.slices.chunks(2).filter_map(|pair| pair.iter().max().copied()).collect();
            self.width = self.width.saturating_mul(2);
        }
    }

    /// Seconds of sound, and the largest deflection of each slice from 0 to 255; the slices are equally long. Nothing where
    /// no sample came.
    pub fn finish(mut self) -> Option<(f64, Vec<u8>)> {
        if self.open.0 > 0 {
            self.slices.push(self.open.1);
        }
        let peaks = self
            .slices
            .iter()
            .map(|peak| u8::try_from(u32::from(*peak).saturating_mul(255) / 32768).unwrap_or(255))
            .collect();
        (self.samples > 0).then(|| (self.samples as f64 / f64::from(RATE), peaks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_that_swells_is_drawn_so_however_it_comes() {
        let samples = 8000 * 60;
        let sound: Vec<u8> = (0..samples)
            .flat_map(|at: i64| ((at * 32000 / samples) * if at % 2 == 0 { 1 } else { -1 }).to_le_bytes()[..2].to_vec())
            .collect();
        let mut whole = Peaks::default();
        whole.push(&sound);
        let (seconds, peaks) = whole.finish().unwrap();
        assert_eq!(seconds, 60.0);
        assert!((1000..=2000).contains(&peaks.len()), "{}", peaks.len());
        assert!(peaks.is_sorted() && peaks[0] == 0 && peaks[peaks.len() - 1] >= 248);
        let mut parts = Peaks::default();
        for part in sound.chunks(777) {
            parts.push(part);
        }
        assert_eq!(parts.finish().unwrap().1, peaks);
        assert_eq!(Peaks::default().finish(), None);
    }
}
