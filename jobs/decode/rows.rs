//! Takes a picture row by row and keeps only a smaller one: a box filter by a whole factor.

/// The smaller picture while it grows.
#[derive(Debug)]
pub(crate) struct Rows {
    width: usize,
    channels: usize,
    factor: usize,
    sums: Vec<u16>,
    /// Rows in `sums`.
    summed: usize,
    pixels: Vec<u8>,
}

impl Rows {
    /// For rows of `width` pixels of `channels` bytes, shrunk by `factor` (1 to 256).
    pub(crate) fn new(width: u32, height: u32, channels: usize, factor: u32) -> Self {
        debug_assert!((1..=256).contains(&factor), "256 full rows are the most that a sum holds");
        let rows = height.div_ceil(factor) as usize;
        let (width, factor) = (width as usize, factor as usize);
        let sums = if factor > 1 { vec![0; width * channels] } else { Vec::new() };
        let pixels = Vec::with_capacity(width.div_ceil(factor) * rows * channels);
        Self { width, channels, factor, sums, summed: 0, pixels }
    }

    /// Takes the next row; bytes past its width are not looked at.
    pub(crate) fn push(&mut self, row: &[u8]) {
        let row = row.get(..self.width * self.channels).unwrap_or(row);
        if self.factor == 1 {
            self.pixels.extend_from_slice(row);
            return;
        }
        for (sum, &byte) in self.sums.iter_mut().zip(row) {
            *sum += u16::from(byte);
        }
        self.summed += 1;
        if self.summed == self.factor {
            self.flush();
        }
    }

    /// The smaller picture with its width and height; rows that never came are white.
    pub(crate) fn finish(mut self, height: u32, white: u8) -> (u32, u32, Vec<u8>) {
        if self.summed > 0 {
            self.flush();
        }
        let across = self.width.div_ceil(self.factor);
        let down = (height as usize).div_ceil(self.factor);
        self.pixels.resize(across * down * self.channels, white);
        (length(across), length(down), self.pixels)
    }

    fn flush(&mut self) {
        for block in self.sums.chunks(self.factor * self.channels) {
            let count = (block.len() / self.channels * self.summed) as u32;
            for channel in 0..self.channels {
                let column = block.iter().skip(channel).step_by(self.channels);
                let sum: u32 = column.map(|&sum| u32::from(sum)).sum();
                self.pixels.push(((sum + count / 2) / count.max(1)).min(255) as u8);
            }
        }
        self.sums.fill(0);
        self.summed = 0;
    }
}

fn length(pixels: usize) -> u32 {
    u32::try_from(pixels).unwrap_or(u32::MAX)
}
